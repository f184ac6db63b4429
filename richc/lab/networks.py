"""Several networks of one emitted program, trained at once and looked at from inside.

The emitted module's own ``forward`` runs, on tensors with a leading dimension of networks.  What is
replaced is the product of an input with a weight (``F.linear``, ``F.embedding``), for three
reasons: weights are stacked; the change of a representation is carried along as a difference, so
that no subtraction of nearly equal numbers loses it; and SGD's updates stay factored
(``richc.lab.weights``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from richc.lab.weights import VECTOR, Dense, Factored, Weight

#: A linear map of the last dimension, and the place of the weight that it stands for.
Product = Callable[[int, Tensor], Tensor]


class _Products(TorchFunctionMode):
    """Answers ``F.linear`` and ``F.embedding`` for known weights, and norms for stacked vectors."""

    def __init__(self, places: dict[int, int], product: Product) -> None:
        super().__init__()
        self._places = places
        self._product = product

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        named = kwargs or {}
        if func is F.linear:
            x, weight, *rest = args
            y = self._product(self._places[id(weight)], x)
            return _moved(y, None, rest[0] if rest else named.get("bias"))
        if func is F.embedding:
            x, weight = args[:2]
            rows = F.one_hot(x, weight.shape[0]).to(VECTOR)
            return self._product(self._places[id(weight)], rows)
        if func is Tensor.to:
            # Whatever precision the program keeps a stream in, here everything is in double.
            return args[0]
        if func in (F.layer_norm, F.rms_norm):
            given = dict(zip(_NORM_ARGUMENTS[func], args, strict=False)) | named
            bare = {k: v for k, v in given.items() if k not in ("weight", "bias")}
            return _moved(func(**bare), given.get("weight"), given.get("bias"))
        return func(*args, **named)


_NORM_ARGUMENTS = {
    F.layer_norm: ("input", "normalized_shape", "weight", "bias", "eps"),
    F.rms_norm: ("input", "normalized_shape", "weight", "eps"),
}


def _moved(x: Tensor, gain: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if gain is None else x * gain
    return x if bias is None else x + bias


class Record(NamedTuple):
    """One forward pass: the batch, then of each weight input and output of its product, and h.

    Shapes are (S, examples, size); the last layer's h is the output f.
    """

    x: Tensor
    #: By the layer's place.
    inputs: dict[int, Tensor]
    products: dict[int, Tensor]
    heights: list[Tensor]

    def head(self, count: int) -> Record:
        """The first ``count`` examples."""
        inputs = {at: z[:, :count] for at, z in self.inputs.items()}
        products = {at: y[:, :count] for at, y in self.products.items()}
        return Record(self.x[:, :count], inputs, products, [h[:, :count] for h in self.heights])


class Slice(NamedTuple):
    """A tensor that trains: the weight of a layer (a norm's gain), or its bias."""

    #: Its place in the forward pass, in which every block has layers of its own.
    layer: int
    is_bias: bool


class Family(NamedTuple):
    """What the file writes once: a layer's weight or bias, in all blocks.

    ``layer`` is the model's, ``typical`` the member in the middle block.
    """

    layer: int
    is_bias: bool
    members: frozenset[Slice]
    typical: Slice


class Networks:
    """S networks of one width, one a seed, that train on the same batches.

    ``model`` is a network of the emitted program ``module``; its tensors are drawn anew, and used
    where they lie when S is 1.  ``rate`` multiplies every learning rate; weight decay is left out.
    ``is_linear`` says that the optimizer's updates are linear in weights and gradients.
    ``mirrored`` stands for the same networks but for their read-outs, which are the negatives.
    ``order`` says of each layer, in the order of the forward pass, which of the model's it is.
    """

    def __init__(
        self,
        module: ModuleType,
        model: nn.Module,
        seeds: Sequence[int],
        *,
        rate: float,
        steps: int,
        is_linear: bool,
        mirrored: bool = False,
        order: Sequence[int] | None = None,
    ) -> None:
        self.model = model
        self.count = len(seeds)
        self._lookup = getattr(module, "Embedding", ())
        found = [*layers_of(module, model)]
        self.layers: list[Any] = [layer for _, layer in found]
        self._names: dict[Slice, str] = {}
        self._parameters: dict[Slice, nn.Parameter] = {}
        for at, (prefix, layer) in enumerate(found):
            own = dict(layer.named_parameters())
            for name in ("weight", "norm.weight", "bias"):
                if name in own:
                    part = Slice(at, name == "bias")
                    self._names[part], self._parameters[part] = f"{prefix}.{name}", own[name]
        self.order = list(range(len(found)) if order is None else order)
        assert len(self.order) == len(found)
        #: Where the middle one of each of the model's layers stands.
        self.typical = [_middle(self.order, index) for index in range(max(self.order) + 1)]
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        weights, self._vectors = self._draw(mirrored)
        self._weights: dict[int, Weight] = {
            at: Factored(first, steps) if is_linear else Dense(first)
            for at, first in weights.items()
        }
        self._vectors_start = {part: vector.clone() for part, vector in self._vectors.items()}
        self._vectors_before = self._vectors_start
        #: All there is, and what of it trains, in order.
        self.tensors = list(self._parameters)
        self.parts = [part for part, p in self._parameters.items() if p.requires_grad]
        self._moved = {
            part: list(self._vectors[part].unbind(0))
            if part in self._vectors
            else self._weights[part.layer].parameters()
            for part in self.parts
        }
        self.optimizer = self._make_optimizer(rate)
        self._origin: Tensor | None = None

    @property
    def families(self) -> list[Family]:
        """What trains, as the file has it."""
        found: dict[Slice, list[Slice]] = {}
        for part in self.parts:
            found.setdefault(Slice(self.order[part.layer], part.is_bias), []).append(part)
        return [
            Family(*of, frozenset(members), Slice(self.typical[of.layer], of.is_bias))
            for of, members in found.items()
        ]

    def _draw(self, mirrored: bool) -> tuple[dict[int, Tensor], dict[Slice, Tensor]]:
        """Every weight (S, fan_out, fan_in) by its place, and every gain and bias (S, ...)."""
        parts = self._parameters
        drawn = []
        for generator in self._generators:
            self.model.reset_parameters(generator)  # type: ignore[operator]
            tensors = [p.detach() for p in parts.values()]
            drawn.append(tensors if self.count == 1 else [t.clone() for t in tensors])
        if self.count == 1:
            stacked = [t.unsqueeze(0) for t in drawn[0]]
        else:
            stacked = [torch.stack(column) for column in zip(*drawn, strict=True)]
        weights, vectors = {}, {}
        for part, tensor in zip(parts, stacked, strict=True):
            if part.is_bias or tensor.dim() == 2:
                vectors[part] = tensor.to(VECTOR, copy=True)
            else:
                # A lookup's weight has a row for each index.
                is_lookup = isinstance(self.layers[part.layer], self._lookup)
                weights[part.layer] = tensor.mT.contiguous() if is_lookup else tensor
        if mirrored:
            last = len(self.layers) - 1
            weights[last] = -weights[last]
        return weights, vectors

    def _make_optimizer(self, rate: float) -> torch.optim.Optimizer | None:
        """The emitted optimizer and its groups, on these networks' tensors."""
        if not self.parts:
            return None
        table = {self._parameters[part]: self._moved[part] for part in self.parts}
        optimizer = make_optimizer(self.model, rate)
        for group in optimizer.param_groups:
            group["params"] = [tensor for p in group["params"] for tensor in table[p]]
        return optimizer

    def step(self, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Record:
        """Train one step on the batch (B, d), (B, ...); returns the forward pass before it."""
        taps: dict[int, Tensor] = {}
        inputs: dict[int, Tensor] = {}
        products: dict[int, Tensor] = {}

        def product(place: int, z: Tensor) -> Tensor:
            result = self._weights[place].now(z)
            taps[place] = torch.zeros_like(result, requires_grad=True)
            inputs[place] = z.detach()
            products[place] = result.detach()
            return result + taps[place]

        leaves = {p: v.detach().unsqueeze(1).requires_grad_() for p, v in self._vectors.items()}
        stacked = x.expand(self.count, *x.shape)
        heights = self._run(stacked, leaves, product)
        targets = y.repeat(self.count, *[1] * (y.dim() - 1))
        # The loss is a mean over examples; each network's share of it is as if it were alone.
        if self._origin is None:
            self._origin = heights[-1].detach()
        moved = heights[-1] - self._origin
        total = loss(moved.flatten(0, 1), targets) * self.count
        felt = [*taps.values(), *leaves.values()]
        signals = torch.autograd.grad(total, felt, materialize_grads=True)
        of_weights = dict(zip(taps, signals[: len(taps)], strict=True))
        of_vectors = dict(zip(leaves, signals[len(taps) :], strict=True))
        self._feel(inputs, of_weights, of_vectors)
        if self.optimizer is not None:
            self.optimizer.step()
        return Record(stacked, inputs, products, [h.detach() for h in heights])

    def _feel(
        self,
        inputs: dict[int, Tensor],
        of_weights: dict[int, Tensor],
        of_vectors: dict[Slice, Tensor],
    ) -> None:
        """Hand every trained tensor its gradient."""
        self._vectors_before = {part: vector.clone() for part, vector in self._vectors.items()}
        for part in self.parts:
            if part not in of_vectors:
                self._weights[part.layer].feel(inputs[part.layer], of_weights[part.layer])
                continue
            gradients = of_vectors[part].squeeze(1).unbind(0)
            for tensor, gradient in zip(self._moved[part], gradients, strict=True):
                tensor.grad = gradient

    def after_step(self, record: Record, variants: Sequence[frozenset[Slice]]) -> list[Tensor]:
        """Every h after the last step, had that moved only the parts of each variant.

        ``record`` is the pass before the step.  Returns (S, V, examples, size) a layer.
        """
        return self._changed(
            record,
            variants,
            {at: weight.before for at, weight in self._weights.items()},
            {at: weight.step for at, weight in self._weights.items()},
            self._vectors_before,
        )

    def since_start(self, record: Record) -> list[Tensor]:
        """Every h (S, examples, size) after all steps; ``record`` is the pass at init."""
        heights = self._changed(
            record,
            [frozenset(self.parts)],
            {at: weight.start for at, weight in self._weights.items()},
            {at: weight.travel for at, weight in self._weights.items()},
            self._vectors_start,
        )
        return [h[:, 0] for h in heights]

    def readouts(self, draws: int) -> Tensor:
        """Outputs (S, draws, examples, k) of the last pass, each with a read-out drawn anew."""
        layer = self.layers[-1]
        kept = [p.detach().clone() for p in layer.parameters()]
        found = []
        entry = self._entry.to(layer.weight.dtype)
        with torch.no_grad():
            for of_one, generator in zip(entry, self._generators, strict=True):
                outputs = []
                for _ in range(draws):
                    layer.reset_parameters(generator)
                    outputs.append(layer(of_one))
                found.append(torch.stack(outputs))
            for p, value in zip(layer.parameters(), kept, strict=True):
                p.copy_(value)
        return torch.stack(found).to(VECTOR)

    def states(self) -> dict[Slice, Tensor]:
        """Root mean squares (S,) of what the optimizer remembers of each part's gradients.

        The root of second moments, where it holds those; else its momentum; else nothing.
        """
        if self.optimizer is None:
            return {}
        found = {}
        for part in self.parts:
            held = [self.optimizer.state.get(tensor, {}) for tensor in self._moved[part]]
            known = held[0].keys()
            second = next((k for k in ("exp_avg_sq", "row_var", "variance") if k in known), None)
            first = next(
                (k for k in ("momentum_buffer", "exp_avg", "momentum") if k in known), None
            )
            if second is not None:
                found[part] = torch.stack([one[second].double().mean().sqrt() for one in held])
            elif first is not None and part in self._vectors:
                found[part] = torch.stack([one[first].square().mean().sqrt() for one in held])
            elif first is not None:
                found[part] = (
                    self._weights[part.layer].mean_squares([s[first] for s in held]).sqrt()
                )
        return found

    @torch.no_grad()
    def _changed(
        self,
        record: Record,
        variants: Sequence[frozenset[Slice]],
        base: dict[int, Callable[[Tensor], Tensor]],
        change: dict[int, Callable[[Tensor], Tensor]],
        vectors_before: dict[Slice, Tensor],
    ) -> list[Tensor]:
        count = len(variants)

        def product(place: int, z: Tensor) -> Tensor:
            known = record.products[place].unsqueeze(1)
            y = known.expand(-1, count, -1, -1).clone()
            below = [v for v, parts in enumerate(variants) if any(p.layer < place for p in parts)]
            if below:
                y[:, below] += base[place](z[:, below] - record.inputs[place].unsqueeze(1))
            here = [v for v, parts in enumerate(variants) if Slice(place, False) in parts]
            if here:
                y[:, here] += change[place](z[:, here])
            return y

        vectors = {}
        for part, after in self._vectors.items():
            before = vectors_before[part]
            stacked = [after if part in parts else before for parts in variants]
            vectors[part] = torch.stack(stacked, 1).unsqueeze(2)
        x = record.x.unsqueeze(1).expand(-1, count, *record.x.shape[1:])
        return self._run(x, vectors, product)

    def _run(self, x: Tensor, vectors: dict[Slice, Tensor], product: Product) -> list[Tensor]:
        """The emitted forward pass; returns every layer's h."""
        heights: list[Tensor] = []

        def keep(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            (self._entry,) = inputs
            heights.append(output)

        handles = [layer.register_forward_hook(keep) for layer in self.layers]
        places = {id(self.layers[at].weight): at for at in self._weights}
        swapped = {self._names[part]: vector for part, vector in vectors.items()}
        try:
            with _Products(places, product):
                functional_call(self.model, swapped, (x,))
        finally:
            for handle in handles:
                handle.remove()
        return heights


def make_optimizer(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """The emitted optimizer, every learning rate times ``rate``, and without weight decay.

    What decay does to a representation is not what its gradient does, and predictions are of that.
    """
    optimizer: torch.optim.Optimizer = model.make_optimizer()  # type: ignore[operator]
    for group in optimizer.param_groups:
        group["lr"] *= rate
        group["weight_decay"] = 0.0
    return optimizer


def layers_of(module: ModuleType, model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules of the model's layers by name, as the forward pass meets them."""
    shifted = getattr(module, "Shifted", ())
    within = {its.norm for its in model.modules() if isinstance(its, shifted)}
    for name, its in model.named_modules():
        if isinstance(its, (module.Dense, nn.RMSNorm, nn.LayerNorm, shifted)) and its not in within:
            yield name, its


def _middle(order: Sequence[int], index: int) -> int:
    """Where in ``order`` the middle one of those with an index stands."""
    places = [at for at, layer in enumerate(order) if layer == index]
    return places[len(places) // 2]
