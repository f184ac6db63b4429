"""The pages of the rules: one Markdown file for each code, beside the rules, named as its slug.

The same page is `richc explain CODE`, the documentation and a test (tests/rules/test_pages.py).  It
begins with what a listing needs::

    # R401 negligible-update (D3)

    *error, with a fix*

    A first sentence, which is the rule's summary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from richc.diagnostics import AUDITED, SLUGS, Severity
from richc.words import closest

#: Every code that has a page, and its slug.
ALL = SLUGS | AUDITED

_CODES = {slug: code for code, slug in ALL.items()}

_CODE = re.compile(r"[AaRr]\d+")

_HEAD = re.compile(
    r"# (?P<code>[AR]\d+) (?P<slug>[a-z0-9-]+)(?: \((?P<desideratum>D\d)\))?\n\n"
    r"\*(?P<severity>error|warning|info)(?P<fix>, with a fix)?\*\n\n"
    r"(?P<summary>.+?\.)(?=\s)",
    re.DOTALL,
)


class Page(NamedTuple):
    """A page, and what its head says."""

    code: str
    slug: str
    #: The desideratum that the rule decides, if it decides one.
    desideratum: str | None
    severity: Severity
    #: Whether findings may carry an edit.
    fixable: bool
    summary: str
    #: All of it, as Markdown.
    text: str


def known(what: str) -> str | None:
    """The code that is meant by a code or a slug, however it is spelt; None for other words."""
    code = what.upper()
    return code if code in ALL else _CODES.get(what.lower().replace("_", "-"))


def suggestion(what: str) -> str | None:
    """The code or slug that a person probably meant, if any is near."""
    if _CODE.fullmatch(what):
        # Codes of one subject begin with the same digit.
        near = closest(what, [c.lower() for c in ALL if c[:2] == what[:2].upper()])
        return near and near.upper()
    return closest(what, _CODES)


def file_name(code: str) -> str:
    return f"{ALL[code].replace('-', '_')}.md"


def read(code: str) -> Page:
    """The page of a known code."""
    text = Path(__file__).with_name(file_name(code)).read_text(encoding="utf-8")
    return parse(text)


def parse(text: str) -> Page:
    """A page from its text.  Raises ValueError where its head is not as it has to be."""
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"this page does not begin as a page does: {text[:100]!r}")
    return Page(
        code=head["code"],
        slug=head["slug"],
        desideratum=head["desideratum"],
        severity=Severity(head["severity"]),
        fixable=head["fix"] is not None,
        summary=" ".join(head["summary"].split()),
        text=text,
    )


def every() -> Iterator[Page]:
    """All pages, in the order of their codes."""
    return map(read, sorted(ALL))
