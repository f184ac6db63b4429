"""What the emitted file will hold, as data: layers, blocks, parameter groups, symbols in use.

Everything is decided on exact formulas, never on their values: two groups that happen to agree at
one width stay two groups, so checkpoints keep their shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, product
from typing import Any, NamedTuple

from richc.algebra.formula import Symbols, python_formula
from richc.algebra.monomial import DEPTH, GAMMA, ONE, Monomial, symbol
from richc.emit.names import TakenName, attribute, class_name, free_class_name
from richc.emit.text import assigned
from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock, residuals
from richc.spec.model import Dim, Layer, LayerKind, Model, Optimizer, Tensor

#: The optimizer's learning rate in formulas; an argument of the emitted functions.
RATE = "lr"
#: The method that says those of several optimizers.
BASE_RATES = "base_rates"

#: Where a formula's values were tuned: constants of the program.
BASES = {"n0": "BASE_WIDTH", "L0": "BASE_DEPTH"}
#: How each symbol is bound, from attributes of the module.
_BINDINGS = {
    "n": "self.width",
    "n0": BASES["n0"],
    "L": "self.depth",
    "L0": BASES["L0"],
    "r": "self.richness",
    "gamma": "self.gamma",
    "alpha": "self.alpha",
}

#: More symbols would make the line too long.
_BOUND_IN_A_LINE = 5

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
    """One statement of layers: the module's attribute ``name``, a layer or a list of layers."""

    name: str
    is_list: bool
    layers: tuple[Layer, ...]
    runs: tuple[LayerRun, ...]
    #: Where it is, in Python: ``self``, or ``block`` behind ``for block in self.blocks``.
    holder: str
    loop: str

    @property
    def statement(self) -> str:
        return self.layers[0].statement

    def label(self, start: int, end: int) -> str:
        """Some of its layers as the file would call them: ``body.0``, ``body.1-3``, ``head``."""
        if not self.is_list:
            return self.statement
        return f"{self.statement}.{start}{f'-{end - 1}' if end - start > 1 else ''}"

    def path(self, position: int) -> str:
        """A layer's name among the network's modules, with ``*`` for any of several blocks."""
        holder = self.holder
        if self.loop:
            holder = holder.replace("block", f"{self.loop.removeprefix('for block in ')}.*", 1)
        place = f".{position}" if self.is_list else ""
        return f"{holder}.{self.name}{place}".removeprefix("self.")


class PlannedModule(NamedTuple):
    """A residual or a repeat: an attribute with a class of its own, which has these steps."""

    name: str
    class_name: str
    residual: ResidualBlock | None
    #: How often it is there, in Python; empty where it is no list.
    number: str
    steps: tuple[Step, ...]


#: What a module does one after the other.
Step = PlannedBlock | PlannedModule | Activation


class ParameterGroup(NamedTuple):
    """One parameter group: ``params`` are Python expressions, ``lr`` is a formula in ``lr``."""

    name: str
    params: tuple[str, ...]
    lr: Monomial
    decay: Monomial
    eps: Monomial | None
    optimizer: Optimizer


class Plan(NamedTuple):
    model: Model
    class_name: str
    symbols: Symbols
    steps: tuple[Step, ...]
    groups: tuple[ParameterGroup, ...]
    #: Words among n, n0, L, L0, r, gamma and alpha that some formula needs.
    used: frozenset[str]

    @property
    def blocks(self) -> list[PlannedBlock]:
        """Every statement of layers, in the order of the file."""
        return [step for step in _flat(self.steps) if isinstance(step, PlannedBlock)]

    @property
    def modules(self) -> list[PlannedModule]:
        """Every class that the network needs, those first that others hold."""
        return [step for step in _flat(self.steps) if isinstance(step, PlannedModule)]

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        """Those that have something to train; the first where nothing is trained."""
        found = [o for o in self.model.optimizers if self.groups_of(o)]
        return tuple(found) or (self.model.optimizer,)

    def groups_of(self, optimizer: Optimizer) -> tuple[ParameterGroup, ...]:
        return tuple(group for group in self.groups if group.optimizer == optimizer)

    @property
    def bases(self) -> dict[str, int | None]:
        """Of n0 and L0 those that formulas, or alpha, mention."""
        depth, of_alpha = self.model.depth, self.symbols.base and "alpha" in self.used
        known = {"n0": self.model.base_width, "L0": None if depth is None else depth.base}
        return {b: known[b] for b in BASES if b in self.used or (b == "n0" and of_alpha)}

    def formula(self, value: Monomial) -> str:
        return python_formula(value, self.symbols)


def mentioned(expressions: Iterable[str], names: Iterable[str]) -> list[str]:
    """Those of the ``names`` that Python expressions mention, in their order."""
    found = set(_BARE_WORD.findall(_STRING.sub("", " ".join(expressions))))
    return [name for name in names if name in found]


def binding(expressions: Iterable[str], names: Mapping[str, str] = _BINDINGS) -> list[str]:
    """A line that binds the symbols used in Python ``expressions``, or two, or none."""
    words = mentioned(expressions, names)
    sizes = [word for word in words if word in ("n", "n0", "L", "L0")]
    several = (sizes, words[len(sizes) :]) if len(words) > _BOUND_IN_A_LINE else (words,)
    return [assigned({word: names[word] for word in bound}) for bound in several if bound]


def plan(model: Model) -> Plan:
    """Decide names, runs and groups.

    Raises ValueError for names that are no identifiers; TakenName, which is one.
    """
    depth = model.depth
    symbols = Symbols(
        "n",
        "n0" if model.base_width is not None else None,
        model.richness is not None,
        base_depth="L0" if depth is not None and depth.base is not None else None,
    )
    own = class_name(model.name)
    reserved = {"depth"} if depth is not None else set()
    if model.others:
        reserved |= {BASE_RATES, *(f"{optimizer.name}_groups" for optimizer in model.optimizers)}
    parts = model.arrangement
    steps = tuple(_steps(model, parts, "self", "", {own}, reserved))
    formulas = " ".join(python_formula(value, symbols) for value in _monomials(model))
    decided = Plan(model, own, symbols, steps, (), frozenset(_WORD.findall(formulas)))
    return decided._replace(groups=_groups(model, decided.blocks))


def _steps(
    model: Model,
    parts: Iterable[Part],
    holder: str,
    loop: str,
    classes: set[str],
    reserved: Iterable[str],
) -> Iterator[Step]:
    """The steps that parts are; ``classes`` are names that are taken, and get more."""

    def key(part: Part) -> object:
        return model.layers[part].statement if isinstance(part, int) else part

    for _, alike in groupby(parts, key=key):
        first, *others = alike
        step: Step
        if isinstance(first, int):
            layers = tuple(model.layers[index] for index in (first, *others) if type(index) is int)
            step = _block(layers, holder, loop)
        elif isinstance(first, Activation):
            yield from (first, *(part for part in others if isinstance(part, Activation)))
            continue
        else:
            step = _module(model, first, holder, loop, classes)
        if step.name in reserved:
            why = "the compiled module has an attribute of this name"
            raise TakenName(f"a layer cannot be called `{step.name}` here: {why}")
        yield step


def _module(
    model: Model,
    part: ResidualBlock | RepeatedBlocks,
    holder: str,
    loop: str,
    classes: set[str],
) -> PlannedModule:
    name = attribute(part.name.rpartition(".")[2])
    number, inner = "", part.parts
    residual = part if isinstance(part, ResidualBlock) else None
    within, inner_loop = f"{holder}.{name}", loop
    if isinstance(part, RepeatedBlocks):
        number = "L" if part.times is None else str(part.times)
        within, inner_loop = "block", f"for block in {holder}.{name}"
        if len(inner) == 1 and isinstance(inner[0], ResidualBlock):
            # Its blocks are this residual, and need no other class.
            residual, inner = inner[0], inner[0].parts
    of_class = part.name if residual is None else residual.name
    reserved = ("scale", "skip") if residual is not None else ()
    steps = tuple(_steps(model, inner, within, inner_loop, classes, reserved))
    its = free_class_name(of_class, classes)
    classes.add(its)
    return PlannedModule(name, its, residual, number, steps)


def _flat(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step, those first that others hold."""
    for step in steps:
        yield from _flat(step.steps) if isinstance(step, PlannedModule) else ()
        yield step


def is_frozen(tensor: Tensor) -> bool:
    return tensor.frozen or tensor.lr.is_zero


def depends_on_richness(model: Model) -> bool:
    """True when some exponent is a function of r."""
    return any(e.slope for m in _monomials(model) for _, e in m.powers)


def depends_on_gamma(model: Model) -> bool:
    return any(not m.exponent(GAMMA).is_zero for m in _monomials(model))


def shape(model: Model, layer: Layer) -> tuple[str, str]:
    """Fan-in and fan-out as Python; an embedding has an entry for every index."""
    entries = str(model.input_dim) if layer.kind == LayerKind.EMBEDDING else dim(layer.fan_in)
    return entries, dim(layer.fan_out)


def dim(size: Dim) -> str:
    """A dimension as Python."""
    if not size.wide:
        return str(size.factor)
    whole = "n" if size.factor == 1 else f"{size.factor} * n"
    return whole if size.over == 1 else f"{whole} // {size.over}"


def shift_of(norm: Layer) -> Tensor | None:
    """The bias of a norm, where torch's has none such: it starts at zero, beside a gain."""
    bias = norm.bias
    if bias is None or not norm.kind.is_norm:
        return None
    is_plain = bias.std.is_zero and bias.scale == ONE and not is_frozen(bias)
    has_its = norm.kind == LayerKind.LAYERNORM and not is_frozen(norm.weight)
    return None if is_plain and has_its else bias


def _monomials(model: Model) -> list[Monomial]:
    found = [optimizer.lr for optimizer in model.optimizers]
    for residual, _ in residuals(model.arrangement):
        found += [residual.scale, residual.skip]
        found += [symbol(DEPTH)] if residual.is_leaky else []
    for layer in model.layers:
        for t in layer.tensors:
            found += [t.scale, t.std, t.lr, t.decay]
            found += [t.eps] if t.eps is not None else []
        found += [layer.floor] if layer.floor is not None else []
    return found


def _looks(layer: Layer) -> tuple[object, ...]:
    """What two layers must share to be one run: not where an attribute is written."""
    tensors = [tensor._replace(places=()) for tensor in layer.tensors]
    return layer.fan_in, layer.fan_out, *tensors, layer.dist, layer.activation


def _block(layers: tuple[Layer, ...], holder: str, loop: str) -> PlannedBlock:
    runs: list[LayerRun] = []
    for _, equal in groupby(enumerate(layers), key=lambda item: _looks(item[1])):
        members = list(equal)
        runs.append(LayerRun(members[0][1], members[0][0], members[-1][0] + 1))
    is_list = layers[0].position is not None
    name = attribute(layers[0].statement.rpartition(".")[2])
    return PlannedBlock(name, is_list, layers, tuple(runs), holder, loop)


#: Tensors of one kind, of neighbours in a statement.
_Member = tuple[PlannedBlock, str, LayerRun]


def _groups(model: Model, blocks: Sequence[PlannedBlock]) -> tuple[ParameterGroup, ...]:
    members: dict[tuple[Any, ...], list[_Member]] = {}
    places = [(block, run) for block in blocks for run in block.runs]
    for kind, (block, run) in product(("weight", "bias"), places):
        layer = run.layer
        tensor = layer.weight if kind == "weight" else layer.bias
        if tensor is None or is_frozen(tensor):
            continue
        optimizer = model.optimizer_of(tensor)
        fan_in = layer.fan_in if kind == "weight" else Dim(1, wide=False)
        # The rate depends on the shape where PyTorch lacks the shape factor.
        by_shape = optimizer.shape_factor in optimizer.law.torch.excess
        shape = (fan_in, layer.fan_out) if by_shape else None
        knobs = (symbol(RATE).times(tensor.lr), tensor.decay, tensor.eps, optimizer)
        members.setdefault((*knobs, shape), []).append((block, kind, run))
    return tuple(_group(found, *knobs) for (*knobs, _), found in members.items())


def _group(found: Iterable[_Member], *knobs: Any) -> ParameterGroup:
    """Named for its members, ``body+head``, ``body.1-3`` or ``head.bias``, with these in Python."""
    labels, params = [], []
    for (block, kind), members in groupby(found, key=lambda member: member[:2]):
        first, suffix, tensor = block.layers[0], "" if kind == "weight" else ".bias", kind
        if first.kind.is_norm and kind == "weight":
            suffix = ".gain"
            tensor = "weight" if shift_of(first) is None else "norm.weight"
        places = [at for *_, run in members for at in range(run.start, run.end)]
        for _, near in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
            span = [at for _, at in near]
            start, end = span[0], span[-1] + 1
            is_whole = end - start == len(block.layers)
            labels.append(f"{block.statement if is_whole else block.label(start, end)}{suffix}")
            layers, loop = f"{block.holder}.{block.name}", f" {block.loop}" if block.loop else ""
            if block.is_list and end - start > 1:
                some = layers if is_whole else f"{layers}[{start}:{end}]"
                params.append(f"*(layer.{tensor}{loop} for layer in {some})")
                continue
            one = f"{layers}[{start}].{tensor}" if block.is_list else f"{layers}.{tensor}"
            params.append(f"*({one}{loop})" if loop else one)
    return ParameterGroup("+".join(labels), tuple(params), *knobs)
