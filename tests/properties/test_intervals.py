"""An interval of richness: its verdict is that of every r in it, and its pieces are cut exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given, note, settings
from hypothesis import strategies as st

from richc.calculus.traced import Piece
from richc.calculus.verdict import HOLDS, NOT_EVALUATED, VIOLATED
from richc.diagnostics import Diagnostic
from richc.pipeline import ModelResult, analyse
from richc.rules import run
from richc.rules.context import Context
from richc.rules.interval import cut
from tests import strategies
from tests.strategies import Written

HALF = Fraction(1, 2)

#: Affine exponents, as a person could get them wrong.
SLOPES = st.sampled_from(["", " + r", " - r", " + 2*r", " - 3*r", " + r/3"])


def with_interval(spec: Written, low: Fraction, high: Fraction, slopes: list[str]) -> str:
    """The text with an interval, and some exponents made to depend on r otherwise."""
    declared = f"richness r = {spec.richness}"
    assert declared in spec.text
    text = spec.text.replace(declared, f"{declared} in [{low}, {high}]")
    for number, slope in enumerate(slopes):
        head, _, rest = text.rpartition(f"  h{number + 1}")
        if head:
            text = f"{head}  h{number + 1}{rest.replace(')', f'{slope})', 1)}"
    return text


def only(text: str) -> ModelResult:
    result = analyse(text)
    (model,) = result.models
    return model


def statuses(model: ModelResult, richness: Fraction) -> dict[str, str]:
    context = model.context
    there = Context(context.model, context.node, context.text, richness=richness)
    return dict(there.verdict.statuses)


@settings(max_examples=80)
@given(
    spec=strategies.written(),
    slopes=st.lists(SLOPES, max_size=3),
    points=st.lists(st.fractions(0, HALF, max_denominator=24), min_size=3, max_size=6),
)
def test_the_verdict_is_that_of_every_richness(
    spec: Written, slopes: list[str], points: list[Fraction]
) -> None:
    spec = spec._replace(style=spec.style._replace(slope=2, ratio=False, factor=""))
    low, high = min(spec.richness, *points), max(spec.richness, *points)
    text = with_interval(spec, low, high, slopes)
    note(text)
    model = only(text)
    if any(d.code == "R506" for d in model.diagnostics):
        return
    whole = dict(model.statuses)
    parts = cut(model.context)

    assert [parts[0].low, parts[-1].high] == [low, high]
    assert all(a.high == b.low and a.is_point != b.is_point for a, b in pairwise(parts))
    # What is said of a piece is so at every point of it.
    for point in points:
        (piece,) = (part for part in parts if part.holds(point))
        assert statuses(model, point) == statuses(model, piece.middle)
    ranks = (VIOLATED, NOT_EVALUATED, HOLDS)
    everywhere = [statuses(model, piece.middle) for piece in parts]
    for name, status in whole.items():
        assert status == min((there[name] for there in everywhere), key=ranks.index)
    assert model.passes == (not any(errors(model, piece) for piece in parts))


def errors(model: ModelResult, piece: Piece) -> list[Diagnostic]:
    """What is wrong at one r of a piece."""
    context = model.context
    there = Context(context.model, context.node, context.text, richness=piece.middle)
    return [d for d in run(there) if d.is_error]
