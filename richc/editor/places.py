"""What a place in a text calls for, found from the tokens before it.

Completion asks what may be written there, hover what the word there is.  Tokens are all that is
needed, so that half a statement is understood as well as a whole one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from richc.syntax.lalr import Token
from richc.syntax.lexer import NAMES, UNCLOSED, NestingError, begins_statement, separate
from richc.syntax.source import line_around

#: How many brackets, and the file itself, are open among a model's statements.
_IN_MODEL = 2
#: What may stand at a place; the kinds of words are those of richc/glossary.py.
MODEL_NAME = "model name"
LAYER_NAME = "layer name"

_EXPRESSIONS = ("scale", "skip", "std", "var", "lr", "decay", "eps", "weight_decay")
_ITEMS = {
    "optimizer": "option",
    "train": "train option",
    "bias": "bias attribute",
    "gain": "gain attribute",
    "norm": "norm attribute",
}
#: Blocks in blocks.
_SECTIONS = {"layer": ("bias",), "norm": ("bias", "gain")}
#: Options whose values are words of a kind.
_VALUES = {
    "amsgrad": "truth",
    "dist": "distribution",
    "nesterov": "truth",
    "optimizer": "optimizer",
    "precision": "precision",
    "schedule": "schedule",
    "shape_factor": "shape factor",
}
_OPERANDS = (*NAMES, "NUMBER", "RPAR", "QMARK")
#: Blocks that hold statements.
_BODIES = ("model", "repeat", "residual")
_BLOCKS = ("file", *_BODIES, "layer", "norm", "bias", "gain", "optimizer", "train", "other")
_WORD = re.compile(r"\w")
#: The code of a line, up to the place: strings are whole, and no comment has begun.
_CODE = re.compile(r'(?:[^"#]++|"[^"]*+")*+')


class CursorPlace(NamedTuple):
    """Kinds of words that a place calls for, and of what they are."""

    kinds: tuple[str, ...] = ()
    #: The optimizer whose option or value it is.
    optimizer: str = ""
    #: The option or attribute of which it is the value.
    option: str = ""
    in_exponent: bool = False
    #: The layer in whose block it stands, and whether in that of its bias.
    layer: str = ""
    of_bias: bool = False


class _Frame(NamedTuple):
    """An open bracket: what it holds, and what stood before it in its own statement or item."""

    kind: str
    word: str
    before: list[Token]


def is_code(text: str, offset: int) -> bool:
    """False inside of a comment or a string."""
    start, _ = line_around(text, offset)
    return _CODE.fullmatch(text, start, offset) is not None


def token_at(tokens: Sequence[Token], offset: int) -> int | None:
    """The token that a cursor is on, or just behind; a word rather than what follows it."""
    after = bisect_left(tokens, offset + 1, key=lambda token: token.start)
    found = None
    for index in (after - 1, after - 2):
        if index < 0 or tokens[index].type == "NEWLINE":
            continue
        token = tokens[index]
        if token.start <= offset <= token.span.end and (
            found is None or (token.span.end == offset and _WORD.match(token.text[-1]))
        ):
            is_behind = found is not None and _WORD.match(tokens[found].text)
            found = found if is_behind else index
    return found


def place(tokens: Sequence[Token], count: int, offset: int) -> CursorPlace:
    """What is called for at an offset, after the first ``count`` tokens."""
    start = _model_start(tokens, count)
    # What is there shows whether a newline before it counts.
    there = list(tokens[count : count + 2])
    if not there or there[0].start != offset:
        there = [Token("NAME", "_", offset)]
    try:
        kept = separate([*tokens[start:count], *there])
    except NestingError:
        return CursorPlace()
    frames, item = _scan(kept, offset)
    return _called_for(frames, item)


def _model_start(tokens: Sequence[Token], count: int) -> int:
    """The last model that begins before a place: nothing before it matters."""
    for index in range(count - 1, -1, -1):
        if tokens[index].type == "MODEL":
            return index
    return 0


def _scan(tokens: Sequence[Token], end: int) -> tuple[list[_Frame], list[Token]]:
    """The brackets that are open at an offset, and the item or statement that is being written."""
    frames = [_Frame("file", "", [])]
    item: list[Token] = []
    for index, token in enumerate(tokens):
        kind = token.type
        if len(frames) > _IN_MODEL and begins_statement(tokens, index):
            # As in the lexer: it closes whatever is still open.
            while frames[-1].kind not in ("file", *_BODIES):
                frames.pop()
            item = []
        if token.start >= end:
            break
        if kind == "LBRACE":
            frames.append(_Frame(*_block(frames[-1].kind, item), item))
            item = []
        elif kind in ("LPAR", "LSQB"):
            frames.append(_Frame(kind, "", [*item, token]))
            item = []
        elif kind in ("RBRACE", UNCLOSED, "RPAR", "RSQB"):
            if kind in ("RBRACE", UNCLOSED):
                while frames[-1].kind not in _BLOCKS:
                    frames.pop()
            if len(frames) > 1 and (kind in ("RBRACE", UNCLOSED) or frames[-1].kind not in _BLOCKS):
                item = [*frames.pop().before, token]
                if frames[-1].kind == "file":
                    item = []
        elif kind == "NEWLINE" or (kind == "COMMA" and frames[-1].kind != "model"):
            item = []
        else:
            item.append(token)
    return frames, item


def _block(outer: str, item: Sequence[Token]) -> tuple[str, str]:
    """What a brace opens."""
    types = [token.type for token in item]
    if outer == "file":
        return "model", ""
    if outer in _BODIES:
        return _of_statement(item, types)
    if item and item[-1].text in _SECTIONS.get(outer, ()):
        return item[-1].text, ""
    return "other", ""


def _of_statement(item: Sequence[Token], types: Sequence[str]) -> tuple[str, str]:
    """What the brace of a statement opens."""
    if types[:1] == ["OPTIMIZER"]:
        return "optimizer", item[1].text if len(item) > 1 else ""
    if types[:1] == ["TRAIN"]:
        return "train", ""
    kind = item[types.index("COLON") + 1 :] if "COLON" in types else item
    word = kind[0].type if kind else ""
    if word in ("RMSNORM", "LAYERNORM") and "ARROW" not in types:
        return "norm", ""
    if word in ("REPEAT", "RESIDUAL") and kind != item and "ARROW" not in types:
        return kind[0].text, ""
    if "ARROW" in types or "COLON" in types:
        return "layer", item[0].text
    return "other", ""


def _called_for(frames: Sequence[_Frame], item: Sequence[Token]) -> CursorPlace:
    inner = frames[-1]
    # Inside of brackets the item is the one that they are a part of.
    opened = len(frames)
    while frames[opened - 1].kind not in _BLOCKS:
        opened -= 1
    block = frames[opened - 1].kind
    whole = item if opened == len(frames) else frames[opened].before
    layer = next((frame.word for frame in frames if frame.kind == "layer"), "")
    found = CursorPlace(layer=layer, of_bias=block == "bias")
    last = item[-1] if item else None
    if block == "file":
        if not item:
            return found._replace(kinds=("statement",))
        return found._replace(kinds=(MODEL_NAME,) if last and last.type == "MODEL" else ())
    if block == "other":
        return found
    if block in _BODIES and (len(whole) < 2 or whole[1].type != "EQUAL"):
        return found._replace(kinds=_in_statement(whole, inner, last, block))
    owner = frames[opened - 1].word if block == "optimizer" else ""
    if not whole:
        kind = _ITEMS.get(block, "attribute")
        return found._replace(kinds=(kind,), optimizer=owner)
    if len(whole) < 2 or whole[1].type != "EQUAL":
        return found
    option = whole[0].text
    found = found._replace(optimizer=owner, option=option)
    if option in _EXPRESSIONS:
        if last is not None and last.type in _OPERANDS:
            return found
        kinds = ("symbol", "hole") if last is not None and last.text == "^" else ("symbol",)
        return found._replace(kinds=kinds, in_exponent=_in_exponent(frames, item))
    if len(whole) > 2:
        return found
    value = _VALUES.get(option)
    return found._replace(kinds=() if value is None else (value,))


def _in_exponent(frames: Sequence[_Frame], item: Sequence[Token]) -> bool:
    """Whether a place, or a bracket around it, follows a ``^``."""
    for frame in reversed(frames):
        if item and item[-1].text == "^":
            return True
        if frame.kind in _BLOCKS:
            return False
        item = frame.before[:-1]
    return False


def _in_statement(
    item: Sequence[Token], inner: _Frame, last: Token | None, body: str
) -> tuple[str, ...]:
    """What the statement that is being written goes on with."""
    if not item:
        first = {"model": ("statement",), "residual": ("residual attribute",)}.get(body, ())
        return (*first, "activation", "norm", LAYER_NAME)
    first_kind, after = item[0].type, item[-1].type
    if first_kind in ("PARAMETERIZATION", "REQUIRE"):
        return _of_preset(item, inner, last)
    if first_kind in ("WIDTH", "DEPTH") and after != "COLON":
        return ("base",) if after == "COMMA" else ()
    if first_kind == "RICHNESS":
        if after == "COMMA":
            return ("richness option",)
        is_value = len(item) > 3 and all(token.type not in ("COMMA", "IN") for token in item)
        return ("in",) if is_value and after in _OPERANDS else ()
    if first_kind == "WITH":
        return ("feature",) if after in ("WITH", "COMMA") else ()
    named = {"OPTIMIZER": "optimizer", "LOSS": "loss", "INPUT": "input word"}
    if first_kind in named:
        return (named[first_kind],) if len(item) == 1 else ()
    if after == "COLON":
        return ("layer kind", "norm", "body")
    if after == "REPEAT" and item[-2].type == "COLON":
        return ("depth symbol",)
    if any(token.type == "ARROW" for token in item) and (last or item[-1]).type not in _OPERANDS:
        return ("width symbol",)
    return ()


def _of_preset(item: Sequence[Token], inner: _Frame, last: Token | None) -> tuple[str, ...]:
    """How ``parameterization`` or ``require`` goes on."""
    kind = "parameterization" if item[0].type == "PARAMETERIZATION" else "requirement"
    if inner.kind not in _BLOCKS:
        return ("richness",) if last is None else ()
    if len(item) == 1:
        return (kind,)
    if kind == "requirement":
        is_named = len(item) == 2 and item[1].text in ("gauge", "regime")
        return (item[1].text,) if is_named else ()
    if item[-1].type == "EQUAL" and item[-2].text == "gauge":
        return ("gauge",)
    return ("parameterization option",) if item[-1].type == "COMMA" else ()
