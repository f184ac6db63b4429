"""Whatever the model: a derivation whose sums add up, to what the verdict says."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, note
from hypothesis import strategies as st

from richc.algebra.sizes import ZERO_SIZE
from richc.calculus.written import derive
from richc.pipeline import ModelResult, analyse
from richc.report.derivation import derivation
from tests import strategies
from tests.explain.reading import check, evaluate, rows


def only(text: str) -> ModelResult:
    (model,) = analyse(text, mend=False).models
    return model


@given(text=strategies.texts())
def test_every_sum_adds_up(text: str) -> None:
    note(text)
    model = only(text)

    shown = derivation(model, None, color=False)

    note(shown)
    assert check(shown, model.spec.richness) > len(model.spec.layers)
    for desideratum, status in model.verdict.statuses:
        word = "not evaluated" if status == "not_evaluated" else status
        assert f"{desideratum} {word}" in " ".join(shown.split())


@given(text=strategies.texts())
def test_what_is_printed_is_what_is_judged(text: str) -> None:
    """A, C and every size in the flow, by layer."""
    note(text)
    model = only(text)
    shown = derivation(model, None, color=False)
    printed = {
        (row.letter, layer): evaluate(row.value) for row in rows(shown) for layer in row.layers
    }

    stages, later = model.context.network.stages, model.verdict.flow.later
    expected: dict[tuple[str, int], object] = {}
    for index, (stage, at) in enumerate(zip(stages, later, strict=True), start=1):
        sizes = {"q": at.h, "g": at.gradient, "u": at.own, "U": at.dh, "t": at.df, "T": at.reach}
        minus = {"A": stage.weight.init, "C": stage.weight.rate}
        if stage.bias is not None:
            sizes |= {"u'": at.bias_own, "t'": at.bias_df}
            minus |= {"A'": stage.bias.init, "C'": stage.bias.rate}
        for letter, size in sizes.items():
            expected[letter, index] = size if isinstance(size, Fraction) else float("-inf")
        for letter, size in minus.items():
            expected[letter, index] = -size if isinstance(size, Fraction) else float("inf")

    assert {key: expected.get(key, value) for key, value in printed.items()} == printed
    evaluated = model.verdict.status("D1") != "not_evaluated"
    wanted = "ACqgutTU" if evaluated else "AC"
    hidden = range(1, len(stages))
    if "more in the same way" not in shown:
        assert all((letter, layer) in printed for letter in wanted for layer in hidden)


@given(data=st.data(), text=strategies.texts())
def test_every_layer_alone(data: st.DataObject, text: str) -> None:
    note(text)
    model = only(text)
    layer = data.draw(st.integers(0, len(model.spec.layers) - 1))

    shown = derivation(model, [layer], color=False)

    note(shown)
    last = len(model.spec.layers) - 1
    # The last gradient is the read-out's.
    allowed = {layer + 1} | ({last} if layer == last else set())
    assert {index for row in rows(shown) for index in row.layers if row.letter != "m"} <= allowed


@given(text=strategies.texts())
def test_zero_is_zero_in_both_places(text: str) -> None:
    """What the passes call zero has a term that is zero, or a reason."""
    model = only(text)
    derived = derive(model.context.network, model.verdict)
    for phase in (derived.first, derived.later):
        if phase is not None:
            for line in (*phase.own, *phase.updates, *phase.shares, *phase.reaches):
                if line.value is ZERO_SIZE and not line.reason:
                    assert all(any(t.size is ZERO_SIZE for t in terms) for terms in line.sums)
