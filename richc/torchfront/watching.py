"""A forward pass as the sequence of its operations, and what a change of a parameter does in each.

Seen below autograd, so that functional code shows as modules do.  Where an operation mixes a
parameter with what comes from the batch, its output is the first representation that the parameter
changes; the operation is done again with the parameter moved, everything else as it was.  A number
that then multiplies the output belongs to it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from richc.torchfront.factory import own_line, plain
from richc.torchfront.seen import LOSS, Event, Scalar, Soft
from richc.torchfront.tensors import (
    ATTENTION,
    ENTRIES,
    KEEPS,
    PRODUCTS,
    SCALES,
    SOFT,
    Carried,
    centred,
    enlarged,
    laid_out_as,
    mapped,
    memory,
    number_in,
    rms,
    tensors_in,
    terms,
)

_LOOKUPS = {"embedding", "index_select"}
#: What masks put where nothing is to be attended to.
_MASKED = -1e30


class _Product(NamedTuple):
    """What memory is a product of: events, two of which are queries and keys if it ``attends``."""

    events: frozenset[str]
    attends: bool


class ForwardWatch(TorchDispatchMode):
    """Watches one forward pass.  ``moved``: direction -> parameter -> the parameter, moved."""

    def __init__(
        self,
        model: nn.Module,
        *,
        moved: Mapping[str, Mapping[str, Tensor]] | None = None,
        batch: list[Tensor] | None = None,
        reads: bool = False,
        has_values: bool = True,
        scaled: str | None = None,
        keeps: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        #: What matrices make, by the event that they are known by: ``keeps``, by matrix.
        self.kept: dict[str, list[Tensor]] = {}
        self._keeps = keeps or {}
        #: Memory that depends on it.
        self._behind: set[int] = set()
        #: Fake tensors have none.
        self._has_values = has_values
        self.events: dict[str, Event] = {}
        self.softs: dict[str, Soft] = {}
        self.scalars: list[Scalar] = []
        #: How many of these are ahead of the last product.
        self.ahead = 0
        #: Whether there was any dropout.
        self.drops = False
        #: Keys of events and soft-maxes, in order of execution.
        self.order: list[str] = []
        #: Of products that are no parameter's: what a loss inside of the model is made from.
        self.last: Tensor | None = None
        self._model = model
        self._reads = reads
        #: The key of an event whose output is enlarged.
        self._scaled = scaled
        self._follows = moved is not None
        self._stack: list[str] = []
        self._counts: dict[str, int] = {}
        self._kept: list[Tensor] = []
        self._tainted = {memory(t) for t in batch or ()}
        #: Keys of events whose output becomes values.
        self.valued: set[str] = set()
        #: The event that memory comes from; products of such; outputs of soft-maxes.
        self._origins: dict[int, str] = {}
        self._products: dict[int, _Product] = {}
        self._weights: dict[int, Soft] = {}
        self._carried: dict[int, Carried] = {}
        self._tails: dict[int, tuple[Event, Tensor]] = {}
        self._handles: list[Any] = []
        for name, parameter in model.named_parameters():
            known = {(d, plain(name)): by[plain(name)] for d, by in (moved or {}).items()
                     if plain(name) in by}  # fmt: skip
            if known:
                self._carried[memory(parameter)] = Carried(parameter, known, 1.0)

    def __enter__(self) -> Self:
        for name, module in self._model.named_modules():
            shown = plain(name)
            self._handles += [
                module.register_forward_pre_hook(lambda *_, n=shown: self._stack.append(n)),
                module.register_forward_hook(lambda *_: self._leave(), always_call=True),
            ]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for handle in self._handles:
            handle.remove()

    def _leave(self) -> None:
        if self._stack:
            self._stack.pop()

    @property
    def where(self) -> str:
        """The module that is running."""
        return next((name for name in reversed(self._stack) if name), "")

    def _key(self, op: str, *, is_taken: bool = True) -> str:
        base = f"{self.where}:{op}"
        count = self._counts.get(base, 0) + 1
        if is_taken:
            self._counts[base] = count
        return base if count == 1 else f"{base}#{count}"

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        op = func.overloadpacket.__name__
        if op == "native_dropout":
            self.drops = True
            return args[0], torch.ones_like(args[0], dtype=torch.bool)
        if op == "bernoulli_" and func._overloadname == "float":
            # A dropout's mask, which is then divided by this; a half is not handed on.
            self.drops = True
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("p", 0.5))
        if op in ATTENTION:
            return self._attention(func, args, kwargs)
        if op in SOFT:
            self._soft(op, args[0])
        if not self._follows:
            if self._reads:
                self._multiplier(op, args)
            out = func(*args, **kwargs)
            if op in PRODUCTS or op == "convolution":
                self.last, self.ahead = out, len(self.scalars)
            return out
        return self._follow(func, op, args, kwargs)

    # What a parameter does.

    def _follow(self, func: Any, op: str, args: tuple[Any, ...], kwargs: Any) -> Any:
        inputs = list(tensors_in((args, kwargs)))
        carried = [t for t in inputs if memory(t) in self._carried]
        tainted = [t for t in inputs if memory(t) in self._tainted]
        is_lookup = op in _LOOKUPS or (op == "index" and args[0].ndim <= 2)
        mixes = bool(carried) and (bool(tainted) or is_lookup)
        if mixes and all(not t.is_floating_point() for t in tainted) and not is_lookup:
            mixes = False  # Parameters chosen by what the batch says: experts.
        redone: dict[tuple[str, str], Tensor] = {}
        if carried and (mixes or not func.is_view):
            redone = self._redo(func, args, kwargs, carried)
        multiplier = self._multiplier(op, args)
        out = func(*args, **kwargs)
        if self._scaled is not None and mixes and self._scaled == self._key(op, is_taken=False):
            out = enlarged(out)
        first = next(tensors_in(out), None)
        if first is None:
            return out
        if mixes:
            self._event(op, args, first, carried, tainted, redone)
            for key in {self._keeps[name] for _, name in redone if name in self._keeps}:
                self.kept.setdefault(key, []).append(first.detach().clone())
                self._behind.add(memory(first))
        elif carried and redone:
            factor = self._carried[memory(carried[0])].factor * (multiplier or 1.0)
            if multiplier is None and op not in ENTRIES:
                factor = math.nan
            aligned = {key: laid_out_as(first, value) for key, value in redone.items()}
            self._carried[memory(first)] = Carried(first, aligned, factor)
        elif multiplier is not None:
            self._multiplied(inputs, first, multiplier)
        if op in PRODUCTS or op == "convolution":
            self.last = first
        if tainted or (mixes and is_lookup):
            self._taint(out, inputs)
        self._trace(
            op, (*args, *kwargs.values()), inputs, first, is_pair=not carried and len(tainted) > 1
        )
        return out

    def _trace(
        self, op: str, args: tuple[Any, ...], inputs: list[Tensor], out: Tensor, *, is_pair: bool
    ) -> None:
        """Where things come from: what queries, keys and values are."""
        places = [memory(t) for t in inputs]
        origins = frozenset(self._origins[p] for p in places if p in self._origins)
        weights = [self._weights[p] for p in places if p in self._weights]
        if op in PRODUCTS and is_pair:
            self._products[memory(out)] = _Product(origins, attends=True)
            self.valued |= origins
            for soft in weights:
                soft.weights = True
        elif op in PRODUCTS and memory(out) in self._origins:
            # A row belongs to a query, as it may be, or to what comes from the batch: a router's.
            if memory(args[PRODUCTS[op] - 1]) in self._carried:
                events = origins | {self._origins[memory(out)]}
                self._products[memory(out)] = _Product(events, attends=False)
        elif op in SOFT and self.softs:
            self._weights[memory(out)] = list(self.softs.values())[-1]
        elif op in KEEPS:
            products = [self._products[p] for p in places if p in self._products]
            if products:
                self._products[memory(out)] = max(products, key=lambda one: one.attends)
            if weights:
                self._weights[memory(out)] = weights[0]
            if len(origins) == 1 and memory(out) not in self._origins:
                self._origins[memory(out)] = next(iter(origins))

    def _redo(
        self, func: Any, args: tuple[Any, ...], kwargs: Any, carried: list[Tensor]
    ) -> dict[tuple[str, str], Tensor]:
        """The outputs with each parameter moved, one after the other."""
        names = dict.fromkeys(n for t in carried for n in self._carried[memory(t)].moved)
        changes_arguments = func._schema.is_mutable
        redone = {}
        for name in names:

            def put(tensor: Tensor, name: tuple[str, str] = name) -> Tensor:
                known = self._carried.get(memory(tensor))
                if known is None or name not in known.moved:
                    return tensor.clone() if changes_arguments else tensor
                return known.view(name, tensor)

            out = func(*mapped(args, put), **mapped(kwargs, put))
            first = next(tensors_in(out), None)
            if first is not None:
                redone[name] = first
        return redone

    def _event(
        self,
        op: str,
        args: tuple[Any, ...],
        out: Tensor,
        carried: list[Tensor],
        tainted: list[Tensor],
        redone: Mapping[tuple[str, str], Tensor],
    ) -> None:
        inputs = [t for t in tainted if t.is_floating_point()]
        source = max(inputs, key=lambda t: t.numel(), default=None)
        event = Event(
            self._key(op),
            self.where,
            op,
            tuple(out.shape),
            rms(out),
            rms(out),
            1.0 if source is None else rms(source),
            terms(op, args),
            own_line(sys._getframe(2)) if self._reads else None,
            any(memory(t) in self._behind for t in tainted),
        )
        for name, moved in redone.items():
            event.changes[name] = rms(moved - out)
        for tensor in carried:
            known = self._carried[memory(tensor)]
            event.factors |= {name: known.factor for _, name in known.moved}
        self.events[event.key] = event
        self.order.append(event.key)
        self._tails[memory(out)] = event, out
        self._origins[memory(out)] = event.key

    def _multiplier(self, op: str, args: tuple[Any, ...]) -> float | None:
        """The number that this operation multiplies a tensor with."""
        if op not in SCALES or len(args) < 2:
            return None
        value = args[1]
        if isinstance(value, Tensor):
            if value.ndim or not value.is_floating_point() or memory(value) in self._tainted:
                return None
            if memory(value) in self._carried:
                return None
            value = number_in(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        number = float(value)
        if op.startswith("div"):
            number = 1.0 / number if number else 1.0
        if self._reads:
            line = own_line(sys._getframe(2))
            self.scalars.append(Scalar(self.where, "multiplier", number, line))
        return number

    def _multiplied(self, inputs: list[Tensor], out: Tensor, number: float) -> None:
        found = next((self._tails[memory(t)] for t in inputs if memory(t) in self._tails), None)
        if found is None or found[1].numel() != out.numel():
            return
        event = found[0]
        event.tail *= number
        event.size *= abs(number)
        event.changes = {name: abs(number) * size for name, size in event.changes.items()}
        self._tails[memory(out)] = event, out

    # Soft-max.

    def _soft(self, op: str, values: Tensor) -> None:
        if not self._has_values:
            return
        kept = None if values.min() > _MASKED else values > _MASKED
        shown = LOSS if op == "_log_softmax" else "soft-max"
        product = self._products.get(memory(values), _Product(frozenset(), attends=False))
        self._record(shown, values.detach(), kept, product)
        if product.attends:
            self.valued -= product.events

    def _attention(self, func: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        names = [a.name for a in func._schema.arguments]
        given = dict(zip(names, args, strict=False)) | kwargs
        query, keys = given["query"], given["key"]
        origins = [self._origins.get(memory(given[k])) for k in ("query", "key", "value")]
        scale = given.get("scale")
        number = query.shape[-1] ** -0.5 if scale is None else float(scale)
        if self._reads:
            line = own_line(sys._getframe(2))
            self.scalars.append(
                Scalar(self.where, "attention scale", number, line, query.shape[-1])
            )
        if self._has_values:
            if keys.shape[1] != query.shape[1]:
                keys = keys.repeat_interleave(query.shape[1] // keys.shape[1], 1)
            if self._follows and memory(query) in self._carried:
                # Queries that are made of parameters alone meet the batch here.
                asked = self._follow(torch.ops.aten.matmul.default, "matmul", (query, keys.mT), {})
                self._multiplied([asked], asked, number)
                origins[0] = self._origins[memory(asked)]
            self._scores(query, keys, number, given, {place for place in origins[:2] if place})
        if "dropout_p" in given:
            given["dropout_p"] = 0.0
        out = func(**given)
        if self._follows:
            self._taint(out, list(tensors_in(given)))
            self.valued |= {place for place in origins[2:] if place}
        return out

    def _scores(
        self,
        query: Tensor,
        keys: Tensor,
        number: float,
        given: Mapping[str, Any],
        origins: Iterable[str],
    ) -> None:
        values = (query @ keys.transpose(-1, -2)) * number
        kept = None
        if given.get("is_causal"):
            kept = torch.ones_like(values, dtype=torch.bool).tril()
        mask = given.get("attn_mask", given.get("attn_bias"))
        if mask is not None:
            allowed = mask if mask.dtype == torch.bool else mask > _MASKED
            kept = allowed.expand_as(values) if kept is None else kept & allowed
        self._record("attention", values, kept, _Product(frozenset(origins), attends=True))

    def _taint(self, out: Any, inputs: Iterable[Tensor]) -> None:
        is_behind = any(memory(t) in self._behind for t in inputs)
        for tensor in tensors_in(out):
            if is_behind:
                self._behind.add(memory(tensor))
            self._tainted.add(memory(tensor))
            self._kept.append(tensor)

    def _record(self, op: str, values: Tensor, kept: Tensor | None, product: _Product) -> None:
        key = self._key(op)
        self.order.append(key)
        self.softs[key] = Soft(
            key,
            self.where,
            product.attends,
            tuple(values.shape),
            centred(values, kept),
            kept,
            own_line(sys._getframe(3)) if self._reads else None,
            tuple(sorted(product.events)),
        )
