"""Mistakes in the form of a statement: its punctuation, its brackets, where it ends."""

from __future__ import annotations

from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lexer import NAMES, STATEMENT_WORDS, STRAY, begins_statement
from richc.syntax.mistakes.failure import (
    EXAMPLES,
    OPENING,
    Failure,
    insert,
    is_activation,
    replace,
    superfluous,
    syntax,
)
from richc.syntax.mistakes.scale import unnamed
from richc.syntax.source import line_around
from richc.words import LOSSES, norm_meant


def sign_after_word(f: Failure) -> Diagnostic | None:
    """``input: 784``, ``optimizer = adam``, ``richness = 1/2``."""
    if f.first.type not in STATEMENT_WORDS or f.at != f.start + 1:
        return None
    word = f.first.text
    if f.token.type == "COLON" and f.kinds(1, 2) == ("NAME", "ARROW"):
        return None
    if f.token.type not in ("COLON", "EQUAL", "ARROW"):
        return None
    sign = f.token.text
    if f.kinds(0, 2) in [("COLON", "EQUAL"), ("EQUAL", "EQUAL")]:
        sign += "="
    rest = f.words(f.at + len(sign.replace("->", "-")), f.line_end)
    if f.first.type in ("WIDTH", "DEPTH", "RICHNESS") and f.peek(1).type == "NUMBER":
        return unnamed(f, f.at + 1)
    edits = [] if sign in (":=", "==") else [f.without_token()]
    return syntax(
        f"`{word}` is followed by its value directly, without `{sign}`",
        f.token.span,
        f"write `{word} {rest}`" if rest else f"for example `{EXAMPLES[f.first.type]}`",
        edits=edits,
    )


def bracket_after_word(f: Failure) -> Diagnostic | None:
    """``width(n = 256)``, ``input [784]``, ``loss { mse }``."""
    if f.first.type not in STATEMENT_WORDS or f.at != f.start + 1 or f.token.type not in OPENING:
        return None
    word = f.first.text
    if f.first.type == "OPTIMIZER":
        help = f"for example `{EXAMPLES['OPTIMIZER']}`"
        return syntax("the optimizer's name stands before its options", f.token.span, help)
    closing = f.closing(f.at)
    if closing is None or f.first.type == "TRAIN":
        return None
    return syntax(
        f"`{word}` is followed by its value directly, without `{f.token.text}`",
        f.token.span,
        f"write `{word} {f.words(f.at + 1, closing)}`",
        edits=[
            replace(f.token, " " if f.touches(0) else ""),
            replace(f.get(closing), ""),
        ],
    )


def one_value(f: Failure) -> Diagnostic | None:
    """``input x = 784``, ``input 28, 28``, ``loss cross-entropy``."""
    from richc.spelling import meant

    if f.at < f.start + 2 or f.is_on_new_line(f.at):
        return None
    if f.first.type == "INPUT" and f.before.type in NAMES and f.token.type in ("EQUAL", "NUMBER"):
        at = f.at + (f.token.type == "EQUAL")
        return syntax(
            "the input size has no name",
            f.before.span,
            f"write `input {f.value(at)}`",
            edits=[Edit(Span(f.before.start, f.get(at).start), "")],
        )
    if f.first.type == "LOSS" and f.token.type in ("MINUS", *NAMES):
        span = f.span(f.start + 1, f.line_end)
        words = [t.text for t in f.tokens[f.start + 1 : f.line_end] if t.type in NAMES]
        known = meant("_".join(words), LOSSES) if len(words) == 2 else ()
        if known:
            help = f"write `loss {known[0]}`"
            edits = [Edit(span, known[0])]
            return syntax("a loss is one word", span, help, edits=edits)
    if f.first.type in ("INPUT", "LOSS") and f.token.type == "COMMA":
        if f.is_on_new_line(f.at + 1):
            return None
        example = f"for example `{EXAMPLES[f.first.type]}`"
        return syntax(f"`{f.first.text}` has one value", f.span(f.at, f.line_end), example)
    return None


def braces(f: Failure) -> Diagnostic | None:
    """``optimizer adam lr = 1e-3``, ``optimizer adam(lr = 1e-3)``, ``dense -> n [std = 1]``."""
    at = f.at
    if f.token.type == "EQUAL" and f.kinds(-2, 2)[0] in ("LPAR", "LSQB"):
        at -= 2  # `n (std` is the beginning of a call.
    elif "LBRACE" not in f.accepted:
        return None
    if f.first.type not in ("OPTIMIZER", "TRAIN", "NAME") or f.is_on_new_line(at):
        return None
    kinds = tuple(f.get(at + by).type for by in range(4))
    if kinds[0] in ("COMMA", "COLON", "EQUAL") and kinds[1] == "LBRACE":
        return superfluous(f"no `{f.get(at).text}` stands before `{{`", f.get(at))
    head = f.words(f.start, at)
    if kinds[0] in ("LPAR", "LSQB"):
        closing = f.closing(at)
        if closing is None or kinds[1] not in NAMES or kinds[2] not in ("EQUAL", "COLON"):
            return None
        inside = f.words(at + 1, closing)
        gap = "" if f.text[f.get(at).start - 1].isspace() else " "
        edits = [replace(f.get(at), f"{gap}{{ "), replace(f.get(closing), " }")]
        return _in_braces(head, inside, f.get(at).span, edits)
    before: list[Edit] = []
    if kinds[0] in ("COMMA", "COLON"):
        before = [replace(f.get(at), "")]
        at, kinds = at + 1, kinds[1:]
    if kinds[0] not in NAMES or kinds[1] not in ("EQUAL", "COLON", *NAMES, "NUMBER"):
        return None
    if kinds[1] in NAMES and f.first.type == "NAME":
        return None
    end = f.line_end
    is_closed = f.get(end - 1).type in ("RBRACE", STRAY)
    inside = f.words(at, end - 1 if is_closed else end)
    edits = [*before, insert(f.get(at).start, "{ ")]
    if not is_closed:
        edits.append(insert(f.get(end - 1).span.end, " }"))
    return _in_braces(head, inside, f.span(at, end), edits)


def _in_braces(head: str, inside: str, span: Span, edits: list[Edit]) -> Diagnostic:
    return syntax(
        "attributes and options stand in braces",
        span,
        f"write `{head} {{ {inside} }}`",
        edits=edits,
    )


def empty_parentheses(f: Failure) -> Diagnostic | None:
    """``relu()``, ``loss mse()``."""
    opening = f.at if f.kinds(0, 2) == ("LPAR", "RPAR") else f.at - 1
    if opening <= f.start or tuple(t.type for t in f.tokens[opening : opening + 2]) != (
        "LPAR",
        "RPAR",
    ):
        return None
    name = f.get(opening - 1)
    if name.text == "sqrt" or name.type not in NAMES:
        return syntax(
            "nothing stands between `(` and `)`",
            f.span(opening, opening + 2),
            "for example `sqrt(n)`",
        )
    span = f.span(opening, opening + 2)
    return syntax(
        f"`{name.text}` is written without `()`", span, "remove them", edits=[Edit(span, "")]
    )


def line_ends(f: Failure) -> Diagnostic | None:
    """Two statements on a line, and commas at its end."""
    at = f.at
    if f.unclosed is not None:
        return None
    if f.at == f.start + 1 and f.first.type in NAMES and not is_activation(f.first.text):
        return None
    if f.before.type == "COMMA" and begins_statement(f.tokens, at):
        if not f.is_on_new_line(at):
            return _one_a_line(f, f.at - 1, at)
        return superfluous("nothing follows this comma", f.before)
    if "NEWLINE" not in f.accepted:
        return None
    if f.token.type == "COMMA":
        if f.is_on_new_line(at + 1):
            return superfluous("nothing follows this comma", f.token)
        at += 1
    token = f.get(at)
    is_word = is_activation(token.text) or norm_meant(token.text) is not None
    if f.is_on_new_line(at) or not (is_word or begins_statement(f.tokens, at)):
        return None
    return _one_a_line(f, f.at, at)


def _one_a_line(f: Failure, gap: int, at: int) -> Diagnostic:
    """Tokens from ``gap`` on give way to a line's end before the one at ``at``."""
    token = f.get(at)
    start, _ = line_around(f.text, f.first.start)
    indent = f.text[start : f.first.start]
    edits = [Edit(Span(f.get(gap - 1).span.end, token.start), f"\n{indent}")]
    return syntax(
        f"one statement a line: `{token.text}` begins another",
        token.span,
        f"write `{token.text}` on a line of its own",
        edits=edits if not indent.strip() else [],
    )


RECOGNISERS = (
    sign_after_word,
    bracket_after_word,
    one_value,
    empty_parentheses,
    braces,
    line_ends,
)
