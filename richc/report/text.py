"""Diagnostics as rustc shows them, and a table for each clean model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from richc.diagnostics import INFO, WARNING, Diagnostic, Label
from richc.pipeline import FileResult, ModelResult
from richc.report import Options
from richc.report.snippet import Marked, snippet, visible
from richc.report.style import Style
from richc.rules import INFERRED
from richc.syntax.source import Source
from richc.words import counted


def render(results: Iterable[FileResult], options: Options) -> Iterator[str]:
    """Everything about each file as soon as it is checked, then a line of totals."""
    style = Style(options.color)
    files = models = errors = warnings = suppressed = 0
    for result in results:
        files += 1
        models += len(result.models)
        errors += sum(d.is_error for d in result.diagnostics)
        warnings += sum(d.severity == WARNING for d in result.diagnostics)
        suppressed += sum(len(model.suppressed) for model in result.models)
        for diagnostic in together(result.diagnostics):
            if options.quiet and diagnostic.severity == INFO:
                continue
            yield render_diagnostic(result.source, diagnostic, style) + "\n"
        if not options.quiet:
            for model in result.models:
                yield _model(result.source.shown, model, style, options.values) + "\n"
    if not options.quiet:
        yield _totals(files, models, errors, warnings, suppressed, style) + "\n"


def together(diagnostics: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """The diagnostics, with the inferred exponents of each model in one snippet."""
    answers: dict[str | None, list[Diagnostic]] = {}
    for diagnostic in diagnostics:
        if diagnostic.code == INFERRED:
            answers.setdefault(diagnostic.model, []).append(diagnostic)
    for diagnostic in diagnostics:
        if diagnostic.code != INFERRED:
            yield diagnostic
            continue
        first, *others = answers[diagnostic.model]
        if diagnostic is first and others:
            yield first._replace(
                message=f"{1 + len(others)} exponents of `{first.model}` are inferred",
                labels=tuple(Label(d.span, d.label) for d in others),
                notes=(),
                help="`richc fix` writes them",
            )
        elif diagnostic is first:
            yield first._replace(notes=())


def render_diagnostics(result: FileResult, color: bool) -> str:
    """The errors and warnings of one file, for a command's standard error."""
    style = Style(color)
    shown = (d for d in result.diagnostics if d.severity != INFO)
    return "\n".join(render_diagnostic(result.source, d, style) for d in shown)


def render_diagnostic(source: Source, diagnostic: Diagnostic, style: Style) -> str:
    """One diagnostic with its snippets, notes and help; ends with a newline."""
    severity = diagnostic.severity
    head = style.severity(severity, f"{severity}[{diagnostic.code}]")
    lines = [f"{head}: {style.strong(visible(diagnostic.message))}"]
    gutter = 1
    if source.text:
        places = [Marked(diagnostic.span, diagnostic.label, True)]
        places += [Marked(label.span, label.text, False) for label in diagnostic.labels]
        shown = snippet(source, places, severity, style)
        gutter = shown.gutter
        position = source.position(diagnostic.span.start)
        where = f"{source.shown}:{position.line}:{position.column}"
        lines.append(f"{' ' * gutter}{style.frame('-->')} {where}")
        lines += shown.lines
    else:
        lines.append(f" {style.frame('-->')} {source.shown}")
    margin = f"{' ' * gutter} {style.frame('=')}"
    lines += [f"{margin} {style.strong('note')}: {visible(note)}" for note in diagnostic.notes]
    if diagnostic.help:
        fix = "  [fix available]" if diagnostic.edits else ""
        lines.append(f"{margin} {style.strong('help')}: {visible(diagnostic.help)}{fix}")
    return "\n".join(lines) + "\n"


def _model(path: str, model: ModelResult, style: Style, with_values: bool) -> str:
    is_open = model.passes and not model.verdict.is_decided
    mark = style.sign("?" if is_open else "✓" if model.passes else "✗")
    title = f"{mark} {path}: {style.strong(model.spec.name)}: {model.sentence}\n"
    if not model.passes and not with_values:
        return title
    from richc.report.table import numbers, table

    lines = table(model) if model.passes else []
    if with_values:
        lines += ["", *numbers(model)] if lines else numbers(model)
    return title + "".join(f"    {line}".rstrip() + "\n" for line in lines)


def _totals(
    files: int, models: int, errors: int, warnings: int, suppressed: int, style: Style
) -> str:
    found = counted(errors, "error") if errors else "no errors"
    if warnings:
        found += f", {counted(warnings, 'warning')}"
    if suppressed:
        found += f", {suppressed:,} suppressed"
    text = f"{counted(files, 'file')}, {counted(models, 'model')}: {found}"
    return style.severity("error", text) if errors else style.good(text)
