"""Epsilon and weight decay where the file leaves them to us.

Both are state that a gauge carries along: Adam's epsilon is compared with a gradient, which scales
like the multiplier, and a weight's shrink per step is rate times decay.  Constants for all layers
would make the same network train differently in different gauges, so what is not written follows
the layer.
"""

from __future__ import annotations

from collections.abc import Container
from fractions import Fraction

from richc.algebra.joint import depth_of, width_of
from richc.algebra.monomial import ONE, Affine, Monomial, depth_ratio, number, width_ratio
from richc.algebra.sizes import Size
from richc.calculus.desiderata import flow
from richc.calculus.run import NOTHING
from richc.calculus.traced import Trace, Traced
from richc.optimizers.law import Epsilon
from richc.spec.model import Model, Tensor
from richc.spec.network import Exponents

#: torch's default for Adam.
DEFAULT_EPS = Fraction(1, 10**8)


def with_carried(model: Model, with_eps: Container[str]) -> Model:
    """Fill in ``eps`` (unless the optimizer's is given) and spread its decay over the layers.

    eps = 1e-8 * M * ratio^g, where n^g is the size of the gradient with respect to M W and ratio
    is n/n0 with a base width and n without; so eps moves with a gauge exactly as the gradient.
    Decay is spread, keeping rate * decay, only under a ``parameterization``: a file that writes
    its exponents out has its decay taken as written.
    """
    infers = {
        o.name: o.law.eps == Epsilon.GRADIENT and o.name not in with_eps for o in model.optimizers
    }
    infer_decay = model.parameterization not in (None, "standard") and any(
        not t.decay.is_zero for layer in model.layers for t in (layer.weight, layer.bias) if t
    )
    if not any(infers.values()) and not infer_decay:
        return model
    gradients = gradients_of(model)

    def fill(tensor: Tensor, gradient: Monomial) -> Tensor:
        written = {name for name, _ in tensor.places}
        size = tensor.scale.times(gradient)
        optimizer = model.optimizer_of(tensor)
        known = optimizer.law
        if infers[optimizer.name] and "eps" not in written:
            tensor = tensor._replace(eps=number(DEFAULT_EPS).times(size))
        if infer_decay and "decay" not in written and not tensor.lr.is_zero:
            if known.decay_is_normalised:
                # The decay is part of the gradient here, so it is the decayed weight that must
                # keep its size beside the gradient.
                if tensor.std.is_zero:
                    size = size.times(tensor.scale)
                else:
                    plain = tensor.std.times(tensor.scale).prefactor
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


def gradients_of(model: Model) -> list[tuple[Monomial, Monomial]]:
    """For each layer, the sizes of the gradient with respect to M W and to its bias.

    Powers of n/n0 and L/L0, or of n and L without bases: those of the calculus after the first
    steps.  What is zero counts as order one: what never moves needs no epsilon.
    """
    width = width_ratio(model.base_width is not None)
    depth = depth_ratio(model.depth is not None and model.depth.base is not None)
    richness = Fraction(0) if model.richness is None else model.richness

    def ratio(size: Size) -> Monomial:
        if not isinstance(size, Fraction):
            return ONE
        of_width = width.power(_affine(width_of(size), richness))
        if model.depth is None:
            return of_width
        return of_width.times(depth.power(_affine(depth_of(size), richness)))

    network = Exponents(model, richness, Trace(richness)).network(model.optimizer.name)
    known = flow(network.ops, network.step)
    return [
        (ratio(at.gradient + at.source), ratio(at.gradient))
        for at in (known.get(index, NOTHING) for index in range(len(model.layers)))
    ]


def _affine(exponent: Fraction, richness: Fraction) -> Affine:
    slope = exponent.slope if isinstance(exponent, Traced) else Fraction(0)
    return Affine(Fraction(exponent.numerator, exponent.denominator) - slope * richness, slope)
