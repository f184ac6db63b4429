"""The ops of a model: its arrangement, as the calculus runs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from richc.algebra.monomial import ONE
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.loop import Placed
from richc.calculus.ops import (
    FIXED,
    WIDE,
    Axis,
    Bias,
    Elementwise,
    Gain,
    Norm,
    Parameter,
)
from richc.calculus.residual import DEPTH, Branch, Opaque, Residual
from richc.calculus.run import Stage
from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock, last_dense, residuals
from richc.spec.model import Layer, LayerKind, Tensor

if TYPE_CHECKING:
    from richc.optimizers.law import Law
    from richc.spec.network import Exponents

#: Blocks in a row, of which so many are followed one by one: the first reads another stream than
#: the rest, and what a later one adds are constants.
MOST_COPIES = 8

_MOVED = Parameter(ZERO_SIZE, ZERO_SIZE)


class Blocks:
    """Makes ops of parts; ``stages`` has the exponents of every layer."""

    def __init__(self, exponents: Exponents, stages: Sequence[Stage]) -> None:
        self._exponents = exponents
        self._stages = stages
        self._layers = exponents.model.layers

    def ops(self, parts: Sequence[Part]) -> Iterator[Placed]:
        """The ops of the parts of a whole network."""
        at = 0
        for part in parts:
            if isinstance(part, int):
                at = part
                yield from self._layer(part)
            elif isinstance(part, Activation):
                yield at, _elementwise(part)
            elif isinstance(part, ResidualBlock):
                at = self._last(part)
                yield at, self._residual([part], FIXED, None)
            else:
                yield from self._repeated(part)

    def invariants(self, first: Law) -> list[Stage]:
        """The stages with a branch's multiplier in A and C of its last layer, which it moves."""
        stages = list(self._stages)
        for block, _ in residuals(self._exponents.model.arrangement):
            index, scale = self._last(block), self._exponents.size(block.scale)
            layer, stage = self._layers[index], stages[index]

            def moved(tensor: Tensor, known: Parameter, scale: Size = scale) -> Parameter:
                optimizer = self._exponents.model.optimizer_of(tensor)
                power = (optimizer.law if tensor.optimizer else first).gauge_power
                return Parameter(known.init + scale, known.rate + _times(scale, power))

            bias = stage.bias
            if layer.bias is not None and bias is not None:
                bias = moved(layer.bias, bias)
            stages[index] = stage._replace(weight=moved(layer.weight, stage.weight), bias=bias)
        return stages

    def _layer(self, index: int) -> Iterator[Placed]:
        layer, stage = self._layers[index], self._stages[index]
        if layer.kind.is_norm:
            yield index, self._norm(layer)
            if not layer.weight.frozen:
                yield index, Gain(stage.weight, WIDE, stage.step)
            if stage.bias is not None:
                yield index, Bias(stage.bias, WIDE, stage.bias_step)
        else:
            for op in stage.ops:
                yield index, op
        if layer.activation is not None:
            yield index, _elementwise(layer.activation)

    def _norm(self, layer: Layer) -> Norm:
        floor = ZERO_SIZE if layer.floor is None else self._exponents.size(layer.floor)
        return Norm(layer.kind == LayerKind.LAYERNORM, floor)

    def _last(self, part: ResidualBlock) -> int:
        """The last dense layer of a branch: what the stream's size is laid to."""
        last = last_dense(part.parts, self._layers)
        assert last is not None
        return last

    def _branch(self, part: ResidualBlock) -> Branch:
        return Branch(tuple(self.ops(part.parts)), self._exponents.size(part.scale))

    def _residual(self, parts: Sequence[ResidualBlock], blocks: Axis, norm: int | None) -> Residual:
        """One block: its residuals are branches of one stream, and ``norm`` follows each sum."""
        branches = [self._branch(part) for part in parts]
        if norm is not None:
            branches += self._of_norm(norm)
        skip = self._exponents.size(parts[0].skip)
        return Residual(tuple(branches), blocks, skip, post_norm=norm is not None)

    def _of_norm(self, index: int) -> Iterator[Branch]:
        """What the gain and the bias of a norm after the sum add to the stream.

        (1 + dg) x = x + dg x: a branch that begins at zero.
        """
        layer, stage = self._layers[index], self._stages[index]
        if not layer.weight.frozen:
            moved = stage.weight._replace(init=ZERO_SIZE)
            yield Branch(((index, Gain(moved, WIDE, stage.step)),))
        if stage.bias is not None:
            still = Gain(_MOVED, WIDE)
            yield Branch(((index, still), (index, Bias(stage.bias, WIDE, stage.bias_step))))

    def _repeated(self, part: RepeatedBlocks) -> Iterator[Placed]:
        if part.times is not None:
            for _ in range(min(part.times, MOST_COPIES)):
                yield from self.ops(part.parts)
            return
        branches = [p for p in part.parts if isinstance(p, ResidualBlock)]
        others = [p for p in part.parts if isinstance(p, int)]
        at = self._last(branches[-1]) if branches else others[-1]
        reason = self._obstacle(part, branches, others)
        if reason:
            yield at, Opaque(reason, bool(branches))
        else:
            yield at, self._residual(branches, DEPTH, others[-1] if others else None)

    def _obstacle(
        self, part: RepeatedBlocks, branches: Sequence[ResidualBlock], others: Sequence[int]
    ) -> str:
        """Why as many blocks as the depth are not decided; empty where they are."""
        if not branches or not all(self._layers[index].kind.is_norm for index in others):
            return "without a skip constants decide how sizes grow with the depth"
        if others and part.parts.index(others[0]) < part.parts.index(branches[0]):
            return "a norm of the stream begins each block, so that nothing skips it"
        if not others and any(r.skip != ONE for r in branches):
            return "a skip other than one forgets the input, or grows"
        skips = [self._exponents.size(residual.skip) for residual in branches]
        if any(skip != skips[0] for skip in skips):
            return "the branches of a block have different skips"
        return ""


def _times(size: Size, factor: int) -> Size:
    return size * factor if isinstance(size, Fraction) else size


def _elementwise(activation: Activation) -> Elementwise:
    return Elementwise.of(activation.kind, activation.slope)
