"""Characters that no word of the language has: what they are, and what to type instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lalr import Token
from richc.syntax.mistakes.failure import syntax
from richc.syntax.source import line_around
from richc.words import ACTIVATIONS, LOSSES, OPTIMIZERS, norm_meant, quotable

#: What stands for the same thing here.
_INSTEAD = {
    "→": "->",
    "⟶": "->",
    "➔": "->",
    "⇒": "->",
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "*",
    "·": "*",
    "⋅": "*",
    "∙": "*",
    "÷": "/",
    "⁄": "/",
    "∕": "/",
    "α": "alpha",
    "γ": "gamma",
    "½": "(1/2)",
    "¼": "(1/4)",
    "¾": "(3/4)",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "„": '"',
    "«": '"',
    "»": '"',
    "\N{LEFT SINGLE QUOTATION MARK}": '"',
    "\N{RIGHT SINGLE QUOTATION MARK}": '"',
    "'": '"',
    "`": '"',
}

#: What needs more than another character.
_ADVICE = {
    "√": "write `sqrt(...)`",
    "∛": "write `(...)^(1/3)`",
    "%": "numbers are written out: `0.9`; comments begin with `#`",
    ";": "a statement ends with its line; commas separate attributes",
    "\\": "LaTeX is not read: write `alpha`, `sqrt(n)`, `1 / n`",
    "!": "comments begin with `#`",
    "@": "there are no decorators here",
    "$": "names stand alone, without `$`",
    "&": "one requirement a statement",
    "|": "one value for each attribute",
    "<": "nothing is compared here: attributes are written `NAME = VALUE`",
    ">": "an arrow is `->`: `body: dense -> n`",
    "~": "write the expression itself: `lr = 1 / n`",
    "≈": "write the expression itself: `lr = 1 / n`",
    "∝": "write the expression itself: `lr = 1 / n`",
    "Θ": "write the expression itself: `lr = 1 / n`",
    "∞": "numbers are finite",
    "σ": "write `std` or `var`",
    "η": "write `lr`",
    "μ": "write `mup`",
    "µ": "write `mup`",
}

#: What begins a comment elsewhere.
_COMMENTS = ("%", ";", "!", "%%", ";;")
_QUOTES = '"'
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
_FILE = re.compile(r"\.(?:csv|gz|json|npy|npz|pt|rich|tsv|txt)$")
_SUPERSCRIPTS = {**dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)), "⁻": "-", "⁺": ""}
#: What a line may hold beside the first of its strange characters.
_MOST = 12
_UNCLOSED = "this string is not closed on its line"


def illegal(tokens: Sequence[Token], text: str) -> Diagnostic:
    """The strange characters of one line, told by the first of them."""
    token = tokens[0]
    if token.text.startswith('"'):
        return syntax(_UNCLOSED, token.span, 'strings end with `"`')
    replacements = [_replacement(token, text) for token in tokens]
    if replacements[0] is not None and replacements[0].text == _QUOTES:
        # What stands between quotes is nobody's business.
        pairs = [edit for edit in replacements if edit is not None and edit.text == _QUOTES]
        tokens, replacements = tokens[: len(pairs)], list(pairs)
    edits = [edit for edit in replacements if edit is not None]
    # Half a mending is none, and so is one quotation mark.
    is_whole = len(edits) == len(tokens) <= _MOST
    if not is_whole or sum(edit.text == _QUOTES for edit in edits) % 2:
        edits = []
    return syntax(_what(token), token.span, _help(tokens, replacements[0], text), edits=edits)


def _what(token: Token) -> str:
    character = token.text[0]
    if not character.isprintable() or character.isspace() or unicodedata.combining(character):
        return f"a character that cannot be seen: {_name(character)}"
    shown = quotable(token.text, _MOST)
    if len(token.text) == 1 and ord(character) > 127:
        return f"unexpected character `{shown}` ({_name(character)})"
    return f"unexpected character{'s' if len(token.text) > 1 else ''} `{shown}`"


def _name(character: str) -> str:
    name = unicodedata.name(character, "").lower()
    return f"{name}, U+{ord(character):04X}" if name else f"U+{ord(character):04X}"


def _help(tokens: Sequence[Token], edit: Edit | None, text: str) -> str:
    token = tokens[0]
    character = token.text[0]
    if edit is not None and character != ".":
        if edit.text == "#":
            return "comments begin with `#`"
        if edit.text == _QUOTES:
            return 'strings stand in double quotes, `"`, and names in none'
        if edit.text == ", ":
            return "attributes are separated by commas or new lines"
        if not edit.text and character == ";":
            return "remove it: a statement ends with its line"
        return f"write `{edit.text}`" if edit.text.strip() else "remove it, or type a space"
    if character == ".":
        return _dot(token, text)
    if character in _ADVICE:
        return _ADVICE[character]
    return "names hold ASCII letters, digits and `_`; comments begin with `#`"


def _replacement(token: Token, text: str) -> Edit | None:
    """What to type for a run of characters, where that is certain."""
    if all(c in _SUPERSCRIPTS for c in token.text):
        power = "".join(_SUPERSCRIPTS[c] for c in token.text)
        return Edit(token.span, f"^{power}")
    line, _ = line_around(text, token.start)
    if token.text in _COMMENTS and not text[line : token.start].strip():
        return Edit(token.span, "#")
    if token.text == ";":
        return _semicolon(token, text)
    if token.text == ".":
        found = _dotted(token, text)
        word = None if found is None else _known(found[0].rsplit(".", 1)[1])
        if found is None or word is None:
            return None
        end = found.end() + 2 * text.startswith("()", found.end())
        return Edit(Span(found.start(), end), word)
    if token.text == ">":
        stem = text[: token.start].rstrip(" \t")
        return (
            Edit(Span(len(stem) - 1, token.span.end), "->") if stem.endswith(("=", "-")) else None
        )
    if token.text in "μµ" and text[token.span.end : token.span.end + 1] in ("P", "p"):
        return Edit(Span(token.start, token.span.end + 1), "mup")
    parts = [_plain(character) for character in token.text]
    if any(part is None for part in parts):
        return None
    return Edit(token.span, "".join(part for part in parts if part is not None))


def _dot(token: Token, text: str) -> str:
    """What to write for ``nn.ReLU``, ``digits.csv`` or ``1e-3.``."""
    found = _dotted(token, text)
    if found is None:
        before = text[max(0, token.start - 1) : token.start]
        if before.isdigit() or before == ".":
            return "a number has one decimal point: `0.1`, `1e-3`"
        return "names hold letters, digits and `_`; paths stand in double quotes"
    if _FILE.search(found[0]):
        return f'paths stand in double quotes: `"{found[0]}"`'
    last = found[0].rsplit(".", 1)[1]
    if last == "Linear":
        return "a layer is written `NAME: dense -> n`"
    return f"names stand alone, without dots: write `{_known(last) or norm_meant(last) or last}`"


def _dotted(token: Token, text: str) -> re.Match[str] | None:
    """The names with dots between them of which a dot is one."""
    line, _ = line_around(text, token.start)
    for found in _DOTTED.finditer(text, line, token.start + 200):
        if found.start() <= token.start < found.end():
            return found
    return None


def _known(name: str) -> str | None:
    """A class or function of another library as it is called here, if it is the same word."""
    from richc.spelling import respelt

    known = (*ACTIVATIONS, *OPTIMIZERS, *LOSSES)
    return name if name in known else respelt(name.removesuffix("Loss"), known)


def _semicolon(token: Token, text: str) -> Edit | None:
    end = token.span.end
    first, last = line_around(text, token.start)
    rest = text[end:last].strip()
    if not rest or rest.startswith("#"):
        return Edit(token.span, "")
    line = text[first : token.start]
    blanks = len(text[end:]) - len(text[end:].lstrip(" \t"))
    is_inside = line.count("{") > line.count("}")
    return Edit(Span(token.start, end + blanks), ", ") if is_inside else None


def _plain(character: str) -> str | None:
    if character in _INSTEAD:
        return _INSTEAD[character]
    if character.isascii() and character.isprintable():
        return None
    if unicodedata.category(character) in ("Cf", "Cc"):
        return ""
    if character.isspace():
        return " "
    # Full-width forms and the like stand for ASCII.
    folded = unicodedata.normalize("NFKC", character)
    return folded if folded.isascii() and folded.isprintable() and len(folded) == 1 else None
