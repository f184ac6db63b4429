"""When two specifications train alike: every gauge invariant compared, exactly.

The function sees a weight as V = M W only, and one step changes V by an amount that the invariants
of the optimizer's gauge move decide (Yang & Hu 2020, arXiv 2011.14522, section 3; theory.md,
section 2).  Two models of one architecture whose invariants are equal, as monomials in n and not
only as exponents, have the same function at every step once their initial weights are mapped.

Positively homogeneous networks without biases have one more symmetry, V_l -> u_l V_l with the
product of all u_l equal to 1 (theory.md, section 7); it is tried where the gauge does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.gauge.invariants import (
    EPS,
    INIT,
    RATE,
    Difference,
    Invariants,
    Shapes,
    all_invariants,
    differences_of,
)
from richc.gauge.structure import Structure, lasting_bias, structural_differences
from richc.optimizers.law import Epsilon
from richc.scaling.monomial import ONE, WIDTH, ZERO, Affine, Monomial
from richc.spec.model import Model
from richc.spec.numbers import at_numbers

IDENTICAL = "identical"
CONSTANTS = "same_up_to_constants"
DIFFERENT = "different"

_AT_LARGE_WIDTH = (
    "{}'s two shape factors are equal at large width only, where one dimension outgrows the other"
)


class Setting(NamedTuple):
    """A setting of order one that differs: momentum, betas, an init distribution."""

    name: str
    layer: str | None
    first: str
    second: str


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
    status: str
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
    structure = tuple(structural_differences(first, second))
    notes = tuple(_notes(first, second))
    if structure:
        return Equivalence(DIFFERENT, structure, (), (), (), False, notes)
    knobs = tuple(settings_of(first, second))
    shapes = Shapes(first, second)
    one, other = all_invariants(first, shapes, 0), all_invariants(second, shapes, 1)
    differences = differences_of(first, one, other)
    found = _judged(differences, knobs)
    factors: Sequence[Monomial] | None = None
    if found != IDENTICAL and rescaling and _is_homogeneous(first) and _is_homogeneous(second):
        factors = _rescaling(first, one, other)
        if factors is not None:
            power = first.optimizer.law.gauge_power
            mapped = [
                {kind: _rescaled(first, kind, value, u, power) for kind, value in of.items()}
                for (_, of), u in zip(one, factors, strict=True)
            ]
            pairs = [(at, of) for (at, _), of in zip(one, mapped, strict=True)]
            rescaled = differences_of(first, pairs, other)
            if _RANK[_judged(rescaled, knobs)] < _RANK[found]:
                found, differences = _judged(rescaled, knobs), rescaled
            else:
                factors = None
    if shapes.depends_on_width:
        notes = (*notes, _AT_LARGE_WIDTH.format(first.optimizer.law.title))
        found = CONSTANTS if found == IDENTICAL else found
    moves = () if found == DIFFERENT else tuple(_moves(first, second, one, factors))
    is_rescaled = factors is not None
    return Equivalence(found, (), tuple(differences), knobs, moves, is_rescaled, notes)


_RANK = {IDENTICAL: 0, CONSTANTS: 1, DIFFERENT: 2}


def _judged(differences: Sequence[Difference], knobs: Sequence[Setting]) -> str:
    if any(not d.is_constant for d in differences):
        return DIFFERENT
    return CONSTANTS if differences or knobs else IDENTICAL


def _notes(first: Model, second: Model) -> Iterator[str]:
    if first.width != second.width:
        widths = f"{first.width} and {second.width}"
        yield f"the declared widths are {widths}: compared is training at one and the same width"
    settings = first.train._asdict(), second.train._asdict()
    differing = [name for name, value in settings[0].items() if value != settings[1][name]]
    if differing:
        yield f"the train settings differ in {', '.join(differing)}"


def settings_of(first: Model, second: Model) -> Iterator[Setting]:
    of_first, of_second = _options(first), _options(second)
    for name in sorted({*of_first, *of_second}):
        a, b = of_first.get(name), of_second.get(name)
        if a != b:
            yield Setting(name, None, _option_text(a), _option_text(b))
    for one, other in zip(first.layers, second.layers, strict=True):
        if one.dist != other.dist and not one.weight.std.is_zero:
            yield Setting("dist", one.name, one.dist, other.dist)


def _options(model: Model) -> dict[str, object]:
    options: dict[str, object] = dict(model.optimizer.law.defaults)
    # A shape factor is part of the rate.
    options.update(item for item in model.optimizer.options if item[0] != "shape_factor")
    return options


def _option_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"({', '.join(map(_option_text, value))})"
    if isinstance(value, Fraction) and Fraction(decimal := repr(float(value))) == value:
        return decimal.removesuffix(".0")
    return str(value)


# ---- the symmetry of homogeneous networks ----


def _is_homogeneous(model: Model) -> bool:
    return all(
        lasting_bias(layer) is None
        and (layer.activation is None or layer.activation.is_homogeneous)
        for layer in model.layers
    )


def _rescaling(model: Model, one: Invariants, other: Invariants) -> list[Monomial] | None:
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


def _rescaled(model: Model, kind: str, value: Monomial, u: Monomial, power: int) -> Monomial:
    """An invariant of V -> u V: the gradient goes like 1/u."""
    law = model.optimizer.law
    if kind == INIT:
        return value.times(u)
    if kind == RATE:
        return value.times(u.power(Affine(Fraction(power))))
    if kind == EPS:
        return value.over(u) if law.eps == Epsilon.GRADIENT else value.times(u)
    return value.over(u.times(u)) if law.decay_is_normalised else value


# ---- the map from the first to the second ----


def _moves(
    first: Model, second: Model, one: Invariants, factors: Sequence[Monomial] | None
) -> Iterator[Move]:
    alike = (first.richness, first.gamma, first.base_width) == (
        second.richness,
        second.gamma,
        second.base_width,
    )
    for index, (at, _) in enumerate(one):
        layer, to = first.layers[at.layer], second.layers[at.layer]
        tensors = (layer.bias, to.bias) if at.of_bias else (layer.weight, to.weight)
        assert tensors[0] is not None
        assert tensors[1] is not None
        t = at_numbers(tensors[1].scale, second).over(at_numbers(tensors[0].scale, first))
        theta = -t.exponent(WIDTH).const
        shown = tensors[1].scale.over(tensors[0].scale) if alike else t
        yield Move(layer.name, at.of_bias, shown, theta, ONE if factors is None else factors[index])
