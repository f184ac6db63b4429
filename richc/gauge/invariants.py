"""The invariants of gauge moves, tensor by tensor, exactly: what training depends on."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.gauge.structure import lasting_bias
from richc.optimizers import shape_factor
from richc.optimizers.law import Epsilon
from richc.scaling.monomial import ONE, WIDTH, ZERO, Affine, Monomial, is_one
from richc.spec.infer import dim_monomial
from richc.spec.model import Dim, Model, Tensor
from richc.spec.numbers import at_numbers

#: Invariants, in the order in which differences are reported.
INIT, RATE, DECAY, EPS = "init", "rate", "decay", "eps"


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
        return self.power == 0


class At(NamedTuple):
    """A tensor's place: its layer, and whether it is the bias."""

    layer: int
    of_bias: bool


Invariants = list[tuple[At, dict[str, Monomial]]]


class Shapes:
    """Shape factors of both models, left out where both have the same one."""

    def __init__(self, first: Model, second: Model) -> None:
        options = [model.optimizer.shape_factor for model in (first, second)]
        self._options = [None, None] if options[0] == options[1] else options
        #: A factor was used that is a monomial at large width only.
        self.depends_on_width = False

    def of(self, which: int, fan_in: Dim, fan_out: Dim) -> Monomial:
        option = self._options[which]
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


def all_invariants(model: Model, shapes: Shapes, which: int) -> Invariants:
    found: Invariants = []
    known: dict[tuple[object, ...], dict[str, Monomial]] = {}
    for index, layer in enumerate(model.layers):
        bias = lasting_bias(layer)
        for of_bias, tensor in ((False, layer.weight), (True, bias)):
            if tensor is None:
                continue
            fan_in = Dim(1, wide=False) if of_bias else layer.fan_in
            # Repeated layers share their tensors.
            key = (id(tensor), fan_in, layer.fan_out)
            if key not in known:
                shape = shapes.of(which, fan_in, layer.fan_out)
                known[key] = _invariants(model, tensor, shape)
            found.append((At(index, of_bias), known[key]))
    return found


def _invariants(model: Model, tensor: Tensor, shape: Monomial) -> dict[str, Monomial]:
    """What decides how V = M W is drawn and how it moves."""
    law = model.optimizer.law
    scale = at_numbers(tensor.scale, model)
    init = scale.times(at_numbers(tensor.std, model))
    if tensor.frozen:
        return {INIT: init}
    eta = at_numbers(model.optimizer.lr.times(tensor.lr), model)
    power = Affine(Fraction(law.gauge_power))
    decay = at_numbers(tensor.decay, model)
    found = {INIT: init, RATE: eta.times(scale.power(power)).times(shape)}
    found[DECAY] = decay.over(scale.times(scale)) if law.decay_is_normalised else eta.times(decay)
    if law.eps is not None:
        eps = ZERO if tensor.eps is None else at_numbers(tensor.eps, model)
        # It is compared with a gradient, which goes like M, or with the weight.
        found[EPS] = eps.over(scale) if law.eps == Epsilon.GRADIENT else eps.times(scale)
    return found


def differences_of(model: Model, one: Invariants, other: Invariants) -> list[Difference]:
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
