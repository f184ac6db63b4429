"""``richc fix``: what it changes makes a model pass, and nothing less would."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations

from hypothesis import assume, event, given, note, settings

from richc.inference import repair as repairing
from richc.inference.demands import Demands
from richc.pipeline import FileResult, analyse
from richc.rules import SLUGS
from richc.fix.fixing import fix
from richc.spec.holes import Holes
from richc.spec.model import Model
from richc.syntax.source import Source
from tests import strategies
from tests.strategies import Written
from tests.verdict.reference import INFINITE

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


def smaller_repair(model: Model, count: int) -> bool:
    """Whether fewer than ``count`` changes would do, at any richness."""
    plain = repairing._at(model, model.richness)
    demands = Demands(plain, Holes())
    places = [g.place for g in demands.givens if g.written is not None]
    fixed = {g.place for g in demands.givens if g.written is None}
    return any(
        demands.solve(fixed | set(places) - set(changed)) is not None
        for changed in combinations(places, count - 1)
    )


@settings(max_examples=80)
@given(spec=strategies.written())
def test_the_fewest_changes_make_it_pass(spec: Written) -> None:
    assume(is_alive(spec))
    note(spec.text)
    before = analyse(spec.text)
    (model,) = before.models
    fixed = fix(Source("net.rich", spec.text), codes=ERRORS)

    assert not fixed.left
    (after,) = fixed.result.models
    assert after.verdict.passes
    assert fixed.is_changed == (not model.verdict.passes)
    if fixed.is_changed:
        found = repairing.repair(model.spec)
        assert found is not None
        count = len(found.changes) or 1
        if count <= 3:
            assert not smaller_repair(model.spec, count)


@given(spec=strategies.written())
def test_what_passes_is_left_alone(spec: Written) -> None:
    (model,) = analyse(spec.text).models
    assume(model.passes)

    assert fix(Source("net.rich", spec.text), codes=ERRORS).result.source.text == spec.text


@settings(max_examples=60)
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


def test_a_tie_goes_to_the_declared_richness() -> None:
    """Either rate could follow the other: SGD's of r = 1/2, or of r = 0."""
    text = """model net {{
  width n = 256
  richness r = {r}
  input 16
  h1: dense -> n {{ std = 1, lr = n }}
  tanh
  out: dense -> 10 {{ std = n^(-1/2), lr = 1 / n }}
  optimizer sgd {{ lr = 0.1 }}
}}
"""
    found = {
        r: fix(Source("net.rich", text.format(r=r))).result.models[0].verdict.richness
        for r in (Fraction(0), Fraction(1, 2))
    }

    assert found == {r: r for r in found}
