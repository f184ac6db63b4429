"""Mistakes in the line that begins a model, and outside of models."""

from __future__ import annotations

import re

from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lexer import NAMES, STATEMENT_WORDS, begins_statement
from richc.syntax.mistakes.failure import Failure, insert, replace, rewritten, superfluous, syntax
from richc.syntax.mistakes.foreign import reserved_name
from richc.words import did_you_mean

_SHAPE = "a model looks like `model NAME { ... }`"
_CODE = ("import", "from", "def", "if", "return")
_SIGNS = ("COLON", "EQUAL", "LPAR", "RPAR", "LSQB", "RSQB")


def bad_header(f: Failure) -> Diagnostic:
    """The model that should begin at token ``start`` fails at token ``at``."""
    if f.at >= len(f.tokens):
        last = f.tokens[-1]
        return syntax("the file ends inside a model's first line", last.span, _SHAPE)
    if f.at == f.start:
        return _first_word(f)
    if f.at == f.start + 1:
        return _name(f)
    return _brace(f)


def _first_word(f: Failure) -> Diagnostic:
    first = f.first
    if first.type == "RBRACE":
        return superfluous("this `}` closes nothing", first)
    if begins_statement(f.tokens, f.start):
        return syntax("a statement outside of a model", first.span, _SHAPE)
    if first.type == "LBRACE":
        return syntax("a .rich file is no JSON", first.span, _SHAPE)
    if f.kinds(0, 2) == ("SLASH", "SLASH"):
        return rewritten("comments begin with `#`", first.span.to(f.peek(1).span), "#")
    if first.text in _CODE:
        return syntax("a .rich file describes a network; it holds no code", first.span, _SHAPE)
    if f.kinds(0, 2) == ("NAME", "LBRACE"):
        return syntax(
            f"`model` is missing before `{first.text}`",
            first.span,
            f"write `model {first.text} {{`",
            edits=[insert(first.start, "model ")],
        )
    guess = did_you_mean(first.text, ("model",))
    if first.type == "NAME" and (
        f.kinds(1, 2) == ("NAME", "LBRACE") or (guess and f.peek(1).type in NAMES)
    ):
        return syntax(
            f"`{first.text}` begins no model{guess}",
            first.span,
            f"write `model {f.peek(1).text} {{`",
            edits=[replace(first, "model")],
        )
    shown = first.text if len(first.text) <= 40 else f"{first.text[:37]}..."
    return syntax(f"expected `model`, found `{shown}`{guess}", first.span, _SHAPE)


def _name(f: Failure) -> Diagnostic:
    token = f.token
    if token.type in (*STATEMENT_WORDS, "MODEL"):
        return reserved_name(token)
    if token.type == "STRING":
        right = re.sub(r"\W+", "_", token.text[1:-1]).strip("_")
        is_name = right.isidentifier() and right.isascii()
        return syntax(
            "names are written without quotes",
            token.span,
            f"write `model {right} {{`" if is_name else _SHAPE,
            edits=[replace(token, right)] if is_name else [],
        )
    if token.type == "LBRACE":
        return syntax("this model has no name", f.first.span, "for example `model net {`")
    if token.type == "COLON" and f.kinds(1, 2) == ("NAME", "LBRACE"):
        edits = [replace(token, "")]
        help = f"write `model {f.peek(1).text} {{`"
        return syntax("`model` is followed by its name directly", token.span, help, edits=edits)
    if token.type == "COLON":
        return syntax("a .rich file is no YAML", token.span, _SHAPE)
    if token.type == "NUMBER":
        end = f.at + 1 + (f.touches(1) and f.peek(1).type in NAMES)
        return syntax("a name begins with a letter", f.span(f.at, end), _SHAPE)
    return syntax(f"expected a name, found `{token.text[:40]}`", token.span, _SHAPE)


def _brace(f: Failure) -> Diagnostic:
    token, name = f.token, f.before
    brace = next(
        (
            at
            for at in range(f.at, min(f.at + 4, len(f.tokens)))
            if f.get(at).type == "LBRACE" and not f.is_on_new_line(at)
        ),
        None,
    )
    if f.is_on_new_line(f.at):
        edits = [insert(name.span.end, " {")]
        return syntax(
            f"`{{` is missing after `{name.text}`",
            name.span,
            f"write `model {name.text} {{`, and `}}` after its last statement",
            edits=edits,
        )
    if token.type in _SIGNS and brace is not None:
        span = Span(name.span.end, f.get(brace).start)
        return syntax(
            f"a model's name is followed by `{{` directly, without `{f.words(f.at, brace)}`",
            f.span(f.at, brace),
            f"write `model {name.text} {{`",
            edits=[Edit(span, " ")],
        )
    if token.type in ("COLON", "LPAR", "LSQB"):
        help = f"write `model {name.text} {{`, and `}}` after its last statement"
        return syntax("the statements of a model stand in braces", token.span, help)
    if brace is not None:
        span = f.span(f.at - 1, brace)
        right = re.sub(r"\W+", "_", f.words(f.at - 1, brace)).strip("_")
        return syntax(
            "a model's name holds letters, digits and `_`",
            span,
            f"write `model {right} {{`",
            edits=[Edit(span, right)],
        )
    return syntax(f"expected `{{`, found `{token.text[:40]}`", token.span, _SHAPE)
