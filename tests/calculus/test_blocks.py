"""Blocks that are something simpler: one without its skip, one that adds next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from richc import activations
from richc.algebra.joint import Joint
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.desiderata import decide as judge
from richc.calculus.loop import Placed, backward, forward, place, upward
from richc.calculus.ops import (
    FIXED,
    PLAIN,
    UNIT,
    WIDE,
    Axis,
    Elementwise,
    Linear,
    Norm,
    Parameter,
    Phase,
    Site,
    Undecided,
)
from richc.calculus.residual import DEPTH, Branch, Exponential, Residual
from richc.optimizers import law

LINEAR = Elementwise.of(activations.LINEAR)
RELU = Elementwise.of(activations.RELU)
TANH = Elementwise.of(activations.NONLINEARITIES["tanh"])
SIZES = st.integers(-4, 3).map(lambda count: Joint(Fraction(count, 2), 0))
PARAMETERS = st.builds(Parameter, SIZES, SIZES)
NAMES = st.sampled_from(["sgd", "adam", "muon"])


def steps(ops: list[Placed], name: str, count: int = 3) -> list[Site]:
    """The sites after some steps."""
    sites = place(ops)
    forward(sites, UNIT, PLAIN)
    for number in range(count):
        phase = Phase(law(name).step, PLAIN, is_later=number > 0)
        backward(sites, UNIT, phase)
        upward(sites, ZERO_SIZE, phase)
    return sites


def weights(sites: list[Site]) -> dict[int, tuple[Size, ...]]:
    """What is known of every weight by its layer, those in blocks included."""
    found: dict[int, tuple[Size, ...]] = {}
    for site in sites:
        for inner in site.inner:
            found |= weights(inner)
        if isinstance(site.op, Linear):
            found[site.layer] = (site.height, site.gradient, site.own, site.change)
    return found


def network(read_in: Parameter, block: list[Placed], readout: Parameter) -> list[Placed]:
    return [
        (0, Linear(read_in, FIXED, WIDE)),
        *block,
        (9, Linear(readout, WIDE, FIXED)),
    ]


@given(first=PARAMETERS, inner=st.tuples(PARAMETERS, PARAMETERS), last=PARAMETERS, name=NAMES)
def test_without_its_skip_a_block_is_a_piece_of_chain(
    first: Parameter, inner: tuple[Parameter, Parameter], last: Parameter, name: str
) -> None:
    """With a norm behind it, which takes what it adds as all there is."""
    one, other = (Linear(tensor, WIDE, WIDE) for tensor in inner)
    piece: list[Placed] = [(1, one), (1, LINEAR), (2, other)]
    block = Residual((Branch(tuple(piece)),), FIXED, skip=ZERO_SIZE, post_norm=True)

    chain = weights(steps(network(first, [*piece, (2, Norm())], last), name, 1))
    found = weights(steps(network(first, [(3, block)], last), name, 1))

    assert found == chain


@given(
    first=PARAMETERS,
    rates=st.tuples(SIZES, SIZES),
    last=PARAMETERS,
    name=NAMES,
    blocks=st.sampled_from([FIXED, DEPTH]),
    norm=st.booleans(),
)
def test_a_block_that_adds_nothing_leaves_the_rest_alone(
    first: Parameter,
    rates: tuple[Size, Size],
    last: Parameter,
    name: str,
    blocks: Axis,
    norm: bool,
) -> None:
    half = Joint(Fraction(-1, 2), 0)
    ops: list[Placed] = [(1, Norm())] if norm else []
    ops += [(layer, Linear(Parameter(half, ZERO_SIZE), WIDE, WIDE)) for layer in (1, 2)]
    block = Residual((Branch(tuple(ops), Joint(-20, -20)),), blocks)

    alone = weights(steps(network(first, [], last), name))
    found = weights(steps(network(first, [(3, block)], last), name))

    assert {layer: found[layer] for layer in alone} == alone


@given(tensor=PARAMETERS, skip=st.sampled_from([Joint(0, Fraction(-1, 2)), Joint(1, 0)]))
def test_a_skip_other_than_one_is_not_decided(tensor: Parameter, skip: Size) -> None:
    block = Residual((Branch(((1, Linear(tensor, WIDE, WIDE)),)),), DEPTH, skip)

    with pytest.raises(Undecided, match="skip"):
        steps(network(tensor, [(2, block)], tensor), "sgd")


@pytest.mark.parametrize("activation", [LINEAR, TANH])
def test_what_is_bounded_grows_the_stream_no_faster_than_a_power(activation: Elementwise) -> None:
    """Of branches of order one; linear ones make an exponential."""
    half = Parameter(Joint(Fraction(-1, 2), 0), ZERO_SIZE)
    branch = Branch(((1, activation), (1, Linear(half, WIDE, WIDE))))
    ops = network(Parameter(UNIT, UNIT), [(2, Residual((branch,), DEPTH))], half)

    if not activation.is_bounded:
        with pytest.raises(Exponential):
            steps(ops, "sgd")
        return
    sites = steps(ops, "sgd")
    assert sites[1].height == Joint(0, Fraction(1, 2))


def test_which_activations_have_a_mean() -> None:
    """E phi(Z) is 0 for odd ones."""
    odd = {
        name
        for name, known in activations.NONLINEARITIES.items()
        if not Elementwise.of(known).has_mean
    }

    assert odd == {"linear", "tanh", "erf"}
    assert not Elementwise.of(activations.NONLINEARITIES["leaky_relu"], Fraction(1)).has_mean


@settings(max_examples=300)
@given(
    tensors=st.tuples(PARAMETERS, PARAMETERS, PARAMETERS, PARAMETERS),
    theta=st.integers(-6, 6).map(lambda count: Joint(Fraction(count, 2), 0)),
    name=NAMES,
    blocks=st.sampled_from([None, FIXED, DEPTH]),
)
def test_a_weight_before_a_norm_has_no_size_of_its_own(
    tensors: tuple[Parameter, ...], theta: Joint, name: str, blocks: Axis | None
) -> None:
    """V -> n^theta V with its rate is a change of gauge: theory, norms."""
    family = law(name)

    def statuses(weight: Parameter) -> Mapping[str, str]:
        piece: list[Placed] = [(1, Linear(weight, WIDE, WIDE)), (1, Norm()), (1, LINEAR)]
        piece.append((2, Linear(tensors[1], WIDE, WIDE)))
        block: Placed = (3, Residual((Branch(tuple(piece), Joint(0, -1)),), blocks or FIXED))
        middle = piece if blocks is None else [block]
        ops = network(tensors[2], [*middle, (4, Norm())], tensors[3])
        return judge(ops, family.step).statuses

    first = tensors[0]
    power = 2 if name == "sgd" else 1
    moved = Parameter(first.init + theta, first.rate + theta * power)

    assert statuses(first) == statuses(moved)


@pytest.mark.parametrize(
    ("eps", "read_in", "made"),
    [(None, -1, 0), (-4, -1, 0), (-2, -1, 0), (-1, -1, Fraction(-1, 2)), (0, 0, 0), (0, 1, 0)],
)
def test_a_norm_divides_by_no_less_than_the_root_of_its_eps(
    eps: int | None, read_in: int, made: Fraction
) -> None:
    norm = Norm(eps=ZERO_SIZE if eps is None else Joint(eps, 0))
    still = Parameter(UNIT, ZERO_SIZE)
    first = Parameter(Joint(read_in, 0), ZERO_SIZE)

    sites = steps(network(first, [(1, norm)], still), "sgd", 1)

    assert sites[1].height == made
    assert sites[0].gradient == sites[1].gradient + Fraction(made - read_in)


@pytest.mark.parametrize("post_norm", [False, True])
def test_only_what_norms_read_has_no_size_of_its_own(post_norm: bool) -> None:
    """A small stream before blocks that begin with a norm, and end in one or do not."""
    half = Parameter(Joint(Fraction(-1, 2), 0), Joint(-1, 0))
    ops: tuple[Placed, ...] = ((1, Norm()), (1, Linear(half, WIDE, WIDE)), (1, TANH))
    block = Residual((Branch(ops, Joint(-1, 0)),), FIXED, post_norm=post_norm)
    small, readout = Parameter(Joint(-1, 0), Joint(-1, 0)), Parameter(Joint(-1, 0), Joint(-1, 0))

    normed = judge(network(small, [(3, block), (4, Norm())], readout), law("adam").step)
    bare = judge(network(small, [(3, block)], readout), law("adam").step)

    # A norm after the sum reads the stream; what comes before the block is read by its skip, too.
    assert (normed.statuses["D0"] == "holds") is not post_norm
    assert bare.statuses["D0"] == "violated"


@pytest.mark.parametrize("blocks", [FIXED, DEPTH])
def test_a_norm_after_a_sum_of_zeros_is_not_decided(blocks: Axis) -> None:
    """The stream starts at zero, and so does all that is made of it."""
    half = Parameter(Joint(Fraction(-1, 2), 0), UNIT)
    skip = ZERO_SIZE if blocks is DEPTH else UNIT
    branch = Branch(((1, Linear(Parameter(ZERO_SIZE, UNIT), WIDE, WIDE)),))
    block = Residual((branch,), blocks, skip, post_norm=True)

    found = judge(network(Parameter(ZERO_SIZE, UNIT), [(2, block)], half), law("adam").step)

    assert set(found.statuses.values()) == {"not_evaluated"}
    assert "exactly zero" in found.reason


@pytest.mark.parametrize(
    ("takes_mean", "is_between"), [(False, False), (True, False), (True, True)]
)
def test_a_layernorm_may_not_read_what_blocks_made_grow_together(
    takes_mean: bool, is_between: bool
) -> None:
    """Theory: coherent growth is decided where RMSNorms read it; a weight hides it."""
    half = Parameter(Joint(Fraction(-1, 2), 0), Joint(-1, 0))
    weight = Linear(half, WIDE, WIDE)
    block = Residual((Branch(((1, Norm()), (1, weight), (1, RELU))),), DEPTH)
    after: list[Placed] = [(3, Norm()), (3, weight)] if is_between else []
    ops = network(
        Parameter(UNIT, UNIT),
        [(2, block), *after, (4, Norm(takes_mean))],
        Parameter(Joint(-1, 0), Joint(-1, 0)),
    )

    found = judge(ops, law("adam").step)

    is_silent = takes_mean and not is_between
    assert (found.statuses["D0"] == "not_evaluated") is is_silent
    assert ("LayerNorm" in found.reason) is is_silent


def test_a_layernorm_of_later_blocks_may_not_either() -> None:
    half = Parameter(Joint(Fraction(-1, 2), 0), Joint(-1, 0))
    weight = Linear(half, WIDE, WIDE)
    grows = Residual((Branch(((1, Norm()), (1, weight), (1, RELU))),), DEPTH)
    reads = Residual((Branch(((3, Norm(takes_mean=True)), (3, weight)), Joint(0, -1)),), DEPTH)
    readout = Parameter(Joint(-1, 0), Joint(-1, 0))
    ops = network(Parameter(UNIT, UNIT), [(2, grows), (4, reads), (5, Norm())], readout)

    assert set(judge(ops, law("adam").step).statuses.values()) == {"not_evaluated"}


@pytest.mark.parametrize("blocks", [FIXED, DEPTH])
def test_a_weight_that_reads_zeros_at_init_moves_once_they_have_moved(blocks: Axis) -> None:
    """Zeros inside a branch break D0; no gradient is missing that D3 could complain of.

    Under a relu, whose slope at zero is zero, nothing ever moves.
    """
    rate = Joint(-1, 0)
    first = Linear(Parameter(ZERO_SIZE, rate), WIDE, WIDE)
    second = Linear(Parameter(Joint(Fraction(-1, 2), 0), rate), WIDE, WIDE)

    def statuses(activation: Elementwise) -> Mapping[str, str]:
        ops: tuple[Placed, ...] = ((1, first), (1, activation), (2, second))
        block = Residual((Branch(ops, -blocks.whole),), blocks)
        readout = Parameter(Joint(-1, 0), rate)
        return judge(
            network(Parameter(UNIT, UNIT), [(3, block)], readout), law("adam").step
        ).statuses

    awake, dead = (statuses(activation) for activation in (LINEAR, RELU))

    assert awake == {"D0": "violated", "D1": "holds", "D2": "holds", "D3": "holds", "D4": "holds"}
    assert dead["D3"] == dead["D2"] == "violated"


@pytest.mark.parametrize("blocks", [FIXED, DEPTH])
def test_blocks_read_a_small_stream_as_large_as_it_has_become(blocks: Axis) -> None:
    """Trained at n = 128 and 512: their updates are n^-1/2 of the rest at first, and n^0 later."""
    half, rate = Joint(Fraction(-1, 2), 0), Joint(-1, 0)
    weight = Linear(Parameter(half, rate), WIDE, WIDE)
    branch = Branch(((1, weight), (1, LINEAR), (2, weight)), -blocks.whole)
    ops = network(Parameter(half, UNIT), [(3, Residual((branch,), blocks))], Parameter(rate, rate))

    found = judge(ops, law("adam").step)

    assert [d for d, status in found.statuses.items() if status == "violated"] == ["D0"]
    assert {fault.kind for fault in found.violations} == {"size"}
