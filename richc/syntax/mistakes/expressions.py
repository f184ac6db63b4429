"""Mistakes inside scaling expressions, numbers and brackets."""

from __future__ import annotations

import re

from richc.diagnostics import Diagnostic, Edit, Label, Span
from richc.syntax.lexer import NAMES, STATEMENT_WORDS, STRAY
from richc.syntax.mistakes.failure import (
    OPENING,
    Failure,
    insert,
    replace,
    rewritten,
    superfluous,
    syntax,
)

_OPERATORS = ("STAR", "SLASH", "PLUS", "MINUS", "CIRCUMFLEX")
_OPERANDS = (*NAMES, "NUMBER", "LPAR")
_ENDS = ("COMMA", "RBRACE", "RPAR", "RSQB", "NEWLINE")
_SUFFIXES = {"k": 1000, "K": 1000, "M": 1_000_000}
_TIMES = re.compile(r"[xX](\d+)")
_SEPARATED = re.compile(r"(?:_\d+)+")


def power(f: Failure) -> Diagnostic | None:
    """``n**2``, ``n^^2``, ``n^a^b`` and ``n^{2}``."""
    if f.kinds(-1, 2) == ("STAR", "STAR"):
        return rewritten("powers are written with `^`", f.before.span.to(f.token.span), "^")
    if f.kinds(-1, 2) == ("CIRCUMFLEX", "CIRCUMFLEX"):
        return superfluous("one `^` is enough", f.token)
    if f.token.type == "CIRCUMFLEX" and f.before.type in (*NAMES, "NUMBER", "RPAR", "QMARK"):
        help = "write the exponent in parentheses: `n^(a*b)`"
        return syntax("a power of a power is ambiguous", f.token.span, help)
    return None


def other_brackets(f: Failure) -> Diagnostic | None:
    """``n^{1/2}``, ``sqrt[n]``."""
    is_root = f.before.type == "NAME" and f.before.text == "sqrt"
    if f.token.type not in ("LBRACE", "LSQB") or not (f.before.type == "CIRCUMFLEX" or is_root):
        return None
    closing = f.closing(f.at)
    edits: list[Edit] = []
    help = "write `sqrt(...)`" if is_root else "write `^(...)`"
    if closing is not None:
        edits = [replace(f.token, "("), replace(f.get(closing), ")")]
        help = f"write `{f.before.text}({f.words(f.at + 1, closing)})`"
    message = f"expressions are grouped by `( )`, not by `{f.token.text} {_closing(f)}`"
    return syntax(message, f.token.span, help, edits=edits)


def _closing(f: Failure) -> str:
    return {"LBRACE": "}", "LSQB": "]"}[f.token.type]


def signs(f: Failure) -> Diagnostic | None:
    if f.kinds(-1, 2) == ("MINUS", "MINUS"):
        return syntax("two signs in a row", f.token.span, "write one `-`, or none")
    if f.token.type == "PLUS" and "NUMBER" in f.accepted:
        return superfluous("a number needs no `+` before it", f.token)
    return None


def slashes(f: Failure) -> Diagnostic | None:
    """``// a comment``, ``/* a comment */`` and ``1 // n``."""
    if f.kinds(0, 2) == ("SLASH", "STAR") and f.touches(1):
        return syntax("comments begin with `#`", f.token.span.to(f.peek(1).span), "write `#`")
    if f.kinds(-1, 2) == ("SLASH", "SLASH") and f.touches(0):
        span = f.before.span.to(f.token.span)
        edits = [] if f.is_in_block else [Edit(span, "#")]
        return syntax(
            "comments begin with `#`, and a division has one `/`",
            span,
            "write `/`" if f.is_in_block else "write `#`",
            edits=edits,
        )
    return None


def number(f: Failure) -> Diagnostic | None:
    """``2k``, ``1_024``, ``28x28``, ``0x10``, ``1e``, ``1.2.3``: what is no number."""
    if f.before.type != "NUMBER" or not f.touches(0):
        return None
    both = f.before.span.to(f.token.span)
    shown, written, word = f"{f.before.text}{f.token.text}", f.before.text, f.token.text
    if f.token.type == "NUMBER":
        return syntax(f"`{shown}` is no number", both, "a number has one decimal point: `0.1`")
    if f.token.type not in NAMES:
        return None
    if _SEPARATED.fullmatch(word):
        whole = written + word.replace("_", "")
        return _no_number(shown, both, "digits are written together", whole)
    if word in _SUFFIXES and written.isdigit():
        whole = str(int(written) * _SUFFIXES[word]) if len(written) < 10 else "..."
        return _no_number(shown, both, "numbers have no suffixes", whole)
    times = _TIMES.fullmatch(word)
    if times is not None and written == "0":
        return syntax(f"`{shown}` is no number", both, "numbers are decimal: `16`, `1e-3`")
    if times is not None:
        return _no_number(shown, both, "a product is written with `*`", f"{written}*{times[1]}")
    if word.lower() == "e":
        return syntax(f"`{shown}` is no number", both, f"the exponent is missing: `{written}e-3`")
    if word in ("f", "F", "L", "d"):
        return _no_number(shown, both, "numbers have no suffixes", written)
    return None


def _no_number(shown: str, span: Span, why: str, whole: str) -> Diagnostic:
    edits = [Edit(span, whole)] if whole != "..." else []
    return syntax(f"`{shown}` is no number: {why}", span, f"write `{whole}`", edits=edits)


def comma_in_number(f: Failure) -> Diagnostic | None:
    """``1,024`` and ``0,1``."""
    if f.kinds(-2, 3) != ("NUMBER", "COMMA", "NUMBER") or not (f.touches(-1) and f.touches(0)):
        return None
    whole, part = f.peek(-2).text, f.token.text
    span = f.peek(-2).span.to(f.token.span)
    if not (whole.isdigit() and part.isdigit()):
        return None
    is_decimal = len(part) != 3 or whole == "0"
    right = f"{whole}.{part}" if is_decimal else whole + part
    why = "a decimal point is a `.`" if is_decimal else "digits are written together"
    return syntax(f"a number holds no comma: {why}", span, f"write `{right}`")


def root(f: Failure) -> Diagnostic | None:
    """``sqrt n``."""
    if f.before.text != "sqrt" or f.token.type not in (*NAMES, "NUMBER"):
        return None
    message = "`sqrt` takes its argument in parentheses"
    return rewritten(message, f.before.span.to(f.token.span), f"sqrt({f.token.text})")


def product(f: Failure) -> Diagnostic | None:
    """``2n``, ``2 fan_in``, ``2(n)``."""
    if "STAR" not in f.accepted or f.token.type not in _OPERANDS or f.is_on_new_line(f.at):
        return None
    if f.before.type not in ("NUMBER", "RPAR", *NAMES) or f.token.text in STATEMENT_WORDS.values():
        return None
    left, right = f.before.text, f.token.text
    if left == ")" or right == "(":
        return syntax(
            f"no operator stands between `{left}` and `{right}`",
            f.token.span,
            "a product has a `*`",
        )
    span = f.before.span.to(f.token.span)
    if right in ("x", "X") and f.peek(1).type == "NUMBER" and not f.is_on_new_line(f.at + 1):
        span = f.before.span.to(f.peek(1).span)
        return rewritten("a product is written with `*`", span, f"{left}*{f.peek(1).text}")
    if f.token.type == "NUMBER" or f.before.type != "NUMBER":
        help = f"a product is `{left}*{right}`; commas or new lines separate attributes"
        return syntax(f"nothing stands between `{left}` and `{right}`", span, help)
    message = f"a product is written with `*`: nothing stands between `{left}` and `{right}`"
    return rewritten(message, span, f"{left}*{right}")


def hole(f: Failure) -> Diagnostic | None:
    if f.token.type != "QMARK":
        return None
    help = "for example `lr = n^?`"
    return syntax("`?` stands only for an exponent, after a `^`", f.token.span, help)


def operand(f: Failure) -> Diagnostic | None:
    """``* n``, ``n^,``, ``1 / / n``: an operator with nothing on one side."""
    if "NUMBER" not in f.accepted:
        return None
    if f.before.type in _OPERATORS and f.token.type in (*_ENDS, *_OPERATORS):
        what = "an exponent" if f.before.type == "CIRCUMFLEX" else "a number or a name"
        return syntax(f"{what} is missing after this `{f.before.text}`", f.before.span, _after(f))
    if f.token.type in _OPERATORS and f.before.type in ("EQUAL", "LPAR", "LSQB", "COMMA", "ARROW"):
        return syntax(f"nothing stands before this `{f.token.text}`", f.token.span, _after(f))
    return None


def _after(f: Failure) -> str:
    return (
        "for example `n^(1/2)`"
        if "CIRCUMFLEX" in (f.before.type, f.token.type)
        else ("for example `2 / fan_in`")
    )


def call(f: Failure) -> Diagnostic | None:
    """``pow(n, 1/2)``, ``sqrt(n, 2)``: a comma among arguments."""
    opened = f.unclosed
    if opened is None or f.token.type != "COMMA" or f.get(opened).type != "LPAR":
        return None
    function = f.get(opened - 1)
    closing = f.closing(opened)
    if function.type != "NAME" or opened <= f.start or closing is None:
        return None
    if f.kinds(1, 2) in [(kind, "EQUAL") for kind in NAMES]:
        return None
    if function.text == "sqrt":
        help = f"write `sqrt({f.words(opened + 1, f.at)})`; other roots are powers: `n^(1/3)`"
        return syntax("`sqrt` takes one argument", f.token.span, help)
    help = "the only function is `sqrt`"
    if function.text in ("pow", "power"):
        right = f.words(f.at + 1, closing)
        help = f"write `{f.words(opened + 1, f.at)}^({right})`"
    return syntax(f"there is no function `{function.text}`", function.span, help)


def unclosed_bracket(f: Failure) -> Diagnostic | None:
    """``1 / (2 * fan_in, lr = 1``: where the bracket was opened, and where it should have ended."""
    opened = f.unclosed
    if opened is None or f.get(opened).type == "LBRACE":
        return None
    bracket = f.get(opened)
    named = f.kinds(1, 2) in [(kind, "EQUAL") for kind in NAMES]
    ends = f.token.type in ("RBRACE", "NEWLINE", STRAY) or (f.token.type == "COMMA" and named)
    wrong = f.token.type in ("RPAR", "RSQB")
    closing = {"LPAR": ")", "LSQB": "]"}[bracket.type]
    if wrong and OPENING[bracket.type] != f.token.type:
        return syntax(
            f"this `{bracket.text}` is closed by a `{f.token.text}`",
            f.token.span,
            f"write `{closing}`",
            labels=(Label(bracket.span, "opened here"),),
            edits=[replace(f.token, closing)],
        )
    last = f.at - 1
    if f.token.type == "EQUAL" and f.kinds(-2, 1) == ("COMMA",) and f.before.type in NAMES:
        # The comma was taken for one of a list.
        last, ends = f.at - 3, True
    before = f.get(last)
    if not ends or before.type in _OPERATORS or opened >= last:
        return None
    return syntax(
        f"this `{bracket.text}` is never closed",
        bracket.span,
        f"write a `{closing}` after `{before.text}`",
        labels=(Label(before.span, f"a `{closing}` is missing after this"),),
        edits=[insert(before.span.end, closing)],
    )


def extra_bracket(f: Failure) -> Diagnostic | None:
    if f.token.type not in ("RPAR", "RSQB", STRAY):
        return None
    opened = f.unclosed
    if opened is not None and f.get(opened).type in ("LPAR", "LSQB"):
        return None
    return superfluous(f"this `{f.token.text}` closes nothing", f.token)


def reserved(f: Failure) -> Diagnostic | None:
    """A statement's word in an expression."""
    if f.token.type not in STATEMENT_WORDS or "NUMBER" not in f.accepted:
        return None
    if f.is_on_new_line(f.at):
        return None
    help = None
    if f.token.type in ("WIDTH", "RICHNESS"):
        letter = _symbol(f) if f.token.type == "WIDTH" else "r"
        help = f"the {f.token.text} goes by its own name: write `{letter}`"
    return syntax(f"`{f.token.text}` begins a statement; it is no value", f.token.span, help)


def _symbol(f: Failure) -> str:
    for at, token in enumerate(f.tokens[: f.start]):
        if token.type == "WIDTH" and f.get(at + 1).type in NAMES:
            return f.get(at + 1).text
    return "n"


RECOGNISERS = (
    power,
    other_brackets,
    signs,
    slashes,
    comma_in_number,
    number,
    root,
    hole,
    call,
    unclosed_bracket,
    operand,
    reserved,
    extra_bracket,
)
