"""What the emitted file will hold, as data: layer runs, parameter groups, the symbols in use.

Everything is decided on exact formulas, never on their values: two groups that happen to agree at
one width stay two groups, so checkpoints keep their shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from richc.algebra.formula import Symbols, python_formula
from richc.algebra.monomial import GAMMA, Monomial, symbol
from richc.emit.names import attribute, class_name
from richc.spec.model import Dim, Layer, Model, Tensor

#: The optimizer's learning rate in formulas; an argument of the emitted functions.
RATE = "lr"

#: How each symbol is bound, from attributes of the module.
_BINDINGS = {
    "n": "self.width",
    "n0": "BASE_WIDTH",
    "r": "self.richness",
    "gamma": "self.gamma",
    "alpha": "self.alpha",
}

_WORD = re.compile(r"[A-Za-z_]\w*")
#: A name by itself in emitted Python: not an attribute, not inside of a string.
_BARE_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_STRING = re.compile(r'"[^"]*"')


class LayerRun(NamedTuple):
    """Neighbouring layers ``start`` to ``end`` (exclusive) of a statement, equal but for place."""

    layer: Layer
    start: int
    end: int


class PlannedBlock(NamedTuple):
    """One ``dense`` statement: the module's attribute ``name``, a layer or a list of layers."""

    name: str
    is_list: bool
    layers: tuple[Layer, ...]
    runs: tuple[LayerRun, ...]


class ParameterGroup(NamedTuple):
    """One parameter group: ``params`` are Python expressions, ``lr`` is a formula in ``lr``."""

    name: str
    params: tuple[str, ...]
    lr: Monomial
    decay: Monomial
    eps: Monomial | None


class Plan(NamedTuple):
    model: Model
    class_name: str
    symbols: Symbols
    blocks: tuple[PlannedBlock, ...]
    groups: tuple[ParameterGroup, ...]
    #: Words among n, n0, r, gamma and alpha that some formula needs.
    used: frozenset[str]

    def formula(self, value: Monomial) -> str:
        return python_formula(value, self.symbols)

    def words(self, expressions: Iterable[str]) -> list[str]:
        """The symbols that Python expressions mention, in the order they are bound."""
        found = set(_BARE_WORD.findall(_STRING.sub("", " ".join(expressions))))
        return [word for word in ("n", "n0", "r", "gamma", "alpha") if word in found]

    def binding(self, expressions: Iterable[str]) -> list[str]:
        """One line that binds the symbols used in Python ``expressions``, or none."""
        words = self.words(expressions)
        if not words:
            return []
        return [f"{', '.join(words)} = {', '.join(_BINDINGS[word] for word in words)}"]


def plan(model: Model) -> Plan:
    """Decide names, runs and groups.  Raises ValueError for names that are no identifiers."""
    symbols = Symbols(
        "n", "n0" if model.base_width is not None else None, model.richness is not None
    )
    blocks = tuple(
        _block(statement, tuple(layers))
        for statement, layers in groupby(model.layers, key=lambda layer: layer.statement)
    )
    used: set[str] = set()
    for value in _monomials(model):
        used.update(_WORD.findall(python_formula(value, symbols)))
    return Plan(
        model, class_name(model.name), symbols, blocks, _groups(model, blocks), frozenset(used)
    )


def is_frozen(tensor: Tensor) -> bool:
    return tensor.frozen or tensor.lr.is_zero


def depends_on_richness(model: Model) -> bool:
    """True when some exponent is a function of r."""
    return any(e.slope for m in _monomials(model) for _, e in m.powers)


def depends_on_gamma(model: Model) -> bool:
    return any(not m.exponent(GAMMA).is_zero for m in _monomials(model))


def dim(size: Dim) -> str:
    """A dimension as Python."""
    if not size.wide:
        return str(size.factor)
    whole = "n" if size.factor == 1 else f"{size.factor} * n"
    return whole if size.over == 1 else f"{whole} // {size.over}"


def _monomials(model: Model) -> list[Monomial]:
    found = [model.optimizer.lr]
    for layer in model.layers:
        for t in layer.tensors:
            found += [t.scale, t.std, t.lr, t.decay]
            found += [t.eps] if t.eps is not None else []
    return found


def _looks(layer: Layer) -> tuple[object, ...]:
    """What two layers must share to be one run: not where an attribute is written."""
    tensors = [tensor._replace(places=()) for tensor in layer.tensors]
    return layer.fan_in, layer.fan_out, *tensors, layer.dist, layer.activation


def _block(statement: str, layers: tuple[Layer, ...]) -> PlannedBlock:
    runs: list[LayerRun] = []
    for _, equal in groupby(enumerate(layers), key=lambda item: _looks(item[1])):
        members = list(equal)
        runs.append(LayerRun(members[0][1], members[0][0], members[-1][0] + 1))
    is_list = layers[0].position is not None
    return PlannedBlock(attribute(statement), is_list, layers, tuple(runs))


def _groups(model: Model, blocks: tuple[PlannedBlock, ...]) -> tuple[ParameterGroup, ...]:
    # The rate depends on the shape where PyTorch lacks the shape factor.
    by_shape = model.optimizer.shape_factor in model.optimizer.law.torch.excess
    members: dict[tuple[Any, ...], list[tuple[PlannedBlock, str, list[tuple[int, int]]]]] = {}
    for kind in ("weight", "bias"):
        for block in blocks:
            for run in block.runs:
                tensor = run.layer.weight if kind == "weight" else run.layer.bias
                if tensor is None or is_frozen(tensor):
                    continue
                fan_in = run.layer.fan_in if kind == "weight" else Dim(1, wide=False)
                shape = (fan_in, run.layer.fan_out) if by_shape else None
                key = (symbol(RATE).times(tensor.lr), tensor.decay, tensor.eps, shape)
                found = members.setdefault(key, [])
                if not found or found[-1][:2] != (block, kind):
                    found.append((block, kind, []))
                spans = found[-1][2]
                # Neighbours are joined.
                start = spans.pop()[0] if spans and spans[-1][1] == run.start else run.start
                spans.append((start, run.end))
    return tuple(_group(found, *knobs) for (*knobs, _), found in members.items())


def _group(
    found: Iterable[tuple[PlannedBlock, str, list[tuple[int, int]]]], *knobs: Any
) -> ParameterGroup:
    """Named for its members, ``body+head``, ``body.1-3`` or ``head.bias``, with these in Python."""
    labels, params = [], []
    for block, kind, spans in found:
        suffix = "" if kind == "weight" else ".bias"
        for start, end in spans:
            layers, place = f"self.{block.name}", ""
            if block.is_list and (start, end) != (0, len(block.layers)):
                layers += f"[{start}:{end}]"
                place = f".{start}" if end - start == 1 else f".{start}-{end - 1}"
            labels.append(f"{block.name}{place}{suffix}")
            if not block.is_list:
                params.append(f"{layers}.{kind}")
            elif end - start == 1:
                params.append(f"self.{block.name}[{start}].{kind}")
            else:
                params.append(f"*(layer.{kind} for layer in {layers})")
    return ParameterGroup("+".join(labels), tuple(params), *knobs)
