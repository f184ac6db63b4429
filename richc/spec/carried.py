"""Epsilon and weight decay where the file leaves them to us.

Both are state that a gauge carries along: Adam's epsilon is compared with a gradient, which scales
like the multiplier, and a weight's shrink per step is rate times decay.  Constants for all layers
would make the same network train differently in different gauges, so what is not written follows
the layer.
"""

from __future__ import annotations

from fractions import Fraction

from richc.algebra.monomial import Affine, Monomial, number, width_ratio
from richc.algebra.sizes import Size
from richc.calculus.run import flow
from richc.calculus.traced import Trace, Traced
from richc.optimizers.law import Epsilon
from richc.spec.model import Model, Tensor
from richc.spec.network import Exponents

#: torch's default for Adam.
DEFAULT_EPS = Fraction(1, 10**8)


def with_carried(model: Model, eps_given: bool) -> Model:
    """Fill in ``eps`` (unless given) and spread the optimizer's decay over the layers.

    eps = 1e-8 * M * ratio^g, where n^g is the size of the gradient with respect to M W and ratio
    is n/n0 with a base width and n without; so eps moves with a gauge exactly as the gradient.
    Decay is spread, keeping rate * decay, only under a ``parameterization``: a file that writes
    its exponents out has its decay taken as written.
    """
    known = model.optimizer.law
    infer_eps = known.eps == Epsilon.GRADIENT and not eps_given
    infer_decay = model.parameterization not in (None, "standard") and any(
        not t.decay.is_zero for layer in model.layers for t in (layer.weight, layer.bias) if t
    )
    if not infer_eps and not infer_decay:
        return model
    gradients = gradient_exponents(model)
    ratio = width_ratio(model.base_width is not None)

    def fill(tensor: Tensor, gradient: Affine) -> Tensor:
        written = {name for name, _ in tensor.places}
        size = tensor.scale.times(ratio.power(gradient))
        if infer_eps and "eps" not in written:
            tensor = tensor._replace(eps=number(DEFAULT_EPS).times(size))
        if infer_decay and "decay" not in written and not tensor.lr.is_zero:
            if known.decay_is_normalised:
                # The decay is part of the gradient here, so it is the decayed weight that must
                # keep its size beside the gradient.
                if tensor.std.is_zero:
                    size = size.times(tensor.scale)
                else:
                    plain = _numbers(tensor.std.times(tensor.scale))
                    size = size.times(plain).over(tensor.std)
                tensor = tensor._replace(decay=tensor.decay.times(size))
            else:
                tensor = tensor._replace(decay=tensor.decay.over(tensor.lr))
        return tensor

    layers = []
    for layer, (weight, bias) in zip(model.layers, gradients, strict=True):
        layers.append(
            layer._replace(
                weight=fill(layer.weight, weight),
                bias=None if layer.bias is None else fill(layer.bias, bias),
            )
        )
    return model._replace(layers=tuple(layers))


def _numbers(value: Monomial) -> Monomial:
    """The factor without symbols."""
    return Monomial(tuple(p for p in value.powers if not isinstance(p[0], str)), value.is_zero)


def gradient_exponents(model: Model) -> list[tuple[Affine, Affine]]:
    """For each layer, the exponents of n of the gradient with respect to M W and to its bias.

    Those of the calculus after the first steps; affine in r, as the largest terms at the declared
    richness are.  What is zero counts as order one: what never moves needs no epsilon.
    """
    richness = Fraction(0) if model.richness is None else model.richness
    network = Exponents(model, richness, Trace(richness)).network(model.optimizer.name)
    return [
        (_affine(at.gradient + at.source, richness), _affine(at.gradient, richness))
        for at in flow(network.stages, network.step).later
    ]


def _affine(size: Size, richness: Fraction) -> Affine:
    if not isinstance(size, Fraction):
        return Affine(Fraction(0))
    slope = size.slope if isinstance(size, Traced) else Fraction(0)
    return Affine(Fraction(size.numerator, size.denominator) - slope * richness, slope)
