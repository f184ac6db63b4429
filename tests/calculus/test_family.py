"""Every point of the family that satisfies the desiderata does so: docs/theory.md, "Residual stacks
and depth".

With U = (r - 1/2, y) the size of the stream's update and rho that of a branch, everything else
follows; D4 asks for rho <= L^-1.  The table is written out here, apart from the calculus.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from richc import activations
from richc.algebra.joint import Joint
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.desiderata import decide as judge
from richc.calculus.loop import Placed
from richc.calculus.ops import FIXED, WIDE, Elementwise, Gain, Linear, Norm, Op, Parameter
from richc.calculus.residual import DEPTH, Branch, Residual
from richc.optimizers import law

N, L = Joint(1, 0), Joint(0, 1)
HALF = Joint(Fraction(1, 2), 0)
ONE = Joint(0, 0)
RELU = Elementwise.of(activations.RELU)


class Point(NamedTuple):
    """U, rho and the optimizer; ``start`` is the branch's own size at init, which may be less."""

    name: str
    change: Joint
    branch: Joint
    start: Size
    layers: int
    #: Of a branch's last weight, how much stands in a multiplier instead.
    shift: Joint


def network(point: Point) -> list[Placed]:
    """Pre-norm blocks of ``layers`` layers with a gain in front, a final norm and a read-out."""
    change, rho = point.change, point.branch
    first, last, inner, readout = {
        "sgd": (N + change * 2, change * 2 - L, change * 2 - rho * 2 - L, -N),
        "adam": (change, change - N - L, change - N - rho - L, -N),
        "muon": (HALF + change, change - L, change - rho - L, -HALF),
    }[point.name]
    # What is no matrix is Adam's where Muon has the matrices.
    of_vectors = "adam" if point.name == "muon" else point.name
    vector = N + change * 2 - rho * 2 - L if point.name == "sgd" else change - rho - L

    def linear(init: Size, rate: Size) -> Linear:
        return Linear(Parameter(init, rate), WIDE, WIDE)

    ops: list[Placed] = [(1, Norm()), (1, Gain(Parameter(ONE, vector), WIDE, law(of_vectors).step))]
    for layer in range(2, point.layers + 1):
        ops += [(layer, linear(-HALF, inner)), (layer, RELU)]
    # A gauge: the multiplier of the branch times what it takes from the last weight.
    moved = last - point.shift * (2 if point.name == "sgd" else 1)
    init = point.start + -HALF + -point.shift
    ops.append((9, linear(init, moved)))
    block = Residual((Branch(tuple(ops), point.shift),), DEPTH)
    return [
        (0, Linear(Parameter(ONE, first), FIXED, WIDE)),
        (10, block),
        (11, Norm()),
        (12, Linear(Parameter(-N - change, readout), WIDE, FIXED)),
    ]


@st.composite
def points(draw: st.DrawFn) -> Point:
    eighths = st.integers(0, 8).map(lambda count: Fraction(count, 8))
    change = Joint(-draw(st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 2)])), 0)
    # From -1/2 in L down to the change's own n, at L^-1.
    if draw(st.booleans()):
        rho = Joint(0, -(1 + draw(eighths)) / 2)
        start: Size = rho
        rho = max(rho, change - L)
    else:
        rho = change - L
        start = draw(st.one_of(st.just(ZERO_SIZE), st.just(rho - L), st.just(rho)))
    shift = Joint(draw(eighths) - Fraction(1, 2), draw(eighths) - Fraction(1, 2))
    return Point(
        draw(st.sampled_from(["sgd", "adam", "muon"])), change, rho, start,
        draw(st.integers(1, 3)), shift,
    )  # fmt: skip


@given(point=points())
def test_points_of_the_family_satisfy_everything(point: Point) -> None:
    found = judge(network(point), law(point.name).step)

    note(str(found))
    # Of one layer, there is nothing in the block that D4 could ask of.
    holds = point.layers == 1 or point.branch <= -L
    assert found.statuses == {
        "D0": "holds", "D1": "holds", "D2": "holds", "D3": "holds",
        "D4": "holds" if holds else "violated",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["sgd", "adam", "muon"])
def test_a_branch_that_is_too_large_explodes(name: str) -> None:
    quarter = Joint(0, Fraction(-1, 4))
    point = Point(name, ONE, quarter, quarter, 2, ONE)

    found = judge([*network(point)[:2], network(point)[3]], law(name).step)

    assert found.statuses["D0"] == "violated"


@pytest.mark.parametrize("lacks", [0, 1])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_blocks_with_the_same_weights_add_their_gradients_up(name: str, lacks: int) -> None:
    """Of L uses each makes a gradient, which SGD adds up and Adam's sign does not see."""
    ops = network(Point(name, ONE, -L, -L, 2, ONE))
    (_, block), *_ = ops[1:]
    assert isinstance(block, Residual)
    slower = -L * lacks

    def looped(op: Op) -> Op:
        if isinstance(op, Linear):
            return op._replace(weight=op.weight._replace(rate=op.weight.rate + slower))
        return (
            op._replace(gain=op.gain._replace(rate=op.gain.rate + slower))
            if isinstance(op, Gain)
            else op
        )

    (branch,) = block.branches
    moved = branch._replace(ops=tuple((layer, looped(op)) for layer, op in branch.ops))
    shared = block._replace(branches=(moved,), is_shared=True)

    found = judge([ops[0], (10, shared), *ops[2:]], law(name).step)

    assert ("violated" in found.statuses.values()) is (lacks != (name == "sgd"))


@pytest.mark.parametrize("name", ["sgd", "adam", "muon"])
def test_a_gain_that_moves_too_far_explodes(name: str) -> None:
    point = Point(name, ONE, -L, -L, 2, ONE)
    ops = network(point)
    (_, block), *_ = ops[1:]
    assert isinstance(block, Residual)
    (branch,) = block.branches
    _, (layer, gain), *rest = branch.ops
    assert isinstance(gain, Gain)
    fast = gain._replace(gain=gain.gain._replace(rate=gain.gain.rate + HALF))
    faster = block._replace(branches=(branch._replace(ops=(branch.ops[0], (layer, fast), *rest)),))

    found = judge([ops[0], (10, faster), *ops[2:]], law(name).step)

    assert found.statuses["D0"] == "violated"


@given(
    theta=st.integers(-4, 4).map(lambda count: Joint(Fraction(count, 4), 0)),
    name=st.sampled_from(["sgd", "adam", "muon"]),
)
def test_a_frozen_gain_is_a_multiplier(theta: Joint, name: str) -> None:
    """A gain n^theta behind a weight that starts n^-theta smaller is a change of gauge."""
    family = law(name)
    rate = {"sgd": ONE, "adam": -N, "muon": ONE}[name]
    moved = rate - theta * (2 if name == "sgd" else 1)
    first = {"sgd": N, "adam": ONE, "muon": HALF}[name]
    last = {"sgd": -N, "adam": -N, "muon": -HALF}[name]
    ops: list[Placed] = [
        (0, Linear(Parameter(ONE, first), FIXED, WIDE)),
        (0, RELU),
        (1, Linear(Parameter(-HALF - theta, moved), WIDE, WIDE)),
        (1, Gain(Parameter(theta, ZERO_SIZE), WIDE)),
        (1, RELU),
        (2, Linear(Parameter(-N, last), WIDE, FIXED)),
    ]

    found = judge(ops, family.step)

    assert set(found.statuses.values()) == {"holds"}, found
