"""What ``richc verify`` concludes from sizes measured over depths, which are made up here."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import inf, log

import pytest
import torch

from richc.lab.coordinates import DF, DH, OWN, H, Key, Sizes
from richc.lab.growth import Growth
from richc.lab.outcome import Outcome
from richc.lab.predictions import predict
from richc.lab.verify import Grid, Verification, VerifySettings, _evidence
from richc.pipeline import ModelResult, analyse
from tests.deep.fault_table import written

DEPTHS = (4, 8, 16, 32, 64)
STEPS = 4
#: By the order of the file.
EMBED, NORM, UP, DOWN, FINAL, HEAD = range(6)
#: How far 81 networks of the right file were from their exponents, within the rows' tolerance.
SCATTERED = {
    Key(OWN, HEAD, STEPS): -0.21,
    Key(DF, HEAD, STEPS): -0.20,
    Key(DF, UP, STEPS, of_bias=True): 0.17,
    Key(DF, DOWN, STEPS): 0.13,
    Key(DF, FINAL, STEPS): -0.10,
}


def model(**faults: str) -> ModelResult:
    (result,) = analyse(written("sgd", **faults)).models
    return result


def measured(
    result: ModelResult, off: Mapping[Key, float], *, noise: float = 0.02, networks: int = 12
) -> Verification:
    """Of networks whose exponents are ``off`` from the predicted ones, or from the first step's."""
    draw = torch.Generator().manual_seed(0)
    keys = [Key(H, at, 0) for at in range(6)]
    for step in (1, STEPS):
        keys += [Key(q, at, step) for q in (DH, OWN, DF) for at in range(6)]
        keys += [Key(q, UP, step, of_bias=True) for q in (OWN, DF)]
    sizes: dict[int, Sizes] = {depth: {} for depth in DEPTHS}
    for key in keys:
        said = predict(result, key, Growth.DEPTH)
        if said is None:
            said = predict(result, key._replace(step=1), Growth.DEPTH)
        exponent = (float(said) if isinstance(said, Fraction) else -inf) + off.get(key, 0.0)
        for depth in DEPTHS:
            scatter = noise * torch.randn(networks, generator=draw, dtype=torch.float64)
            sizes[depth][key] = exponent * log(depth) + scatter
    grid = _evidence(result, sizes, STEPS, 1 / 4, Growth.DEPTH)
    return Verification(result, (grid,), 128, 0, STEPS, "", 0.0, VerifySettings())


def broken(found: Verification) -> set[tuple[str, str | None]]:
    return {(f.desideratum, f.layer) for f in found.findings.broken if not f.is_consequence}


def of_rows(grid: Grid) -> set[bool | None]:
    return {row.agrees for row in grid.rows if row.predicted is not None}


def test_rows_that_agree_break_nothing_together() -> None:
    """Two exponents, each within the tolerance, may differ by more than that."""
    found = measured(model(), SCATTERED)

    assert {True} == of_rows(found.grids[0])
    assert set() == broken(found)
    assert Outcome.PASS is found.outcome
    assert {"holds"} == {status for _, status in found.findings.statuses}


@pytest.mark.parametrize(
    ("knob", "power", "desideratum", "layer"),
    [
        ("head", "-1/2", "D3", "head"),
        ("head", "1/2", "D1", "head"),
        ("up", "-1/2", "D4", "blocks.mlp.up"),
        ("down", "-1/2", "D3", "blocks.mlp.down"),
        ("embed", "-1/2", "D2", "embed"),
        ("final", "1/2", "D0", "final"),
    ],
)
def test_what_is_off_by_half_a_power_is_found(
    knob: str, power: str, desideratum: str, layer: str
) -> None:
    """Also where each exponent is off by nearly as much as it was in truth, towards the bound."""
    result = model(**{knob: power})
    found = measured(result, {**SCATTERED, Key(OWN, HEAD, STEPS): 0.2, Key(DF, HEAD, STEPS): 0.2})

    assert {True} == of_rows(found.grids[0])
    assert (desideratum, layer) in broken(found)
    assert Outcome.FAIL is found.outcome


def test_what_contradicts_the_check_breaks_what_it_shows() -> None:
    off = {Key(OWN, HEAD, STEPS): -0.5, Key(DF, HEAD, STEPS): -0.5}
    found = measured(model(), off)

    assert {row.key for row in found.disagreeing} == set(off)
    assert {("D3", "head")} == broken(found)
    assert Outcome.FAIL is found.outcome


def test_what_may_be_chance_is_undecided() -> None:
    off = {Key(OWN, HEAD, STEPS): -0.4, Key(DF, HEAD, STEPS): -0.4}
    found = measured(model(), off, noise=0.5, networks=4)

    assert set(off) <= {row.key for row in found.open_rows}
    assert set() == broken(found)
    assert Outcome.UNDECIDED is found.outcome


def test_weights_on_their_way_from_one_phase_to_the_other_are_not_judged() -> None:
    """A last layer that starts small is woken by its own update, in how many steps is open."""
    result = model(std="-1/2")
    found = measured(result, {})

    assert result.passes
    assert set() == broken(found)
    assert Outcome.UNDECIDED is found.outcome
    assert found.decisive is None
