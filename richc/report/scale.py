"""What ``richc scale`` prints: what training changed by r and width, exponents, and one verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from richc.algebra.formula import power
from richc.lab.outcome import Outcome
from richc.report.style import Style, columns
from richc.words import counted

if TYPE_CHECKING:
    from richc.report.scale_schema import Row, ScaleReport, Spot, Values

#: Quantity -> words.
WORDS = {
    "features": "features",
    "kernel": "kernel h hᵀ",
    "tangent_kernel": "tangent kernel",
    "distance": "to own kernel",
    "train_loss": "train loss",
    "held_out_loss": "held-out loss",
}
LOSSES = {"cross_entropy": "cross-entropy, nats", "mse": "mean squared error"}


def render(path: str, found: ScaleReport, *, color: bool, quiet: bool) -> Iterator[str]:
    """Lines for people.  ``quiet`` leaves the tables out.  ``path`` is fit for a terminal."""
    style = Style(color)
    name = style.strong(found.model)
    if not quiet:
        yield f"{path}: {name}: from lazy (r = 0, NTP) to rich (r = 1/2, μP)"
        yield f"  {_run(found)}"
        yield ""
        yield "  what training changes, relative to what was there; `to own kernel`: predictions"
        yield "  less those of the network linearised at init, relative to their change"
        yield ""
        yield from _columns(
            [("r", "width"), *((s.richness, str(s.width)) for s in found.spots)], found.spots
        )
        if found.prefactors:
            at = found.prefactors[0]
            yield ""
            yield f"  by gamma, the prefactor of alpha, at width {at.width} and r = {at.richness}"
            yield ""
            places = [("gamma", ""), *((s.gamma, "") for s in found.prefactors)]
            yield from _columns(places, found.prefactors)
        yield ""
        yield "  exponents of n, fitted over the widths"
        yield ""
        yield from _exponents(found, style)
        for words in _unevaluated(found):
            yield ""
            yield f"  {words}"
        yield ""
    if found.decide is not None:
        yield f"  to decide it: {found.decide}"
    yield f"{style.sign(found.verdict.sign)} {path}: {name}: {verdict(found)}"


def verdict(found: ScaleReport) -> str:
    """One line: whether features change as the theory says."""
    judged = [row for row in found.rows if row.quantity == "features"]
    claim = "features change as n^(r - 1/2)"
    within = f"within {Fraction(found.tolerance)}"
    wrong = [row for row in judged if row.agrees is False]
    open_ones = [row for row in judged if row.agrees is None]
    diverged = sum(spot.diverged for spot in found.spots)
    lost = f"; {diverged} of {sum(s.networks for s in found.spots)} networks diverged"
    suffix = lost if diverged else ""
    if wrong:
        shown = ", ".join(f"r = {row.richness} ({_measured(row)})" for row in wrong)
        return f"not at every r do {claim} {within}: not at {shown}{suffix}"
    if open_ones:
        shown = ", ".join(row.richness for row in open_ones)
        advice = ": try a lower --lr" if diverged else ""
        return f"undecided whether {claim} at r = {shown}{advice}{suffix}"
    return f"{claim} {within} at each of {len(judged)} values of r{suffix}"


def _run(found: ScaleReport) -> str:
    run = found.run
    networks = sum(spot.networks for spot in (*found.spots, *found.prefactors))
    base = "" if run.base_width is None else f", base n0 = {run.base_width}"
    return (
        f"{counted(networks, 'network')}, {run.seeds} at every place; "
        f"{counted(run.steps, 'step')} on {run.examples} examples "
        f"at once at lr = {run.lr:g}{base}; {run.held_out} held out; {run.data}, "
        f"{run.seconds:.0f} s"
    )


def _columns(places: Sequence[tuple[str, str]], spots: Sequence[Spot]) -> Iterator[str]:
    """A line a spot: where it is, and every quantity."""
    quantities = [q for q in WORDS if any(getattr(spot, q) is not None for spot in spots)]
    rows = [(*places[0], *(WORDS[q] for q in quantities), "")]
    for place, spot in zip(places[1:], spots, strict=True):
        cells = [_value(getattr(spot, q)) for q in quantities]
        note = f"{spot.diverged} of {spot.networks} diverged" if spot.diverged else ""
        rows.append((*place, *cells, note))
    yield from (f"  {line}" for line in columns(rows))


def _value(values: Values | None) -> str:
    if values is None or values.typical is None:
        return "-"
    return f"{values.typical:.3g}"


def _exponents(found: ScaleReport, style: Style) -> Iterator[str]:
    rows = [("r", "quantity", "predicted", "measured", "95 %", "")]
    for row in found.rows:
        predicted = "" if row.predicted is None else power(Fraction(row.predicted))
        interval = (
            "" if row.high is None or row.low is None else f"± {(row.high - row.low) / 2:.3f}"
        )
        mark = Outcome.of([row.agrees]).sign if row.quantity == "features" else ""
        rows.append((row.richness, WORDS[row.quantity], predicted, _measured(row), interval, mark))
    yield from style.marked(rows)


def _measured(row: Row) -> str:
    if row.measured is None:
        return "no exponent"
    return "0" if row.measured == "-inf" else f"n^{row.measured:+.3f}"


def _unevaluated(found: ScaleReport) -> Iterator[str]:
    if found.no_kernel is not None:
        yield f"tangent kernel, distance to it: not evaluated: {found.no_kernel}"
    if found.no_gammas is not None:
        yield f"by gamma: not evaluated: {found.no_gammas}"
