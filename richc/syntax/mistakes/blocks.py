"""Mistakes among the attributes and options of a statement."""

from __future__ import annotations

from richc.diagnostics import Diagnostic, Edit
from richc.syntax.lexer import NAMES, STRAY, begins_statement
from richc.syntax.mistakes.failure import Failure, insert, replace, rewritten, superfluous, syntax

_FLAGS = ("frozen", "bias")
_ABSENT = ("no", "not", "without")
_SIGNS = ("COLON", "EQUAL", "ARROW", "PLUS", "STAR", "SLASH")


def missing_comma(f: Failure) -> Diagnostic | None:
    """``lr = 0.1 momentum = 0.9``."""
    if f.before.text in _ABSENT:
        return None
    opened = f.unclosed
    in_list = opened is not None and f.get(opened).type == "LSQB" and f.token.type == "NUMBER"
    if "COMMA" not in f.accepted or (f.token.type not in NAMES and not in_list):
        return None
    after = f.kinds(1, 3)
    is_item = (
        in_list
        or after[0] in ("EQUAL", "LBRACE", "COLON")
        or (f.token.type == "BASE" and after[0] in NAMES and after[1] == "EQUAL")
    )
    if not is_item and f.token.text not in _FLAGS:
        return None
    end = f.before.span.end
    return syntax(
        f"a comma is missing before `{f.token.text}`",
        f.token.span,
        f"write a `,` after `{f.before.text}`",
        edits=[insert(end, ",")],
    )


def other_sign(f: Failure) -> Diagnostic | None:
    """``lr: 0.1``, ``lr := 0.1``, ``lr == 0.1``, ``lr -> 0.1``."""
    if f.kinds(-1, 2) == ("EQUAL", "EQUAL"):
        return superfluous("one `=` is enough", f.token)
    if "EQUAL" not in f.accepted or f.before.type not in NAMES or f.token.type not in _SIGNS:
        return None
    is_double = f.peek(1).type == "EQUAL" and f.touches(1)
    if not is_double and f.token.type not in ("COLON", "ARROW"):
        return None
    sign = f.token.span.to(f.peek(1).span) if is_double else f.token.span
    if f.peek(1).type == "LBRACE":
        help = f"write `{f.before.text} {{ ... }}`"
        return syntax(
            f"`{f.before.text}` is followed by its block directly",
            sign,
            help,
            edits=[Edit(sign, "")],
        )
    shown = f.value(f.at + (2 if is_double else 1)) or "..."
    edits = [Edit(sign, " =" if f.touches(0) else "=")]
    return syntax(
        "values are given with `=`",
        sign,
        f"write `{_symbol_word(f)}{f.before.text} = {shown}`",
        edits=edits,
    )


def missing_equal(f: Failure) -> Diagnostic | None:
    """``lr 0.1``."""
    if "EQUAL" not in f.accepted or f.before.type not in NAMES:
        return None
    if f.before.text in _ABSENT:
        return syntax(
            f"`{f.before.text}` is no attribute", f.before.span, "what is not written is not there"
        )
    if f.token.type == "MINUS" and f.peek(1).type in NAMES and f.touches(0) and f.touches(1):
        name = f"{f.before.text}_{f.peek(1).text}"
        span = f.before.span.to(f.peek(1).span)
        return rewritten("a name holds no `-`", span, name)
    if f.token.type not in (*NAMES, "NUMBER", "STRING", "LPAR", "MINUS") or f.is_on_new_line(f.at):
        return None
    return syntax(
        f"`=` is missing after `{f.before.text}`",
        f.before.span.to(f.token.span),
        f"write `{_symbol_word(f)}{f.before.text} = {f.value(f.at)}`",
        edits=[insert(f.before.span.end, " =")],
    )


def _symbol_word(f: Failure) -> str:
    """The word before a symbol's name, to show with it."""
    return f"{f.first.text} " if f.first.type in ("WIDTH", "DEPTH", "RICHNESS") else ""


def missing_value(f: Failure) -> Diagnostic | None:
    """``lr =``."""
    ends = ("COMMA", "RBRACE", "NEWLINE", STRAY)
    if f.before.type != "EQUAL" or not (f.token.type in ends or f.is_on_new_line(f.at)):
        return None
    name = f.peek(-2).text
    if f.at - 2 == f.start + 1:
        name = f"{f.first.text} {name}"
    return syntax(
        f"`{name}` has no value", f.peek(-2).span.to(f.before.span), f"write `{name} = ...`"
    )


def block_as_value(f: Failure) -> Diagnostic | None:
    """``var = { 1 / n }``, ``bias = { std = 0 }``."""
    if f.kinds(-1, 2) != ("EQUAL", "LBRACE"):
        return None
    name = f.peek(-2).text
    if name == "bias":
        edits = [replace(f.before, "")]
        return syntax(
            "`bias` is followed by its block directly", f.before.span, "remove the `=`", edits=edits
        )
    return syntax("a value stands without braces", f.token.span, f"write `{name} = ...`")


def bare_list(f: Failure) -> Diagnostic | None:
    """``betas = 0.9, 0.999`` and ``betas = [0.9 0.999]``."""
    if f.kinds(-4, 5)[1:] == ("EQUAL", "NUMBER", "COMMA", "NUMBER") and f.is_in_block:
        name = f.peek(-4).text
        span = f.peek(-2).span.to(f.token.span)
        right = f"({f.peek(-2).text}, {f.token.text})"
        help = f"write `{name} = {right}`"
        return syntax("several values stand in parentheses", span, help, edits=[Edit(span, right)])
    return None


def commas(f: Failure) -> Diagnostic | None:
    if f.token.type != "COMMA" or "COMMA" in f.accepted:
        return None
    if f.before.type == "COMMA" or f.get(f.at - 1).text == ",":
        return superfluous("one comma is enough", f.token)
    if f.before.type == "LBRACE":
        return superfluous("nothing stands before this comma", f.token)
    return None


def opens_nothing(f: Failure) -> Diagnostic | None:
    """``model net {{``."""
    if f.token.type != "LBRACE" or f.accepted - {"NEWLINE"} & {"LBRACE"}:
        return None
    if f.at > f.start and "NEWLINE" not in f.accepted:
        return None
    return syntax("this `{` opens nothing", f.token.span, "remove it, and the `}` that closes it")


def bare_value(f: Failure) -> Diagnostic | None:
    """``{ 1e-3 }``."""
    if f.token.type != "NUMBER" or f.before.type not in ("LBRACE", "COMMA") or not f.is_in_block:
        return None
    return syntax(
        f"`{f.token.text}` has no name: of what is it the value?",
        f.token.span,
        f"write `NAME = {f.token.text}`, for example `lr = {f.token.text}`",
    )


def unclosed_block(f: Failure) -> Diagnostic | None:
    """A line that can only begin the next statement, in a block."""
    opened = f.unclosed
    if opened is None:
        return None
    named = f.at - 1 if f.token.type == "COLON" else f.at
    begins = begins_statement(f.tokens, named) and f.is_on_new_line(named)
    if not begins:
        return None
    bracket = f.get(opened)
    closing = {"LPAR": ")", "LSQB": "]", "LBRACE": "}"}[bracket.type]
    last = f.get(named - 1)
    if last.type == "NEWLINE":
        last = f.get(named - 2)
    gap = " " if bracket.type == "LBRACE" else ""
    return syntax(
        f"this `{bracket.text}` is never closed",
        bracket.span,
        f"write a `{closing}`",
        edits=[insert(last.span.end, gap + closing)],
    )


def quoted(f: Failure) -> Diagnostic | None:
    """``"lr" = 0.1``, ``loss "mse"``."""
    if f.token.type != "STRING" or "NAME" not in f.accepted or "NUMBER" in f.accepted:
        return None
    name = f.token.text[1:-1]
    if f.at == f.start and f.peek(1).type != "COLON":
        return None
    edits = [replace(f.token, name)] if name.isidentifier() and name.isascii() else []
    help = f"write `{name}`" if edits else None
    if edits and f.is_in_block and f.peek(1).type == "COLON":
        help = f"write `{name} = {f.value(f.at + 2)}`"
        edits.append(replace(f.peek(1), " ="))
    return syntax("names are written without quotes", f.token.span, help, edits=edits)


RECOGNISERS = (
    quoted,
    opens_nothing,
    commas,
    missing_comma,
    other_sign,
    missing_value,
    missing_equal,
    block_as_value,
    bare_list,
    bare_value,
)
