"""Where models are placed: exact, by properties of the scale and of its gauges."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.gauge.place import Place, place
from richc.pipeline import analyse
from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, KAPPA, Knobs, Number
from tests.verdict.writing import model

ZERO = Fraction(0)
QUARTER = Fraction(1, 4)

#: Optimizer and shape factor.
FAMILIES = [
    *((name, None) for name in ("sgd", "adam", "adamw", "lion", "signsgd", "adafactor")),
    *(("muon", shape) for shape in KAPPA),
]
GAUGES = ("stp", "mup", "rescaling")

richness = st.integers(0, 12).map(lambda x: Fraction(x, 24))
exponents = st.integers(-8, 8).map(lambda x: Fraction(x, 4))
families = st.sampled_from(FAMILIES)


def where(optimizer: str, shape: str | None, layers: Sequence[Knobs]) -> Place:
    (found,) = analyse(model("placed", optimizer, shape, layers), mend=False).models
    return place(found.spec, found.context.network, found.verdict)


def thetas(optimizer: str, shape: str | None, r: Fraction, depth: int) -> dict[str, list[Fraction]]:
    """The named gauges, from what each of them switches off."""
    pairs = reference.scale(optimizer, depth, r)
    plain = reference.knobs(optimizer, shape, pairs, [ZERO] * (depth + 1))
    found = {"stp": [ZERO] * (depth + 1), "rescaling": [init for init, _ in pairs]}
    if optimizer != "adafactor":
        found["mup"] = [Fraction(k.c) / (2 if optimizer == "sgd" else 1) for k in plain]
    return found


def on_scale(optimizer: str, shape: str | None, r: Fraction, theta: Sequence[Fraction]) -> Place:
    pairs = reference.scale(optimizer, len(theta) - 1, r)
    return where(optimizer, shape, reference.knobs(optimizer, shape, pairs, theta))


def mixed(corners: dict[str, list[Fraction]], shares: dict[str, Fraction]) -> list[Fraction]:
    columns = zip(
        *([share * x for x in corners[name]] for name, share in shares.items()), strict=True
    )
    return [sum(column, ZERO) for column in columns]


def is_in_the_prism(found: Place) -> bool:
    """Whether the drawn point is in the drawn triangle, by the signs of areas."""
    corners = [found.prism.corner(gauge, found.richness) for gauge in found.prism.gauges]
    x, y = found.prism.point(found.richness, found.shares)
    if len(corners) == 2:
        (x0, low), (x1, high) = corners
        return x == x0 == x1 and low <= y <= high
    areas = []
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        areas.append((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0))
    return all(a >= 0 for a in areas) or all(a <= 0 for a in areas)


@given(families, richness, st.integers(1, 4), st.data())
def test_any_gauge_is_in_the_prism(
    family: tuple[str, str | None], r: Fraction, depth: int, data: st.DataObject
) -> None:
    theta = data.draw(st.lists(exponents, min_size=depth + 1, max_size=depth + 1))

    found = on_scale(*family, r, theta)

    assert found.on_scale
    assert r == found.richness
    assert 1 == sum(share for _, share in found.shares)
    assert all(share > 0 for _, share in found.shares)
    assert is_in_the_prism(found)
    assert (found.distance == 0) == found.is_exact


@given(families, richness, st.integers(1, 4), st.data())
def test_no_gauge_of_the_named_ones_is_nearer(
    family: tuple[str, str | None], r: Fraction, depth: int, data: st.DataObject
) -> None:
    """Against any other mixture, with read-in, hidden layers and read-out counting alike."""
    theta = data.draw(st.lists(exponents, min_size=depth + 1, max_size=depth + 1))
    corners = thetas(*family, r, depth)
    parts = data.draw(st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any))
    parts = parts[: len(corners)] if any(parts[: len(corners)]) else [1, 0]
    other = {g: Fraction(part, sum(parts)) for g, part in zip(corners, parts, strict=False)}

    found = on_scale(*family, r, theta)

    def distance(shares: dict[str, Fraction]) -> Fraction:
        squares = [(x - y) ** 2 for x, y in zip(theta, mixed(corners, shares), strict=True)]
        hidden = squares[1:-1]
        middle = sum(hidden, ZERO) / len(hidden) if hidden else ZERO
        return squares[0] + middle + squares[-1]

    assert distance(dict(found.shares)) <= distance(other)


@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
@pytest.mark.parametrize("r", [ZERO, QUARTER, Fraction(1, 3), HALF])
def test_named_gauges_are_corners(optimizer: str, shape: str | None, r: Fraction) -> None:
    for depth in (1, 3):
        corners = thetas(optimizer, shape, r, depth)
        # Adafactor's gauge move leaves rates alone.
        assert len(corners) == (2 if optimizer == "adafactor" else 3)
        for gauge, theta in corners.items():
            found = on_scale(optimizer, shape, r, theta)

            assert found.is_exact
            assert 1 == len(found.shares)
            drawn = found.prism.point(found.richness, found.shares)
            assert found.prism.corner(gauge, r) == drawn
            ends = [found.prism.vertex(gauge, end) for end in (0, 1)]
            if r in (ZERO, HALF):
                assert ends[r == HALF] == drawn


@given(families, st.integers(1, 11).map(lambda x: Fraction(x, 24)), st.data())
def test_a_mixture_is_found(
    family: tuple[str, str | None], r: Fraction, data: st.DataObject
) -> None:
    corners = thetas(*family, r, 3)
    parts = data.draw(st.lists(st.integers(1, 4), min_size=len(corners), max_size=len(corners)))
    shares = {g: Fraction(part, sum(parts)) for g, part in zip(corners, parts, strict=True)}

    found = on_scale(*family, r, mixed(corners, shares))

    assert shares == dict(found.shares)
    assert found.is_exact


@given(families, richness, exponents, exponents, exponents)
def test_the_number_of_hidden_layers_does_not_matter(
    family: tuple[str, str | None], r: Fraction, first: Fraction, middle: Fraction, last: Fraction
) -> None:
    two, five = (on_scale(*family, r, [first, *[middle] * n, last]) for n in (1, 4))

    assert two == five


def shape_of(optimizer: str, shape: str | None, depth: int) -> list[bool]:
    """Where all corners are apart: at r = 0, and at r = 1/2."""
    found = on_scale(optimizer, shape, QUARTER, [ZERO] * (depth + 1)).prism
    ends = [[found.vertex(gauge, end) for gauge in GAUGES] for end in (0, 1)]
    return [len(set(points)) == 3 for points in ends]


@pytest.mark.parametrize(
    ("optimizer", "shape", "depth", "expected"),
    [
        # docs/theory.md, "Named gauges": NTP is in the μP and the rescaling gauge; at r = 1/2 all
        # three are apart.
        ("sgd", None, 3, [False, True]),
        ("sgd", None, 1, [False, True]),
        ("adam", None, 3, [True, True]),
        ("adam", None, 1, [True, False]),
        ("muon", "none", 3, [False, True]),
        ("muon", "original", 3, [True, True]),
        ("muon", "spectral", 3, [True, False]),
        ("muon", "match_rms_adamw", 3, [True, False]),
    ],
)
def test_where_gauges_meet(
    optimizer: str, shape: str | None, depth: int, expected: list[bool]
) -> None:
    assert expected == shape_of(optimizer, shape, depth)


def test_adafactor_has_no_edge_of_constant_rates() -> None:
    found = on_scale("adafactor", None, QUARTER, [ZERO, QUARTER, ZERO])

    assert ("stp", "rescaling") == found.prism.gauges


def broken(r: Fraction, changes: dict[int, tuple[Number, Number]], depth: int = 3) -> Place:
    """SGD's scale, some layers' A and C changed by so much."""
    pairs: list[tuple[Number, Number]] = list(reference.scale("sgd", depth, r))
    for layer, (init, rate) in changes.items():
        pairs[layer] = pairs[layer][0] + init, pairs[layer][1] + rate
    return where("sgd", None, reference.knobs("sgd", None, pairs, [ZERO] * (depth + 1)))


@pytest.mark.parametrize("r", [Fraction(-1, 4), Fraction(3, 4), Fraction(1)])
def test_beyond_the_ends_of_the_scale(r: Fraction) -> None:
    found = broken(r, {})

    assert not found.on_scale
    assert r == found.richness


@pytest.mark.parametrize("r", [QUARTER, HALF])
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
@pytest.mark.parametrize("power", [Fraction(1, 2), Fraction(1), Fraction(-1)])
def test_one_wrong_rate_moves_no_richness(r: Fraction, layer: int, power: Fraction) -> None:
    found = broken(r, {layer: (ZERO, power)})

    assert r == found.richness
    assert found.excess is not None
    # A read-out that explodes makes the gradients of all below explode with it.
    cascades = layer == 3 and power < 0
    assert (found.excess > abs(power)) if cascades else (found.excess == abs(power))
    assert () == found.shares


def test_what_is_violated_is_said() -> None:
    slow, fast = broken(HALF, {2: (ZERO, HALF)}), broken(HALF, {0: (ZERO, -HALF)})

    assert ("D3",) == slow.violated
    assert ("D0", "D1", "D3") == fast.violated


def test_a_frozen_layer_is_off_without_end() -> None:
    pairs: list[tuple[Number, Number]] = list(reference.scale("sgd", 2, HALF))
    pairs[0] = pairs[0][0], INFINITE

    found = where("sgd", None, reference.knobs("sgd", None, pairs, [ZERO] * 3))

    assert (("D2",), None, HALF) == (found.violated, found.excess, found.richness)


def test_nothing_to_go_by() -> None:
    layers = [Knobs(ZERO, INFINITE, INFINITE)] * 3

    found = where("sgd", None, layers)

    assert (ZERO, None, False) == (found.richness, found.excess, found.on_scale)


def test_a_zero_readout_has_no_gauge_of_its_own() -> None:
    """It is μP, and no multiplier can make its weights of size one."""
    pairs: list[tuple[Number, Number]] = list(reference.scale("sgd", 2, HALF))
    pairs[-1] = INFINITE, pairs[-1][1]
    at_stp, at_rescaling = (
        where("sgd", None, reference.knobs("sgd", None, pairs, theta))
        for theta in ([ZERO] * 3, [ZERO, HALF, ZERO])
    )

    assert (True, "stp") == (at_stp.is_exact, at_stp.named)
    assert (False, "rescaling", ZERO) == (
        at_rescaling.is_exact,
        at_rescaling.named,
        at_rescaling.distance,
    )
