"""Measured exponents beside predicted ones, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import inf, nan
from typing import NamedTuple

from richc.algebra.sizes import Size
from richc.lab.coordinates import DF, DH, KERNEL, OWN, STATE, TERM, H, Key
from richc.lab.exponents import MeasuredExponents
from richc.lab.growth import Growth
from richc.lab.planning import RISK, are_small
from richc.lab.predictions import predict
from richc.lab.statistics import Fit
from richc.pipeline import ModelResult

#: A row is decided on when its interval at this confidence is no wider than the tolerance.
CONFIDENCE = 0.95


class ExponentComparison(NamedTuple):
    """One quantity: predicted, measured, and whether the two agree."""

    key: Key
    layer: str
    #: Whether the layer is the read-out, whose representation is the output f.
    is_output: bool
    #: None where the checker does not evaluate it, or has nothing to say.
    predicted: Size | None
    #: None where some networks show exactly zero and others do not.
    fit: Fit | None
    tolerance: float
    #: None where there is no prediction, or the interval is too wide to tell.
    agrees: bool | None
    #: Mean size by width, or by depth.
    sizes: dict[int, float]
    #: What the exponent is of.
    growth: Growth = Growth.WIDTH

    @property
    def risk(self) -> float:
        """How likely this row is decided wrongly."""
        if self.predicted is None:
            return 0.0
        return 1.0 if self.fit is None else self.fit.risk(self.tolerance)

    @property
    def doubt(self) -> float:
        """How likely its exponent lies on the other side of the tolerance than the fitted one."""
        if not isinstance(self.predicted, Fraction) or self.fit is None or self.fit.is_zero:
            return 0.0
        distance = abs(self.fit.exponent - float(self.predicted))
        return self.fit.risk(abs(self.tolerance - distance)) / 2

    @property
    def is_open(self) -> bool:
        """There is a prediction, and it could not be decided on."""
        return self.predicted is not None and self.agrees is None


def tolerance_of(result: ModelResult, growth: Growth) -> float:
    """Half of what exponents to be told apart differ by: 1/4, or 1/8 where there are eighths.

    Of small networks 1/4 where all are halves, which differ by 1/2.
    """
    flow = result.verdict.flow.later
    sizes = [growth.power_of(size) for at in flow for size in (at.h, at.own, at.dh, at.df)]

    def all_are(unit: int) -> bool:
        """Whether the exponents are multiples of 1 / ``unit``."""
        return all((unit * s).denominator == 1 for s in sizes if isinstance(s, Fraction))

    if are_small(result.spec) and all_are(2):
        return 1 / 4
    return 1 / 8 if all_are(4) else 1 / 16


def compare(
    result: ModelResult, exponents: MeasuredExponents, step: int, explodes: bool, tolerance: float
) -> list[ExponentComparison]:
    """Everything at init and in the step that tells, and all steps' changes on the way."""
    rows = []
    growth = exponents.growth
    for key in sorted(exponents.keys, key=_place):
        if key.quantity == TERM or key.step > step or (key.quantity != DH and 0 < key.step < step):
            continue
        if key.quantity in (KERNEL, STATE) and explodes:
            continue
        on_the_way = key.quantity == DH and key.step < step
        if on_the_way and exponents.is_mixed(key._replace(step=step)):
            continue
        fitted = exponents.fit(key)
        predicted = predict(result, key, growth)
        if on_the_way and predict(result, key._replace(step=1), growth) != predict(
            result, key._replace(step=step), growth
        ):
            # On the way from one phase to the other, at finite width.
            predicted = predicted if key.step == 1 else None
        # A kernel is of second order in h: twice the exponent, and twice the tolerance.
        allowed = 2 * tolerance if key.quantity == KERNEL else tolerance
        rows.append(
            ExponentComparison(
                key,
                result.spec.layers[key.layer].name,
                key.layer == len(result.spec.layers) - 1,
                predicted,
                fitted,
                allowed,
                None,
                exponents.sizes(key),
                growth,
            )
        )
    return _decided(rows)


def settled(result: ModelResult, rows: Iterable[ExponentComparison]) -> dict[Key, float]:
    """The predicted exponents of the rows that agree, which is what these measured; nan if open.

    A tolerance is half of what two exponents differ by, so that a row that agrees tells its
    exponent from all others.  The difference of two fitted ones may be off by twice the tolerance.
    Open is also what is on the way from one phase to the other, where only the first step has a
    prediction.  What contradicts the check is left out.
    """
    found: dict[Key, float] = {}
    for row in rows:
        first = row.key._replace(step=1)
        if row.agrees:
            found[row.key] = float(row.predicted) if isinstance(row.predicted, Fraction) else -inf
        elif row.is_open or (
            row.predicted is None and predict(result, first, row.growth) is not None
        ):
            found[row.key] = nan
    return found


def _place(key: Key) -> tuple[int, int, int, bool]:
    """Where a row stands: at init first, then one quantity after the other."""
    order = (H, DH, OWN, DF, KERNEL, STATE, TERM)
    return order.index(key.quantity), key.step, key.layer, key.of_bias


def _decided(rows: list[ExponentComparison]) -> list[ExponentComparison]:
    """The rows with what is said of them.

    A row agrees within the tolerance, where its interval is no wider than that.  To contradict the
    check takes an exponent beyond it by more than any of the rows is likely to be off by chance.
    """
    judged = sum(row.predicted is not None for row in rows)
    return [row._replace(agrees=_agrees(row, RISK / max(1, judged))) for row in rows]


def _agrees(row: ExponentComparison, risk: float) -> bool | None:
    if row.predicted is None or row.fit is None:
        return None
    if not isinstance(row.predicted, Fraction) or row.fit.is_zero:
        return row.fit.is_zero and not isinstance(row.predicted, Fraction)
    distance = abs(row.fit.exponent - float(row.predicted))
    if distance > row.tolerance:
        return False if row.fit.risk(distance - row.tolerance) <= risk else None
    return True if row.fit.half_width(CONFIDENCE) <= row.tolerance else None
