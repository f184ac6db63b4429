"""Mistakes in `width`, `depth` and `richness` statements."""

from __future__ import annotations

from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lexer import NAMES
from richc.syntax.mistakes.failure import EXAMPLES, Failure, insert, syntax

#: How the symbols are called in examples.
_SYMBOLS = {"WIDTH": "n", "DEPTH": "L"}


def unnamed(f: Failure, at: int) -> Diagnostic:
    value = f.words(at, f.line_end)
    if f.first.type == "RICHNESS":
        right = f"richness r = {value}"
        span = Span(f.first.span.end, f.get(at).start)
        return syntax(
            "the richness exponent is called `r`",
            f.token.span,
            f"write `{right}`",
            edits=[Edit(span, " r = ")],
        )
    word = f.first.text
    symbol = _SYMBOLS[f.first.type]
    return syntax(
        f"the {word} needs a name, for expressions to speak of it",
        f.token.span,
        f"write `{word} {symbol} = {value}`",
    )


def unnamed_symbol(f: Failure) -> Diagnostic | None:
    """``width 256``, ``richness 1/2``, ``base = 64``."""
    is_first = f.at == f.start + 1 and f.first.type in (*_SYMBOLS, "RICHNESS")
    if is_first and f.token.type == "NUMBER":
        return unnamed(f, f.at)
    is_base = f.first.type in _SYMBOLS and f.before.type == "BASE"
    if is_base and f.token.type in ("EQUAL", "NUMBER"):
        at = f.at + (f.token.type == "EQUAL")
        value = f.words(at, f.line_end)
        return syntax(
            f"the base {f.first.text} needs a name, for expressions to speak of it",
            f.before.span.to(f.token.span),
            f"write `base {_SYMBOLS[f.first.type]}0 = {value}`" if value else None,
        )
    return None


def symbol_sign(f: Failure) -> Diagnostic | None:
    """``width n: 256``, ``width n := 256``, ``width n``, ``richness r in [0, 1/2]``."""
    if f.first.type not in (*_SYMBOLS, "RICHNESS") or "EQUAL" not in f.accepted:
        return None
    if f.token.type == "IN":
        return syntax(
            "the richness needs a value of its own, besides its interval",
            f.token.span,
            "for example `richness r = 1/2 in [0, 1/2]`",
        )
    if f.token.type == "NEWLINE" or f.is_on_new_line(f.at):
        what = f"`{f.words(f.line_start if f.token.type != 'NEWLINE' else f.start, f.at)}`"
        if f.before.type not in NAMES:
            return None
        return syntax(
            f"`{f.before.text}` has no value",
            f.before.span,
            f"for example `{EXAMPLES[f.first.type]}`" if what else None,
        )
    return None


def missing_base(f: Failure) -> Diagnostic | None:
    """``width n = 256, n0 = 64``."""
    if f.first.type not in _SYMBOLS or f.accepted != {"BASE"} or f.token.type not in NAMES:
        return None
    return syntax(
        f"`{f.token.text}` is no option of `{f.first.text}`",
        f.token.span,
        f"the {f.first.text} at which hyperparameters were tuned is written "
        f"`base {f.token.text} = ...`",
        edits=[insert(f.token.start, "base ")] if f.peek(1).type == "EQUAL" else [],
    )


def interval(f: Failure) -> Diagnostic | None:
    """``in 0..1/2``, ``in (0, 1/2)``, ``in [0, 1/2)``."""
    if f.first.type != "RICHNESS":
        return None
    start = next((i for i in range(f.start, f.at) if f.get(i).type == "IN"), None)
    if start is None or f.is_on_new_line(f.at):
        return None
    return syntax(
        "an interval is written `[LOW, HIGH]`",
        f.span(start + 1, f.line_end),
        "for example `richness r = 1/2 in [0, 1/2]`",
    )


RECOGNISERS = (unnamed_symbol, symbol_sign, missing_base, interval)
