"""What an editor shows of the word under the cursor, as Markdown."""

from __future__ import annotations

from typing import NamedTuple

from richc.diagnostics import Span
from richc.editor import places
from richc.editor.document import Document
from richc.editor.exponents import (
    KNOBS,
    ExponentRow,
    attribute,
    formula,
    rows,
    scaling,
    span_name,
    together,
)
from richc.editor.written import written
from richc.glossary import BIAS, GAIN, words
from richc.pipeline import ModelResult
from richc.spec import declared_values
from richc.spec.model import Layer, LayerKind, Tensor
from richc.syntax import tree
from richc.syntax.lalr import Token
from richc.syntax.lexer import NAMES

_MAX_PAGES = 3
_MAX_ROWS = 12
_LEGEND = (
    "Multiplier n^-a, std n^-b, rate n^-c, the gauge invariants A and C; sizes of the "
    "representation h, of its update Δh and of the layer's own share Δf of the output's change."
)
_UNDECIDED = "Exponents and verdict are known once the model's errors are mended."


class Hover(NamedTuple):
    text: str
    span: Span


def hover(document: Document, offset: int) -> Hover | None:
    """What is known of a place; None where there is nothing to say."""
    tokens = document.tokens
    index = (
        places.token_at(tokens, offset) if places.is_code(document.source.text, offset) else None
    )
    parts: list[str] = []
    span = Span(offset, offset)
    if index is not None:
        found = _word(document, index)
        if found is not None:
            parts.append(found)
            span = tokens[index].span
    pages, place = _pages(document, offset)
    if not parts and pages:
        span = place
    parts += pages
    return Hover("\n\n---\n\n".join(parts), span) if parts else None


def _word(document: Document, index: int) -> str | None:
    tokens = document.tokens
    token = tokens[index]
    place = places.place(tokens, index, token.start)
    word = token.text
    if places.MODEL_NAME in place.kinds:
        return _model(document, token)
    if places.LAYER_NAME in place.kinds and _is_layer(tokens, index):
        return _layer(document, token)
    for kind in place.kinds:
        about = words(kind, place.optimizer).get(word)
        if about is None:
            continue
        title = f"**`{word}`**: {about}"
        if kind in ("attribute", BIAS, GAIN):
            return _attribute(document, token, place, title)
        if kind == "option":
            return _option(document, token, title)
        return title
    if places.LAYER_NAME in place.kinds and token.type in NAMES:
        return None
    return _symbol(document, token)


def _is_layer(tokens: list[Token], index: int) -> bool:
    after = tokens[index + 1].type if index + 1 < len(tokens) else ""
    return after in ("COLON", "LSQB") and tokens[index].type != "NEWLINE"


def _model(document: Document, token: Token) -> str:
    result = document.model_at(token.start)
    if result is None:
        return f"**model `{token.text}`**\n\n{_UNDECIDED}"
    statuses = ", ".join(f"{name} {status.replace('_', ' ')}" for name, status in result.statuses)
    return f"**model `{token.text}`** {_mark(result)} {result.sentence}\n\n{statuses}"


def _mark(result: ModelResult) -> str:
    return "passes:" if result.passes else "fails:"


def _layer(document: Document, token: Token) -> str:
    result = document.model_at(token.start)
    if result is None:
        return _unjudged_layer(document, token)
    spec = result.spec
    found = _around(result, token)
    if not found:
        return _body(document, token)
    table = rows(result, found[0].statement)
    first = found[0]
    after = f", then {first.activation.name}" if first.activation else ""
    repeats = f" × {len(found)}" if len(found) > 1 else ""
    lines = [f"**`{first.statement}`**{repeats}: {_size(result, first)}{after}", ""]
    lines += [
        "| layer | a | b | c | A | C | h | Δh | Δf |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table[:_MAX_ROWS]:
        name = f"{row.name} ({row.layer.role})"
        lines.append(f"| {' | '.join((name, *row.exponents))} |")
    if len(table) > _MAX_ROWS:
        lines.append(f"\n{len(table) - _MAX_ROWS} more rows are not shown.")
    at = "" if spec.richness is None else f" at r = {result.context.richness}"
    lines += ["", *_formulas(result, table), ""]
    lines += [f"`{spec.name}` {_mark(result)} {result.sentence}", "", f"*{_LEGEND[:-1]}{at}.*"]
    return "\n".join(lines)


def _around(result: ModelResult, token: Token) -> list[Layer]:
    """The layers of the statement that a token stands in."""
    return [
        layer for layer in result.spec.layers if layer.place.start <= token.start < layer.place.end
    ]


def _body(document: Document, token: Token) -> str:
    """A repeat or residual, or a norm without anything that is trained."""
    title = f"**`{token.text}`**"
    model = document.node_at(token.start)
    if model is None:
        return _unjudged_layer(document, token)
    for node in tree.every(model.statements):
        if isinstance(node, tree.Repeat | tree.Residual) and node.name.span == token.span:
            word = "repeat" if isinstance(node, tree.Repeat) else "residual"
            return f"{title}: {words('body')[word]}"
        if isinstance(node, tree.Norm) and node.name is not None and node.name.span == token.span:
            return f"{title}: {words('norm')[node.kind.text]}"
    return _unjudged_layer(document, token)


def _size(result: ModelResult, layer: Layer) -> str:
    if layer.kind.is_norm:
        return str(layer.kind)
    width = result.spec.width_symbol
    read = layer.fan_in.words(width)
    if layer.kind == LayerKind.EMBEDDING:
        read = f"of {result.spec.input_dim:,} tokens"  # its fan-in is that of a one-hot input
    return f"{layer.kind} {read} -> {layer.fan_out.words(width)}"


def _formulas(result: ModelResult, table: list[ExponentRow]) -> list[str]:
    lines = []
    for row in table[:_MAX_ROWS]:
        head = f"{row.name}: " if len(table) > 1 else ""
        lines.append(f"- {head}{_tensor(result, row.layer.weight)}")
        if row.layer.bias is not None:
            lines.append(f"- {head}bias {_tensor(result, row.layer.bias)}")
    return lines


def _tensor(result: ModelResult, tensor: Tensor) -> str:
    names = (*KNOBS, "eps") if tensor.eps is not None else KNOBS
    parts = [f"{name} {_value(result, tensor, name)}" for name in names]
    found = declared_values.values(result.spec, tensor)
    pairs = zip(found._fields, found.words, strict=True)
    listed = ", ".join(f"{name} {word}" for name, word in pairs if word != "-")
    where = declared_values.place(result.spec)
    return f"{', '.join(parts)}; at {where}, with the whole rate: {listed}"


def _value(result: ModelResult, tensor: Tensor, name: str) -> str:
    if name == "lr" and tensor.frozen:
        return "frozen"
    value = attribute(tensor, name)
    if value is None:
        return ""
    spec = result.spec
    richness = result.context.richness if spec.richness is not None else None
    text = formula(value, result.spec.symbols)
    return f"`{text}` ~ `{scaling(value, richness, spec.width_symbol)}`"


def _unjudged_layer(document: Document, token: Token) -> str:
    lines = [f"**`{token.text}`**", ""]
    for name, value in written(document, token.start):
        lines.append(f"- {name} ~ `{value}`")
    return "\n".join([*lines, "", _UNDECIDED])


def _attribute(document: Document, token: Token, place: places.CursorPlace, title: str) -> str:
    result = document.model_at(token.start)
    if result is None:
        prefix = "bias " if place.of_bias else ""
        values = dict(written(document, token.start))
        value = values.get(prefix + token.text)
        return title if value is None else f"{title}\n\nHere ~ `{value}`"
    lines: list[str] = []
    around = _around(result, token)
    tensors = ((layer.bias if place.of_bias else layer.weight, layer) for layer in around)
    groups = together(
        (_value(result, tensor, token.text), layer)
        for tensor, layer in tensors
        if tensor is not None
    )
    for text, layers in groups[:_MAX_ROWS]:
        if text:
            lines.append(f"{span_name(layers)}: {text}" if len(groups) > 1 else f"Here {text}")
    return "\n\n".join([title, *lines])


def _option(document: Document, token: Token, title: str) -> str:
    result = document.model_at(token.start)
    if result is None or token.text != "lr":
        return title
    spec = result.spec
    around = [o for o in (spec.optimizer, *spec.others) if _holds(o.place, token.start)]
    if not around:
        return title
    value = around[0].lr
    text = scaling(value, spec.richness, spec.width_symbol)
    return f"{title}\n\nHere `{formula(value, result.spec.symbols)}` ~ `{text}`"


def _holds(place: Span | None, offset: int) -> bool:
    return place is not None and place.start <= offset < place.end


def _symbol(document: Document, token: Token) -> str | None:
    """A symbol of the width or the depth, wherever it stands."""
    result = document.model_at(token.start)
    if result is None or token.type not in NAMES:
        return None
    spec = result.spec
    if spec.depth is not None and token.text == spec.depth.symbol:
        return (
            f"**`{token.text}`**: the depth, {spec.depth.value} here: the number of repeated "
            "blocks, which goes to infinity after the width."
        )
    if spec.depth is not None and token.text == spec.depth.base_symbol:
        return (
            f"**`{token.text}`**: the base depth, {spec.depth.base}, at which the hyperparameters "
            "were tuned; a constant."
        )
    if token.text == spec.width_symbol:
        return f"**`{token.text}`**: the width, {spec.width} here; what goes to infinity."
    if token.text == spec.base_symbol:
        return (
            f"**`{token.text}`**: the base width, {spec.base_width}, at which the hyperparameters "
            "were tuned; a constant."
        )
    if token.text == "r" and spec.richness is not None:
        return f"**`r`**: the richness exponent, {spec.richness} here."
    return None


def _pages(document: Document, offset: int) -> tuple[list[str], Span]:
    """The heads of the pages of what is found at a place, and the first finding's place."""
    from richc.rules import pages

    found = [d for d in document.result.diagnostics if d.span.start <= offset <= d.span.end]
    heads: dict[str, str] = {}
    for diagnostic in found:
        if diagnostic.code not in heads and len(heads) < _MAX_PAGES:
            page = pages.read(diagnostic.code)
            decides = f" ({page.desideratum})" if page.desideratum else ""
            heads[page.code] = f"**{page.code} {page.slug}**{decides}: {page.summary}"
    return list(heads.values()), found[0].span if found else Span(offset, offset)
