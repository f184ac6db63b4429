"""Every syntax message, in one file to be read and reviewed as prose."""

from __future__ import annotations

from collections.abc import Sequence

from richc.diagnostics import ERROR, Diagnostic, Span
from richc.syntax.lalr import Token, Unexpected
from richc.syntax.lexer import MAX_NESTING, STATEMENT_WORDS
from richc.words import ACTIVATIONS, did_you_mean, not_in_language

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
    (frozenset(STATEMENT_WORDS) | {"NAME", "BASE", "IN", "RBRACE"}, "a statement or `}`"),
    (frozenset({"NAME", "BASE", "IN", "NUMBER", "LPAR", "MINUS"}), "an expression"),
    (frozenset({"NAME", "BASE", "IN", "NUMBER", "LPAR"}), "a number, a name or `(`"),
    (frozenset({"STAR", "SLASH", "PLUS", "MINUS"}), "an operator"),
    (frozenset({"NAME", "BASE", "IN"}), "a name"),
)

_EXAMPLES = {
    "WIDTH": "width n = 1024, base n0 = 64",
    "RICHNESS": "richness r = 1/2, gamma = 1",
    "PARAMETERIZATION": "parameterization mup, gauge = stp",
    "INPUT": "input 64",
    "OPTIMIZER": "optimizer adam { lr = 1e-3 }",
    "LOSS": "loss cross_entropy",
    "TRAIN": "train { steps = 1000, batch = 128 }",
    "REQUIRE": "require mup",
    "WITH": "with ckpt, log",
    "layer": "body[2]: dense -> n { var = 2 / fan_in, lr = 1 / fan_in }",
}


def _syntax(message: str, span: Span, label: str = "", help: str | None = None) -> Diagnostic:
    return Diagnostic("R001", "syntax", ERROR, message, span, label, help=help)


def no_model(has_text: bool) -> Diagnostic:
    what = "there is no model in this file" if has_text else "the file is empty"
    return Diagnostic(
        "R002", "no-model", ERROR, what, Span(0, 0), help="a file holds `model NAME { ... }`"
    )


def illegal_character(token: Token) -> Diagnostic:
    if token.text.startswith('"'):
        return _syntax("this string is not closed on its line", token.span)
    shown = ascii(token.text[:12])
    return _syntax(
        f"unexpected character{'s' if len(token.text) > 1 else ''} {shown}",
        token.span,
        help="names are ASCII; comments begin with `#`",
    )


def too_deep(span: Span) -> Diagnostic:
    return Diagnostic(
        "R003",
        "nesting",
        ERROR,
        f"brackets are nested more than {MAX_NESTING} deep",
        span,
        help="nothing in the language needs this",
    )


def too_long(span: Span) -> Diagnostic:
    return Diagnostic(
        "R024", "overflow", ERROR, "this statement is longer than any model needs", span
    )


def capped(found: list[Diagnostic], limit: int) -> list[Diagnostic]:
    """The first ``limit`` findings, and that there are more where there are."""
    if len(found) <= limit:
        return found
    more = Diagnostic(
        "R007",
        "too-many-errors",
        ERROR,
        "too many errors; the rest is not reported",
        found[limit].span,
    )
    return [*found[:limit], more]


def unclosed_model(name: object, brace: Span) -> Diagnostic:
    text = getattr(name, "text", "")
    return _syntax(f"the `{{` of model `{text}` is never closed", brace)


def bad_header(tokens: Sequence[Token], start: int, at: int) -> Diagnostic:
    first = tokens[start]
    help = "a model looks like `model NAME { ... }`"
    if at >= len(tokens):
        return _syntax("the file ends inside a model's first line", tokens[-1].span, help=help)
    token = tokens[at]
    if at == start:
        if first.type == "RBRACE":
            return _syntax("this `}` closes nothing", first.span)
        if first.type in STATEMENT_WORDS or _is_layer(tokens, start):
            return _syntax("a statement outside of a model", first.span, help=help)
        return _syntax(
            f"expected `model`, found `{_shown(first)}`{did_you_mean(first.text, ('model',))}",
            first.span,
            help=help,
        )
    if at == start + 1 and token.type in (*STATEMENT_WORDS, "MODEL"):
        return _reserved(token)
    expected = "a name" if at == start + 1 else "`{`"
    return _syntax(f"expected {expected}, found `{_shown(token)}`", token.span, help=help)


def bad_statement(
    tokens: Sequence[Token], start: int, at: int, error: Unexpected | None
) -> Diagnostic:
    """The statement from ``start`` fails at token ``at`` (``len(tokens)`` for the file's end)."""
    first = tokens[start]
    unclosed = _unclosed(tokens, start, at)
    if at >= len(tokens):
        span = (unclosed or first).span
        return _syntax(f"this `{(unclosed or first).text}` is never closed", span)
    token = tokens[at]
    # On a new line, `loss` or `NAME:` begins the next statement; elsewhere it is a mistake itself.
    named = at - 1 if token.type == "COLON" else at
    begins = token.type == "COLON" or token.type in STATEMENT_WORDS
    if unclosed is not None and begins:
        if unclosed.type != "LBRACE" or tokens[named - 1].type == "NEWLINE":
            return _syntax(f"this `{unclosed.text}` is never closed", unclosed.span)
        if token.type == "COLON":
            return _syntax("attributes and options are written with `=`", token.span)
    special = _special(tokens, start, at)
    if special is not None:
        return special
    kind = "layer" if _is_layer(tokens, start) else first.type
    example = _EXAMPLES.get(kind)
    help = f"for example `{example}`" if example else None
    span = token.span
    if token.type == "NEWLINE":
        # Point at the end of what is there, not at the empty place after it.
        span = tokens[at - 1].span if at else span
        message = f"the statement ends too early: expected {_expected(error)}"
    else:
        message = f"unexpected `{_shown(token)}`: expected {_expected(error)}"
    return _syntax(message, span, help=help)


def _special(tokens: Sequence[Token], start: int, at: int) -> Diagnostic | None:
    """Mistakes that deserve words of their own."""
    first, token = tokens[start], tokens[at]
    before = tokens[at - 1] if at else token
    if token.type == "STAR" and before.type == "STAR":
        return _syntax("powers are written with `^`", Span(before.span.start, token.span.end))
    if token.type == "CIRCUMFLEX":
        return _syntax(
            "a power of a power is ambiguous",
            token.span,
            help="write the exponent in parentheses: `n^(a*b)`",
        )
    if token.type == "MINUS" and before.type == "MINUS":
        return _syntax("two signs in a row", token.span)
    if first.type == "NAME" and at == start + 1 and token.type != "COLON":
        outside = not_in_language(first.text)
        if outside is not None:
            return outside_language(outside, first.span)
        if first.text in ACTIVATIONS:
            return _syntax(
                f"unexpected `{_shown(token)}` after `{first.text}`: one statement a line",
                token.span,
            )
        candidates = (*STATEMENT_WORDS.values(), *ACTIVATIONS)
        return _syntax(
            f"`{first.text}` begins no statement{did_you_mean(first.text, candidates)}",
            first.span,
            help="a layer is written `NAME: dense -> n { ... }`",
        )
    named = before.type in ("WIDTH", "RICHNESS", "BASE", "COMMA", "LBRACE", "NEWLINE")
    if token.type in (*STATEMENT_WORDS, "MODEL") and (named or before.type == "MODEL"):
        return _reserved(token)
    if token.type == "COLON" and at == start + 1 and first.type != "NAME":
        return _reserved(first)
    return None


def _reserved(token: Token) -> Diagnostic:
    return Diagnostic(
        "R012",
        "reserved-name",
        ERROR,
        f"`{token.text}` is a word of the language and cannot be a name here",
        token.span,
    )


def outside_language(what: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "R004",
        "not-in-language",
        ERROR,
        f"{what} cannot be written in this language",
        span,
        help="a .rich file describes a plain MLP: dense layers, one activation after each",
    )


def _is_layer(tokens: Sequence[Token], start: int) -> bool:
    return (
        tokens[start].type in ("NAME", "BASE", "IN")
        and start + 1 < len(tokens)
        and tokens[start + 1].type in ("COLON", "LSQB")
    )


def _unclosed(tokens: Sequence[Token], start: int, at: int) -> Token | None:
    """The innermost bracket that is open before token ``at``."""
    brackets: list[Token] = []
    for token in tokens[start:at]:
        if token.type in ("LPAR", "LSQB", "LBRACE"):
            brackets.append(token)
        elif token.type in ("RPAR", "RSQB", "RBRACE") and brackets:
            brackets.pop()
    return brackets[-1] if brackets else None


def _shown(token: Token) -> str:
    text = token.text
    if token.type == "NEWLINE":
        return "end of line"
    return text if len(text) <= 40 else text[:37] + "..."


def _expected(error: Unexpected | None) -> str:
    if error is None:
        return "more"
    accepted = set(error.accepted)
    words: list[str] = []
    for group, name in _GROUPS:
        if group <= accepted:
            words.append(name)
            accepted -= group
    words += sorted(_TERMINALS.get(terminal, terminal.lower()) for terminal in accepted)
    if len(words) > 1:
        return ", ".join(words[:-1]) + " or " + words[-1]
    return words[0] if words else "nothing more"
