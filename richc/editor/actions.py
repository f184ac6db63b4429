"""Quick fixes: the edits of findings, and those of `richc fix`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from richc.diagnostics import WARNING, Diagnostic, Edit, Span
from richc.editor.document import Document
from richc.pipeline import ModelResult
from richc.rules import INFERRED

QUICK_FIX = "quickfix"
FIX_ALL = "source.fixAll.richc"
FILL_HOLES = "source.fillHoles.richc"


class Action(NamedTuple):
    """Something to do; where ``model`` is given, its edits are those of ``fixed``."""

    title: str
    kind: str
    edits: tuple[Edit, ...] = ()
    #: What it mends, if that is one finding.
    diagnostic: Diagnostic | None = None
    model: str | None = None


def actions(document: Document, start: int, end: int) -> list[Action]:
    """What can be done about a part of a text."""
    result = document.result
    found = [d for d in result.diagnostics if d.span.start <= end and start <= d.span.end]
    done = [_quick_fix(document, diagnostic) for diagnostic in found if diagnostic.edits]
    for model in result.models:
        if model.spec.place.start <= end and start <= model.spec.place.end:
            done += _of_model(model)
    return done


def _quick_fix(document: Document, diagnostic: Diagnostic) -> Action:
    if diagnostic.code == INFERRED:
        title = f"Write the exponent {diagnostic.edits[0].text}"
    else:
        changes = [_shown(document.source.text, edit) for edit in diagnostic.edits]
        title = f"{diagnostic.code}: {', '.join(changes)}"
    return Action(title, QUICK_FIX, diagnostic.edits, diagnostic)


def _shown(text: str, edit: Edit) -> str:
    old = text[edit.span.start : edit.span.end]
    return f"`{old}` → `{edit.text}`" if old else f"add `{edit.text.strip(' ,')}`"


def _of_model(model: ModelResult) -> Iterator[Action]:
    name = model.spec.name
    holes = tuple(e for d in model.diagnostics if d.code == INFERRED for e in d.edits)
    if holes:
        yield Action(f"Fill all holes of `{name}`", FILL_HOLES, holes)
    warnings = any(d.edits and d.severity == WARNING for d in model.diagnostics)
    if holes or warnings or not model.passes:
        yield Action(f"Fix all of `{name}`", FIX_ALL, model=name)


def fixed(document: Document, model: str) -> tuple[Edit, ...]:
    """What `richc fix --model` does to the text, as the smallest edits of lines."""
    from richc.fixing.fix import fix

    return edits_between(document.source.text, fix(document.source, model).result.source.text)


def edits_between(old: str, new: str) -> tuple[Edit, ...]:
    """Edits that make one text the other: of each line that differs, where both have as many."""
    if old == new:
        return ()
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) != len(after):
        return (_trimmed(old, new, 0),)
    edits = []
    offset = 0
    for one, other in zip(before, after, strict=True):
        if one != other:
            edits.append(_trimmed(one, other, offset))
        offset += len(one)
    return tuple(edits)


def _trimmed(old: str, new: str, offset: int) -> Edit:
    """One edit, without what both texts begin and end with."""
    most = min(len(old), len(new))
    start = next((i for i in range(most) if old[i] != new[i]), most)
    most -= start
    end = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    span = Span(offset + start, offset + len(old) - end)
    return Edit(span, new[start : len(new) - end])
