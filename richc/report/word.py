"""What ``richc explain`` says of a word that names no rule, as Markdown."""

from __future__ import annotations

import re
from textwrap import fill

from richc.glossary import CONCEPTS, concept, meanings
from richc.rules import pages

_WIDTH = 100
#: The beginning of codes, as --select takes it.
_BEGINNING = re.compile(r"[AaRr]\d{1,2}")


def page(word: str) -> str | None:
    """The meaning of a word, or the rules whose codes begin so; None for what is neither."""
    return _rules(word.upper()) if _BEGINNING.fullmatch(word) else _word(word)


def _rules(beginning: str) -> str | None:
    found = [page for page in pages.every() if page.code.startswith(beginning)]
    if not found:
        return None
    subjects = {page.desideratum for page in found}
    (subject,) = subjects if len(subjects) == 1 else (None,)
    parts = [f"# {beginning}"]
    parts += [fill(f"{subject}: {CONCEPTS[subject]}", _WIDTH)] if subject in CONCEPTS else []
    parts += ["\n".join(_listed(f"- {page.code} {page.slug}: {page.summary}") for page in found)]
    return "\n\n".join([*parts, "`richc explain CODE` has the page of each.\n"])


def _word(word: str) -> str | None:
    known, kinds = concept(word), meanings(word)
    if known is None and not kinds:
        return None
    parts = [f"# {known or kinds[0][1]}"]
    parts += [fill(CONCEPTS[known], _WIDTH)] if known else []
    if kinds:
        parts.append(
            "\n".join(_listed(f"- {kind} `{name}`: {about}") for kind, name, about in kinds)
        )
    rules = [
        f"{p.code} {p.slug}" for p in pages.every() if p.desideratum and p.desideratum == known
    ]
    if rules:
        parts.append(fill(f"Decided by {', '.join(rules)}.", _WIDTH))
    return "\n\n".join(parts) + "\n"


def _listed(text: str) -> str:
    return fill(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
