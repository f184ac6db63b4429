"""Why a gauge move cannot be made: every message in one place, to be read as prose."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from richc.algebra.formula import power_of_n
from richc.diagnostics import Diagnostic, Label, Span
from richc.optimizers import law

_KNOBS = {"a": "multiplier", "b": "init std", "c": "rate"}


def _refusal(message: str, span: Span, label: str = "", help: str | None = None) -> Diagnostic:
    return Diagnostic("R501", message, span, label=label, help=help)


def holes(places: Sequence[Span]) -> Diagnostic:
    first, *others = places
    return _refusal(
        "a hole has no exponent yet that a gauge move could change",
        first,
        help="fill the holes first: `richc fix`",
    )._replace(labels=tuple(Label(place, "") for place in others))


def fixed_rate(optimizer: str, wanted: str, exponent: Fraction, span: Span) -> Diagnostic:
    name = law(optimizer).title
    return _refusal(
        f"{name}'s gauge move leaves every learning rate alone, so {wanted} cannot be reached",
        span,
        f"this rate goes like {power_of_n(-exponent)}",
        "move to stp or rescaling, or to conditions on a and b",
    )


def zero_std(tensor: str, span: Span) -> Diagnostic:
    return _refusal(
        f"{tensor} starts at zero: no multiplier makes its std another one",
        span,
        "0 is 0 in every gauge",
        "move to stp or mup, or to conditions on a and c",
    )


def contradiction(
    tensor: str,
    knob: str,
    exponent: Fraction,
    theta: Fraction,
    other_knob: str,
    other_exponent: Fraction,
    other_theta: Fraction,
    span: Span,
) -> Diagnostic:
    return _refusal(
        f"no gauge of {tensor} has {knob} = {exponent} and {other_knob} = {other_exponent}",
        span,
        f"{knob} = {exponent} takes θ = {theta}, {other_knob} = {other_exponent} takes "
        f"θ = {other_theta}",
        f"a gauge move has one θ a layer: condition either the {_KNOBS[knob]} or the "
        f"{_KNOBS[other_knob]}",
    )


def no_one_formula(tensor: str, repeats: int, span: Span) -> Diagnostic:
    return _refusal(
        f"the {repeats} layers of {tensor} would need different formulas in that gauge",
        span,
        help="write its first layer as a statement of its own",
    )


def out_of_range(message: str, span: Span) -> Diagnostic:
    return _refusal(f"in that gauge {message}", span)


def too_large(kibibytes: int, span: Span) -> Diagnostic:
    return _refusal(f"in that gauge the file would be larger than {kibibytes} KiB", span)
