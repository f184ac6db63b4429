"""A forward pass as dense layers, norms and residual branches in a row, where it is that."""

from __future__ import annotations

from collections.abc import Sequence
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
#: Norms that are one operation.
_NORMS = {"native_layer_norm": "layernorm", "_fused_rms_norm": "rmsnorm"}
#: A norm by the root mean square, operation by operation; nothing may be added to the mean.
_BY_ROOT = ("pow", "mean", "add", "rsqrt", "mul")


class Unsaid(Exception):
    """What the language cannot say of a model."""


class DenseStep(NamedTuple):
    """A dense layer, or a table of tokens that are looked up, at one width."""

    where: str
    weight: str
    bias: str | None
    #: Numbers that multiply W x, and the bias.
    scale: float
    bias_scale: float
    is_lookup: bool


class NormStep(NamedTuple):
    """A norm, in the language's word, and its parameters."""

    where: str
    word: str
    gain: str | None
    bias: str | None
    eps: float


class Activation(NamedTuple):
    """An activation as the language writes it."""

    where: str
    shown: str


class ResidualStep(NamedTuple):
    """skip h + scale branch(h) of a stream h."""

    where: str
    scale: float
    skip: float
    #: Of Step; a type that held itself would keep mypy busy.
    branch: tuple[Any, ...]


Step = DenseStep | NormStep | Activation | ResidualStep


class Structure(NamedTuple):
    """A network at one width, from its input on."""

    #: Of an example; None where examples are tokens.
    features: int | None
    steps: tuple[Step, ...]


class _Op(NamedTuple):
    """An operation on what comes from the batch; values are numbered as they are made."""

    name: str
    where: str
    sources: tuple[int, ...]
    out: int
    numbers: tuple[Any, ...]
    #: The parameters that take part, with the numbers that multiply them before.
    parameters: dict[str, float]

    @property
    def factor(self) -> float | None:
        """The number that it multiplies its only source with, if that is all it does."""
        is_alone = len(self.sources) == len(self.numbers) == 1 and not self.parameters
        if self.name not in ("mul", "div") or not is_alone:
            return None
        return float(self.numbers[0]) if self.name == "mul" else 1.0 / float(self.numbers[0])


class _StructureWatch(ForwardWatch):
    """Keeps every operation on what comes from the batch."""

    def __init__(self, made: Made, batch: Tensor) -> None:
        itself = {plain(name): p.detach() for name, p in made.model.named_parameters()}
        super().__init__(made.model, moved={"self": itself}, batch=[batch])
        self.ops: list[_Op] = []
        #: Which value memory holds: 0 is the batch.
        self._values = {memory(batch): 0}

    def _trace(
        self, op: str, args: tuple[Any, ...], inputs: list[Tensor], out: Tensor, *, is_pair: bool
    ) -> None:
        super()._trace(op, args, inputs, out, is_pair=is_pair)
        places = (memory(t) for t in inputs if memory(t) in self._tainted)
        sources = tuple(dict.fromkeys(self._values.get(place, -1) for place in places))
        if not sources or op in _VIEWS:
            return
        event = self.events.get(self.order[-1]) if self.order else None
        mixes = event is not None and any(memory(t) in self._carried for t in inputs)
        factors = dict(event.factors) if event is not None and mixes else {}
        numbers = tuple(a for a in args if isinstance(a, int | float | str))
        self._values[memory(out)] = made = len(self.ops) + 1
        self.ops.append(_Op(op.rstrip("_"), self.where, sources, made, numbers, factors))


def structure(made: Made) -> Structure:
    """The layers of a model, first to last.  Raises Unsaid and Refusal."""
    batch = tensors((made.positional, dict(made.named)))
    if len(batch) != 1 or batch[0].ndim != (2 if batch[0].is_floating_point() else 1):
        raise Unsaid(
            "the model reads more than one table of features (examples, features) or one token an "
            "example"
        )
    (table,) = batch
    watch = _StructureWatch(made, table)
    with torch.no_grad(), watch, guarded("the model raised"):
        made.call()
    sizes = {plain(name): (p.ndim, p.numel()) for name, p in made.model.named_parameters()}
    steps, _ = _StructureReader(sizes).read(watch.ops, 0)
    if not steps or not isinstance(steps[-1], DenseStep):
        raise Unsaid("the last operation is no dense layer")
    return Structure(table.shape[1] if table.ndim == 2 else None, steps)


class _StructureReader:
    """Steps of operations: numbers and biases go to the product that they stand beside."""

    def __init__(self, sizes: dict[str, tuple[int, int]]) -> None:
        self._sizes = sizes

    def read(self, ops: Sequence[_Op], at: int) -> tuple[tuple[Step, ...], int]:
        """What is done to a value, and the value that results.  Raises Unsaid."""
        steps: list[Step] = []
        before = 1.0
        #: Whether numbers and a bias may still belong to the last layer.
        is_open = False
        while ops:
            op, taken = ops[0], 1
            last = steps[-1] if steps else None
            if (merge := _merge(ops, at)) is not None:
                taken = merge + 1
                steps.append(self._residual(ops[:taken], at))
            elif (norm := _norm(ops, at)) is not None:
                step, taken = norm
                steps.append(step)
            elif op.sources != (at,):
                raise Unsaid(f"`{op.where}` reads what is not the layer before: no chain")
            elif op.parameters and (op.name in PRODUCTS or op.name == "embedding"):
                if isinstance(last, DenseStep):
                    steps.append(Activation(op.where, "linear"))
                steps.append(self._dense(op, before))
                before = 1.0
            elif op.parameters:
                steps[-1:] = [_joined(last, op, is_open)]
            elif op.factor is not None:
                is_open = is_open and not _is_next(ops)
                if is_open and isinstance(last, DenseStep):
                    steps[-1] = last._replace(
                        scale=last.scale * op.factor, bias_scale=last.bias_scale * op.factor
                    )
                else:
                    before *= op.factor
            elif op.name in _ACTIVATIONS:
                steps.append(Activation(op.where, _activation(op)))
            else:
                what = op.where or op.name
                raise Unsaid(f"`{what}` ({op.name}) is no dense layer, norm or activation")
            is_product = taken == 1 and (op.factor is not None or isinstance(steps[-1], DenseStep))
            if before != 1.0 and not is_product:
                raise Unsaid(f"`{op.where}`: a number multiplies no dense layer")
            is_open = is_open if op.factor is not None else True
            at, ops = ops[taken - 1].out, ops[taken:]
        if before != 1.0:
            raise Unsaid("a number multiplies no dense layer")
        return tuple(steps), at

    def _dense(self, op: _Op, before: float) -> DenseStep:
        # A bias comes before its weight, and may be a column, too.
        weight = max(reversed(op.parameters), key=lambda name: self._sizes[name])
        others = [name for name in op.parameters if name != weight]
        if len(others) > 1 or op.numbers:
            raise Unsaid(f"`{op.where}` ({op.name}) is no dense layer")
        bias = others[0] if others else None
        return DenseStep(
            op.where,
            weight,
            bias,
            before * op.parameters[weight],
            1.0 if bias is None else op.parameters[bias],
            op.name == "embedding",
        )

    def _residual(self, ops: Sequence[_Op], at: int) -> ResidualStep:
        """``ops`` end with the sum of a stream, or of a multiple of it, and its branch."""
        *branch, merge = ops
        multiples = _multiples(branch, at)
        (skip,) = (value for value in merge.sources if value in multiples)
        branch = [op for op in branch if op.out != skip]
        scale = 1.0
        if merge.numbers:  # torch.add(h, branch, alpha=...)
            if merge.sources[1] == skip:
                raise Unsaid(f"`{merge.where}`: a stream is multiplied as it is added")
            scale = float(merge.numbers[0])
        if branch and branch[-1].where == merge.where and branch[-1].factor is not None:
            scale *= branch[-1].factor
            branch = branch[:-1]
        steps, end = self.read(branch, at)
        made = branch[-1].out if branch else at
        if end != made or not steps:
            raise Unsaid(f"`{merge.where}` adds what is no branch of its stream")
        return ResidualStep(merge.where, scale, multiples[skip], steps)


def _multiples(ops: Sequence[_Op], at: int) -> dict[int, float]:
    """A value and its multiples, by what they are multiplied with."""
    factors = {op.out: op.factor for op in ops if op.sources == (at,)}
    return {at: 1.0} | {out: factor for out, factor in factors.items() if factor is not None}


def _merge(ops: Sequence[_Op], at: int) -> int | None:
    """Where a branch of a value ends: at the last sum of it and something else."""
    multiples = _multiples(ops, at)
    for number in reversed(range(1, len(ops))):
        op = ops[number]
        is_sum = op.name == "add" and not op.parameters and len(op.sources) == 2
        if is_sum and sum(value in multiples for value in op.sources) == 1:
            return number
    return None


def _norm(ops: Sequence[_Op], at: int) -> tuple[NormStep, int] | None:
    """A norm that the operations begin with, and how many they are."""
    op = ops[0]
    if op.name in _NORMS and op.sources == (at,):
        gain, bias, *_ = (*op.parameters, None, None)
        if any(factor != 1.0 for factor in op.parameters.values()):
            raise Unsaid(f"`{op.where}`: a multiplier of a gain")
        eps = [float(number) for number in op.numbers if isinstance(number, float)]
        return NormStep(op.where, _NORMS[op.name], gain, bias, eps[0] if eps else 0.0), 1
    square, mean, add, root, product = (*ops[:5], *[None] * 5)[:5]
    if square is None or mean is None or add is None or root is None or product is None:
        return None
    found = (square, mean, add, root, product)
    links = ((at,), (square.out,), (mean.out,), (add.out,), (at, root.out))
    if tuple(op.name for op in found) != _BY_ROOT or square.numbers != (2,):
        return None
    if tuple(op.sources for op in found) != links or any(op.parameters for op in found):
        return None
    return NormStep(product.where, "rmsnorm", None, None, float(add.numbers[0])), 5


def _joined(last: Step | None, op: _Op, is_open: bool) -> Step:
    """A layer with the bias or gain that this operation adds to it."""
    ((name, factor), *others) = op.parameters.items()
    is_sum = op.name == "add"
    if not others and not op.numbers and op.name in ("add", "mul"):
        if isinstance(last, DenseStep) and is_open and is_sum and last.bias is None:
            return last._replace(bias=name, bias_scale=factor)
        if isinstance(last, NormStep) and factor == 1.0 and last.bias is None:
            if is_sum:
                return last._replace(bias=name)
            if last.gain is None:
                return last._replace(gain=name)
    raise Unsaid(f"`{op.where or op.name}` ({op.name}) is no dense layer, norm or activation")


def _is_next(ops: Sequence[_Op]) -> bool:
    """Whether a number is of the next layer's module, with nothing between the two layers."""
    after = next((op for op in ops[1:] if op.parameters or op.name in _ACTIVATIONS), None)
    is_product = after is not None and bool(after.parameters) and after.name in PRODUCTS
    return after is not None and is_product and after.where == ops[0].where


def _activation(op: _Op) -> str:
    if op.name == "leaky_relu":
        slope = float(op.numbers[0]) if op.numbers else 0.01
        return f"leaky_relu({slope!r})"
    if any(isinstance(number, str) and number != "none" for number in op.numbers):
        raise Unsaid(f"`{op.where}`: gelu is approximated")
    if any(not isinstance(number, str) and number not in (1, 20) for number in op.numbers):
        raise Unsaid(f"`{op.where}`: {op.name} has parameters of its own")
    return op.name
