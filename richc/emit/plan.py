"""What the emitted file will hold, as data: layer runs, parameter groups, the symbols in use.

Everything is decided on exact formulas, never on their values: two groups that happen to agree at
one width stay two groups, so checkpoints keep their shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from richc.emit.names import attribute, class_name
from richc.scaling.formula import Symbols, python_formula
from richc.scaling.monomial import GAMMA, ONE, Monomial, symbol
from richc.spec.model import Activation, Dim, Layer, Model, Tensor

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

    @property
    def tensors(self) -> list[Tensor]:
        return [t for layer in self.model.layers for t in _tensors(layer)]

    @property
    def has_bias(self) -> bool:
        return any(layer.bias is not None for layer in self.model.layers)

    @property
    def has_scale(self) -> bool:
        return any(layer.weight.scale != ONE for layer in self.model.layers)

    @property
    def has_bias_scale(self) -> bool:
        return any(
            layer.bias is not None and layer.bias.scale != ONE for layer in self.model.layers
        )

    @property
    def has_frozen(self) -> bool:
        return any(is_frozen(tensor) for tensor in self.tensors)

    @property
    def dists(self) -> frozenset[str]:
        return frozenset(layer.dist for layer in self.model.layers)


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


def _tensors(layer: Layer) -> list[Tensor]:
    return [layer.weight] if layer.bias is None else [layer.weight, layer.bias]


def _monomials(model: Model) -> list[Monomial]:
    found = [model.optimizer.lr]
    for layer in model.layers:
        for t in _tensors(layer):
            found += [t.scale, t.std, t.lr, t.decay]
            found += [t.eps] if t.eps is not None else []
    return found


class _Looks(NamedTuple):
    """What two layers must share to be one run."""

    fan_in: Dim
    fan_out: Dim
    weight: Tensor
    bias: Tensor | None
    dist: str
    activation: Activation | None


def _looks(layer: Layer) -> _Looks:
    # Where an attribute is written does not matter here.
    weight = layer.weight._replace(places=())
    bias = None if layer.bias is None else layer.bias._replace(places=())
    return _Looks(layer.fan_in, layer.fan_out, weight, bias, layer.dist, layer.activation)


def _block(statement: str, layers: tuple[Layer, ...]) -> PlannedBlock:
    runs: list[LayerRun] = []
    for _, equal in groupby(enumerate(layers), key=lambda item: _looks(item[1])):
        members = list(equal)
        runs.append(LayerRun(members[0][1], members[0][0], members[-1][0] + 1))
    is_list = layers[0].position is not None
    return PlannedBlock(attribute(statement), is_list, layers, tuple(runs))


class _GroupKey(NamedTuple):
    lr: Monomial
    decay: Monomial
    eps: Monomial | None
    #: The rate depends on the shape where PyTorch lacks the shape factor.
    shape: tuple[Dim, Dim] | None


def _groups(model: Model, blocks: tuple[PlannedBlock, ...]) -> tuple[ParameterGroup, ...]:
    by_shape = model.optimizer.shape_factor in model.optimizer.law.torch.excess
    members: dict[_GroupKey, list[tuple[PlannedBlock, str, list[LayerRun]]]] = {}
    for kind in ("weight", "bias"):
        for block in blocks:
            for run in block.runs:
                tensor = run.layer.weight if kind == "weight" else run.layer.bias
                if tensor is None or is_frozen(tensor):
                    continue
                fan_in = run.layer.fan_in if kind == "weight" else Dim(1, wide=False)
                key = _GroupKey(
                    symbol(RATE).times(tensor.lr),
                    tensor.decay,
                    tensor.eps,
                    (fan_in, run.layer.fan_out) if by_shape else None,
                )
                found = members.setdefault(key, [])
                if found and found[-1][0] is block and found[-1][1] == kind:
                    found[-1][2].append(run)
                else:
                    found.append((block, kind, [run]))
    return tuple(
        ParameterGroup(
            "+".join(_label(*member) for member in found),
            tuple(expression for member in found for expression in _selection(*member)),
            key.lr,
            key.decay,
            key.eps,
        )
        for key, found in members.items()
    )


def _spans(runs: list[LayerRun]) -> list[tuple[int, int]]:
    """Runs as half-open index ranges, neighbours joined."""
    spans: list[tuple[int, int]] = []
    for run in runs:
        if spans and spans[-1][1] == run.start:
            spans[-1] = (spans[-1][0], run.end)
        else:
            spans.append((run.start, run.end))
    return spans


def _label(block: PlannedBlock, kind: str, runs: list[LayerRun]) -> str:
    """``body``, ``body.1-3``, ``head.bias``."""
    suffix = "" if kind == "weight" else ".bias"
    whole = (0, len(block.layers))
    labels = []
    for start, end in _spans(runs):
        if (start, end) == whole or not block.is_list:
            labels.append(f"{block.name}{suffix}")
        elif end - start == 1:
            labels.append(f"{block.name}.{start}{suffix}")
        else:
            labels.append(f"{block.name}.{start}-{end - 1}{suffix}")
    return "+".join(labels)


def _selection(block: PlannedBlock, kind: str, runs: list[LayerRun]) -> list[str]:
    """Python expressions for the parameters, ready to stand in a list."""
    target = f"self.{block.name}"
    if not block.is_list:
        return [f"{target}.{kind}"]
    found = []
    for start, end in _spans(runs):
        if end - start == 1:
            found.append(f"{target}[{start}].{kind}")
            continue
        whole = (start, end) == (0, len(block.layers))
        layers = target if whole else f"{target}[{start}:{end}]"
        found.append(f"*(layer.{kind} for layer in {layers})")
    return found
