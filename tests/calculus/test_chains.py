"""Without branches, the verdict on stacks is the verdict on chains."""

from __future__ import annotations

from hypothesis import example, given, note, settings
from hypothesis import strategies as st

from richc.algebra.exponent import Exponent
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus import stack
from richc.calculus.loop import Placed
from richc.calculus.ops import Elementwise, Parameter
from richc.calculus.run import Stage
from richc.calculus.verdict import Network, judge
from richc.optimizers import law

HALVES = st.integers(-5, 4).map(lambda count: Exponent(count, 2))
SIZES: st.SearchStrategy[Size] = st.one_of(HALVES, st.just(ZERO_SIZE))


@st.composite
def stages(draw: st.DrawFn) -> tuple[Stage, ...]:
    count = draw(st.integers(2, 6))
    found = []
    for index in range(count):
        kept = Exponent(0) if index == 0 else Exponent(-1, 2)
        weight = Parameter(draw(st.one_of(st.just(kept), SIZES)), draw(SIZES))
        # Beside a bias of order one a weight may start small, and is woken by its update.
        order_one = st.builds(Parameter, st.just(Exponent(0)), SIZES)
        bias = draw(st.one_of(st.none(), order_one, st.builds(Parameter, SIZES, SIZES)))
        found.append(Stage(weight, bias, index > 0, index < count - 1))
    return tuple(found)


def _small(*weights: tuple[int | None, int]) -> tuple[Stage, ...]:
    """A chain of weights, in halves: its init (None: zero) and its rate."""
    found = []
    for index, (init, rate) in enumerate(weights):
        size = ZERO_SIZE if init is None else Exponent(init, 2)
        tensor = Parameter(size, Exponent(rate, 2))
        found.append(Stage(tensor, None, index > 0, index < len(weights) - 1))
    return tuple(found)


# Homogeneous ones that start small, and whose updates are what the next weight acts on.
@example(_small((-4, 3), (-1, -2), (None, 1)), "sgd", True)
@example(_small((0, -5), (-5, -1), (-1, 1)), "muon", True)
@example(_small((-3, -4), (-1, 3), (1, 2)), "muon", True)
@settings(max_examples=600)
@given(
    stages=stages(),
    name=st.sampled_from(["sgd", "adam", "adafactor", "muon"]),
    is_homogeneous=st.booleans(),
)
def test_a_chain_is_judged_as_a_chain(
    stages: tuple[Stage, ...], name: str, is_homogeneous: bool
) -> None:
    family = law(name)
    has_bias = any(stage.bias for stage in stages)
    chain = Network(stages, family.step, family.gauge_power, (), is_homogeneous and not has_bias)
    ops: list[Placed] = []
    for layer, one in enumerate(stages):
        ops += [(layer, op) for op in one.ops]
        if one.wide_out:
            ops.append((layer, Elementwise(is_homogeneous)))

    expected, found = judge(chain), stack.judge(ops, family.step)

    note(str(found))
    for desideratum, status in expected.statuses:
        # Where nothing moves, chains have no shares to judge.
        if expected.nontrivial or desideratum in ("D0", "D1"):
            assert found.statuses[desideratum] == status
    assert "D4" not in found.statuses
