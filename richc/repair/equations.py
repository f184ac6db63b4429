"""What one weight or bias lacks, and the powers of n that give it that.

The invariants n^-A and n^-C are products of powers of multiplier, init std and rate (Karkada 2024,
arXiv 2404.19719, section 4): two linear equations in the exponents of what they are multiplied by.
A required gauge is a third.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from richc.algebra.joint import depth_of, width_of
from richc.algebra.monomial import DEPTH, WIDTH, Affine, symbol
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.nearest import scale
from richc.calculus.ops import Parameter
from richc.optimizers.law import Law, rate_powers
from richc.repair.target import MUP
from richc.rules.context import Context
from richc.spec.arrangement import ResidualBlock
from richc.spec.model import READ_IN, READ_OUT, Layer, Tensor

NONE = Fraction(0)

SCALE, STD, RATE = "scale", "std", "lr"
#: The knob whose power of n a gauge switches off.
_SWITCHED_OFF = {"stp": SCALE, "mup": RATE, "rescaling": STD}


class BranchGoal(NamedTuple):
    """How large a branch is to be, and the power by which its multiplier changes."""

    block: ResidualBlock
    size: Fraction
    shift: Fraction = NONE


class ScalePoint(NamedTuple):
    """One richness to satisfy, and the exponents of the model there."""

    context: Context
    richness: Fraction
    #: The exponent by which an optimizer's rate changes, and the word of that optimizer.
    shift: Fraction = NONE
    shifted: str = ""
    #: What the branches of a network with blocks are to be there.
    branches: tuple[BranchGoal, ...] = ()
    #: The size of a stream that only norms read.
    stream: Fraction = NONE

    def shift_of(self, tensor: Tensor) -> Fraction:
        is_shifted = self.context.model.optimizer_of(tensor).name == self.shifted
        return self.shift if is_shifted else NONE


class Member(NamedTuple):
    """What one tensor of a statement is, and what it has to be, at one richness."""

    context: Context
    layer: Layer
    of_bias: bool
    now: Parameter
    goal: Parameter
    #: Whether an init below the goal does as well.
    is_bound: bool
    shift: Fraction
    #: Whether a rate below the goal, or none, does as well.
    may_be_slow: bool = False
    #: The size of what a residual multiplies the weight by.
    multiplier: Fraction = NONE

    @property
    def family(self) -> Law:
        return self.context.model.optimizer_of(self.tensor).law

    @property
    def tensor(self) -> Tensor:
        tensor = self.layer.bias if self.of_bias else self.layer.weight
        assert tensor is not None
        return tensor

    def fits(self, exponents: dict[str, Fraction]) -> bool:
        """Whether the tensor is right after these changes."""
        after = self.after(exponents)
        init_fits = after.init == self.goal.init or (
            self.is_bound and self.now.init < self.goal.init and after.init < self.goal.init
        )
        rate = after.rate + self.shift
        # A bias that never moves breaks nothing.
        is_still = self.of_bias and self.now.rate is ZERO_SIZE
        is_slow = self.may_be_slow and rate < self.goal.rate
        return init_fits and (is_still or is_slow or rate == self.goal.rate)

    def after(self, exponents: dict[str, Fraction]) -> Parameter:
        if not exponents:
            return self.now
        tensor = self.tensor
        for knob, exponent in exponents.items():
            power = symbol(WIDTH, Affine(width_of(exponent)))
            power = power.times(symbol(DEPTH, Affine(depth_of(exponent))))
            tensor = tensor._replace(**{knob: getattr(tensor, knob).times(power)})
        layer = self.layer
        changed_layer = (
            layer._replace(bias=tensor) if self.of_bias else layer._replace(weight=tensor)
        )
        stage = self.context.stage(changed_layer)
        changed = stage.bias if self.of_bias else stage.weight
        assert changed is not None
        return multiplied(changed, self.multiplier, self.family)


def multiplied(weight: Parameter, by: Fraction, family: Law) -> Parameter:
    """The invariants of a weight with one more multiplier."""
    rate: Size = weight.rate
    if isinstance(rate, Fraction):
        rate = rate + by * family.gauge_power
    return Parameter(weight.init + by, rate)


def member_at(point: ScalePoint, index: int, *, of_bias: bool) -> Member:
    context = point.context
    layer, stage = context.model.layers[index], context.network.stages[index]
    tensor, now = (layer.bias, stage.bias) if of_bias else (layer.weight, stage.weight)
    assert tensor is not None
    assert now is not None
    step = context.model.optimizer_of(tensor).law.step
    sides = (stage.wide_in and not of_bias, stage.wide_out)
    (goal,) = scale(step, [sides], point.richness)
    # A bias is of order one at most; a read-out may start smaller than its update, and a read-in
    # beside a bias of order one.
    carried = layer.role == READ_IN and stage.bias is not None and stage.bias.init == NONE
    is_bound = of_bias or carried or (layer.role == READ_OUT and point.richness == MUP)
    return Member(context, layer, of_bias, now, goal, is_bound, point.shift_of(tensor))


def solve(
    members: Sequence[Member], knobs: Sequence[str], gauge: str | None
) -> dict[str, Fraction] | None:
    """Powers of n for exactly these knobs that put every member right, if there are any."""
    for found in _candidates(members[0], knobs, gauge):
        if all(found.values()) and all(member.fits(found) for member in members):
            return found
    return None


def _candidates(
    member: Member, knobs: Sequence[str], gauge: str | None
) -> Iterator[dict[str, Fraction]]:
    """Solutions of the two or three equations, the unknowns of which ``knobs`` are."""
    known: dict[str, Fraction] = {}
    if gauge is not None and not member.of_bias:
        knob = _SWITCHED_OFF[gauge]
        size = member.context.size(getattr(member.tensor, knob))
        if knob == RATE:
            size = member.context.rate(member.tensor) + member.shift
        if isinstance(size, Fraction):
            known[knob] = -size
        if (known.get(knob, NONE) != NONE) != (knob in knobs):
            return
    lacks_init, lacks_rate = lacking(member)
    init, goal = member.now.init, member.goal.init
    if gauge is not None and isinstance(init, Fraction) and isinstance(goal, Fraction):
        lacks_init = goal + -init  # A bound would leave one of three unknowns open.
    by_rate, by_scale, by_std, _ = rate_powers(member.family)
    # Below a floor of RMS(W), the std has no say in the rate.
    for of_std in dict.fromkeys((by_std, NONE)):
        equations = [({SCALE: Fraction(1), STD: Fraction(1)}, lacks_init)]
        equations.append(({SCALE: by_scale, STD: of_std, RATE: by_rate}, lacks_rate))
        equations += [({knob: Fraction(1)}, value) for knob, value in known.items()]
        stated = [(terms, value) for terms, value in equations if value is not None]
        for found in _solutions(stated, knobs):
            if all(found.get(knob, NONE) == value for knob, value in known.items()):
                yield found


def lacking(member: Member) -> tuple[Fraction | None, Fraction | None]:
    """What init and rate lack; None where that is not asked, or not to be had."""
    init, rate = member.now
    lacks_init = None
    if isinstance(init, Fraction) and isinstance(member.goal.init, Fraction):
        is_below = member.is_bound and init < member.goal.init
        lacks_init = None if is_below else member.goal.init + -init
    lacks_rate = None
    if isinstance(rate, Fraction) and isinstance(member.goal.rate, Fraction):
        lacks_rate = member.goal.rate + -member.shift + -rate
        if member.may_be_slow and lacks_rate > NONE:
            lacks_rate = None
    return lacks_init, lacks_rate


def _solutions(
    equations: Sequence[tuple[dict[str, Fraction], Fraction]], knobs: Sequence[str]
) -> Iterator[dict[str, Fraction]]:
    """What as many of the equations as there are unknowns determine; the caller tries the rest."""
    for chosen in combinations(equations, len(knobs)):
        rows = [[*(terms.get(k, NONE) for k in knobs), value] for terms, value in chosen]
        solved = _eliminated(rows)
        if solved is not None:
            yield dict(zip(knobs, solved, strict=True))


def _eliminated(rows: list[list[Fraction]]) -> list[Fraction] | None:
    """Gauss-Jordan on as many rows as unknowns; None where they do not determine them."""
    for at in range(len(rows)):
        pivot = next((row for row in rows[at:] if row[at]), None)
        if pivot is None:
            return None
        rows.remove(pivot)
        pivot = [entry / pivot[at] for entry in pivot]
        rows = [
            [entry - row[at] * of_pivot for entry, of_pivot in zip(row, pivot, strict=True)]
            for row in rows
        ]
        rows.insert(at, pivot)
    return [row[-1] for row in rows]
