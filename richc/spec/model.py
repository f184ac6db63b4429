"""What a model *is*: names resolved, repeats unrolled, every expression a monomial.

This is the value that the scaling passes, the rules and the emitter read.  It is immutable and
knows nothing of syntax except where each attribute stands (``Span``), for messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from richc.algebra.monomial import Affine, Monomial
from richc.diagnostics import Span
from richc.optimizers import law
from richc.spec.activation import Activation
from richc.spec.arrangement import (
    DeclaredSize,
    Part,
    RepeatedBlocks,
    ResidualBlock,
    is_chain,
    unrolled,
)
from richc.words import Regime

if TYPE_CHECKING:
    from richc.algebra.formula import Symbols
    from richc.optimizers.law import Law

_RICH = Fraction(1, 2)


class Role(StrEnum):
    """A layer's place: from the input, between layers of the width, to the output."""

    READ_IN = "read-in"
    HIDDEN = "hidden"
    READ_OUT = "read-out"
    #: Between layers of a branch, and its last dense layer.
    BRANCH = "branch"
    BRANCH_LAST = "branch-last"
    #: A norm's gain.
    VECTOR = "vector"


READ_IN, HIDDEN, READ_OUT = Role.READ_IN, Role.HIDDEN, Role.READ_OUT
BRANCH, BRANCH_LAST, VECTOR = Role.BRANCH, Role.BRANCH_LAST, Role.VECTOR


class LayerKind(StrEnum):
    """What a layer does; ``weight`` is a norm's gain."""

    DENSE = "dense"
    EMBEDDING = "embedding"
    RMSNORM = "rmsnorm"
    LAYERNORM = "layernorm"

    @property
    def is_norm(self) -> bool:
        return self in (LayerKind.RMSNORM, LayerKind.LAYERNORM)


class Dim(NamedTuple):
    """A dimension: ``factor`` or, when ``wide``, ``factor / over * n``, in lowest terms."""

    factor: int
    wide: bool
    #: Widths are multiples of it, so that the dimension is whole.
    over: int = 1

    def at(self, width: int) -> int:
        return self.factor * width // self.over if self.wide else self.factor

    def words(self, width: str) -> str:
        """``10``, ``n``, ``8/3*n``."""
        if not self.wide:
            return str(self.factor)
        ratio = str(Fraction(self.factor, self.over))
        return width if ratio == "1" else f"{ratio}*{width}"


class Tensor(NamedTuple):
    """One trained tensor (a weight or a bias) and how each of its knobs scales.

    The forward pass multiplies the tensor by ``scale``; its entries start with standard
    deviation ``std`` (``ZERO`` for zeros); its learning rate is ``lr`` times the optimizer's.
    ``decay`` and ``eps`` are the tensor's own weight decay and epsilon, absolute values;
    ``eps`` is None for optimizers that have none.
    """

    scale: Monomial
    std: Monomial
    lr: Monomial
    decay: Monomial
    eps: Monomial | None
    frozen: bool
    #: attribute name -> where it is written; attributes that were inferred are absent.
    places: tuple[tuple[str, Span], ...]
    #: The word of the optimizer that trains it; None for the model's first.
    optimizer: str | None = None

    @property
    def values(self) -> tuple[tuple[str, Monomial], ...]:
        """All knobs by name; no ``eps`` where there is none."""
        eps = () if self.eps is None else (("eps", self.eps),)
        names = (("scale", self.scale), ("std", self.std), ("lr", self.lr), ("decay", self.decay))
        return (*names, *eps)

    def place(self, *attributes: str) -> Span | None:
        """Where the first of these attributes that is written stands, if any is."""
        known = dict(self.places)
        return next((known[a] for a in attributes if a in known), None)


class Layer(NamedTuple):
    #: "embed", or "body.0" for a statement with a repeat count.
    name: str
    #: The statement's own name ("body") and the layer's position in it (None without [k]).
    statement: str
    position: int | None
    role: Role
    fan_in: Dim
    fan_out: Dim
    weight: Tensor
    bias: Tensor | None
    dist: str
    #: What follows the layer; None after the read-out.
    activation: Activation | None
    place: Span
    name_place: Span
    kind: LayerKind = LayerKind.DENSE
    #: What a norm adds to the mean square under its root; None where the file does not say.
    floor: Monomial | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    @property
    def is_scaled(self) -> bool:
        """Whether what it makes, behind its activation, grows with what it makes before that."""
        return self.activation is None or self.activation.is_homogeneous

    @property
    def shown(self) -> str:
        """Its name, or that of the gain, which is what trains of a norm."""
        return f"{self.name}.gain" if self.kind.is_norm and not self.is_bare else self.name

    @property
    def is_bare(self) -> bool:
        """Whether it is a norm of which the file writes neither gain nor bias."""
        return self.kind.is_norm and not self.weight.places and self.bias is None


class Optimizer(NamedTuple):
    """``name`` is the word in the source; what is known of it is in richc.optimizers."""

    name: str
    lr: Monomial
    #: Plain knobs (momentum, betas, nesterov, shape_factor ...), sorted by name.
    options: tuple[tuple[str, Fraction | bool | str | tuple[Fraction, ...]], ...]
    place: Span
    #: option name -> where it is written
    places: tuple[tuple[str, Span], ...]

    @property
    def law(self) -> Law:
        return law(self.name)

    @property
    def shape_factor(self) -> str | None:
        found = self.option("shape_factor")
        return found if isinstance(found, str) else None

    def located(self, option: str) -> Span:
        """Where an option is written, or else the whole statement."""
        return dict(self.places).get(option, self.place)

    def option(self, name: str) -> Fraction | bool | str | tuple[Fraction, ...] | None:
        return dict(self.options).get(name)


class Train(NamedTuple):
    """Defaults of the emitted training run; None where the file does not say."""

    data: str | None = None
    target: str | None = None
    steps: int | None = None
    batch: int | None = None
    precision: str | None = None
    schedule: str | None = None
    #: Steps, or a share of them below 1.
    warmup: Fraction | None = None
    seed: int | None = None


class Claim(StrEnum):
    """What a requirement is about."""

    #: ``mup``, ``ntp`` or ``rich``.
    POINT = "point"
    GAUGE = "gauge"
    REGIME = "regime"
    #: To a model of another file.
    EQUIVALENT = "equivalent"
    #: The power of the depth that a branch is small by: ``completep``, ``depth(1/2)``.
    DEPTH = "depth"


class Requirement(NamedTuple):
    """An assertion on the model: ``value`` is the word, or the file, that follows."""

    kind: Claim
    value: str
    richness: Fraction | None
    place: Span
    #: Of a claim on the depth.
    alpha: Fraction | None = None

    @property
    def point(self) -> Fraction | None:
        """The one richness that a model must have to be so, where there is one."""
        return _RICH if (self.kind, self.value) == (Claim.REGIME, Regime.RICH) else self.richness


class Inferred(NamedTuple):
    """The exponent that was inferred for one hole of the file."""

    #: Of the question mark.
    place: Span
    exponent: Affine
    #: "scale", "std", "var", "lr", "decay" or "eps".
    attribute: str
    #: "`body`", "the bias of `body`", "`optimizer sgd`".
    subject: str
    #: The layer's name; None for the optimizer.
    layer: str | None
    #: What decided it, in words.
    reason: str
    #: Whether a smaller exponent would do as well.
    is_bound: bool = False


class Model(NamedTuple):
    name: str
    width: int
    base_width: int | None
    #: The words that stand for n and n0 in the file.
    width_symbol: str
    base_symbol: str | None
    #: The declared richness (by ``richness`` or ``parameterization``); None when all
    #: exponents are plain numbers.
    richness: Fraction | None
    #: Lowest and highest richness for which every verdict has to hold, where declared.
    interval: tuple[Fraction, Fraction] | None
    gamma: Fraction
    parameterization: str | None
    gauge: str | None
    input_dim: int
    layers: tuple[Layer, ...]
    #: How they follow each other.
    arrangement: tuple[Part, ...]
    optimizer: Optimizer
    loss: str
    train: Train
    requirements: tuple[Requirement, ...]
    place: Span
    name_place: Span
    richness_place: Span | None
    parameterization_place: Span | None
    #: One for every hole of the file, in its order.
    inferred: tuple[Inferred, ...] = ()
    #: What the compiled program has beside the default, in the language's order.
    features: tuple[str, ...] = ()
    #: Optimizers that layers may choose, besides the first.
    others: tuple[Optimizer, ...] = ()
    depth: DeclaredSize | None = None
    #: The power of the depth that a ``parameterization`` makes branches small by.
    depth_exponent: Fraction | None = None
    #: Whether the input is an index, below ``input_dim``.
    is_token_input: bool = False

    @property
    def is_chain(self) -> bool:
        """Whether each layer reads the one before it, and none of them is a norm."""
        return is_chain(self.arrangement, self.layers)

    @property
    def unrolled(self) -> tuple[int, ...]:
        """The layers' indices as the forward pass meets them: those of a repeat once a block."""
        return tuple(unrolled(self.arrangement, 1 if self.depth is None else self.depth.value))

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        return (self.optimizer, *self.others)

    def optimizer_of(self, tensor: Tensor) -> Optimizer:
        """The optimizer that trains a tensor."""
        return next((o for o in self.others if o.name == tensor.optimizer), self.optimizer)

    @property
    def multiple(self) -> int:
        """What every width is a multiple of, so that all dimensions are whole."""
        return lcm(*(layer.fan_out.over for layer in self.layers))

    def fitting(self, widths: Iterable[int]) -> list[int]:
        """Widths of about these, at which all dimensions are whole."""
        return sorted({-(-width // self.multiple) * self.multiple for width in widths})

    @property
    def symbols(self) -> Symbols:
        """The words of the file, for formulas."""
        from richc.algebra.formula import Symbols  # not every check prints one

        plain = Symbols(self.width_symbol, self.base_symbol, alpha=self.richness is not None)
        if self.depth is None:
            return plain
        return plain._replace(depth=self.depth.symbol, base_depth=self.depth.base_symbol)


def map_tensors(model: Model, change: Callable[[Tensor], Tensor]) -> Model:
    """The model with every tensor replaced; repeated layers go on sharing theirs."""
    known: dict[int, Tensor] = {}
    layers: list[Layer] = []
    for layer in model.layers:
        for old in layer.tensors:
            if id(old) not in known:
                known[id(old)] = change(old)
        bias = None if layer.bias is None else known[id(layer.bias)]
        layers.append(layer._replace(weight=known[id(layer.weight)], bias=bias))
    return model._replace(layers=tuple(layers))


def map_values(model: Model, change: Callable[[Monomial], Monomial]) -> Model:
    """The model with every scaling value replaced."""

    def changed(old: Tensor) -> Tensor:
        new = old._replace(
            scale=change(old.scale),
            std=change(old.std),
            lr=change(old.lr),
            decay=change(old.decay),
            eps=None if old.eps is None else change(old.eps),
        )
        return old if new == old else new

    def part(old: Part) -> Part:
        if isinstance(old, ResidualBlock):
            return old._replace(scale=change(old.scale), skip=change(old.skip))
        if isinstance(old, RepeatedBlocks):
            return old._replace(parts=tuple(map(part, old.parts)))
        return old

    optimizer, *others = (o._replace(lr=change(o.lr)) for o in model.optimizers)
    return map_tensors(model, changed)._replace(
        optimizer=optimizer, others=tuple(others), arrangement=tuple(map(part, model.arrangement))
    )
