"""``--select`` and ``--ignore``: which rules' findings are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from richc.diagnostics import AUDITED, SLUGS, RichError
from richc.rules import LASTING
from richc.rules.pages import known, suggestion

_PREFIX = re.compile(r"[Rr]\d{0,2}")


class UnknownRules(RichError):
    """Words that name no rule; the message says what they might mean."""


def wanted(select: Sequence[str], ignore: Sequence[str]) -> frozenset[str]:
    """The codes to report: the named ones, and what leaves a model without a verdict.

    Raises UnknownRules.
    """
    return chosen(select, ignore) | LASTING


def chosen(select: Sequence[str], ignore: Sequence[str]) -> frozenset[str]:
    """The selected codes (all, where none are named) less the ignored ones.

    A word is a code, a slug, or the beginning of codes such as ``R4``; several are separated by
    commas.  What leaves a model without a verdict cannot be ignored.  Raises UnknownRules.
    """
    problems: list[str] = []
    selected = _codes(select, problems)
    ignored = _codes(ignore, problems)
    if not problems:
        for word, codes in ignored:
            if not codes - LASTING:
                problems.append(
                    f"`{word}` cannot be ignored: it leaves a model without a verdict"
                )  # fmt: skip
    if problems:
        raise UnknownRules("; ".join(problems))
    named = {code for _, codes in selected for code in codes} if selected else set(SLUGS)
    return frozenset(named - {code for _, codes in ignored for code in codes})


def _codes(words: Iterable[str], problems: list[str]) -> list[tuple[str, set[str]]]:
    found: list[tuple[str, set[str]]] = []
    for word in (part.strip() for words_ in words for part in words_.split(",")):
        if not word:
            continue
        code = known(word)
        if code in AUDITED:
            problems.append(f"`{word}` is of PyTorch code: `richc audit --ignore`")
            continue
        codes = {code} if code else set()
        if not codes and _PREFIX.fullmatch(word):
            codes = {code for code in SLUGS if code.startswith(word.upper())}
        if codes:
            found.append((word, codes))
            continue
        near = suggestion(word)
        hint = f", did you mean `{near}`?" if near else " (`richc rules` lists all rules)"
        problems.append(f"there is no rule `{word}`{hint}")
    return found
