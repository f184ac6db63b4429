"""Epsilon and weight decay where the file leaves them to us.

Both are state that a gauge carries along: Adam's epsilon is compared with a gradient, which scales
like the multiplier, and a weight's shrink per step is rate times decay.  Constants for all layers
would make the same network train differently in different gauges, so what is not written follows
the layer.
"""

from __future__ import annotations

from fractions import Fraction

from richc.optimizers.law import Epsilon
from richc.scaling.monomial import WIDTH, Affine, Monomial, number, width_ratio
from richc.spec.model import READ_IN, READ_OUT, Model, Tensor

#: torch's default for Adam.
DEFAULT_EPS = Fraction(1, 10**8)

_HALF = Affine(Fraction(1, 2))
_ONE = Affine(Fraction(1))
_NONE = Affine(Fraction(0))


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

    After the first steps, as in the backward pass of the calculus, for updates whose entries are
    of the size of the rate; affine in r, choosing the branch that dominates at the declared
    richness.  Zero sizes count as order one here: what never moves needs no epsilon.
    """
    richness = model.richness if model.richness is not None else Fraction(0)
    inputs = _input_exponents(model, richness)
    backward = _NONE
    result: list[tuple[Affine, Affine]] = []
    for layer, source in zip(reversed(model.layers), reversed(inputs), strict=True):
        result.append((backward.plus(source), backward))
        weight = layer.weight
        size = _exponent(weight.scale.times(weight.std))
        step = _exponent(model.optimizer.lr.times(weight.lr).times(weight.scale))
        if layer.role != READ_OUT:
            # A hidden weight's own update is a sum over n aligned entries, up to order one.
            size, step = size.plus(_HALF), step.plus(_ONE)
            step = step if step.at(richness) < 0 else _NONE
        # A frozen weight stays what it was at init.
        if not weight.frozen and (weight.std.is_zero or step.at(richness) > size.at(richness)):
            size = step
        backward = backward.plus(size)
    result.reverse()
    return result


def _input_exponents(model: Model, richness: Fraction) -> list[Affine]:
    """The exponent of each layer's input at init."""
    exponents: list[Affine] = []
    current = _NONE
    for layer in model.layers:
        exponents.append(current)
        current = current.plus(_exponent(layer.weight.scale.times(layer.weight.std)))
        if layer.role != READ_IN:
            current = current.plus(_HALF)
        bias = layer.bias
        if bias is not None and not bias.std.is_zero:
            size = _exponent(bias.scale.times(bias.std))
            if layer.weight.std.is_zero or size.at(richness) > current.at(richness):
                current = size
    return exponents


def _exponent(value: Monomial) -> Affine:
    return _NONE if value.is_zero else value.exponent(WIDTH)
