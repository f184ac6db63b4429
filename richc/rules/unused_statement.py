"""R803: a depth by which nothing is repeated, or an optimizer that trains nothing (warning)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.context import Context
from richc.spec.arrangement import RepeatedBlocks
from richc.spec.model import Model, Optimizer
from richc.syntax import tree


def _idle(model: Model) -> list[Optimizer]:
    """The optimizers of several that no layer goes by."""
    layers = (layer for layer in model.layers if not layer.is_bare)
    used = {model.optimizer_of(tensor).name for layer in layers for tensor in layer.tensors}
    return [o for o in model.optimizers if o.name not in used] if model.others else []


def check(context: Context) -> Iterator[Diagnostic]:
    model = context.model
    repeats = (part for part in model.arrangement if isinstance(part, RepeatedBlocks))
    if model.depth is not None and all(part.times is not None for part in repeats):
        symbol = model.depth.symbol
        yield Diagnostic(
            "R803",
            f"nothing is repeated `{symbol}` times",
            next(node.span for node in context.node.statements if isinstance(node, tree.Depth)),
            label=f"`{symbol}` is no network's depth here",
            help=f"write `blocks: repeat {symbol} {{ ... }}` around what is, or delete the depth",
            severity=WARNING,
        )
    for optimizer in _idle(model):
        name, is_first = optimizer.name, optimizer is model.optimizer
        yield Diagnostic(
            "R803",
            f"`optimizer {name}` trains nothing",
            optimizer.place,
            label="every layer chooses another one" if is_first else "no layer chooses it",
            help="delete it; the first one left is then the default"
            if is_first
            else f"write `optimizer = {name}` on a layer, a bias or a gain, or delete it",
            severity=WARNING,
        )
