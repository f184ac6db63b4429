"""What a comment such as ``# richc: ignore[R401] -- reason`` asks for, and what is wrong with it.

The latter is R802.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from richc.diagnostics import SLUGS, WARNING, Diagnostic, Edit, Span
from richc.rules import LASTING, MAX_FINDINGS
from richc.rules.pages import known, suggestion
from richc.syntax import tree
from richc.words import ADDRESS, closest, quotable

WORD = "ignore"

#: The habits of other tools.
_HABITS = {"noqa", "disable", "off", "skip", "allow", "suppress", "nolint", "ignore-file"}

#: What ends a directive: another comment on the same line.
_NEXT = re.compile(r"[ \t]*#(?=[ \t]|richc\b)")
_DIRECTIVE = re.compile(r"ignore[ \t]*\[(?P<rules>[^\]]*)\](?P<rest>.*)", re.DOTALL)
_REASON = re.compile(r"[ \t]*--(?P<reason>.*)", re.DOTALL)
_PREFIX = re.compile(r"[Rr]\d{0,2}")
_RULE = re.compile(r"[^\s,]+")

_WHERE = "it holds for its line, or for what stands below it"
#: On suppressions themselves.
_OWN = ("R801", "R802")
_EXAMPLE = f"`# richc: {WORD}[R401]`"


class Order(NamedTuple):
    """What a comment asks for."""

    rules: tuple[tuple[str, Span], ...]
    reason: str | None
    #: Whether all that it names can be had.
    is_sound: bool


def split(comment: tree.Name) -> Iterator[tuple[Span, str]]:
    """The directives in a comment: where each stands, and its words after ``richc:``."""
    for mark in ADDRESS.finditer(comment.text):
        stop = _NEXT.search(comment.text, mark.end())
        end = len(comment.text) if stop is None else stop.start()
        words = comment.text[mark.end() : end].rstrip()
        begin = comment.span.start + mark.start()
        if _is_meant(words):
            yield Span(begin, comment.span.start + mark.end() + len(words)), words


def _is_meant(words: str) -> bool:
    """Whether this is an order, well-formed or not, and no prose."""
    word = re.match(r"[\w-]*", words)
    assert word is not None
    return (
        word[0] == WORD
        or word[0] in _HABITS
        or words[word.end() :].lstrip().startswith("[")
        or (words == word[0] and len(words) < 12 and closest(words, [WORD]) is not None)
    )


def parse(span: Span, words: str, model: str | None, own: list[Diagnostic]) -> Order | None:
    """What the words ask for; what is wrong with them goes to ``own``."""
    before = len(own)

    def wrong(message: str, place: Span = span, help: str | None = None, *edits: Edit) -> None:
        own.append(_malformed(message, place, model, help, edits))

    begin = span.end - len(words)
    found = _DIRECTIVE.fullmatch(words)
    if found is None:
        if not re.match(rf"{WORD}\b(?!-)", words):
            word = re.split(r"[\s\[=:(]", words)[0]
            wrong(f"unknown word `{quotable(word)}`", help=f"write {_EXAMPLE}; {_WHERE}")
        elif "[" in words:
            wrong("this suppression has no closing `]`", help=f"write {_EXAMPLE}")
        else:
            wrong("this suppression names no rule", help=f"write {_EXAMPLE}")
        return None
    reason = _REASON.fullmatch(found["rest"])
    if reason is None and found["rest"].strip():
        rest = Span(begin + found.start("rest"), span.end)
        wrong("a reason begins with `--`", rest, f"write `# richc: {WORD}[R401] -- REASON`")
        return None
    if reason is not None and not reason["reason"].strip():
        wrong("the reason after `--` is missing")
        return None
    names = list(_RULE.finditer(found["rules"]))
    if not names:
        wrong("this suppression names no rule", help=f"write {_EXAMPLE}")
        return None
    rules: dict[str, Span] = {}
    for name in names:
        offset = begin + found.start("rules")
        place = Span(offset + name.start(), offset + name.end())
        code = known(name[0])
        if code is None and len(own) >= MAX_FINDINGS:
            return None  # Guessing takes time, and nobody reads more.
        if code is None:
            near = suggestion(name[0])
            edits = [Edit(place, near)] if near else []
            help = f"did you mean `{near}`?" if near else "`richc rules` lists all rules"
            if _PREFIX.fullmatch(name[0]):
                help = "comments name single rules, such as R401; `--ignore` takes their beginnings"
            wrong(f"there is no rule `{quotable(name[0])}`", place, help, *edits)
        elif code in LASTING or code in _OWN:
            wrong(
                f"{code} ({SLUGS[code]}) cannot be suppressed",
                place,
                "delete the comment, or use `--ignore`"
                if code in _OWN
                else "it leaves a model without a verdict: mend it",
            )
        else:
            rules.setdefault(code, place)
    why = reason and reason["reason"].strip()
    return Order(tuple(rules.items()), why, is_sound=len(own) == before)


def _malformed(
    message: str, span: Span, model: str | None, help: str | None, edits: Iterable[Edit]
) -> Diagnostic:
    return Diagnostic(
        "R802", message, span, model=model, help=help, edits=tuple(edits), severity=WARNING
    )
