"""The edits that warnings offer, made where they leave fewer findings and no new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator

from richc.diagnostics import WARNING, Diagnostic, Edit, apply
from richc.pipeline import FileResult, analyse_source
from richc.syntax.source import Source

#: What a finding is, wherever it stands.
_Key = tuple[str, str | None, str | None, str]


def accept(
    result: FileResult, name: str | None, codes: Container[str]
) -> tuple[FileResult, list[Diagnostic]]:
    """The text with all of these edits made, and the findings that they mended.

    Those that do not overlap are made together; the others in the turns after that, until nothing
    is offered any more.  ``name`` is that of the one model that is concerned, if it is one.
    """
    mended: list[Diagnostic] = []
    refused: set[_Key] = set()

    def offered() -> Iterator[Diagnostic]:
        for found in result.diagnostics:
            if found.severity != WARNING or not found.edits or _key(found) in refused:
                continue
            if found.code in codes and name in (None, found.model):
                yield found

    while batch := apart(offered()):
        after = _improved(result, batch)
        if after is None and len(batch) > 1:
            # One of them is to blame: one at a time.
            batch = batch[:1]
            after = _improved(result, batch)
        if after is None:
            refused.add(_key(batch[0]))
        else:
            result = after
            mended += batch
    return result, mended


def edited(result: FileResult, edits: Iterable[Edit]) -> FileResult:
    """The analysis of the text with edits made; they must not overlap."""
    source = result.source
    return analyse_source(Source(source.path, apply(source.text, edits)))


def apart(offered: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Findings whose edits do not touch each other, the first ones first."""
    chosen: list[Diagnostic] = []
    taken: list[Edit] = []
    for found in offered:
        if all(not _touch(edit, other) for edit in found.edits for other in taken):
            chosen.append(found)
            taken += found.edits
    return chosen


def _touch(one: Edit, other: Edit) -> bool:
    return one.span.start <= other.span.end and other.span.start <= one.span.end


def _improved(result: FileResult, batch: Iterable[Diagnostic]) -> FileResult | None:
    """The text with the edits made; None if something is found in it that was not before."""
    after = edited(result, [edit for found in batch for edit in found.edits])
    before, left = _findings(result), _findings(after)
    return after if left < before else None


def _findings(result: FileResult) -> Counter[tuple[str, str | None, str | None]]:
    """How often what is found where; words change with the numbers in them."""
    return Counter((d.code, d.model, d.layer) for d in result.diagnostics)


def _key(found: Diagnostic) -> _Key:
    return found.code, found.model, found.layer, found.message
