"""The whole page: its models' chapters, and what belongs to none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from richc._version import __version__
from richc.files import starts_with
from richc.page.rendering import render, style_sheet, words_of
from richc.page.sections import PageSection, Run, sections
from richc.page.snippets import findings
from richc.pipeline import FileResult, ModelResult

#: Begins the tag by which richc knows a page that it may overwrite.
_MARKER = '<meta name="generator" content="richc '
#: Where it stands at the latest, in bytes.
_HEAD = 400


class Chapter(NamedTuple):
    """One model's part of the page."""

    anchor: str
    model: ModelResult
    sections: list[PageSection]


def page(result: FileResult, runs: Sequence[Run]) -> str:
    """The page about a file, and what was measured of its models."""
    chapters = [
        Chapter(
            f"model-{number}", model, sections(result, model, f"model-{number}", _of(runs, model))
        )
        for number, model in enumerate(result.models, start=1)
    ]
    judged = {d for model in result.models for d in model.diagnostics}
    others = [d for d in result.diagnostics if d not in judged]
    style = style_sheet()
    return render(
        "page.html",
        version=__version__,
        marker=_MARKER,
        path=result.source.shown,
        title=_title(result),
        style=style,
        style_hash=style.hash,
        chapters=chapters,
        words=words_of(
            text
            for chapter in chapters
            for text in (chapter.model.sentence, *(section.html for section in chapter.sections))
        ),
        findings=findings(result.source, others),
        text_hash=hashlib.sha256(result.source.text.encode()).hexdigest()[:16],
    )


def _of(runs: Sequence[Run], model: ModelResult) -> list[Run]:
    return [run for run in runs if run.model == model.spec.name]


def _title(result: FileResult) -> str:
    """What a browser's tab says first."""
    names = [f"{m.spec.name} {'passes' if m.passes else 'fails'}" for m in result.models[:3]]
    more = ", ..." if len(result.models) > 3 else ""
    return f"{', '.join(names)}{more}" if names else "no verdict"


def is_ours(path: Path) -> bool:
    """True for a page that richc wrote.  Raises OSError."""
    return starts_with(path, _MARKER.encode(), within=_HEAD)
