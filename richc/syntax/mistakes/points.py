"""Mistakes in `require` and `parameterization` statements."""

from __future__ import annotations

from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lexer import NAMES
from richc.syntax.mistakes.failure import Failure, replace, rewritten, syntax
from richc.words import GAUGES


def require(f: Failure) -> Diagnostic | None:
    """``require gauge = stp``, ``require rich 1/4``, ``require mup, ntp``."""
    if f.first.type != "REQUIRE" or f.at < f.start + 2:
        return None
    word, rest = f.get(f.start + 1).text, f.words(f.at, f.line_end)
    if f.token.type in ("EQUAL", "COLON"):
        if word == "r":
            return _rich(f, "require", f.words(f.at + 1, f.line_end))
        if f.at == f.start + 2:
            help = f"write `require {word} {f.words(f.at + 1, f.line_end)}`"
            edits = [f.without_token()]
            return syntax(
                f"`{word}` is followed by its value directly", f.token.span, help, edits=edits
            )
    if word == "rich" and f.at == f.start + 2 and f.token.type == "NUMBER":
        return _rich(f, "require", rest)
    if word == "rich" and f.token.type == "EQUAL" and f.before.text == "r":
        return _rich(f, "require", f.words(f.at + 1, f.line_end))
    if word == "equivalent" and f.kinds(-1, 3) == ("LPAR", "STRING", "RPAR"):
        edits = [replace(f.before, " "), replace(f.peek(1), "")]
        help = f"write `require equivalent {f.token.text}`"
        return syntax("a path stands without parentheses", f.before.span, help, edits=edits)
    if f.token.type == "COMMA" or f.before.text in ("and", "or"):
        other = f.peek(1) if f.token.type == "COMMA" else f.token
        return syntax(
            "one requirement a statement",
            f.token.span,
            f"write `require {other.text}` on a line of its own",
        )
    return None


def _rich(f: Failure, word: str, value: str) -> Diagnostic:
    span = f.span(f.start + 1, f.line_end)
    right = f"rich(r = {value})"
    return syntax(
        "a point of the richness scale is written `rich(r = ...)`",
        span,
        f"write `{word} {right}`",
        edits=[Edit(span, right)],
    )


def parameterization(f: Failure) -> Diagnostic | None:
    """``parameterization rich 1/4``, ``mup { gauge = stp }``, ``mup, stp``."""
    if f.first.type != "PARAMETERIZATION" or f.at < f.start + 2:
        return None
    preset = f.get(f.start + 1).text
    if preset == "rich" and f.token.type == "NUMBER" and f.at == f.start + 2:
        return _rich(f, "parameterization", f.words(f.at, f.line_end))
    if f.token.type == "LBRACE":
        closing = f.closing(f.at)
        inside = f.words(f.at + 1, closing) if closing is not None else "gauge = stp"
        edits = []
        if closing is not None:
            edits = [
                Edit(Span(f.before.span.end, f.token.span.end), ","),
                Edit(Span(f.get(closing - 1).span.end, f.get(closing).span.end), ""),
            ]
        help = f"write `parameterization {preset}, {inside}`"
        return syntax(
            "the gauge stands after a comma, without braces", f.token.span, help, edits=edits
        )
    gauge = f.before if f.before.type in NAMES else f.token
    if f.token.type == "NEWLINE" and f.kinds(-2, 1) == ("COMMA",) and gauge.text in GAUGES:
        right = f"gauge = {gauge.text}"
        return rewritten("the gauge is an option with a name", gauge.span, right)
    return None


RECOGNISERS = (require, parameterization)
