"""What must hold of every specification, on random ones."""

from __future__ import annotations

from click.testing import CliRunner
from hypothesis import given, note
from hypothesis import strategies as st

import richc
from richc.calculus.verdict import Verdict
from richc.cli.main import cli
from richc.pipeline import FileResult, ModelResult, analyse
from richc.report.schema import Report
from richc.spec.printer import print_model
from tests import strategies
from tests.spec.content import content, models, nameless
from tests.strategies import Inferred, Written


def only(text: str) -> ModelResult:
    (model,) = whole(text).models
    return model


def whole(text: str) -> FileResult:
    result = analyse(text, mend=False)
    assert not result.is_unresolved, [(d.code, d.message, d.label) for d in result.diagnostics]
    return result


def judgement(result: ModelResult) -> tuple[Verdict, list[tuple[str, str | None]]]:
    """Everything that is said, but for the names of where the model is among its equals."""
    verdict = result.verdict._replace(gauges=(), point=None, theta=())
    # What is said of one width and one number format depends on how a network is written.
    lasting = [d for d in result.diagnostics if not d.code.startswith("R7")]
    return verdict, [(d.code, d.layer) for d in lasting]


@given(data=st.data(), spec=strategies.written())
def test_no_gauge_move_changes_a_verdict(data: st.DataObject, spec: Written) -> None:
    # Findings on a repeated statement are one finding; layers in different gauges are not one.
    spec = spec._replace(repeats=False)
    moved = spec.moved(data.draw(strategies.thetas(spec.thetas_needed)))
    note(spec.text)
    note(moved.text)

    assert judgement(only(spec.text)) == judgement(only(moved.text))


@given(spec=strategies.inferred())
def test_no_named_gauge_changes_a_verdict(spec: Inferred) -> None:
    plain = judgement(only(spec._replace(gauge="stp").text))

    for gauge in spec.gauges:
        text = spec._replace(gauge=gauge).text
        note(text)
        assert plain == judgement(only(text))


@given(text=strategies.texts())
def test_printing_loses_nothing(text: str) -> None:
    note(text)
    (before,) = models(text)
    printed = print_model(before)
    note(printed)
    (after,) = models(printed)

    # An epsilon that nobody wrote may differ from layer to layer of one statement.
    is_whole = [layer.name for layer in before.layers] == [layer.name for layer in after.layers]
    keep = content if is_whole else lambda model: nameless(content(model))
    assert keep(before) == keep(after)
    assert printed == print_model(after)
    # No place in the source is part of a verdict.
    assert only(text).verdict == only(printed).verdict


@given(text=strategies.texts())
def test_all_surfaces_say_the_same(text: str) -> None:
    note(text)
    run = CliRunner().invoke(cli, ["check", "--format", "json", "-"], input=text)
    told = Report.model_validate_json(run.stdout)
    everything = whole(text)
    (result,) = everything.models

    assert richc.check(text, "<stdin>") == told
    assert (0 if result.passes else 1) == run.exit_code
    (file,) = told.files
    (model,) = file.models
    verdict = result.verdict
    richness = None if verdict.richness is None else str(verdict.richness)
    assert (
        "pass" if result.passes else "fail",
        dict(verdict.statuses),
        verdict.stable,
        verdict.nontrivial,
        verdict.regime,
        verdict.limit,
        richness,
        verdict.equivalent_to,
        list(verdict.gauges),
        verdict.point,
    ) == (
        model.verdict,
        model.desiderata.model_dump(exclude_none=True),
        model.stable,
        model.nontrivial,
        model.regime,
        model.limit,
        model.richness,
        model.equivalent_to,
        model.gauges,
        model.point,
    )
    assert [(d.code, d.layer) for d in everything.diagnostics] == [
        (d.code, d.layer) for d in file.diagnostics
    ]


@given(text=strategies.texts())
def test_what_passes_compiles_to_the_same_program_twice(text: str) -> None:
    note(text)
    passes = only(text).passes
    program = richc.compile(text, allow_violations=not passes)

    compile(program, "<program>", "exec")
    assert program == richc.compile(text, allow_violations=True)
