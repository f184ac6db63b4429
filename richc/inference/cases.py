"""What D0 to D3 demand of one layer: the calculus turned around.

In terms of unknown exponents, the representation below is of order one and the gradient is given;
what the ops of the calculus make of that has to be what the desiderata ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import product
from typing import NamedTuple

from richc.algebra.exponent import HALF, ONE, ZERO
from richc.algebra.monomial import WIDTH, Monomial
from richc.algebra.sizes import Size
from richc.calculus.ops import FIXED, PLAIN, UNIT, WIDE, Bias, Op, Parameter, Phase, Site
from richc.calculus.ops import Linear as Weight
from richc.inference.givens import subject_of
from richc.inference.linear import RICHNESS, LinearForm, System, constant, unknown
from richc.inference.unknown import Letter, power_form
from richc.optimizers.law import Epsilon, Law, coefficients, rate_powers
from richc.spec.holes import has_hole
from richc.spec.model import READ_OUT, Layer, Model, Tensor


class Constraint(NamedTuple):
    """``expression = 0``, with the reason in words."""

    expression: LinearForm
    reason: str
    #: At r = 1/2 a smaller size would do as well.
    is_bound_when_rich: bool = False


class Preference(NamedTuple):
    """An upper bound on a hole that is taken where nothing else decides: ``expression = 0``."""

    #: The unknowns that it may decide.
    holes: tuple[str, ...]
    expression: LinearForm
    reason: str
    #: Whether a smaller one would do as well.
    is_bound: bool = True


class Case(NamedTuple):
    """One way to satisfy a layer's demands."""

    equal: tuple[Constraint, ...]
    #: Expressions that are at most zero.
    bounds: tuple[LinearForm, ...]
    preferred: tuple[Preference, ...]
    #: The gradient that reaches the layer below.
    gradient: LinearForm


_NOTHING = Case((), (), (), constant(ZERO))


class TensorPart(NamedTuple):
    """The weight or the bias of a layer."""

    layer: Layer
    tensor: Tensor

    @property
    def is_bias(self) -> bool:
        return self.tensor is self.layer.bias

    @property
    def subject(self) -> str:
        return subject_of(self.layer, self.tensor)

    @property
    def wide_in(self) -> bool:
        """Whether its fan-in grows; that of a bias is 1."""
        return self.layer.fan_in.wide and not self.is_bias


class Cases:
    """Every way to satisfy a layer."""

    def __init__(self, model: Model, letters: Mapping[str, Letter]) -> None:
        """``letters`` are what the symbols in the model's values stand for."""
        self._model, self._letters = model, letters

    def of(self, layer: Layer, gradient: LinearForm, system: System) -> Iterator[Case]:
        inits = self._readout_inits if layer.role == READ_OUT else self._inits
        rates = self._rates(TensorPart(layer, layer.weight), gradient)
        bias_rates = (
            [_NOTHING]
            if layer.bias is None
            else self._rates(TensorPart(layer, layer.bias), gradient)
        )
        # Every combination of what can be satisfied in several ways.
        for init, rate, bias_rate in product(
            inits(layer, gradient, system), [*rates], [*bias_rates]
        ):
            parts = (init, rate, bias_rate)
            yield Case(
                tuple(c for part in parts for c in part.equal),
                tuple(b for part in parts for b in part.bounds),
                tuple(p for part in parts for p in part.preferred),
                init.gradient,
            )

    def _power(self, value: Monomial) -> LinearForm:
        """The exponent of n."""
        return power_form(value, WIDTH, self._letters)

    def _form(self, value: Monomial) -> LinearForm | None:
        """The same; None of zero."""
        return None if value.is_zero else self._power(value)

    def _init(self, tensor: Tensor) -> LinearForm | None:
        """The exponent of multiplier times init std; None for zeros."""
        scale, std = self._form(tensor.scale), self._form(tensor.std)
        return None if scale is None or std is None else scale.plus(std)

    def _rate(self, tensor: Tensor) -> LinearForm | None:
        """That of the whole learning rate; None for a tensor that does not train."""
        if tensor.frozen or tensor.lr.is_zero:
            return None
        return self._power(tensor.lr).plus(self._power(self._model.optimizer_of(tensor).lr))

    def _inits(self, layer: Layer, gradient: LinearForm, system: System) -> Iterator[Case]:
        """D0 at init: the larger of weight and bias gives the representation its size.

        Beside a bias of order one a hidden weight may be smaller where its own update passes on as
        much as a weight of full size would, which is at r = 1/2; elsewhere the layers below would
        have to be richer.
        """
        name = layer.statement
        weight = self._init(layer.weight)
        bias = None if layer.bias is None else self._init(layer.bias)
        if weight is not None and layer.fan_in.wide:
            weight = weight.shifted(HALF)
        keeps = f"D0: `{name}` keeps its signal of order one at init"
        by_weight = None if weight is None else Constraint(weight, keeps)
        if bias is None:
            if by_weight is not None:
                yield Case((by_weight,), (), (), gradient)
            return
        holes = _holes_in(bias)
        bias = system.value(bias)
        cases = []
        if by_weight is not None:
            not_above = Preference(
                holes, bias, f"D0: the bias of `{name}` is at most of order one at init"
            )
            cases.append(Case((by_weight,), (bias,), (not_above,), gradient))
        carries = [Constraint(bias, f"D0: the bias of `{name}` is of order one at init")]
        richness = system.value(unknown(RICHNESS))
        if layer.fan_in.wide:
            woken = f"the weight of `{name}` may start below its own update"
            carries.append(Constraint(richness.shifted(-HALF), woken))
        bounds = () if weight is None else (weight,)
        wishes = () if weight is None else (Preference(_holes_in(weight), weight, keeps),)
        cases.append(Case(tuple(carries), bounds, wishes, gradient))
        if all(system.value(c.expression) == constant(ZERO) for c in carries):
            # Nothing but a bound is left to ask of the weight.
            cases.reverse()
        yield from cases

    def _readout_inits(self, layer: Layer, gradient: LinearForm, system: System) -> Iterator[Case]:
        """f ~ n^-r at init, or a read-out that starts smaller than its own update."""
        weight = self._init(layer.weight)
        bounds: tuple[LinearForm, ...] = ()
        preferred: tuple[Preference, ...] = ()
        if layer.bias is not None:
            bias = self._init(layer.bias)
            if bias is not None:
                bounds = (bias,)
                reason = "D0: the output is at most of order one at init"
                preferred = (Preference(_holes_in(bias), bias, reason),)
        richness = unknown(RICHNESS)
        if weight is not None:
            size = weight.shifted(HALF)
            on_scale = Constraint(size.plus(richness), "the output starts at n^-r", True)
            yield Case(
                (on_scale,),
                bounds,
                preferred,
                richness.times(-ONE).shifted(-HALF),
            )
            below = weight.shifted(ONE)
            bounds = (*bounds, below)
            reason = "the read-out starts as large as its own update"
            preferred = (
                *preferred,
                Preference(_holes_in(below), below, reason),
            )
        yield Case(
            (Constraint(richness.shifted(-HALF), "the read-out starts below its own update"),),
            bounds,
            preferred,
            constant(-ONE),
        )

    def _rates(self, part: TensorPart, gradient: LinearForm) -> Iterator[Case]:
        """The layer's own update, neither less nor more than what moves the output."""
        is_readout = part.layer.role == READ_OUT
        carried = self._carried(part, gradient)
        for floor_bounds, rate in self._invariant_rates(part):
            if rate is None:
                if part.is_bias:  # A bias that does not move has nothing to add.
                    yield carried._replace(bounds=(*carried.bounds, *floor_bounds))
                continue
            wanted = constant(ZERO) if is_readout else gradient.shifted(ONE).times(-ONE)
            own = self._update(part, rate, gradient)
            why = f"D1, D2 and D3: the update of {part.subject} moves the output by order one"
            equal = Constraint(own.plus(wanted, -ONE), why)
            # It may not make the representation itself explode.
            bounds = () if is_readout else (wanted,)
            yield carried._replace(
                equal=(*carried.equal, equal), bounds=(*carried.bounds, *floor_bounds, *bounds)
            )

    def _carried(self, part: TensorPart, gradient: LinearForm) -> Case:
        """Epsilon and weight decay, where they are what is asked for."""
        found = _NOTHING._replace(gradient=gradient)
        tensor, subject = part.tensor, part.subject
        scale = self._form(tensor.scale)
        if scale is None:
            return found
        size = scale.plus(gradient)  # Of the gradient with respect to the tensor.
        family = self._model.optimizer_of(tensor).law
        if tensor.eps is not None and has_hole(tensor.eps):
            eps = self._power(tensor.eps)
            if family.eps == Epsilon.GRADIENT:
                over = eps.plus(size, -ONE)
                wish = Preference(_holes_in(eps), over, f"eps follows the gradient of {subject}")
                found = found._replace(bounds=(over,), preferred=(wish,))
            else:
                std = self._form(tensor.std)
                if std is not None:
                    over = eps.plus(std, -ONE)
                    wish = Preference(_holes_in(eps), over, f"eps follows the init of {subject}")
                    found = found._replace(preferred=(wish,))
        if has_hole(tensor.decay) and not tensor.frozen:
            decay = self._power(tensor.decay)
            if family.decay_is_normalised:
                std = self._form(tensor.std)
                pull = None if std is None else decay.plus(std).plus(size, -ONE)
                reason = f"the decay of {subject} keeps its size beside the gradient"
            else:
                lr = self._rate(tensor)
                pull = None if lr is None else decay.plus(lr)
                reason = f"{subject} decays by the same share a step at every width"
            if pull is not None:
                found = found._replace(equal=(Constraint(pull, reason),))
        return found

    def _invariant_rates(
        self, part: TensorPart
    ) -> Iterator[tuple[tuple[LinearForm, ...], LinearForm | None]]:
        """n^-C, None for a tensor that does not move; with the bounds under which it is that."""
        layer, tensor = part.layer, part.tensor
        scale, std, lr = self._form(tensor.scale), self._form(tensor.std), self._rate(tensor)
        if scale is None or lr is None:
            yield (), None
            return
        optimizer = self._model.optimizer_of(tensor)
        kappa = optimizer.law.shape(optimizer.shape_factor, part.wide_in, layer.fan_out.wide)
        of_lr, of_scale, of_std, of_shape = rate_powers(optimizer.law)
        rate = lr.times(of_lr).plus(scale, of_scale).shifted(of_shape * kappa)
        if not of_std:
            yield (), rate
            return
        floor = None if tensor.eps is None or tensor.eps.is_zero else self._power(tensor.eps)
        if std is None and floor is None:
            yield (), None
        if std is not None and floor is not None and std.is_constant and floor.is_constant:
            # Nothing is open here.
            yield (), rate.plus(std if std.const >= floor.const else floor, of_std)
            return
        if std is not None:
            bounds = () if floor is None else (floor.plus(std, -ONE),)
            yield bounds, rate.plus(std, of_std)
        if floor is not None:
            bounds = () if std is None else (std.plus(floor, -ONE),)
            yield bounds, rate.plus(floor, of_std)

    def _update(self, part: TensorPart, rate: LinearForm, gradient: LinearForm) -> LinearForm:
        """The size of a tensor's own update of its layer, from its rate."""
        fan_in, fan_out = part.layer.fan_in.wide, part.layer.fan_out.wide
        family = self._model.optimizer_of(part.tensor).law
        constant, of_rate, of_gradient = _own_powers(family, part.is_bias, fan_in, fan_out)
        return rate.times(of_rate).plus(gradient, of_gradient).shifted(constant)


@cache
def _own_powers(family: Law, is_bias: bool, wide_in: bool, wide_out: bool) -> tuple[Fraction, ...]:
    """What an op's own update adds, above an input of order one: 1, and its powers of two sizes.

    These are the rate and the gradient.  An op makes a product of powers of them, whatever they
    are, so plain numbers show which.
    """
    fan_in, fan_out = (WIDE if wide else FIXED for wide in (wide_in, wide_out))

    def own(rate: Size, gradient: Size) -> Size:
        tensor = Parameter(UNIT, rate)
        op: Op = Bias(tensor, fan_out) if is_bias else Weight(tensor, fan_in, fan_out)
        site = Site(0, op)
        site.gradient = gradient
        return op.own(site, Phase(family.step, PLAIN, is_later=False))

    return coefficients(own, 2)


def _holes_in(expression: LinearForm) -> tuple[str, ...]:
    return tuple(name for name in expression.terms if name != RICHNESS)
