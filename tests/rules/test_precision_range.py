"""R702 and R703 in parts: who is asked, and who is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from richc.pipeline import analyse

ROOT = Path(__file__).parents[2]
EXAMPLES = [*ROOT.glob("examples/*.rich"), *ROOT.glob("tests/spec/examples/*.rich")]


def codes(text: str) -> set[str]:
    return {d.code for d in analyse(text).diagnostics}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_fine_in_every_precision(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("train ")]
    for precision in ("fp32", "bf16", "fp16"):
        statement = f"train {{ precision = {precision} }}"
        given = "\n".join(lines).replace("  optimizer", f"  {statement}\n  optimizer")

        assert statement in given
        assert not {"R702", "R703"} & codes(given), precision


@pytest.mark.parametrize("gauge", ["stp", "mup", "rescaling"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion", "muon { shape_factor = spectral }"])
def test_named_gauges_are_fine(gauge: str, optimizer: str) -> None:
    """With a base width: at any size that is trained."""
    for width in (64, 1024, 16384):
        text = f"""\
model net {{
  width n = {width}, base n0 = 64
  parameterization mup, gauge = {gauge}
  input 64
  embed: dense -> n
  relu
  body[2]: dense -> n
  relu
  head: dense -> 10
  optimizer {optimizer}
  train {{ precision = fp16 }}
}}
"""
        assert not {"R702", "R703"} & codes(text), width
