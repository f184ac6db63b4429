"""What is said of a text that cannot be read; what people write by mistake is in ``mistakes``."""

from __future__ import annotations

from richc.diagnostics import Diagnostic, Span
from richc.syntax.lalr import Token
from richc.syntax.lexer import MAX_NESTING, NAMES, STATEMENT_WORDS
from richc.syntax.mistakes import (
    blocks,
    deep,
    expressions,
    foreign,
    layers,
    points,
    scale,
    statements,
)
from richc.syntax.mistakes.failure import EXAMPLES, Failure, insert, syntax

#: How the grammar's terminals are called in messages.
_TERMINALS = {
    "ARROW": "`->`",
    "BASE": "`base`",
    "CIRCUMFLEX": "`^`",
    "COLON": "`:`",
    "COMMA": "`,`",
    "EQUAL": "`=`",
    "IN": "`in`",
    "LBRACE": "`{`",
    "LPAR": "`(`",
    "LSQB": "`[`",
    "MINUS": "`-`",
    "MODEL": "`model`",
    "NAME": "a name",
    "NEWLINE": "the end of the line",
    "NUMBER": "a number",
    "PLUS": "`+`",
    "QMARK": "`?`",
    "RBRACE": "`}`",
    "RPAR": "`)`",
    "RSQB": "`]`",
    "SLASH": "`/`",
    "STAR": "`*`",
    "STRING": 'a "string"',
    "$END": "the end of the file",
} | {terminal: f"`{word}`" for terminal, word in STATEMENT_WORDS.items()}

#: Sets of terminals that have one name together.
_GROUPS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset(STATEMENT_WORDS) | {*NAMES, "RBRACE"}, "a statement or `}`"),
    (frozenset({*NAMES, "NUMBER", "LPAR", "MINUS"}), "an expression"),
    (frozenset({*NAMES, "NUMBER", "LPAR"}), "a number, a name or `(`"),
    (frozenset({"STAR", "SLASH", "PLUS", "MINUS"}), "an operator"),
    (frozenset({"PLUS", "MINUS"}), "an operator"),
    (frozenset(NAMES), "a name"),
)

#: In this order: the first that has something to say is heard.
_RECOGNISERS = (
    blocks.unclosed_block,
    *deep.RECOGNISERS,
    foreign.activation,
    *layers.RECOGNISERS,
    *scale.RECOGNISERS,
    *points.RECOGNISERS,
    *statements.RECOGNISERS,
    foreign.reserved,
    foreign.foreign,
    *expressions.RECOGNISERS,
    *blocks.RECOGNISERS,
    expressions.product,
)


def no_model(has_text: bool) -> Diagnostic:
    what = "there is no model in this file" if has_text else "the file is empty"
    return Diagnostic("R002", what, Span(0, 0), help="a file holds `model NAME { ... }`")


def too_deep(span: Span) -> Diagnostic:
    return Diagnostic(
        "R003",
        f"brackets are nested more than {MAX_NESTING} deep",
        span,
        help="nothing in the language needs this",
    )


def too_long(span: Span) -> Diagnostic:
    return Diagnostic("R024", "this statement is longer than any model needs", span)


def capped(found: list[Diagnostic], limit: int) -> list[Diagnostic]:
    """The first ``limit`` findings, and that there are more where there are."""
    if len(found) <= limit:
        return found
    more = Diagnostic(
        "R007",
        "too many errors; the rest is not reported",
        found[limit].span,
    )
    return [*found[:limit], more]


def unclosed_model(name: object, brace: Span, end: int) -> Diagnostic:
    """``end`` is where the last of its statements ends."""
    text = getattr(name, "text", "")
    return syntax(
        f"the `{{` of model `{text}` is never closed",
        brace,
        "write a `}` after its last statement",
        edits=[insert(end, "\n}")],
    )


def unclosed_body(brace: Token, end: int) -> Diagnostic:
    """``end`` is where the last of its statements ends."""
    return syntax(
        "this `{` is never closed",
        brace.span,
        "write a `}` after its last statement",
        edits=[insert(end, "\n}")],
    )


def bad_statement(f: Failure) -> Diagnostic:
    """A statement that cannot be read (``at == len(tokens)`` where the file ends in it)."""
    if f.at >= len(f.tokens):
        bracket = f.first if f.unclosed is None else f.get(f.unclosed)
        closing = {"(": ")", "[": "]", "{": "}"}.get(bracket.text)
        help = f"write a `{closing}`" if closing else None
        return syntax(f"this `{bracket.text}` is never closed", bracket.span, help)
    for recognise in _RECOGNISERS:
        found = recognise(f)
        if found is not None:
            return found
    is_layer = f.first.type in NAMES and (f.first.type != "DEPTH" or f.get(f.start + 1).text == ":")
    kind = "layer" if is_layer else f.first.type
    example = EXAMPLES.get(kind)
    help = f"for example `{example}`" if example else None
    if f.at > f.start and f.is_on_new_line(f.at):
        # Point at the end of what is there, not at the empty place after it.
        message = f"the statement ends too early: expected {_expected(f)}"
        return syntax(message, f.before.span, help)
    return syntax(f"unexpected `{_shown(f.token)}`: expected {_expected(f)}", f.token.span, help)


def _shown(token: Token) -> str:
    return token.text if len(token.text) <= 40 else token.text[:37] + "..."


def _expected(f: Failure) -> str:
    accepted = set(f.accepted)
    if "NEWLINE" in accepted and f.unclosed is not None:
        accepted.discard("NEWLINE")  # As good as a comma, and more than is needed here.
    if "STAR" in accepted:
        # What may follow a value anywhere: named by "an operator".
        accepted -= {"LPAR", "CIRCUMFLEX"}
    words: list[str] = []
    for group, name in _GROUPS:
        if group <= accepted:
            words.append(name)
            accepted -= group
    words += sorted(_TERMINALS.get(terminal, terminal.lower()) for terminal in accepted)
    if len(words) > 1:
        return ", ".join(words[:-1]) + " or " + words[-1]
    return words[0] if words else "nothing more"
