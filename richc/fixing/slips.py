"""What ``richc fix`` does to a text that cannot be read: the edits that its messages offer."""

from __future__ import annotations

from collections.abc import Container

from richc.diagnostics import Diagnostic
from richc.fixing.warning_edits import apart
from richc.pipeline import FileResult

#: How often to look again: what is mended may have hidden another slip.
ROUNDS = 50


def slips(result: FileResult, codes: Container[str]) -> list[Diagnostic]:
    """Errors of syntax and names that have edits, in order, and as many as can be made at once."""
    judged = {d for model in result.models for d in model.diagnostics}
    return apart(
        found
        for found in result.diagnostics
        if found.is_error and found.edits and found.code in codes and found not in judged
    )
