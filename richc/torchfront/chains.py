"""A forward pass as a chain of dense layers, where it is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from richc.torchfront.adapters import tensors
from richc.torchfront.factory import Made, guarded, plain
from richc.torchfront.tensors import PRODUCTS, memory
from richc.torchfront.watching import ForwardWatch

#: Operations that move no number.
_VIEWS = {"view", "reshape", "_unsafe_view", "t", "unsqueeze", "squeeze", "detach", "alias"}
_ACTIVATIONS = {"relu", "tanh", "gelu", "silu", "elu", "softplus", "sigmoid", "erf", "leaky_relu"}


class Unsaid(Exception):
    """What the language cannot say of a model."""


class DenseStep(NamedTuple):
    """A dense layer of a chain at one width."""

    where: str
    weight: str
    bias: str | None
    #: Numbers that multiply W x, and the bias.
    scale: float
    bias_scale: float
    #: As the language writes it; None behind the last layer.
    activation: str | None


class _Step(NamedTuple):
    op: str
    where: str
    sources: tuple[int, ...]
    out: int
    numbers: tuple[Any, ...]
    #: The parameters that take part, with the numbers that multiply them before.
    names: dict[str, float]


class _ChainWatch(ForwardWatch):
    """Keeps every operation on what comes from the batch."""

    def __init__(self, made: Made, batch: list[Tensor]) -> None:
        itself = {plain(name): p.detach() for name, p in made.model.named_parameters()}
        super().__init__(made.model, moved={"self": itself}, batch=batch)
        self.steps: list[_Step] = []

    def _trace(
        self, op: str, args: tuple[Any, ...], inputs: list[Tensor], out: Tensor, *, is_pair: bool
    ) -> None:
        super()._trace(op, args, inputs, out, is_pair=is_pair)
        sources = tuple(dict.fromkeys(memory(t) for t in inputs if memory(t) in self._tainted))
        event = self.events[self.order[-1]] if self.order else None
        mixes = any(memory(t) in self._carried for t in inputs)
        if sources and op not in _VIEWS:
            names = dict(event.factors) if event is not None and mixes else {}
            numbers = tuple(a for a in args if isinstance(a, int | float | str))
            self.steps.append(_Step(op, self.where, sources, memory(out), numbers, names))


def chain(made: Made) -> list[DenseStep]:
    """The dense layers of a model, first to last.  Raises Unsaid and Refusal."""
    batch = tensors((made.positional, dict(made.named)))
    if len(batch) != 1 or batch[0].ndim != 2 or not batch[0].is_floating_point():
        raise Unsaid("the model reads more than one table of features (examples, features)")
    watch = _ChainWatch(made, batch)
    with torch.no_grad(), watch, guarded("the model raised"):
        made.call()
    shapes = {plain(name): (p.ndim, p.numel()) for name, p in made.model.named_parameters()}
    return list(_folded(watch.steps, memory(batch[0]), shapes))


def _folded(
    steps: list[_Step], batch: int, sizes: dict[str, tuple[int, int]]
) -> Iterator[DenseStep]:
    """Layers of operations: numbers and biases go to the product that they stand beside."""
    at, before, layer = batch, 1.0, None
    for number, step in enumerate(steps):
        if step.sources != (at,):
            raise Unsaid(f"`{step.where}` reads what is not the layer before: no chain")
        at = step.out
        op = step.op.rstrip("_")
        if step.names and op in PRODUCTS:
            if layer is not None:
                yield layer._replace(activation="linear")
                before = 1.0
            weight = max(step.names, key=lambda name: sizes[name])
            biases = [name for name in step.names if name != weight]
            bias = biases[0] if biases else None
            factor = step.names[bias] if bias is not None else 1.0
            layer = DenseStep(step.where, weight, bias, before * step.names[weight], factor, None)
            before = 1.0
        elif step.names and op == "add" and layer is not None and layer.bias is None:
            ((name, factor),) = step.names.items()
            layer = layer._replace(bias=name, bias_scale=factor)
        elif op in ("mul", "div") and not step.names and len(step.numbers) == 1:
            times = float(step.numbers[0]) if op == "mul" else 1.0 / float(step.numbers[0])
            if layer is not None and _is_next(steps[number:]):
                yield layer._replace(activation="linear")
                layer = None
            before *= 1.0 if layer is not None else times
            if layer is not None:
                layer = layer._replace(
                    scale=layer.scale * times, bias_scale=layer.bias_scale * times
                )
        elif op in _ACTIVATIONS and layer is not None:
            yield layer._replace(activation=_activation(op, step))
            layer = None
        else:
            raise Unsaid(f"`{step.where or op}` ({op}) is no dense layer and no activation")
    if layer is None:
        raise Unsaid("the last operation is no dense layer")
    yield layer


def _is_next(steps: list[_Step]) -> bool:
    """Whether a number is of the next layer's module, with nothing between the two layers."""
    after = next((s for s in steps[1:] if s.names or s.op.rstrip("_") in _ACTIVATIONS), None)
    is_product = after is not None and bool(after.names) and after.op in PRODUCTS
    return after is not None and is_product and after.where == steps[0].where


def _activation(op: str, step: _Step) -> str:
    if op == "leaky_relu":
        slope = float(step.numbers[0]) if step.numbers else 0.01
        return f"leaky_relu({slope!r})"
    if any(isinstance(number, str) and number != "none" for number in step.numbers):
        raise Unsaid(f"`{step.where}`: gelu is approximated")
    if any(not isinstance(number, str) and number not in (1, 20) for number in step.numbers):
        raise Unsaid(f"`{step.where}`: {op} has parameters of its own")
    return op
