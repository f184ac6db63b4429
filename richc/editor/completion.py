"""What may be written at a place."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from richc.editor import places
from richc.editor.document import Document
from richc.glossary import words
from richc.syntax.lalr import Token
from richc.syntax.lexer import NAMES

#: The statements that declare a symbol, and the kind, of richc/editor/places.py, that asks for it.
_DECLARED = {"WIDTH": "width symbol", "DEPTH": "depth symbol"}
#: What the symbol is, and what the one behind `base` is.
_ABOUT = {
    "WIDTH": (
        "The width: what goes to infinity.",
        "The base width, at which the hyperparameters were tuned; a constant.",
    ),
    "DEPTH": (
        "The depth: the number of repeated blocks, which goes to infinity.",
        "The base depth, at which the hyperparameters were tuned; a constant.",
    ),
}


#: Statements of several parts, by the kind and the word.
_SNIPPETS = {
    ("statement", "depth"): "depth ${1:L} = ${2:24}, base ${3:L0} = ${4:4}",
    ("body", "repeat"): "repeat ${1:L} {\n  $0\n}",
    ("body", "residual"): "residual {\n  $0\n}",
}


class Completion(NamedTuple):
    word: str
    #: Of richc/glossary.py, or "width".
    kind: str
    documentation: str
    #: What an editor that knows snippets writes instead of the word.
    snippet: str = ""


def complete(document: Document, offset: int) -> list[Completion]:
    """The words that a place calls for; an editor narrows them down by what is typed already."""
    if not places.is_code(document.source.text, offset):
        return []
    tokens = document.tokens
    index = places.token_at(tokens, offset)
    typed = tokens[index] if index is not None else None
    start = offset
    if typed is not None and (typed.text[0].isalpha() or typed.text[0] == "_"):
        start = typed.start
    elif typed is not None and typed.type == "NUMBER" and typed.span.end == offset:
        return []
    count = sum(token.start < start for token in tokens)
    place = places.place(tokens[:count], count, start)
    model = _model_tokens(tokens, count)
    found: list[Completion] = []
    for kind in place.kinds:
        if kind == "symbol" or kind in _DECLARED.values():
            found += _symbols(model, place, kind)
        else:
            found += (
                Completion(word, kind, about, _SNIPPETS.get((kind, word), ""))
                for word, about in words(kind, place.optimizer).items()
                if (word == "model") == (not model) or kind != "statement"
            )
    return found


def _model_tokens(tokens: list[Token], count: int) -> list[Token]:
    """The tokens of the model that a place stands in; empty between models."""
    start = next((i for i in range(count - 1, -1, -1) if tokens[i].type == "MODEL"), None)
    if start is None:
        return []
    depth = 0
    for token in tokens[start:count]:
        depth += (token.type == "LBRACE") - (token.type == "RBRACE")
    end = next((i for i in range(count, len(tokens)) if tokens[i].type == "MODEL"), len(tokens))
    return tokens[start:end] if depth > 0 else []


def _symbols(model: list[Token], place: places.CursorPlace, kind: str) -> Iterator[Completion]:
    # An exponent is a number, or a formula in r.
    if not place.in_exponent:
        for statement, is_base, name in _declared(model):
            if kind == "symbol" or (kind == _DECLARED[statement] and not is_base):
                yield Completion(name, "width", _ABOUT[statement][is_base])
    if kind != "symbol":
        return
    has_richness = any(token.type in ("RICHNESS", "PARAMETERIZATION") for token in model)
    for word, about in words("symbol").items():
        if word in ("fan_in", "layer_fan_in", "fan_out") and not place.layer:
            continue
        if word == ("fan_in" if place.of_bias else "layer_fan_in"):
            continue
        if word in ("alpha", "gamma", "r") and not has_richness:
            continue
        if (word == "r") == place.in_exponent:
            yield Completion(word, kind, about)


def _declared(model: list[Token]) -> Iterator[tuple[str, bool, str]]:
    """The symbols that a model declares: by which statement, and whether behind `base`."""
    statement = ""
    for at, (token, name) in enumerate(pairwise(model)):
        if token.type in _DECLARED and model[at - 1].type in ("NEWLINE", "LBRACE"):
            statement = token.type
        elif token.type != "BASE" or not statement:
            continue
        if name.type in NAMES:
            yield statement, token.type == "BASE", name.text
