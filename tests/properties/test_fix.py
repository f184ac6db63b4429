"""``richc fix``: what it changes makes a model pass, and nothing less would."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from hypothesis import assume, event, given, note, settings
from hypothesis import strategies as st

import richc
from richc.diagnostics import SLUGS
from richc.fixing.fix import fix
from richc.pipeline import FileResult, analyse
from richc.syntax.formatter import format_text
from richc.syntax.source import Source
from tests import strategies
from tests.fix.texts import apply, values
from tests.strategies import Written
from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, Knobs
from tests.verdict.writing import ask, model

#: The rules whose findings a change of exponents mends.
ERRORS = {code for code in SLUGS if "R1" <= code < "R6"}


def is_alive(spec: Written) -> bool:
    """No zero and no frozen weight where a size is needed: that is no matter of exponents."""
    last = len(spec.layers) - 1
    if spec.optimizer[0] == "adafactor":
        last = -1  # What starts at zero never moves.
    return all(
        layer.weight.c != INFINITE and (layer.weight.b != INFINITE or index == last)
        for index, layer in enumerate(spec.layers)
    )


@settings(max_examples=40)
@given(spec=strategies.written())
def test_what_fails_becomes_mup_and_keeps_its_numbers(spec: Written) -> None:
    assume(is_alive(spec))
    note(spec.text)
    before = ask(spec.text)
    assume(before.model.verdict == "fail")

    mended = richc.fix(spec.text)

    note(mended)
    after = ask(mended).model
    # A read-out that starts at zero is muP or nothing.
    is_declared = spec.style.slope and spec.layers[-1].weight.b != INFINITE
    goal = str(spec.richness) if is_declared else "1/2"
    assert ("pass", goal) == (after.verdict, after.richness)
    assert values(spec.text) == values(mended)
    assert mended == richc.fix(mended)
    assert [] == [d for d in ask(mended).diagnostics if d.severity == "error"]


@settings(max_examples=40)
@given(spec=strategies.written(), to=st.sampled_from([HALF, Fraction(0), Fraction(1, 4)]))
def test_where_it_is_sent(spec: Written, to: Fraction) -> None:
    """Also what passes elsewhere."""
    assume(is_alive(spec) and (to == HALF or spec.layers[-1].weight.b != INFINITE))
    note(spec.text)
    done = fix(Source("net.rich", spec.text), to=to)

    assert not done.left
    assert str(to) == ask(done.result.source.text).model.richness
    assert values(spec.text) == values(done.result.source.text)


@settings(max_examples=30)
@given(spec=strategies.written())
def test_help_quick_fix_and_fix_agree(spec: Written) -> None:
    assume(is_alive(spec))
    note(spec.text)
    errors = [d for d in ask(spec.text).diagnostics if d.severity == "error"]
    assume(errors)

    (edits,) = {frozenset(d.edits) for d in errors}
    fixed = fix(Source("net.rich", spec.text), codes=ERRORS)
    applied = apply(spec.text, [*edits])
    # A line that has become too long is laid out anew by `fix` alone.
    assert fixed.result.source.text in (applied, format_text(applied))
    for found in errors:
        # Each edit but that of the base width is named, or counted.
        words = re.findall(r"`([^`]*)`", (found.help or "").split(": `net` becomes")[0])
        more = re.search(r"(\d+) more", found.help or "")
        named = len([word for word in words if "=" in word])
        assert named + (int(more[1]) if more else 0) == len(edits)


class Chain(NamedTuple):
    """Powers n^-a, n^-b and n^-c of plain layers, with what their invariants lack."""

    optimizer: str
    knobs: list[Knobs]
    lacks: list[tuple[Fraction, Fraction]]


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """muP in any gauge, some invariants off."""
    optimizer = draw(st.sampled_from(["sgd", "adam", "adafactor", "muon"]))
    depth = draw(st.integers(1, 3))
    quarters = st.sampled_from([Fraction(i, 4) for i in (0, 0, 0, 2, -2, 4, -4)])
    lacks = [(draw(quarters), draw(quarters)) for _ in range(depth + 1)]
    # A read-out may start smaller than muP's: that lacks nothing.
    lacks[-1] = (abs(lacks[-1][0]), lacks[-1][1])
    pairs = [
        (a - off_a, c - off_c)
        for (a, c), (off_a, off_c) in zip(
            reference.scale(optimizer, depth, HALF), lacks, strict=True
        )
    ]
    thetas = draw(strategies.thetas(depth + 1))
    shape = "spectral" if optimizer == "muon" else None
    return Chain(optimizer, reference.knobs(optimizer, shape, pairs, thetas), lacks)


def fewest(chain: Chain) -> int:
    """How many exponents have to change, the optimizer's own rate among them."""
    scale_moves_rate = 2 if chain.optimizer == "sgd" else 1
    std_moves_rate = 1 if chain.optimizer == "adafactor" else 0
    counts = []
    for shift in {Fraction(0), *(c for _, c in chain.lacks)}:
        count = int(shift != 0)
        for a, c in chain.lacks:
            rest = c - shift
            one = a == 0 or rest in (scale_moves_rate * a, std_moves_rate * a)
            count += 0 if a == rest == 0 else 1 if one else 2
        counts.append(count)
    return min(counts)


@settings(max_examples=40)
@given(chain=chains())
def test_the_fewest_changes(chain: Chain) -> None:
    shape = "spectral" if chain.optimizer == "muon" else None
    text = model("net", chain.optimizer, shape, chain.knobs)
    note(text)
    (before,) = analyse(text).models
    assume(not before.passes)

    assert before.repair is not None
    assert fewest(chain) == len(before.repair.changes)


@given(spec=strategies.written())
def test_what_passes_is_left_alone(spec: Written) -> None:
    (judged,) = analyse(spec.text, mend=False).models
    assume(judged.passes)

    assert fix(Source("net.rich", spec.text), codes=ERRORS).result.source.text == spec.text


@settings(max_examples=30)
@given(spec=strategies.written())
def test_edits_of_warnings_bring_up_nothing_new(spec: Written) -> None:
    note(spec.text)
    before = analyse(spec.text)
    after = fix(Source("net.rich", spec.text), codes=set(SLUGS) - ERRORS).result
    event(f"{len(before.diagnostics) - len(after.diagnostics)} mended")

    def findings(result: FileResult) -> Counter[tuple[str, str | None]]:
        return Counter((found.code, found.layer) for found in result.diagnostics)

    assert findings(after) <= findings(before)
    assert (before.source.text != after.source.text) == (findings(after) != findings(before))
    assert after.models[0].verdict.statuses == before.models[0].verdict.statuses


@settings(max_examples=30)
@given(spec=strategies.written())
def test_fixing_twice_is_fixing_once(spec: Written) -> None:
    once = fix(Source("net.rich", spec.text)).result.source.text

    assert fix(Source("net.rich", once)).result.source.text == once
