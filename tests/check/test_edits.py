"""Edits mend: applied to a file with one fault, they leave it without."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest

import richc
from richc.report import schema
from tests.fix.texts import apply, values

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
    for text in faulty(at, attribute, point):
        mended = mend(text)

        assert [] == [(d.code, d.message) for d in findings(mended)], text + mended


def test_edits_keep_what_they_do_not_change() -> None:
    layers = [{key: choices[0] for key, choices in layer.items()} for layer in SGD["mup"]]
    layers[1]["lr"] = "3 * alpha^2 / fan_in^2  # slow"
    text = write(layers, "mup").replace("# slow }", "}  # slow")

    (found,) = findings(text)

    assert ["3 * alpha^2 / (fan_in * 256)"] == [edit.text for edit in found.edits]
    assert text.replace("fan_in^2", "(fan_in * 256)") == apply(text, found.edits)


def test_an_edit_stands_where_its_finding_does() -> None:
    layers = [{key: choices[0] for key, choices in layer.items()} for layer in SGD["mup"]]
    layers[1]["lr"] = "1 / n"

    (found,) = findings(write(layers, "mup"))

    assert found.span == found.edits[0].span


def test_what_is_not_written_is_mended_by_another_word() -> None:
    text = """
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
"""
    (found,) = findings(text)

    assert ["mup", "0.1 / n0", ", base n0 = 256"] == [edit.text for edit in found.edits]
    assert [] == findings(apply(text, found.edits))
    assert values(text) == values(apply(text, found.edits))
