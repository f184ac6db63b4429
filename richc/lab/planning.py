"""How wide and how deep networks are to be measured, and how many of each size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from richc.lab.growth import Growth
from richc.lab.statistics import PRIOR_VARIANCE, Noise, expected_error, t_quantile
from richc.lab.sweep.runs import weights
from richc.spec.model import Model

#: Networks at every width, or by width; None leaves it to richc.
Seeds = int | tuple[int, ...] | None

#: The risk aimed at: how often a run may err in any of its rows.
RISK = 1 / 100
#: How many units the narrowest layer has, from one width to the other by factors of 2.
UNITS = (64, 4096)
#: The most weights of the widest network, whatever its layers are beside n: four square layers of
#: 4096; of 1024 where a step multiplies matrices, which costs n^3 for n x n.
MOST_WEIGHTS, MOST_WEIGHTS_OF_MATRICES = 4 * 4096**2, 4 * 1024**2
#: Of blocks, which are many layers; and how deep they go, by factors of 2.
MOST_WEIGHTS_OF_BLOCKS = 2**22
DEPTHS = (4, 8, 16, 32, 64)
#: The depth of networks whose widths differ, at most; the width of those whose depths do, about.
SHALLOW, NARROW = 4, 128
#: However many weights they have, as many widths as tell a curve from a line.
_FEWEST_WIDTHS = 4

#: The most networks drawn at one width in the first round, the work of which may be worth so many
#: of the widest.
_MOST = 48
_WORK = 4.0
#: The networks drawn at each depth.  Deep ones do not scatter less.
_AT_EACH_DEPTH = 4
#: What to expect: v of an average over n entries (richc.lab.statistics), and rows.
_PLANNED_VARIANCE = 7.5
_PLANNED_ROWS = 20
#: How often networks are doubled for what is undecided, before wider ones are tried.
_DOUBLINGS = 4


class Need(NamedTuple):
    """An exponent that is not known well enough."""

    noise: Noise
    #: Its standard error as measured, and what would do.
    error: float
    wanted: float


def are_small(spec: Model) -> bool:
    """Whether networks are measured at small sizes only: with blocks, they are many layers."""
    return not spec.is_chain


def default_widths(spec: Model) -> list[int]:
    """By factors of 2, as ``UNITS`` has it, as far as the weights are not too many."""
    wide = [layer.fan_out for layer in spec.layers if layer.fan_out.wide]
    thinnest = min((Fraction(dim.factor, dim.over) for dim in wide), default=Fraction(1))
    first, last = spec.fitting(math.ceil(units / thinnest) for units in UNITS)
    multiplies = any(one.law.takes_matrices_only for one in spec.optimizers)
    most = MOST_WEIGHTS_OF_MATRICES if multiplies else MOST_WEIGHTS
    most = MOST_WEIGHTS_OF_BLOCKS if are_small(spec) else most
    widths = [max(2, first)]
    while 2 * widths[-1] <= last:
        if len(widths) >= _FEWEST_WIDTHS and weights(spec._replace(width=2 * widths[-1])) > most:
            break
        widths.append(2 * widths[-1])
    return widths


def more(counts: dict[int, int], growth: Growth = Growth.WIDTH) -> dict[int, int]:
    """Twice as many networks; of wide ones, which average over themselves, as few as will do."""
    if growth is Growth.DEPTH:
        return {depth: 2 * count for depth, count in counts.items()}
    several = [width * count for width, count in counts.items() if count > 1]
    entries = 2 * max(several, default=min(counts))
    return {n: max(count, min(2 * count, entries // n)) for n, count in counts.items()}


def plan(
    widths: list[int],
    seeds: Seeds,
    tolerance: float,
    power: int,
    growth: Growth = Growth.WIDTH,
) -> dict[int, int]:
    """As few networks as should do, most of them narrow: wide ones average over themselves."""
    if seeds is not None:
        each = [seeds] * len(widths) if isinstance(seeds, int) else seeds
        return dict(zip(widths, each, strict=True))
    if growth is Growth.DEPTH:
        return dict.fromkeys(widths, _AT_EACH_DEPTH)
    wanted = wanted_error(tolerance, _PLANNED_ROWS)
    counts = dict.fromkeys(widths, 1)
    for doublings in range(-4, 13):
        many = 2 ** (doublings / 2) * widths[-1]
        further = {n: min(_MOST, max(1, round(many / n))) for n in widths}
        if sum(count * (n / widths[-1]) ** power for n, count in further.items()) > _WORK:
            break
        counts = further
        if expected_error(counts, Noise(), _PLANNED_VARIANCE) <= wanted:
            break
    return counts


def wanted_error(tolerance: float, rows: int) -> float:
    """The standard error at which rows agree or do not, off by more than chance as they may be."""
    return tolerance / t_quantile(1 - RISK / rows / 2, 40)


def deciding(
    counts: dict[int, int], needs: Iterable[Need], growth: Growth = Growth.WIDTH
) -> dict[int, int]:
    """Networks by size that should do where those of ``counts`` left something undecided.

    Without a need, what was measured is zero in some networks only, as happens in narrow ones.
    Errors are taken to shrink as those that are planned with do.
    """
    known = list(needs)
    widths = sorted(counts)
    if not known:
        widths = _wider(_wider(widths))
    tried = _doubled(widths, counts, known, growth)
    if any(not _would_do(need, counts, tried) for need in known):
        tried = _doubled(_wider(widths), counts, known, growth)
    return tried


def _doubled(
    widths: list[int], counts: dict[int, int], needs: list[Need], growth: Growth
) -> dict[int, int]:
    """As often as it takes, or is of use."""
    tried = {n: counts.get(n, 1) for n in widths}
    for _ in range(_DOUBLINGS):
        tried = more(tried, growth)
        if all(_would_do(need, counts, tried) for need in needs):
            break
    return tried


def _would_do(need: Need, counts: dict[int, int], tried: dict[int, int]) -> bool:
    variance = PRIOR_VARIANCE[0] if need.noise.power == 0 else _PLANNED_VARIANCE
    before, after = (expected_error(c, need.noise, variance) for c in (counts, tried))
    return need.error * after / before <= need.wanted


def _wider(widths: list[int]) -> list[int]:
    return [*widths[1:], 2 * widths[-1]]
