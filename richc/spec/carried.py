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
from richc.calculus.run import flow
from richc.calculus.traced import Trace, Traced
from richc.calculus.verdict import judge
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
    if model.is_chain:
        richness = Fraction(0) if model.richness is None else model.richness
        network = Exponents(model, richness, Trace(richness)).network(model.optimizer.name)
        return [
            (
                width.power(_affine(at.gradient + at.source, richness)),
                width.power(_affine(at.gradient, richness)),
            )
            for at in flow(network.stages, network.step).later
        ]
    depth = depth_ratio(model.depth is not None and model.depth.base is not None)

    def ratio(size: Size, slope: Size) -> Monomial:
        if not isinstance(size, Fraction) or not isinstance(slope, Fraction):
            return ONE
        of_width = _line(width_of(size), width_of(slope), model.richness)
        of_depth = _line(depth_of(size), depth_of(slope), model.richness)
        return width.power(of_width).times(depth.power(of_depth))

    here = _stack_gradients(model, 0)
    # Without a richness no exponent has a slope.
    near = here if model.richness is None else _stack_gradients(model, _NEAR)
    return [(ratio(a, b), ratio(c, d)) for (a, c), (b, d) in zip(here, near, strict=True)]


#: From the declared richness to where the slope of an exponent is read: towards 1/4, so that no
#: size turns within it on the richness scale.
_NEAR = Fraction(1, 1000)


def _stack_gradients(model: Model, step: Fraction | int) -> list[tuple[Size, Size]]:
    """The sizes of the gradients near the declared richness; zero where none is decided."""
    richness = Fraction(0) if model.richness is None else model.richness
    richness += step if richness < Fraction(1, 4) else -step
    network = Exponents(model, richness).network(model.optimizer.name)
    return [(at.gradient + at.source, at.gradient) for at in judge(network).flow.later]


def _line(value: Fraction, near: Fraction, richness: Fraction | None) -> Affine:
    """The exponent that is ``value`` at the richness and ``near`` beside it."""
    if richness is None or value == near:
        return Affine(value)
    step = _NEAR if richness < Fraction(1, 4) else -_NEAR
    slope = (near - value) / step
    return Affine(value - slope * richness, slope)


def _affine(size: Size, richness: Fraction) -> Affine:
    if not isinstance(size, Fraction):
        return Affine(Fraction(0))
    slope = size.slope if isinstance(size, Traced) else Fraction(0)
    return Affine(Fraction(size.numerator, size.denominator) - slope * richness, slope)
