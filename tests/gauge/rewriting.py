"""Texts moved into other gauges, for the tests of this folder."""

from __future__ import annotations

from richc.diagnostics import Diagnostic
from richc.fixing.gauge.rewrite import Regauged, regauge
from richc.gauge.moves import read_target
from richc.pipeline import analyse


def attempt(text: str, target: str) -> Regauged:
    """What the move says of a text without errors of syntax or names."""
    result = analyse(text, mend=False)
    assert not result.is_unresolved, [(d.code, d.message, d.label) for d in result.diagnostics]
    return regauge(result, read_target(target))


def move(text: str, target: str) -> str:
    """The text in another gauge, which it has."""
    regauged = attempt(text, target)
    assert regauged.refusals == ()
    return regauged.text


def refusal(text: str, target: str) -> tuple[Diagnostic, str]:
    """The only reason why there is no such gauge, and the text that it points at."""
    regauged = attempt(text, target)
    assert regauged.text == text
    (found,) = regauged.refusals
    return found, text[found.span.start : found.span.end]


def model(
    *layers: str, optimizer: str = "sgd", head: str = "width n = 64\nrichness r = 1/2"
) -> str:
    """A small model; tanh follows every layer but the last."""
    lines = [*head.split("\n"), "input 16"]
    for layer in layers[:-1]:
        lines += [layer, "tanh"]
    lines += [layers[-1], f"optimizer {optimizer}"]
    return "\n".join(["model net {", *(f"  {line}" for line in lines), "}", ""])
