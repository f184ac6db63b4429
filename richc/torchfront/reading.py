"""What shapes, rates and numbers are as powers of the width, exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from richc.optimizers import laws
from richc.torchfront.adapters import cast
from richc.torchfront.factory import Factory, Made, Refusal, guarded
from richc.torchfront.faults import pattern
from richc.torchfront.mending import Mends
from richc.torchfront.preparing import quiet, scheduled
from richc.torchfront.seen import Scalar
from richc.torchfront.watching import ForwardWatch

#: Ratios of an exact power agree as far as this.
_EXACT = 1e-6
_DENOMINATOR = 100
#: Wider networks are read without values.
WIDEST = 512

#: torch's optimizers whose update has the size of the learning rate, whatever the gradient's is,
#: beside those of the language.
_ENTRYWISE = {"nadam", "radam", "adamax", "rmsprop", "adagrad", "sparseadam"}
_ENTRYWISE |= {
    law.name
    for law in laws()
    if law.is_entrywise and law.ignores_gradient_size and not law.is_relative_to_weight
}
#: Those whose update is as large as the gradient.
_FOLLOWS = {"sgd", "asgd", "sgdw"}
#: What multiplies the updates of some beside the rate.
_TIMES = dict.fromkeys(_FOLLOWS, "gradient") | {"adafactor": "weight"}
#: Those that multiply their decay by the learning rate; others' is part of what is normalised.
_DECOUPLED = {"adamw", "lion", "muon", "adafactor", *_FOLLOWS}


class Dimension(NamedTuple):
    """One dimension of a tensor: ``factor`` n^power, or ``factor`` n + ``rest``."""

    power: Fraction
    factor: Fraction
    rest: Fraction = Fraction(0)

    def __str__(self) -> str:
        if not self.power:
            return str(self.factor)
        name = "n" if self.power == 1 else f"n^{self.power}"
        shown = name if self.factor == 1 else f"{self.factor}*{name}"
        return f"{shown} + {self.rest}" if self.rest else shown


class ParameterReading(NamedTuple):
    """One parameter at several widths."""

    name: str
    dimensions: tuple[Dimension, ...]
    #: Powers of n; None where it is none, or where no optimizer has the parameter.
    lr: Fraction | None
    #: Before the scheduler, where there is one.
    first_lr: Fraction | None
    #: Of lr times decay, and of a decay that is normalised with the gradient; None where there is
    #: no such.
    decay: Fraction | None
    penalty: Fraction | None
    eps: Fraction | None
    eps_value: float
    optimizer: str | None
    #: Whether its update has the size of the learning rate.
    is_entrywise: bool
    #: Whether its update has the same size whatever the gradient's is.
    ignores_gradient: bool
    #: Of an entry of the update over the rate, where a sum over entries aligns; None where nothing
    #: is known of the optimizer.
    beside: Fraction | None
    #: What else multiplies it: the size of the ``gradient``, or of the ``weight``, if that is more
    #: than ``least``.
    times: str | None
    least: float
    #: The rates at all widths, where they are no power of n.
    odd: tuple[float, ...]

    @property
    def is_matrix(self) -> bool:
        return len(self.dimensions) > 1

    @property
    def is_hidden(self) -> bool:
        """Whether it makes something wide of something wide."""
        return sum(one.power > 0 for one in self.dimensions) > 1


class ScalarReading(NamedTuple):
    """A number in a forward pass that depends on the width."""

    scalar: Scalar
    power: Fraction | None
    values: tuple[float, ...]
    #: Of the terms that an entry of attention's logits sums over.
    terms: Fraction | None
    #: Whether no product comes after it: it multiplies the output.
    is_last: bool


class FactoryReading(NamedTuple):
    """What was read at several widths."""

    widths: tuple[int, ...]
    parameters: dict[str, ParameterReading]
    scalars: tuple[ScalarReading, ...]
    optimizers: str
    groups: int
    #: Units of the typical wide dimension, for every unit of the width.
    units: Fraction
    notes: tuple[str, ...]

    @property
    def families(self) -> dict[str, tuple[str, ...]]:
        """Matrices of one shape whose names differ in numbers, by the first one's name."""
        found: dict[tuple[str, tuple[Dimension, ...]], list[str]] = {}
        for name, one in self.parameters.items():
            if one.is_matrix:
                found.setdefault((pattern(name), one.dimensions), []).append(name)
        return {names[0]: tuple(names) for names in found.values()}

    def mended(self, mends: Mends) -> FactoryReading:
        """As it reads once rates and eps are changed."""
        parameters = {
            name: p._replace(
                lr=None if p.lr is None else p.lr - mends.get((name, "lr"), 0),
                eps=None if p.eps is None else p.eps - mends.get((name, "eps"), 0),
            )
            for name, p in self.parameters.items()
        }
        return self._replace(parameters=parameters)


class _Group(NamedTuple):
    optimizer: str
    lr: float
    first: float
    decay: float
    eps: float | None
    is_decoupled: bool
    #: Whether the optimizer is torch's own; how Muon adjusts its rate; what Adafactor takes the
    #: size of a weight for at least.
    is_torchs: bool
    adjusts: str | None
    least: float


class _SeenAt(NamedTuple):
    """What was seen at one width."""

    shapes: dict[str, tuple[int, ...]]
    groups: dict[str, _Group]
    scalars: list[Scalar]
    #: How many of these are ahead of the last product.
    ahead: int
    classes: tuple[str, ...]
    groups_count: int


def read(factory: Factory, widths: Sequence[int]) -> FactoryReading:
    """Read a factory at these widths.  Raises Refusal."""
    seen = {width: _look(factory, width) for width in widths}
    first = seen[widths[0]]
    for width, at in seen.items():
        _same_names(first, at, widths[0], width)
        _is_trained(at, width)
    parameters = {name: _parameter(name, seen) for name in first.shapes}
    notes = [
        f"the learning rate of `{p.name}` is no power of the width: "
        + ", ".join(f"{rate:.3g}" for rate in p.odd)
        for p in parameters.values()
        if p.odd
    ]
    factors = sorted(
        d.factor for p in parameters.values() for d in p.dimensions if d.power == 1 and d.factor
    )
    if not factors:
        raise Refusal(
            f"no parameter grows between the widths {widths[0]} and {widths[-1]}: does the factory "
            "use its argument?"
        )
    return FactoryReading(
        tuple(widths),
        parameters,
        _scalars(seen),
        " and ".join(dict.fromkeys(first.classes)),
        first.groups_count,
        factors[len(factors) // 2],
        tuple(notes),
    )


def _look(factory: Factory, width: int) -> _SeenAt:
    if width <= WIDEST:
        with quiet():
            return _seen(factory(width), has_values=True)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), quiet():
            return _seen(factory(width), has_values=False)
    except Refusal:
        # Code that looks at values has to have them.
        with quiet():
            return _seen(factory(width), has_values=True)


def _seen(made: Made, *, has_values: bool) -> _SeenAt:
    made.model.train()
    shapes = {name: tuple(p.shape) for name, p in made.parameters().items()}
    names = {id(p): name for name, p in made.parameters().items()}
    watch = ForwardWatch(made.model, reads=True, has_values=has_values)
    dtype = next((p.dtype for p in made.model.parameters()), torch.float32)
    call = made._replace(positional=cast(made.positional, dtype), named=cast(made.named, dtype))
    with torch.no_grad(), watch, guarded("the model raised"):
        call.call()
    initial = [float(g.get("initial_lr", g["lr"])) for _, g in made.groups]
    groups: dict[str, _Group] = {}
    for (optimizer, group), lr, before in zip(made.groups, scheduled(made), initial, strict=True):
        decay, eps = group.get("weight_decay", 0.0), group.get("eps")
        kind = type(optimizer).__name__
        one = _Group(
            kind,
            lr,
            before,
            float(decay),
            None if eps is None else _first(eps),
            bool(group.get("decoupled_weight_decay")),
            type(optimizer).__module__.split(".")[:2] == ["torch", "optim"],
            group.get("adjust_lr_fn"),
            float(eps[1]) if isinstance(eps, tuple | list) and len(eps) > 1 else 0.0,
        )
        groups |= {names[id(p)]: one for p in group["params"] if id(p) in names}
    classes = tuple(type(o).__name__ for o in made.optimizers)
    return _SeenAt(shapes, groups, watch.scalars, watch.ahead, classes, len(list(made.groups)))


def _first(eps: Any) -> float:
    found = eps[0] if isinstance(eps, tuple | list) else eps
    return 0.0 if found is None else float(found)


def _same_names(first: _SeenAt, other: _SeenAt, narrow: int, wide: int) -> None:
    odd = sorted(first.shapes.keys() ^ other.shapes.keys())
    if odd:
        where = narrow if odd[0] in first.shapes else wide
        raise Refusal(
            f"parameter names differ between the widths {narrow} and {wide}: only at {where} there "
            f"is `{odd[0]}`" + (f" and {len(odd) - 1} more" if len(odd) > 1 else "")
        )


def _is_trained(at: _SeenAt, width: int) -> None:
    """What nothing trains has no updates to judge, and would be found without fault."""
    if not at.shapes:
        raise Refusal(f"no parameter of the model requires a gradient at width {width}")
    if not at.groups:
        raise Refusal(
            f"the optimizer holds no trainable parameter of the model at width {width}: was it "
            "made for another model?"
        )
    if not any(group.lr or group.first for group in at.groups.values()):
        raise Refusal(f"all learning rates are zero at width {width}")


def power(values: Sequence[float], widths: Sequence[int]) -> Fraction | None:
    """The rational e where the values are c n^e exactly; None elsewhere, and for zeros."""
    if any(not value > 0 or not math.isfinite(value) for value in values):
        return None
    if len(set(values)) == 1:
        return Fraction(0)
    powers = [
        math.log(b / a) / math.log(v / u)
        for a, b, u, v in zip(values, values[1:], widths, widths[1:], strict=False)
    ]
    found = Fraction(powers[0]).limit_denominator(_DENOMINATOR)
    return found if all(abs(e - float(found)) < _EXACT for e in powers) else None


def _dimension(name: str, sizes: Sequence[int], widths: Sequence[int]) -> Dimension:
    exponent = power(sizes, widths)
    if exponent is not None:
        whole = exponent.denominator == 1
        base = Fraction(widths[0]) ** exponent if whole else Fraction(widths[0] ** float(exponent))
        factor = Fraction(sizes[0]) / Fraction(base)
        return Dimension(exponent, factor if whole else factor.limit_denominator(64))
    slope = Fraction(sizes[1] - sizes[0], widths[1] - widths[0])
    rest = sizes[0] - slope * widths[0]
    if slope > 0 and all(
        size == slope * width + rest for size, width in zip(sizes, widths, strict=True)
    ):
        return Dimension(Fraction(1), slope, rest)
    raise Refusal(
        f"a size of `{name}` is no power of the width: {', '.join(map(str, sizes))} at the widths "
        f"{', '.join(map(str, widths))}"
    )


def _parameter(name: str, seen: Mapping[int, _SeenAt]) -> ParameterReading:
    widths = list(seen)
    shapes = [at.shapes[name] for at in seen.values()]
    if len({len(shape) for shape in shapes}) > 1:
        raise Refusal(f"`{name}` has another number of dimensions at another width")
    dimensions = tuple(_dimension(name, sizes, widths) for sizes in zip(*shapes, strict=True))
    groups = [at.groups.get(name) for at in seen.values()]
    known = [group for group in groups if group is not None]
    if len(known) < len(groups):
        return ParameterReading(
            name, dimensions, None, None, None, None, None, 0.0, None, False, False, None, None,
            0.0, (),
        )  # fmt: skip
    rates = [group.lr for group in known]
    lr = power(rates, widths)
    eps = [group.eps or 0.0 for group in known]
    kind = known[0].optimizer.lower()
    decays = any(group.decay for group in known)
    is_decoupled = decays and (known[0].is_decoupled or kind in _DECOUPLED)
    is_penalty = decays and not is_decoupled and kind in _ENTRYWISE
    return ParameterReading(
        name,
        dimensions,
        lr,
        power([group.first for group in known], widths),
        power([group.lr * group.decay for group in known], widths) if is_decoupled else None,
        power([group.decay for group in known], widths) if is_penalty else None,
        power(eps, widths),
        eps[-1],
        known[0].optimizer,
        kind in _ENTRYWISE,
        kind not in _FOLLOWS,
        _beside(known[0], dimensions),
        _TIMES.get(kind),
        known[0].least,
        () if lr is not None or not any(rates) else tuple(rates),
    )


def _beside(group: _Group, dimensions: tuple[Dimension, ...]) -> Fraction | None:
    """Of an entry of an update over the rate; Muon's has one singular value, whatever its shape.

    Such a matrix of m times n entries leaves an n-vector's norm as it is: entries of (m n)^(-1/2)
    would, if all of a sum's terms were aligned.
    """
    kind = group.optimizer.lower()
    if kind in _ENTRYWISE or kind in _FOLLOWS or (kind == "adafactor" and group.is_torchs):
        return Fraction(0)
    if kind != "muon" or not group.is_torchs or len(dimensions) != 2:
        return None
    rows, columns = (one.power for one in dimensions)
    adjusted = {
        "match_rms_adamw": max(rows, columns) / 2,
        "original": max(Fraction(0), rows - columns) / 2,
    }
    return adjusted.get(group.adjusts or "original", Fraction(0)) - (rows + columns) / 2


def _scalars(seen: Mapping[int, _SeenAt]) -> tuple[ScalarReading, ...]:
    """Numbers that change with the width, where the passes are the same step by step."""
    if len({len(at.scalars) for at in seen.values()}) > 1:
        return ()
    found, ahead = [], min(at.ahead for at in seen.values())
    for i, scalars in enumerate(zip(*(at.scalars for at in seen.values()), strict=True)):
        if len({(s.where, s.kind) for s in scalars}) > 1:
            return ()
        values = tuple(s.value for s in scalars)
        exponent = power([abs(v) for v in values], list(seen))
        if exponent != 0:
            terms = power([float(s.terms) for s in scalars], list(seen))
            found.append(ScalarReading(scalars[0], exponent, values, terms, i >= ahead))
    return tuple(dict.fromkeys(found))
