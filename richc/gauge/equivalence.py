"""When two specifications train alike: every gauge invariant compared, exactly.

The function sees a weight as V = M W only, and one step changes V by an amount that the invariants
of the optimizer's gauge move decide (Yang & Hu 2020, arXiv 2011.14522, section 3; docs/theory.md,
"Gauge invariants").  Two models of one architecture whose invariants are equal, as monomials in n
and not only as exponents, have the same function at every step once their initial weights are
mapped.

A branch's multiplier is one of its last layer's.  What only norms read has a gauge of its own
(``richc.gauge.norms``).

Positively homogeneous networks without biases have one more symmetry, V_l -> u_l V_l with the
product of all u_l equal to 1 (docs/theory.md, "Where a naive checker is wrong"); it is tried where
the gauge does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import (
    DEPTH,
    ONE,
    WIDTH,
    ZERO,
    Affine,
    Monomial,
    is_one,
)
from richc.gauge.norms import folded, norm_factors
from richc.gauge.structure import (
    Setting,
    Structure,
    bias_of,
    is_homogeneous,
    notes_of,
    settings_of,
    structure_of,
)
from richc.optimizers import shape_factor
from richc.optimizers.law import Epsilon
from richc.spec.declared_values import at_numbers
from richc.spec.infer import dim_monomial
from richc.spec.model import Dim, Model, Tensor


class Likeness(StrEnum):
    """How alike two models train."""

    IDENTICAL = "identical"
    CONSTANTS = "same_up_to_constants"
    DIFFERENT = "different"


IDENTICAL, CONSTANTS, DIFFERENT = Likeness.IDENTICAL, Likeness.CONSTANTS, Likeness.DIFFERENT

#: Invariants, in the order in which differences are reported.
INIT, RATE, DECAY, EPS = "init", "rate", "decay", "eps"

_AT_LARGE_WIDTH = (
    "{}'s two shape factors are equal at large width only, where one dimension outgrows the other"
)


class Difference(NamedTuple):
    """One invariant of one tensor that is not the same in both."""

    layer: str
    of_bias: bool
    kind: str
    #: The second model's over the first's; None where one of the two is zero.
    ratio: Monomial | None
    #: Which of the two is zero, "first" or "second", where one is.
    zero: str | None = None

    @property
    def power(self) -> Fraction | None:
        """The exponent of n of the ratio; None where there is no ratio."""
        return None if self.ratio is None else self.ratio.exponent(WIDTH).const

    @property
    def is_constant(self) -> bool:
        """Whether it depends on neither the width nor the depth."""
        return self.power == 0 and self.ratio is not None and self.ratio.exponent(DEPTH).is_zero


class Move(NamedTuple):
    """What takes one tensor of the first model into the second's: W -> W / t, M -> M t."""

    layer: str
    of_bias: bool
    t: Monomial
    #: t ~ n^-theta, so that the multiplier's exponent a becomes a + theta.
    theta: Fraction
    #: The factor u of V = M W where the network is rescaled, too.
    rescaled: Monomial = ONE


class Equivalence(NamedTuple):
    status: Likeness
    structure: tuple[Structure, ...]
    #: Invariants whose powers of n differ, and then those whose constants do.
    differences: tuple[Difference, ...]
    knobs: tuple[Setting, ...]
    moves: tuple[Move, ...]
    #: The layers had to be rescaled against each other: possible for homogeneous networks only.
    is_rescaled: bool
    #: What differs and does not matter, or matters at small width only.
    notes: tuple[str, ...]

    @property
    def first_difference(self) -> Difference | None:
        """The first whose power of n differs."""
        return next((d for d in self.differences if not d.is_constant), None)


def compare(first: Model, second: Model, *, rescaling: bool = True) -> Equivalence:
    """Decide whether two models are one network in two gauges.

    ``rescaling`` allows the symmetry of homogeneous networks beside the gauge.  Models that declare
    one interval of richness are compared for every r of it, others at their declared r.
    """
    found = _compare(first, second, rescaling)
    if first.interval == second.interval and first.interval is not None:
        # Logarithms of invariants are affine in r: two points decide.
        for richness in first.interval:
            there = [model._replace(richness=richness) for model in (first, second)]
            at_end = _compare(there[0], there[1], rescaling)
            if _RANK[at_end.status] > _RANK[found.status]:
                found = at_end._replace(notes=(*at_end.notes, f"compared at r = {richness}"))
    elif first.interval != second.interval:
        at = f"r = {first.richness} and r = {second.richness}"
        note = f"the intervals of richness differ: compared at {at}"
        found = found._replace(notes=(*found.notes, note))
    return found


def _compare(first: Model, second: Model, rescaling: bool) -> Equivalence:
    structure = tuple(structure_of(first, second))
    notes = tuple(notes_of(first, second))
    if structure:
        return Equivalence(DIFFERENT, structure, (), (), (), False, notes)
    knobs = tuple(settings_of(first, second))
    shapes = _Shapes(first, second)
    if not first.is_chain:
        first, second = folded(first), folded(second)
    one, other = _all_invariants(first, shapes, 0), _all_invariants(second, shapes, 1)
    differences = _differences(first, one, other)
    found = _judged(differences, knobs)
    factors: Sequence[Monomial] | None = None
    if found != IDENTICAL and rescaling and is_homogeneous(first) and is_homogeneous(second):
        factors = _rescaling(first, one, other)
        if factors is not None:
            pairs = [
                (at, {kind: _rescaled(first, at, kind, value, u) for kind, value in of.items()})
                for (at, of), u in zip(one, factors, strict=True)
            ]
            rescaled = _differences(first, pairs, other)
            if _RANK[_judged(rescaled, knobs)] < _RANK[found]:
                found, differences = _judged(rescaled, knobs), rescaled
            else:
                factors = None
    if found != IDENTICAL and not first.is_chain:
        inits = [(a[INIT], b[INIT]) for (_, a), (_, b) in zip(one, other, strict=True)]
        moved = norm_factors(first, [(at.layer, at.of_bias) for at, _ in one], inits)
        mapped = [
            (at, {kind: _rescaled(first, at, kind, value, u) for kind, value in of.items()})
            for (at, of), u in zip(one, moved, strict=True)
        ]
        rescaled = _differences(first, mapped, other)
        if len(rescaled) < len(differences):
            found, differences = _judged(rescaled, knobs), rescaled
            notes = (*notes, "sizes differ where only norms read them, and rates go with them")
    if shapes.depends_on_width:
        notes = (*notes, _AT_LARGE_WIDTH.format(first.optimizer.law.title))
        found = CONSTANTS if found == IDENTICAL else found
    moves = () if found == DIFFERENT else tuple(_moves(first, second, one, factors))
    is_rescaled = factors is not None
    return Equivalence(found, (), tuple(differences), knobs, moves, is_rescaled, notes)


_RANK = {IDENTICAL: 0, CONSTANTS: 1, DIFFERENT: 2}


def _judged(differences: Sequence[Difference], knobs: Sequence[Setting]) -> Likeness:
    if any(not d.is_constant for d in differences):
        return DIFFERENT
    return CONSTANTS if differences or knobs else IDENTICAL


# ---- invariants ----


class _At(NamedTuple):
    """A tensor's place: its layer, and whether it is the bias."""

    layer: int
    of_bias: bool


_Invariants = list[tuple[_At, dict[str, Monomial]]]


class _Shapes:
    """Shape factors of both models, left out where both have the same one."""

    def __init__(self, first: Model, second: Model) -> None:
        self._models = first, second
        #: A factor was used that is a monomial at large width only.
        self.depends_on_width = False

    def of(self, which: int, tensor: Tensor, fan_in: Dim, fan_out: Dim) -> Monomial:
        options = [model.optimizer_of(tensor).shape_factor for model in self._models]
        option = None if options[0] == options[1] else options[which]
        over, under = dim_monomial(fan_out), dim_monomial(fan_in)
        if option not in shape_factor.OF_THE_LARGER:
            larger = ONE
        elif fan_in.wide != fan_out.wide:
            self.depends_on_width = True
            larger = over if fan_out.wide else under
        else:
            is_taller = fan_out.factor * fan_in.over >= fan_in.factor * fan_out.over
            larger = over if is_taller else under
        return shape_factor.monomial(option, under, over, larger)


def _all_invariants(model: Model, shapes: _Shapes, which: int) -> _Invariants:
    found: _Invariants = []
    known: dict[tuple[object, ...], dict[str, Monomial]] = {}
    for index, layer in enumerate(model.layers):
        bias = bias_of(layer)
        for of_bias, tensor in ((False, layer.weight), (True, bias)):
            if tensor is None:
                continue
            fan_in = Dim(1, wide=False) if of_bias else layer.fan_in
            # Repeated layers share their tensors.
            key = (id(tensor), fan_in, layer.fan_out)
            if key not in known:
                shape = shapes.of(which, tensor, fan_in, layer.fan_out)
                known[key] = _invariants(model, tensor, shape)
            found.append((_At(index, of_bias), known[key]))
    return found


def _invariants(model: Model, tensor: Tensor, shape: Monomial) -> dict[str, Monomial]:
    """What decides how V = M W is drawn and how it moves."""
    optimizer = model.optimizer_of(tensor)
    law = optimizer.law
    scale = at_numbers(tensor.scale, model)
    init = scale.times(at_numbers(tensor.std, model))
    if tensor.frozen:
        return {INIT: init}
    eta = at_numbers(optimizer.lr.times(tensor.lr), model)
    power = Affine(Fraction(law.gauge_power))
    decay = at_numbers(tensor.decay, model)
    found = {INIT: init, RATE: eta.times(scale.power(power)).times(shape)}
    found[DECAY] = decay.over(scale.times(scale)) if law.decay_is_normalised else eta.times(decay)
    if law.eps is not None:
        eps = ZERO if tensor.eps is None else at_numbers(tensor.eps, model)
        # It is compared with a gradient, which goes like M, or with the weight.
        found[EPS] = eps.over(scale) if law.eps == Epsilon.GRADIENT else eps.times(scale)
    return found


def _differences(model: Model, one: _Invariants, other: _Invariants) -> list[Difference]:
    found: list[Difference] = []
    for (at, a), (_, b) in zip(one, other, strict=True):
        name = model.layers[at.layer].name
        for kind, value in a.items():
            against = b.get(kind, ZERO)
            if value == against:
                continue
            if value.is_zero or against.is_zero:
                zero = "first" if value.is_zero else "second"
                found.append(Difference(name, at.of_bias, kind, None, zero))
            elif not is_one(ratio := against.over(value)):
                found.append(Difference(name, at.of_bias, kind, ratio))
    return found


# ---- the symmetry of homogeneous networks ----


def _rescaling(model: Model, one: _Invariants, other: _Invariants) -> list[Monomial] | None:
    """The factor of every V that takes the first model's init into the second's.

    None where there is none.  Where their product is another constant than 1, the last one makes
    up for it, and the comparison that follows shows its init to be that far off.
    """
    power = model.optimizer.law.gauge_power
    factors: list[Monomial] = []
    for (_, a), (_, b) in zip(one, other, strict=True):
        if a[INIT].is_zero != b[INIT].is_zero:
            return None
        if not a[INIT].is_zero:
            factors.append(b[INIT].over(a[INIT]))
            continue
        # Zeros have no size; their updates have.
        rates = a.get(RATE, ZERO), b.get(RATE, ZERO)
        if power and not rates[0].is_zero and not rates[1].is_zero:
            factors.append(rates[1].over(rates[0]).power(Affine(Fraction(1, power))))
        else:
            factors.append(ONE)
    product = ONE
    for factor in factors:
        product = product.times(factor)
    if not product.exponent(WIDTH).is_zero:
        return None
    factors[-1] = factors[-1].over(product)
    return factors


def _rescaled(model: Model, at: _At, kind: str, value: Monomial, u: Monomial) -> Monomial:
    """An invariant of V -> u V: the gradient goes like 1/u."""
    layer = model.layers[at.layer]
    tensor = layer.bias if at.of_bias and layer.bias is not None else layer.weight
    law = model.optimizer_of(tensor).law
    power = law.gauge_power
    if kind == INIT:
        return value.times(u)
    if kind == RATE:
        return value.times(u.power(Affine(Fraction(power))))
    if kind == EPS:
        return value.over(u) if law.eps == Epsilon.GRADIENT else value.times(u)
    return value.over(u.times(u)) if law.decay_is_normalised else value


# ---- the map from the first to the second ----


def _moves(
    first: Model, second: Model, one: _Invariants, factors: Sequence[Monomial] | None
) -> Iterator[Move]:
    alike = (first.richness, first.gamma, first.base_width) == (
        second.richness,
        second.gamma,
        second.base_width,
    )
    for index, (at, _) in enumerate(one):
        layer, to = first.layers[at.layer], second.layers[at.layer]
        if layer.kind.is_norm and not at.of_bias:
            continue  # A gain has no multiplier.
        tensors = (layer.bias, to.bias) if at.of_bias else (layer.weight, to.weight)
        assert tensors[0] is not None
        assert tensors[1] is not None
        t = at_numbers(tensors[1].scale, second).over(at_numbers(tensors[0].scale, first))
        theta = -t.exponent(WIDTH).const
        shown = tensors[1].scale.over(tensors[0].scale) if alike else t
        yield Move(layer.name, at.of_bias, shown, theta, ONE if factors is None else factors[index])
