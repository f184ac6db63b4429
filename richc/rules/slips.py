"""What ``richc fix`` does to a text that cannot be read: the edits that its messages offer."""

from __future__ import annotations

from collections.abc import Container, Iterator

from richc.diagnostics import Diagnostic
from richc.pipeline import FileResult

#: How often to look again: what is mended may have hidden another slip.
ROUNDS = 50


def slips(result: FileResult, codes: Container[str]) -> Iterator[Diagnostic]:
    """Errors of syntax and names that have edits, in order, and as many as can be made at once."""
    judged = {d for model in result.models for d in model.diagnostics}
    end = -1
    for found in result.diagnostics:
        if not found.is_error or not found.edits or found.code not in codes or found in judged:
            continue
        if min(edit.span.start for edit in found.edits) > end:
            yield found
            end = max(edit.span.end for edit in found.edits)
