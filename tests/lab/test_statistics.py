"""``richc.lab.statistics``: fits of made-up sizes, whose exponents are known."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from richc.lab.statistics import (
    DEPTH_LIMIT,
    PRIOR_VARIANCE,
    PRIOR_WEIGHT,
    WIDTH_LIMIT,
    Fit,
    Noise,
    expected_error,
    fit,
    t_quantile,
    t_tails,
)

ROOT_CURVATURE, CURVATURE, CROSSINGS, CROSSING_SCALE = WIDTH_LIMIT
WIDTHS = (64, 128, 256, 512, 1024)
COUNTS = {64: 16, 128: 8, 256: 4, 512: 2, 1024: 1}


def sizes(
    exponent: float,
    generator: torch.Generator,
    *,
    deviation: float = 1.0,
    power: int = 1,
    crossing: float = 0.0,
    root: float = 0.0,
    curvature: float = 0.0,
    counts: Mapping[int, int] = COUNTS,
) -> dict[int, Tensor]:
    """As the module's docstring has it, and no other code."""
    found = {}
    for n, count in counts.items():
        noise = torch.randn(count, generator=generator, dtype=torch.float64)
        bend = math.log(1 + crossing / n) / 2 + root / math.sqrt(n) + curvature / n
        found[n] = 0.3 + exponent * math.log(n) + bend + deviation * n ** (-power / 2) * noise
    return found


def known(fitted: Fit | None) -> Fit:
    assert fitted is not None
    return fitted


@pytest.mark.parametrize("exponent", [-1.5, -0.5, 0.0, 0.25, 2.0])
def test_a_power_is_found_exactly_where_nothing_else_is_there(exponent: float) -> None:
    generator = torch.Generator().manual_seed(0)

    found = known(fit(sizes(exponent, generator, deviation=0.0), Noise(crosses=False)))
    assert exponent == pytest.approx(found.exponent, abs=1e-9)
    assert not found.is_zero


@pytest.mark.parametrize(
    ("root", "curvature", "crossing"),
    [(ROOT_CURVATURE, 0.0, 0.0), (0.0, CURVATURE, 0.0), (-0.4, 10.0, 0.0), (0.0, 0.0, 128.0)],
)
def test_what_bends_is_told_from_the_exponent(
    root: float, curvature: float, crossing: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    bent = sizes(-0.5, generator, deviation=0.0, root=root, curvature=curvature, crossing=crossing)
    x = torch.tensor([math.log(n) for n in bent], dtype=torch.float64)
    y = torch.stack([values.mean() for values in bent.values()])
    slope = float(((x - x.mean()) * y).sum() / (x - x.mean()).square().sum())

    found = known(fit(bent, Noise()))
    assert abs(found.exponent + 0.5) < abs(slope + 0.5)
    assert abs(found.exponent + 0.5) < found.half_width(0.95)


@pytest.mark.parametrize("power", [0, 1])
@pytest.mark.parametrize("bends", [False, True])
def test_intervals_hold_the_truth(power: int, bends: bool) -> None:
    """2000 simulations: 95 % would be 1900, give or take 10."""
    generator = torch.Generator().manual_seed(power + 2 * bends)
    trials = 2000
    covered = 0
    deviation = math.sqrt(PRIOR_VARIANCE[power])
    for _ in range(trials):
        exponent, root, curvature = torch.randn(3, generator=generator).tolist()
        found = known(
            fit(
                sizes(
                    exponent,
                    generator,
                    deviation=deviation,
                    power=power,
                    root=ROOT_CURVATURE * root if bends else 0.0,
                    curvature=CURVATURE * curvature if bends else 0.0,
                ),
                Noise(power, crosses=False),
            )
        )
        covered += abs(found.exponent - exponent) < found.half_width(0.95)
    assert covered >= 0.93 * trials
    # Bends widen the interval: where there are none it holds more.  One that always does says
    # nothing.
    assert covered <= (0.98 if bends else 0.9995) * trials


def test_intervals_hold_the_truth_where_sums_cross() -> None:
    """K as likely as it is taken to be; a large K alone is another matter (see CROSSING_SCALE)."""
    generator = torch.Generator().manual_seed(7)
    likely = torch.tensor([(1 + k / CROSSING_SCALE) ** -2 for k in CROSSINGS])
    trials = 2000
    covered = 0
    for _ in range(trials):
        root, curvature = torch.randn(2, generator=generator).tolist()
        crossing = CROSSINGS[int(torch.multinomial(likely, 1, generator=generator))]
        found = known(
            fit(
                sizes(
                    0.5,
                    generator,
                    root=ROOT_CURVATURE * root,
                    curvature=CURVATURE * curvature,
                    crossing=crossing,
                ),
                Noise(),
            )
        )
        covered += abs(found.exponent - 0.5) < found.half_width(0.95)
    assert covered >= 0.93 * trials


@pytest.mark.parametrize("excess", [3.0, 6.0])
def test_noise_that_was_not_expected_widens_the_interval(excess: float) -> None:
    generator = torch.Generator().manual_seed(0)
    calm = known(fit(sizes(0.5, generator, deviation=1.0), Noise()))
    loud = known(fit(sizes(0.5, generator, deviation=excess), Noise()))

    assert loud.error > calm.error
    # What the networks of one width do not show, and the widths together do.
    kink = {n: values + (0.5 if n == 256 else 0.0) for n, values in sizes(0.5, generator).items()}
    assert known(fit(kink, Noise())).error > calm.error


def test_a_width_more_or_a_network_more_narrows_it() -> None:
    generator = torch.Generator().manual_seed(0)
    few = known(fit(sizes(0.5, generator), Noise()))
    many = known(fit(sizes(0.5, generator, counts=dict.fromkeys(COUNTS, 64)), Noise()))
    wider = known(fit(sizes(0.5, generator, counts={**COUNTS, 2048: 1, 4096: 1}), Noise()))

    assert many.error < few.error
    assert wider.error < few.error
    assert many.freedom > few.freedom


def test_degrees_of_freedom_are_counted() -> None:
    generator = torch.Generator().manual_seed(0)

    found = known(fit(sizes(0.5, generator), Noise()))
    assert PRIOR_WEIGHT + sum(COUNTS.values()) - len(COUNTS) == found.freedom


def test_the_order_of_widths_and_widths_without_networks_do_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    found = sizes(0.5, generator)
    shuffled = {n: found[n] for n in (512, 64, 1024, 256, 128)} | {2048: torch.empty(0)}

    assert fit(found, Noise()) == fit(shuffled, Noise())


def test_zeros() -> None:
    zero = {n: torch.full((count,), -math.inf) for n, count in COUNTS.items()}
    found = known(fit(zero, Noise()))

    assert -math.inf == found.exponent
    assert found.is_zero
    assert 0.0 == found.risk(0.125)
    assert 0.0 == found.half_width(0.95)


@pytest.mark.parametrize("odd", [-math.inf, math.inf, math.nan])
def test_zeros_among_others_have_no_exponent(odd: float) -> None:
    mixed = sizes(0.5, torch.Generator().manual_seed(0))
    mixed[128][3] = odd

    assert fit(mixed, Noise()) is None


#: Abramowitz & Stegun 1964, table 26.10, and closed forms; by probability and degrees of freedom.
QUANTILES = {
    (0.95, 6): 1.943,
    (0.975, 6): 2.447,
    (0.995, 6): 3.707,
    (0.975, 10): 2.228,
    (0.995, 10): 3.169,
    (0.9995, 10): 4.587,
    (0.975, 30): 2.042,
    (0.995, 60): 2.660,
    (0.975, 120): 1.980,
}


@pytest.mark.parametrize(("probability", "freedom"), QUANTILES)
def test_quantiles_of_students_t(probability: float, freedom: int) -> None:
    expected = QUANTILES[probability, freedom]

    assert expected == pytest.approx(t_quantile(probability, freedom), rel=2e-3)
    assert -expected == pytest.approx(t_quantile(1 - probability, freedom), rel=2e-3)
    # The formula errs towards more doubt, most of all far out and with few degrees of freedom.
    tails = 2 * (1 - probability)
    assert 0.99 * tails < t_tails(expected, freedom) < 2 * tails
    if freedom >= 30:
        assert tails == pytest.approx(t_tails(expected, freedom), rel=0.05)


def test_tails_of_students_t() -> None:
    assert 1.0 == t_tails(0.0, 10)
    assert t_tails(1e6, 10) < 1e-4
    assert t_tails(2.0, 6) > t_tails(2.0, 12) > t_tails(2.0, 1000)
    assert 0.0455 == pytest.approx(t_tails(2.0, 10**6), rel=1e-2)


def test_risk_is_a_tail_and_a_half_width_its_inverse() -> None:
    found = Fit(0.5, 0.05, 20)

    assert t_tails(2.5, 20) == pytest.approx(found.risk(0.125))
    assert 0.05 == pytest.approx(found.risk(found.half_width(0.95)), rel=0.03)
    assert found.risk(0.25) < found.risk(0.125)


def test_more_networks_promise_a_smaller_error() -> None:
    errors = [
        expected_error({n: factor * count for n, count in COUNTS.items()}, Noise(), 4.0)
        for factor in (1, 2, 4, 8)
    ]
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 0.6 * errors[0]
    assert expected_error(COUNTS, Noise(), 1.0) < errors[0]
    assert expected_error(COUNTS, Noise(crosses=False), 4.0) < errors[0]
    assert expected_error({**COUNTS, 2048: 1}, Noise(), 4.0) < errors[0]


def test_what_is_promised_is_what_is_found() -> None:
    """The scatter of fitted exponents, over networks whose bends are as the priors say."""
    generator = torch.Generator().manual_seed(3)
    noise = Noise(crosses=False)
    found = []
    for _ in range(1000):
        root, curvature = torch.randn(2, generator=generator).tolist()
        bent = sizes(0.0, generator, root=ROOT_CURVATURE * root, curvature=CURVATURE * curvature)
        found.append(known(fit(bent, noise)).exponent)
    scatter = float(torch.tensor(found).std())

    assert expected_error(COUNTS, noise, 1.0) == pytest.approx(scatter, rel=0.1)


def test_depths_tell_half_powers_apart_however_blocks_bend_them() -> None:
    """A few networks at each depth: what blocks add at first is as large as the prior says."""
    noise = Noise(power=0, crosses=False, limit=DEPTH_LIMIT)
    generator = torch.Generator().manual_seed(1)
    depths, tries, missed, wide = (4, 8, 16, 32, 64), 200, 0, 0
    for _ in range(tries):
        bend = float(torch.randn((), generator=generator))
        sizes_by_depth = {
            depth: 0.5 * math.log(depth)
            + DEPTH_LIMIT.curvature * bend / depth
            + 0.14 * torch.randn(8, generator=generator, dtype=torch.float64)
            for depth in depths
        }
        found = fit(sizes_by_depth, noise)
        assert found is not None
        wide += found.half_width(0.95) > 0.25
        missed += abs(found.exponent - 0.5) > found.half_width(0.95)
    assert missed <= 0.08 * tries
    assert wide <= 0.1 * tries
