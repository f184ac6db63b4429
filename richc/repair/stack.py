"""What the weights of a network with blocks have to be, of which richness and branches decide all.

The stream moves by U = n^(r - 1/2), and a branch is of the size rho, L^-1 or L^-1/2: every other
size follows (docs/theory.md, "What is left free").  What a branch is multiplied by is one change of
all that is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.joint import Joint
from richc.calculus.nearest import rate_of, sizes_on_scale
from richc.calculus.ops import Parameter
from richc.repair.equations import (
    NONE,
    BranchGoal,
    Member,
    ScalePoint,
    lacking,
    member_at,
    multiplied,
)
from richc.repair.target import MUP
from richc.rules.context import Context
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock, last_dense
from richc.spec.model import READ_OUT, Claim, Layer
from richc.syntax import tree

_HALF = Fraction(1, 2)


class LayerSpot(NamedTuple):
    """Where a layer stands in a network with blocks."""

    #: The residual that it is in.
    block: ResidualBlock | None
    #: Whether there are as many of it as the depth.
    is_deep: bool
    #: Whether it is the last dense layer of its branch, which the multiplier moves.
    is_last: bool
    #: Whether only a norm reads it, so that its size is free.
    is_normed: bool
    #: Whether it makes a stream that only norms read.
    is_stream: bool
    #: Whether a norm follows the sum of its residual and what skips it.
    is_post_norm: bool


def spots(context: Context) -> dict[int, LayerSpot]:
    """The spot of every layer, by its index; empty for a chain."""
    if context.is_chain:
        return {}
    model = context.model
    return dict(_spots(model.layers, model.arrangement, None, is_deep=False))


def _spots(
    layers: Sequence[Layer],
    parts: Sequence[Part],
    block: ResidualBlock | None,
    *,
    is_deep: bool,
    is_post_norm: bool = False,
) -> Iterator[tuple[int, LayerSpot]]:
    last = None if block is None else last_dense(parts, layers)
    for number, part in enumerate(parts, start=1):
        after = parts[number:]
        if isinstance(part, ResidualBlock):
            yield from _spots(layers, part.parts, part, is_deep=is_deep, is_post_norm=is_post_norm)
        elif isinstance(part, RepeatedBlocks):
            is_post = any(isinstance(inner, int) for inner in part.parts)
            deep = part.times is None
            yield from _spots(layers, part.parts, None, is_deep=deep, is_post_norm=is_post)
        elif isinstance(part, int):
            layer = layers[part]
            is_free = layer.is_scaled and not layer.kind.is_norm and _meets_norms(after, layers)
            is_normed = is_free and isinstance(after[0], int)
            is_stream = is_free and not is_normed
            yield part, LayerSpot(block, is_deep, part == last, is_normed, is_stream, is_post_norm)


def _meets_norms(parts: Sequence[Part], layers: Sequence[Layer]) -> bool:
    """Whether norms alone read what comes in, along with what residuals add to it."""
    for part in parts:
        if isinstance(part, int):
            return layers[part].kind.is_norm
        inner = part.parts if isinstance(part, RepeatedBlocks) else (part,)
        if not all(isinstance(p, ResidualBlock) and _meets_norms(p.parts, layers) for p in inner):
            return False
    return False


def streams(point: ScalePoint) -> Iterator[ScalePoint]:
    """With a stream of order one; where only norms read it, also as its init or rate has it."""
    yield point
    for index, spot in spots(point.context).items():
        if spot.is_stream:
            first = member(point, index, of_bias=False)
            lacks_init, lacks_rate = lacking(first)
            found = [NONE if lacks_init is None else -lacks_init]
            if lacks_rate is not None and first.family.gauge_power:
                found.append(-lacks_rate / first.family.gauge_power)
            for size in dict.fromkeys(found):
                if size != NONE:
                    yield point._replace(stream=size)


def _stream(point: ScalePoint, spot: LayerSpot) -> Fraction:
    """The size of what a branch is added to: norm(s h + M B) is norm(h + M / s B)."""
    if not spot.is_post_norm or spot.block is None:
        return point.stream
    size = point.context.size(spot.block.skip)
    return size if isinstance(size, Fraction) else NONE


class BranchLayers(NamedTuple):
    """A residual, with its layers by their index, and the last dense one among them."""

    block: ResidualBlock
    layers: tuple[int, ...]
    last: int
    spot: LayerSpot


def branches(context: Context) -> Iterator[BranchLayers]:
    """Every residual of a model."""
    found = spots(context)
    for last, spot in found.items():
        if spot.is_last and spot.block is not None:
            layers = tuple(i for i, other in found.items() if other.block is spot.block)
            yield BranchLayers(spot.block, layers, last, spot)


def sizes(point: ScalePoint, branch: BranchLayers) -> list[Fraction]:
    """How large a branch may be: what is required or declared, else what is usual and what it is.

    Of two ways that take as many edits, the smaller branch, CompleteP's, comes first.
    """
    update = point.richness - MUP
    now = point.context.network.stages[branch.last].weight.init + -_stream(point, branch.spot)
    if branch.spot.is_deep:
        required = _declared(point.context)
        powers = required or [Fraction(1), _HALF]
        found: list[Fraction] = [Joint(0, -alpha) for alpha in powers]
        found += [Joint(update, -1)] * (1 in powers)
        most: Fraction = Joint(0, -_HALF)
        may_stay = not required
    else:
        found, most, may_stay = [NONE, update], NONE, True
    if may_stay and isinstance(now, Fraction) and now + _HALF <= most:
        found.append(now + _HALF)
    return list(dict.fromkeys(found))


def _declared(context: Context) -> list[Fraction]:
    """The power of L that branches are to be small by, where the file says so."""
    model = context.model
    required = [r.alpha for r in model.requirements if r.kind == Claim.DEPTH]
    statements = (s for s in context.node.statements if isinstance(s, tree.Parameterization))
    if any(option.name.text == "depth" for s in statements for option in s.options):
        required.append(model.depth_exponent)
    return [alpha for alpha in required[:1] if alpha is not None]


def ways(point: ScalePoint, branch: BranchLayers) -> Iterator[BranchGoal]:
    """Sizes that a branch may have, each with changes of its multiplier that may lead there.

    That is none, or what the last layer's init lacks, or its rate: what starts smaller than its own
    update does as well.
    """
    for size in sizes(point, branch):
        goal = BranchGoal(branch.block, size)
        last = member(point._replace(branches=(goal,)), branch.last, of_bias=False)
        shifts = [NONE]
        if branch.spot.is_normed:
            written = point.context.size(branch.block.scale)
            assert isinstance(written, Fraction)
            shifts = [size + _stream(point, branch.spot) + -written]
        else:
            lacks_init, lacks_rate = lacking(last)
            if lacks_init is not None:
                shifts.append(lacks_init)
            if lacks_rate is not None and last.family.gauge_power:
                shifts.append(lacks_rate / last.family.gauge_power)
        yield from (goal._replace(shift=shift) for shift in dict.fromkeys(shifts))


def member(point: ScalePoint, index: int, *, of_bias: bool) -> Member:
    """What one tensor is, and what it has to be, in any network."""
    plain = member_at(point, index, of_bias=of_bias)
    spot = spots(point.context).get(index)
    return plain if spot is None else _in_stack(point, index, plain, spot)


def _in_stack(point: ScalePoint, index: int, plain: Member, spot: LayerSpot) -> Member:
    stage, of_bias = point.context.network.stages[index], plain.of_bias
    is_vector = of_bias or plain.layer.kind.is_norm
    if plain.layer.role == READ_OUT:
        return plain._replace(may_be_slow=is_vector)
    branch = next((goal for goal in point.branches if goal.block is spot.block), None)
    now, multiplier = plain.now, NONE
    sides = (stage.wide_in and not is_vector, stage.wide_out)
    # What is no read-out makes a representation, however few its entries are.
    init, own, gradient = sizes_on_scale((sides[0], True), point.richness)
    if spot.is_deep:
        own = own + Joint(0, -1)
    is_bound = of_bias or plain.is_bound
    if branch is not None and spot.is_last:
        size = point.context.size(branch.block.scale)
        assert isinstance(size, Fraction)
        multiplier = size + branch.shift
        now = multiplied(now, branch.shift, plain.family)
        init = init + branch.size
        # What starts smaller than its own update is as large after it.
        is_bound = of_bias or branch.size == own
    elif branch is not None:
        own, gradient = own + -branch.size, gradient + branch.size
    if spot.is_stream or (branch is not None and spot.is_last):
        stream = _stream(point, spot)
        init, own, gradient = init + stream, own + stream, gradient + -stream
    if isinstance(now.init, Fraction) and not of_bias:
        if spot.is_normed:
            own, gradient = own + now.init + -init, gradient + -now.init + init
        if spot.is_normed or plain.layer.kind.is_norm:
            init = now.init
    goal = Parameter(init, rate_of(plain.family.step, own, gradient, sides))
    return plain._replace(
        now=now, goal=goal, is_bound=is_bound, may_be_slow=is_vector, multiplier=multiplier
    )
