"""Mistakes in the form of a layer: its name, its repeat, its arrow."""

from __future__ import annotations

import re

from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lexer import NAMES, STATEMENT_WORDS
from richc.syntax.mistakes.failure import (
    Failure,
    insert,
    is_activation,
    replace,
    superfluous,
    syntax,
)

LAYER = "NAME: dense -> n { ... }"
#: What a dense layer is called elsewhere.
_DENSE = frozenset("dense linear fc affine hidden layer".split())
_TIMES = ("x", "X")


def _colon(f: Failure) -> int | None:
    """Index of the colon that ends a layer's name, on the statement's first line."""
    for index in range(f.start, len(f.tokens)):
        if index > f.start and f.is_on_new_line(index):
            return None
        kind = f.get(index).type
        if kind == "COLON":
            following = tuple(t.type for t in f.tokens[index + 1 : index + 3])
            is_dense = f.get(index + 1).text.lower() in _DENSE
            return index if following == ("NAME", "ARROW") or is_dense else None
        if kind in ("LBRACE", "ARROW") and f.get(index + 1).type != "NUMBER":
            return None
    return None


def name(f: Failure) -> Diagnostic | None:
    """``my-layer: dense``, ``2 * body: dense``, ``"embed": dense``."""
    if f.first.type in (*STATEMENT_WORDS, "MODEL") or f.token.type == "STRING":
        return None
    if f.first.text.lower() in _DENSE and f.kinds(0, 2) == ("NAME", "COLON"):
        return None
    if is_activation(f.first.text) and f.kinds(0, 2) == ("NAME", "COLON"):
        return None
    colon = _colon(f)
    if colon is None or f.at > colon:
        return None
    if colon == f.start:
        return syntax("this layer has no name", f.first.span, f"a layer is written `{LAYER}`")
    span = f.span(f.start, colon)
    kinds = [token.type for token in f.tokens[f.start : colon]]
    if "LSQB" in kinds and "RSQB" not in kinds:
        bracket = f.get(f.start + kinds.index("LSQB"))
        edits = [insert(span.end, "]")]
        return syntax("this `[` is never closed", bracket.span, "write a `]`", edits=edits)
    words = [t.text for t in f.tokens[f.start : colon] if t.type in NAMES and t.text not in _TIMES]
    numbers = [t.text for t in f.tokens[f.start : colon] if t.type == "NUMBER" and t.text.isdigit()]
    shown = f.words(f.start, colon)
    last = re.fullmatch(r"[xX](\d+)", words[-1]) if len(words) == 2 else None
    if last is not None:
        words, numbers = words[:1], [last[1]]
    is_counted = len(words) == len(numbers) == 1 and "MINUS" not in kinds
    if is_counted and re.match(r"\d+[A-WYZa-wyz]", shown) is None:
        right = f"{words[0]}[{numbers[0]}]"
        return syntax(
            f"a repeated layer is written `{words[0]}[COUNT]`",
            span,
            f"write `{right}: dense -> ...`",
            edits=[Edit(span, right)],
        )
    if "[" in shown:
        return syntax(
            "a repeat is one number in brackets",
            span,
            f"for example `{words[0] if words else 'body'}[2]`",
        )
    right = re.sub(r"\W+", "_", shown).strip("_")
    if right[:1].isdigit():
        right = f"layer_{right}"
    is_name = right.isidentifier() and right.isascii()
    return syntax(
        "a layer's name holds letters, digits and `_`, and begins with a letter",
        span,
        f"write `{right}`" if is_name else None,
        edits=[Edit(span, right)] if is_name else [],
    )


def repeat(f: Failure) -> Diagnostic | None:
    """``body[0..2]``, ``body[0:2]``, ``body[]``."""
    if f.first.type not in NAMES or f.at <= f.start + 1:
        return None
    if f.get(f.start + 1).type != "LSQB" or f.is_on_new_line(f.at):
        return None
    closing = f.closing(f.start + 1)
    if closing is None or f.at > closing + 1 or (f.token.type == "COLON" and f.at > closing):
        return None
    if f.at == closing + 1:
        return syntax(
            f"`:` is missing after `{f.words(f.start, f.at)}`",
            f.token.span,
            f"a layer is written `{LAYER}`",
        )
    return syntax(
        "a repeat is one number: how many layers there are",
        f.span(f.start + 1, closing + 1),
        f"for example `{f.first.text}[2]`",
    )


def arrow(f: Failure) -> Diagnostic | None:
    """``embed: dense n``, ``embed: Linear(784, n)``, ``embed: 784 -> n``."""
    colon = f.start + 1
    while colon < f.at and f.get(colon).type in ("LSQB", "NUMBER", "RSQB"):
        colon += 1
    if f.first.type not in NAMES or colon >= f.at or f.get(colon).type != "COLON":
        return None
    if f.at > colon + 2:
        return None
    layer = f.words(f.start, colon)
    if f.at == colon + 1 and f.token.type in ("EQUAL", "COLON"):
        return superfluous("one `:` stands after a layer's name", f.token)
    if f.at == colon + 1:
        if f.token.type == "NUMBER":
            help = f"write `{layer}: dense -> ...`; the input size is that of the layer above"
            return syntax(
                "a layer names its kind, `dense`, and its output size", f.token.span, help
            )
        return syntax(
            f"the layer `{layer}` says nothing of its size",
            f.first.span.to(f.before.span),
            f"write `{layer}: dense -> n`",
        )
    kind = f.before
    help = f"write `{layer}: dense -> {_size(f)}`"
    size = f.peek(1)
    if f.token.type in (*NAMES, "NUMBER") and f.peek(1).type == "ARROW":
        message = "a layer says only its output size; its input is the layer above"
        edits = [replace(f.token, "")]
        return syntax(
            message, f.token.span, f"write `{layer}: dense -> {f.peek(2).text}`", edits=edits
        )
    if f.token.type in (*NAMES, "NUMBER"):
        edits = [insert(f.token.start, "-> ")]
        return syntax("`->` is missing before the size", f.token.span, help, edits=edits)
    if f.token.type in ("MINUS", "EQUAL") and f.text[f.token.span.end :].lstrip(" \t").startswith(
        ">"
    ):
        end = f.text.index(">", f.token.span.end) + 1
        span = Span(f.token.start, end)
        return syntax("an arrow is `->`", span, help, edits=[Edit(span, "->")])
    if f.token.type in ("EQUAL", "COLON", "COMMA") and size.type in (*NAMES, "NUMBER"):
        edits = [Edit(f.token.span, " ->" if f.touches(0) else "->")]
        return syntax("a layer's size follows a `->`", f.token.span, help, edits=edits)
    if f.token.type == "MINUS" and size.type == "ARROW":
        return syntax(
            "an arrow is `->`", f.token.span.to(size.span), help, edits=[replace(f.token, "")]
        )
    if f.token.type in ("LPAR", "LBRACE", "NEWLINE") or f.is_on_new_line(f.at):
        where = f.token.span if f.token.type in ("LPAR", "LBRACE") else kind.span
        return syntax("a layer's size follows a `->`", where, help)
    return None


def _size(f: Failure) -> str:
    """The size that a person meant: the last word in parentheses, or what stands there."""
    if f.token.type == "LPAR":
        closing = f.closing(f.at)
        if closing is not None and closing > f.at + 1:
            return f.get(closing - 1).text
    token = f.token if f.token.type in (*NAMES, "NUMBER") else f.peek(1)
    if f.is_on_new_line(f.at) or f.is_on_new_line(f.at + 1):
        return "n"
    return token.text if token.type in (*NAMES, "NUMBER") else "n"


def missing_size(f: Failure) -> Diagnostic | None:
    """``embed: dense ->``."""
    if f.before.type != "ARROW" or not (f.token.type == "NEWLINE" or f.is_on_new_line(f.at)):
        return None
    return syntax("no size follows this arrow", f.before.span, "for example `-> n`")


def chain(f: Failure) -> Diagnostic | None:
    """``784 -> n -> 10``, ``embed -> body``, ``dense -> n -> n``."""
    if f.token.type == "ARROW" and f.first.type in NAMES and f.at > f.start + 3:
        help = "the next layer has a line of its own"
        return syntax("a layer has one `->`", f.token.span, help)
    if f.peek(1).type == "ARROW" and f.at == f.start and f.token.type == "NUMBER":
        help = f"the input size is a statement, `input 784`; a layer is written `{LAYER}`"
        return syntax("a layer begins with its name", f.token.span, help)
    if f.token.type == "ARROW" and f.at == f.start + 1 and f.first.type in NAMES:
        if f.first.text.lower() in _DENSE:
            help = f"write `NAME: {f.words(f.start, f.line_end)}`"
            return syntax("a layer begins with its name", f.first.span, help)
        help = f"each layer takes the one above; a layer is written `{LAYER}`"
        return syntax("layers are not connected by arrows", f.token.span, help)
    return None


def missing_colon(f: Failure) -> Diagnostic | None:
    """``embed dense -> n``, ``embed = dense -> n``, ``layer embed: dense -> n``, ``fc 256``."""
    if f.first.type not in NAMES or f.at != f.start + 1:
        return None
    word = f.first.text
    if is_activation(word) and f.peek(1).type == "COLON":
        return None  # Two statements on a line.
    has_arrow = f.peek(1).type == "ARROW"
    if f.token.type in NAMES and (has_arrow or f.peek(1).type == "COLON"):
        if word.lower() in _DENSE and not has_arrow:
            return superfluous(f"a layer begins with its name, without `{word}`", f.first)
        if word.lower() not in _DENSE:
            edits = [insert(f.first.span.end, ":")]
            help = f"write `{word}: {f.words(f.at, f.line_end)}`"
            return syntax(f"`:` is missing after `{word}`", f.first.span, help, edits=edits)
    if f.token.type == "EQUAL" and f.kinds(1, 2) == ("NAME", "ARROW"):
        edits = [Edit(f.first.span.to(f.token.span), f"{word}:")]
        return syntax(
            "a layer's name is followed by `:`", f.token.span, f"write `{word}: dense`", edits=edits
        )
    if word.lower() in (*_DENSE, "output", "out") and f.token.type in (*NAMES, "NUMBER", "LPAR"):
        if f.token.text.lower() in _DENSE:
            help = f"write `NAME: {f.words(f.at, f.line_end)}`"
            return syntax("a layer begins with its name", f.first.span, help)
        size = _last(f)
        label = word.lower() if word.lower() in ("hidden", "output", "out") else "NAME"
        return syntax(
            "a layer is written with a name, its kind and its size",
            f.first.span,
            f"write `{label}: dense -> {size}`",
        )
    return None


def _last(f: Failure) -> str:
    if f.token.type != "LPAR":
        return f.token.text
    closing = f.closing(f.at)
    return f.get(closing - 1).text if closing is not None else "n"


RECOGNISERS = (name, repeat, arrow, missing_size, chain, missing_colon)
