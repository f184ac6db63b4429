"""``--rich``: dense layers, norms and residual branches as a .rich file, or why they are none."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from richc.files import starts_with, write_file
from richc.optimizers import laws
from richc.optimizers.law import Law
from richc.pipeline import analyse
from richc.torchfront.factory import Factory, Made, plain
from richc.torchfront.initials import Drawn, Initials
from richc.torchfront.preparing import quiet
from richc.torchfront.reading import power
from richc.torchfront.spelling import dimension, exact, expression, number, short
from richc.torchfront.structure import (
    Activation,
    DenseStep,
    NormStep,
    ResidualStep,
    Step,
    Structure,
    Unsaid,
    structure,
)

_HEADER = "# Written by richc audit"
#: PyTorch's class -> what the language knows of it.
_LAWS: dict[str, Law] = {law.torch.name.rpartition(".")[2]: law for law in laws()}
#: What the language has no word for, as it must be where a group has it.
_FIXED: dict[str, Any] = {"maximize": False, "dampening": 0, "d": 1.0}
#: The eps of PyTorch's norms where nothing is given.
_NORMS_EPS = {"rmsnorm": 2.0**-23, "layernorm": 1e-5}
_WORDS = set(
    "model width richness parameterization input optimizer loss train require with depth repeat "
    "residual embedding gain rmsnorm layernorm".split()
)
#: Blocks that come again are at most of so many branches and norms.
_LONGEST_BLOCK = 4


class _Seen(NamedTuple):
    """A network at one width."""

    structure: Structure
    shapes: dict[str, tuple[int, ...]]
    drawn: dict[str, Drawn | None]
    #: Those that start with every entry 1.
    ones: frozenset[str]
    #: Of every parameter: which optimizer, and its group; None for what does not train.
    groups: dict[str, tuple[int, dict[str, Any]] | None]
    optimizers: tuple[str, ...]


class _Written(NamedTuple):
    """A statement of the model; ``lines`` begin with NAME, where there is one."""

    where: str
    lines: tuple[str, ...]
    #: What it is called, with a number, where its place is no name.
    kind: str = "layer"


def save(factory: str, widths: tuple[int, ...], path: Path, *, force: bool) -> None:
    """Write the .rich file of a factory's model.  Raises Unsaid, Refusal, OutputError."""
    text = written(Factory(factory), widths[:3])
    write_file(path, text.encode(), lambda p: starts_with(p, _HEADER.encode()), force=force)


def written(factory: Callable[[int, int], Made], widths: Sequence[int]) -> str:
    """The text of the .rich file, which has been checked.  Raises Unsaid and Refusal."""
    with quiet():
        seen = [_look(factory, width) for width in widths]
    text = "\n".join([*_StatementWriter(seen, list(widths)).lines(), ""])
    if analyse(text).is_unresolved:
        raise Unsaid("what was read is no model of the language")
    return text


def _look(factory: Callable[[int, int], Made], width: int) -> _Seen:
    initials = Initials()
    with initials:
        made = factory(width, 0)
    named: dict[str, nn.Parameter] = {plain(n): p for n, p in made.model.named_parameters()}
    order = {id(optimizer): at for at, optimizer in enumerate(made.optimizers)}
    groups = {id(p): (order[id(o)], group) for o, group in made.groups for p in group["params"]}
    return _Seen(
        structure(made),
        {name: tuple(p.shape) for name, p in named.items()},
        {name: initials.of(p) for name, p in named.items()},
        frozenset(name for name, p in named.items() if bool((p.detach() == 1).all())),
        {name: groups.get(id(p)) if p.requires_grad else None for name, p in named.items()},
        tuple(type(optimizer).__name__ for optimizer in made.optimizers),
    )


class _StatementWriter:
    """The statements of a network that was seen at several widths."""

    def __init__(self, seen: list[_Seen], widths: list[int]) -> None:
        self._seen, self._widths, self._first = seen, widths, seen[0]
        if len({_shape(one.structure.steps) for one in seen}) > 1:
            raise Unsaid("another width has other layers")
        for name in self._first.optimizers:
            if name not in _LAWS:
                raise Unsaid(f"the optimizer {name}")
        self._laws = [_LAWS[name] for name in self._first.optimizers]
        if len({law.name for law in self._laws}) < len(self._laws):
            raise Unsaid("several optimizers of one kind")
        self._rates = [self._common_rate(at) for at in range(len(self._laws))]
        if not any(self._rates):
            raise Unsaid("nothing trains")

    def lines(self) -> Iterator[str]:
        yield _HEADER
        yield "model net {"
        yield f"  width n = {self._widths[-1]}, base n0 = {self._widths[0]}"
        features = self._first.structure.features
        if features is None:
            table = self._first.structure.steps[0]
            if not isinstance(table, DenseStep):
                raise Unsaid("tokens that are not looked up at once")
            yield f"  input tokens {self._first.shapes[table.weight][0]}"
        else:
            yield f"  input {features}"
        parallel = [one.structure.steps for one in self._seen]
        for line in _repeated(list(self._statements(parallel))):
            yield f"  {line}"
        for at, law in enumerate(self._laws):
            options = ", ".join(
                [f"lr = {number(self._rates[at] or float(law.lr))}", *self._options(at)]
            )
            yield f"  optimizer {law.name} {{ {options} }}"
        yield "}"

    def _statements(self, parallel: Sequence[Sequence[Step]]) -> Iterator[_Written]:
        """Of the same steps at all widths."""
        for steps in zip(*parallel, strict=True):
            first = steps[0]
            if isinstance(first, Activation):
                yield _Written("", (first.shown,))
            elif isinstance(first, NormStep):
                inside = ", ".join(self._norm(first))
                block = f" {{ {inside} }}" if inside else ""
                yield _Written(first.where, (f"NAME: {first.word}{block}",), "norm")
            elif isinstance(first, DenseStep):
                dense = [step for step in steps if isinstance(step, DenseStep)]
                yield _Written(first.where, (self._dense(dense),))
            else:
                residuals = [step for step in steps if isinstance(step, ResidualStep)]
                yield _Written(first.where, tuple(self._residual(residuals)), "branch")

    def _residual(self, residuals: Sequence[ResidualStep]) -> Iterator[str]:
        where = residuals[0].where
        yield "NAME: residual {"
        for word, values in (
            ("scale", [one.scale for one in residuals]),
            ("skip", [one.skip for one in residuals]),
        ):
            if any(value != 1.0 for value in values):
                yield f"  {word} = {expression(values, self._widths, f'{word} of `{where}`')}"
        inside = [
            one._replace(where=one.where.removeprefix(f"{where}."))
            for one in self._statements([one.branch for one in residuals])
        ]
        for lines in _named(inside):
            yield from (f"  {line}" for line in lines)
        yield "}"

    def _dense(self, layers: Sequence[DenseStep]) -> str:
        first = layers[0]
        sizes = [one.shapes[first.weight][1 if first.is_lookup else 0] for one in self._seen]
        items = list(self._tensor(first.weight, [one.scale for one in layers], self._dist(first)))
        if first.bias is not None:
            bias = self._tensor(first.bias, [one.bias_scale for one in layers])
            items.append(f"bias {{ {', '.join(bias)} }}")
        word = "embedding" if first.is_lookup else "dense"
        return f"NAME: {word} -> {dimension(sizes, self._widths)} {{ {', '.join(items)} }}"

    def _norm(self, norm: NormStep) -> Iterator[str]:
        if not math.isclose(norm.eps, _NORMS_EPS[norm.word], rel_tol=1e-6):
            yield f"eps = {number(float(f'{norm.eps:.6g}'))}"  # some are those of fp32
        if norm.gain is not None:
            if any(norm.gain not in one.ones for one in self._seen):
                raise Unsaid(f"`{norm.gain}` starts with entries other than 1")
            yield f"gain {{ {', '.join(self._trained(norm.gain))} }}"
        if norm.bias is not None:
            yield f"bias {{ {', '.join(self._tensor(norm.bias, [1.0] * len(self._seen)))} }}"

    def _common_rate(self, at: int) -> float:
        """An optimizer's rate: where that can be, it and what multiplies it are short numbers."""
        found = zip(*(one.groups.values() for one in self._seen), strict=True)
        mine = [[kept[1] for kept in groups if kept and kept[0] == at] for groups in found]
        rates = [[float(group["lr"]) for group in groups] for groups in mine if groups]
        if not rates:
            return 0.0
        widths = self._widths
        powers = [power(found, widths) for found in rates if any(found)]
        for unit in (1, widths[0]):
            sizes = [
                found[0] / (widths[0] / unit) ** float(exponent)
                for found, exponent in zip(filter(any, rates), powers, strict=True)
                if exponent is not None
            ]
            if sizes and all(map(exact, (*sizes, *(size / sizes[0] for size in sizes)))):
                return float(sizes[0])
        return float(max(found[0] for found in rates))

    def _dist(self, layer: DenseStep) -> str:
        """The distribution of a layer's weight and bias; biases of orthogonal layers are normal."""
        drawn = [self._first.drawn[name] for name in (layer.weight, layer.bias) if name is not None]
        weight, bias = (
            *(one.dist if one is not None and one.std else None for one in drawn),
            None,
        )[:2]
        if weight is None:
            return bias or "normal"
        if bias not in (None, "normal" if weight == "orthogonal" else weight):
            raise Unsaid(f"`{layer.bias}` is drawn otherwise than `{layer.weight}`")
        return weight

    def _tensor(self, name: str, scales: Sequence[float], dist: str = "normal") -> Iterator[str]:
        """A weight's or bias's attributes; the layer's ``dist`` stands beside the weight's."""
        if any(scale != 1.0 for scale in scales):
            yield f"scale = {expression(scales, self._widths, f'a multiplier of `{name}`')}"
        drawn = [one.drawn[name] for one in self._seen]
        known = [d for d in drawn if d is not None]
        if len(known) < len(drawn) or len({d.dist for d in known}) > 1:
            raise Unsaid(f"`{name}` is drawn from no distribution of the language")
        stds = [d.std for d in known]
        shown = short(stds, self._widths)
        squared = short([std**2 for std in stds], self._widths)
        if shown is None and squared is not None:
            yield f"var = {squared}"
        else:
            yield f"std = {shown or expression(stds, self._widths, f'the std of `{name}`')}"
        if dist != "normal":
            yield f"dist = {dist}"
        yield from self._trained(name)

    def _trained(self, name: str) -> Iterator[str]:
        """Which optimizer trains a tensor, and how."""
        found = [one.groups[name] for one in self._seen]
        kept = [one for one in found if one is not None]
        if len(kept) < len(found):
            yield "frozen"
            return
        (at, *others) = {at for at, _ in kept}
        if others:
            raise Unsaid(f"another width trains `{name}` with another optimizer")
        law, groups = self._laws[at], [group for _, group in kept]
        if law.takes_matrices_only:
            self._larger_side(name)
        rates = [group["lr"] / self._rates[at] for group in groups]
        yield f"lr = {expression(rates, self._widths, f'the rate of `{name}`')}"
        if at:
            yield f"optimizer = {law.name}"
        attributes = {"decay": [float(group.get("weight_decay") or 0.0) for group in groups]}
        if law.eps is not None:
            eps = [group.get("eps") for group in groups]
            # Adafactor's first is that of squared gradients.
            floors = [one[-1] if isinstance(one, tuple | list) else one for one in eps]
            attributes["eps"] = [float(one or 0.0) for one in floors]
        for attribute, values in attributes.items():
            if any(values):
                shown = expression(values, self._widths, f"{attribute} of `{name}`")
                yield f"{attribute} = {shown}"

    def _larger_side(self, name: str) -> None:
        """Of a matrix under Muon: its factor is a power of n where one side stays the larger."""
        sizes = [one.shapes[name] for one in self._seen]
        rows, columns = zip(*sizes, strict=True)
        grows = [side[0] < side[-1] for side in (rows, columns)]
        if grows[0] == grows[1]:
            return
        fixed, growing = (columns, rows) if grows[0] else (rows, columns)
        if any(side < fixed[0] for side in growing):
            raise Unsaid(
                f"the factor of Muon for `{name}`, whose growing side is below {fixed[0]} at the "
                f"width {self._widths[0]}: give --widths beyond"
            )

    def _options(self, at: int) -> Iterator[str]:
        law = self._laws[at]
        groups = [kept[1] for kept in self._first.groups.values() if kept and kept[0] == at]
        for key, value in _FIXED.items():
            if any(group.get(key, value) != value for group in groups):
                raise Unsaid(f"{law.title}'s {key}")
        for knob in law.knobs:
            if knob.name == "eps":  # of every tensor
                continue
            key, default = knob.name, _plain(knob.default)
            if knob.words:
                key, default = "adjust_lr_fn", None
            values = {group.get(key, default) for group in groups}
            if len(values) > 1:
                raise Unsaid(f"groups of another {key}")
            (value,) = values or {default}
            if knob.words:
                yield f"{knob.name} = {value or 'original'}"
            elif value == default:
                continue
            elif isinstance(value, tuple):
                yield f"{key} = ({', '.join(map(number, value))})"
            else:
                yield f"{key} = {str(value).lower() if isinstance(value, bool) else number(value)}"


def _plain(value: Any) -> Any:
    """A default as a group of PyTorch has it."""
    if isinstance(value, tuple):
        return tuple(map(float, value))
    return float(value) if isinstance(value, Fraction) else value


def _shape(steps: Sequence[Step]) -> tuple[Any, ...]:
    """What is the same at all widths."""
    return tuple(
        (step.where, _shape(step.branch))
        if isinstance(step, ResidualStep)
        else step._replace(scale=1.0, bias_scale=1.0)
        if isinstance(step, DenseStep)
        else step
        for step in steps
    )


def _repeated(statements: Sequence[_Written]) -> Iterator[str]:
    """The lines, where blocks that come again are a repeat."""
    named = list(_named(statements))
    at = 0
    while at < len(statements):
        length, count = _run(statements[at:])
        if count < 2:
            yield from named[at]
            at += 1
            continue
        block = statements[at : at + length]
        whole = _name(re.split(r"\.?\d", block[0].where)[0], "blocks", ())
        yield f"{whole}: repeat {count} {{"
        places = [re.split(r"\d\.?", one.where)[-1] for one in block]
        parts = [one._replace(where=place) for one, place in zip(block, places, strict=True)]
        for lines in _named(parts):
            yield from (f"  {line}" for line in lines)
        yield "}"
        at += length * count


def _run(statements: Sequence[_Written]) -> tuple[int, int]:
    """How many statements come again, and how often: blocks that begin with a branch."""
    for length in range(1, _LONGEST_BLOCK + 1):
        block = [one.lines for one in statements[:length]]
        if not block or not block[0][0].endswith("residual {"):
            return 1, 1
        if not all("residual {" in lines[0] or "norm" in lines[0] for lines in block):
            return 1, 1
        count = 1
        while [s.lines for s in statements[count * length : (count + 1) * length]] == block:
            count += 1
        if count > 1:
            return length, count
    return 1, 1


def _named(statements: Sequence[_Written]) -> Iterator[list[str]]:
    """Their lines, where those that can have a name have one of their own: its module's."""
    found: list[str] = []
    for one in statements:
        name = ""
        if one.lines[0].startswith("NAME"):
            name = _name(one.where, one.kind, found)
            found.append(name)
        yield [line.replace("NAME", name, 1) for line in one.lines]


def _name(where: str, kind: str, taken: Sequence[str]) -> str:
    """A module's name, where the language can have it; a word and a number elsewhere."""
    name = re.sub(r"\W", "_", where).strip("_")
    usable = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    if usable and not (name in taken or name in _WORDS or hasattr(nn.Module, name)):
        return name
    return f"{kind}{len(taken) + 1}"
