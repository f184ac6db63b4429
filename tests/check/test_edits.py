"""Edits mend: applied to a file with one fault, they leave it without."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest

import richc
from richc.report import schema

HALF = Fraction(1, 2)

#: The attributes of (read-in, hidden, read-out) under muP and NTP, in expressions of many kinds.
SGD = {
    "mup": [
        {"std": ["1", "1 / 4", "sqrt(1 / fan_in)"], "lr": ["n", "alpha^2 / 16", "n^1", "fan_out"]},
        {
            "std": ["n^(-1/2)", "1 / sqrt(n)", "sqrt(2 / fan_in)", "1 / fan_in^(1/2)"],
            "lr": ["1", "alpha^2 / fan_in", "n * 3 / n", "(n) / (n)"],
        },
        {"std": ["1 / n", "n^-1", "1 / (alpha * sqrt(n))"], "lr": ["1 / n", "2 / fan_in", "n^-1"]},
    ],
    "ntp": [
        {"std": ["1", "2"], "lr": ["1", "3 / 16"]},
        {"std": ["n^(-1/2)", "1 / sqrt(fan_in)"], "lr": ["1 / n", "n^(-1)"]},
        {"std": ["n^(-1/2)", "sqrt(1 / n)"], "lr": ["1 / fan_in", "1 / n"]},
    ],
}

FAULTS = ["n", "1 / n", "n^(1/2)", "n^(-1/2)", "n^2", "n^(-2/3)"]

RICHNESS = {"mup": HALF, "ntp": Fraction(0)}


def write(layers: Sequence[dict[str, str]], point: str) -> str:
    lines = ["model net {", "  width n = 256", f"  richness r = {RICHNESS[point]}", "  input 16"]
    names = ["h1", "h2", "out"]
    for name, layer in zip(names, layers, strict=True):
        body = ", ".join(f"{key} = {value}" for key, value in layer.items())
        lines.append(f"  {name}: dense -> {'10' if name == 'out' else 'n'} {{ {body} }}")
        lines += [] if name == "out" else ["  tanh"]
    return "\n".join([*lines, "  optimizer sgd", "}", ""])


def findings(text: str) -> list[schema.Diagnostic]:
    (file,) = richc.check(text).files
    return [d for d in file.diagnostics if d.severity == "error"]


def apply(text: str, edits: Sequence[schema.Edit]) -> str:
    """From last to first, each once: several findings may want the same change."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    places = {
        (
            starts[edit.span.line - 1] + edit.span.column - 1,
            starts[edit.span.end_line - 1] + edit.span.end_column - 1,
            edit.text,
        )
        for edit in edits
    }
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def faulty(at: int, attribute: str, point: str) -> Iterator[str]:
    """Models that are right but for one attribute, off by a power of n."""
    pick = random.Random(f"{at} {attribute} {point}")
    for fault in FAULTS:
        for right in SGD[point][at][attribute]:
            layers = [
                {key: pick.choice(choices) for key, choices in layer.items()}
                for layer in SGD[point]
            ]
            layers[at][attribute] = f"{right} * {fault}"
            yield write(layers, point)


def mend(text: str) -> str:
    """One round: every edit of every finding."""
    return apply(text, [edit for found in findings(text) for edit in found.edits])


@pytest.mark.parametrize("point", ["mup", "ntp"])
@pytest.mark.parametrize("attribute", ["std", "lr"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_fault_is_mended(at: int, attribute: str, point: str) -> None:
    """At most two rounds: D1-D3 are judged once D0 holds at init."""
    for text in faulty(at, attribute, point):
        mended = mend(mend(text))

        assert [] == [(d.code, d.message) for d in findings(mended)], text + mended


@pytest.mark.parametrize("point", ["mup", "ntp"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_wrong_rate_is_mended_at_once(at: int, point: str) -> None:
    """What else it breaks are consequences: mending those as well would spoil what was right."""
    for text in faulty(at, "lr", point):
        mended = mend(text)

        assert [] == [(d.code, d.message) for d in findings(mended)], text + mended


def test_edits_keep_what_they_do_not_change() -> None:
    layers = [{key: choices[0] for key, choices in layer.items()} for layer in SGD["mup"]]
    layers[1]["lr"] = "3 * alpha^2 / fan_in^2  # slow"
    text = write(layers, "mup").replace("# slow }", "}  # slow")

    (found,) = findings(text)

    assert ["3 * alpha^2 / fan_in"] == [edit.text for edit in found.edits]
    assert text.replace("fan_in^2", "fan_in") == apply(text, found.edits)


def test_an_edit_stands_where_its_finding_does() -> None:
    layers = [{key: choices[0] for key, choices in layer.items()} for layer in SGD["mup"]]
    layers[1]["lr"] = "1 / n"

    (found,) = findings(write(layers, "mup"))

    assert [found.span] == [edit.span for edit in found.edits]


def test_what_is_not_written_has_no_edit() -> None:
    (found,) = findings("""
model net {
  width n = 256
  parameterization standard
  input 16
  h1: dense -> n
  relu
  h2: dense -> n
  relu
  out: dense -> 10
  optimizer sgd { lr = 0.1 / n }
}
""")

    assert ([], "`lr` of `h1` should be ~ n^1") == (found.edits, found.help)
