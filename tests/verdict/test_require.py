"""``require``: a claim that the check holds the model to."""

from __future__ import annotations

import pytest

from tests.verdict.writing import ask

TEXT = """
model claims {{
  width n = 256, base n0 = 64
  parameterization {preset}
  input 16
  h1: dense -> n
  tanh
  h2: dense -> n
  tanh
  out: dense -> 10
  optimizer sgd
  require {claim}
}}
"""

TRUE = [
    ("mup", "mup"),
    ("mup", "rich(r = 1/2)"),
    ("mup", "rich(1/2)"),
    ("mup", "regime rich"),
    ("mup", "gauge stp"),
    ("mup, gauge = mup", "gauge mup"),
    ("mup, gauge = rescaling", "gauge rescaling"),
    ("ntp", "ntp"),
    ("ntp", "rich(r = 0)"),
    ("ntp", "regime lazy"),
    ("ntp, gauge = mup", "gauge rescaling"),
    ("rich(r = 1/4)", "rich(r = 1/4)"),
    ("rich(r = 1/4)", "rich(r = 0.25)"),
    ("rich(r = 1/4)", "regime lazy"),
    ("standard", "regime unstable"),
]

FALSE = [
    ("mup", "ntp"),
    ("mup", "rich(r = 1/4)"),
    ("mup", "regime lazy"),
    ("mup", "regime partial"),
    ("mup", "gauge mup"),
    ("ntp", "mup"),
    ("ntp", "regime rich"),
    ("rich(r = 1/4)", "mup"),
    ("rich(r = 1/4)", "ntp"),
    ("rich(r = 1/4)", "rich(r = 1/3)"),
]


@pytest.mark.parametrize(("preset", "claim"), TRUE)
def test_true(preset: str, claim: str) -> None:
    assert "R502" not in ask(TEXT.format(preset=preset, claim=claim)).codes


@pytest.mark.parametrize(("preset", "claim"), FALSE)
def test_false(preset: str, claim: str) -> None:
    answer = ask(TEXT.format(preset=preset, claim=claim))

    error = answer.only("R502")
    assert ("error", "fail") == (error.severity, answer.model.verdict)
    # A false claim about a sound model breaks no desideratum.
    assert {"holds"} == set(answer.model.desiderata.model_dump(exclude_none=True).values())


def test_a_gauge_off_the_scale_has_no_name() -> None:
    answer = ask(TEXT.format(preset="standard", claim="gauge stp"))

    assert [True] == ["on the richness scale only" in note for note in answer.only("R502").notes]


def test_every_claim_is_judged() -> None:
    text = TEXT.format(preset="mup", claim="ntp\n  require mup\n  require regime lazy")

    assert ["R502", "R502"] == ask(text).codes


def test_it_reads_what_is_written_not_what_is_declared() -> None:
    """Spoiling one rate of a μP model makes its claim false."""
    text = TEXT.format(preset="mup", claim="mup").replace(
        "h2: dense -> n", "h2: dense -> n { lr = 1/n }"
    )

    answer = ask(text)

    assert ["R401", "R502"] == answer.codes
