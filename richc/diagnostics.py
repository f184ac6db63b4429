"""Diagnostics as data: what every stage reports and every renderer reads.

No message holds a line number; spans are character offsets into the source, and renderers turn
them into lines and columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How grave a finding is, gravest first in the alphabet too."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


#: Every code and its slug: stable, for `--select`, suppressions and documentation.
SLUGS: dict[str, str] = {
    "R001": "syntax",
    "R002": "no-model",
    "R003": "nesting",
    "R004": "not-in-language",
    "R006": "unreadable",
    "R007": "too-many-errors",
    "R010": "unknown-name",
    "R011": "unknown-word",
    "R012": "reserved-name",
    "R013": "duplicate",
    "R014": "missing-statement",
    "R015": "missing-attribute",
    "R016": "conflict",
    "R017": "bad-value",
    "R018": "misplaced",
    "R019": "shape",
    "R020": "sum",
    "R021": "negative",
    "R022": "zero",
    "R023": "ambiguous-exponent",
    "R024": "overflow",
    "R025": "bad-exponent",
    "R026": "too-many-layers",
    "R101": "representation-size",
    "R102": "output-size",
    "R103": "update-explodes",
    "R104": "exponential-stream",
    "R201": "output-explodes",
    "R202": "nothing-learnt",
    "R203": "first-step-readout",
    "R301": "useless-update",
    "R401": "negligible-update",
    "R402": "negligible-readout",
    "R403": "negligible-family",
    "R501": "no-such-gauge",
    "R502": "requirement-fails",
    "R503": "inferred-exponent",
    "R504": "undetermined-exponent",
    "R505": "unsolvable-exponents",
    "R506": "undecided-interval",
    "R507": "mixed-richness",
    "R601": "epsilon",
    "R602": "weight-decay",
    "R603": "adafactor-zero",
    "R604": "adafactor-rate",
    "R605": "decay-beside-kernel",
    "R606": "shape-factor-word",
    "R701": "signal-prefactor",
    "R702": "precision-range",
    "R703": "adafactor-floor",
    "R704": "no-base-width",
    "R705": "epsilon-floor",
    "R706": "plain-depth",
    "R801": "unused-suppression",
    "R802": "bad-suppression",
    "R803": "unused-statement",
    "R901": "lazy-branch",
    "R902": "undecided-depth",
    "R903": "grown-stream",
}

#: Codes of ``richc audit``, whose findings are of PyTorch code, and their slugs: just as stable.
AUDITED: dict[str, str] = {
    "A101": "init-size",
    "A102": "output-at-init",
    "A103": "multiplier-size",
    "A301": "own-update-too-large",
    "A302": "own-update-too-small",
    "A401": "softmax-grows",
    "A402": "attention-grows",
    "A501": "readout-too-large",
    "A502": "readout-update",
    "A503": "lazy-scale",
    "A601": "decay-with-width",
    "A602": "eps-with-width",
    "A603": "schedule-with-width",
    "A701": "read-and-measured",
}


class RichError(ValueError):
    """What somebody has to mend before richc can go on; ``str(error)`` tells them, in one line.

    A command ends with that line and exit code 2 (richc/cli/errors.py).  Of a text with errors that
    the Python interface is given, it is the rendered diagnostics.
    """

    __module__ = "richc"


class Span(NamedTuple):
    """Character offsets into a source text, end exclusive."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        return Span(self.start, other.end)


class Label(NamedTuple):
    """A second place that the message points at, with its own words."""

    span: Span
    text: str


class Edit(NamedTuple):
    """Replace the text at ``span`` by ``text``."""

    span: Span
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits made, each once; they lie inside of it and must not overlap."""
    behind = len(text)
    for edit in sorted(set(edits), reverse=True):
        start, end = edit.span
        # A wrong place would lengthen the text, or lose a part of it.
        assert 0 <= start <= end <= behind, edit
        text = text[:start] + edit.text + text[end:]
        behind = start
    return text


class Diagnostic(NamedTuple):
    """One finding, complete: renderers add nothing but layout."""

    code: str
    message: str
    span: Span
    #: Words beside the carets; empty when the message says it all.
    label: str = ""
    desideratum: str | None = None
    layer: str | None = None
    model: str | None = None
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    edits: tuple[Edit, ...] = ()
    severity: Severity = ERROR

    @property
    def slug(self) -> str:
        return SLUGS[self.code]

    @property
    def is_error(self) -> bool:
        return self.severity == ERROR


class Suppressed(NamedTuple):
    """A finding that a comment in the text silences."""

    diagnostic: Diagnostic
    reason: str | None
