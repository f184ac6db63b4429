"""What of two specifications no gauge can move: the network itself, and settings of order one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.activations import LINEAR, RELU
from richc.algebra.monomial import WIDTH
from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.model import Layer, Model, Tensor


class Structure(NamedTuple):
    """What no gauge can mend: the two are different networks, or trained differently."""

    layer: str | None
    message: str


class Setting(NamedTuple):
    """A setting of order one that differs: momentum, betas, an init distribution."""

    name: str
    layer: str | None
    first: str
    second: str


def structure_of(first: Model, second: Model) -> Iterator[Structure]:
    """Every way in which the two are different networks."""
    if counts := _counts(first, second):
        yield Structure(None, counts)
        return
    if first.input_dim != second.input_dim:
        dims = f"{first.input_dim} against {second.input_dim}"
        yield Structure(None, f"the input dimensions differ: {dims}")
    for a, b in zip(first.layers, second.layers, strict=True):
        yield from _layer_structure(a, b)
    names = first.optimizer.name, second.optimizer.name
    if names[0] != names[1] and not _differ_in_decay_only(first, second):
        yield Structure(None, f"the optimizers differ: {names[0]} against {names[1]}")
    if first.loss != second.loss:
        yield Structure(None, f"the losses differ: {first.loss} against {second.loss}")
    yield from _block_structure(first, second)


def _counts(first: Model, second: Model) -> str:
    """That there are not as many layers, or else norms; empty where there are."""
    norms = [sum(layer.kind.is_norm for layer in model.layers) for model in (first, second)]
    layers = [len(first.layers) - norms[0], len(second.layers) - norms[1]]
    if layers[0] == layers[1]:
        is_same = norms[0] == norms[1]
        return "" if is_same else f"the numbers of norms differ: {norms[0]} against {norms[1]}"
    if first.is_chain and second.is_chain:
        return f"the depths differ: {layers[0]} layers against {layers[1]}"
    return f"the numbers of layers differ: {layers[0]} against {layers[1]}, without norms"


def _block_structure(first: Model, second: Model) -> Iterator[Structure]:
    """What blocks, norms and several optimizers add."""
    if skeleton(first.arrangement) != skeleton(second.arrangement):
        yield Structure(None, "the blocks differ: what is repeated, how often, or what skips it")
    floors = [[layer.floor for layer in model.layers] for model in (first, second)]
    if floors[0] != floors[1]:
        yield Structure(None, "the norms have different eps")
    words = [
        [model.optimizer_of(tensor).name for layer in model.layers for tensor in layer.tensors]
        for model in (first, second)
    ]
    if words[0] != words[1] and first.others:
        yield Structure(None, "layers choose different optimizers")


def skeleton(parts: Sequence[Part]) -> tuple[object, ...]:
    """An arrangement without names, places and multipliers of branches."""
    return tuple(
        ("residual", part.skip, part.is_leaky, skeleton(part.parts))
        if isinstance(part, ResidualBlock)
        else ("repeat", part.times, skeleton(part.parts))
        if isinstance(part, RepeatedBlocks)
        else part
        for part in parts
    )


def _layer_structure(a: Layer, b: Layer) -> Iterator[Structure]:
    if a.kind != b.kind:
        yield Structure(a.name, f"the kinds differ: {a.kind} against {b.kind}")
        if a.kind.is_norm != b.kind.is_norm:
            return
    if a.fan_out != b.fan_out:
        sizes = f"{a.fan_out.words(WIDTH)} against {b.fan_out.words(WIDTH)}"
        yield Structure(a.name, f"the sizes differ: {sizes}")
    kinds = _activation(a.activation), _activation(b.activation)
    if kinds[0] != kinds[1]:
        shown = tuple("none" if kind is None else _activation_word(kind) for kind in kinds)
        yield Structure(a.name, f"the activations differ: {shown[0]} against {shown[1]}")
    biases = bias_of(a), bias_of(b)
    if (biases[0] is None) != (biases[1] is None):
        which = "second" if biases[0] is None else "first"
        yield Structure(a.name, f"only the {which} has a bias here")
    tensors = [("the gain is " if a.kind.is_norm else "", a.weight, b.weight)]
    if a.kind.is_norm and a.weight.frozen != b.weight.frozen:
        untrained, which = (a.weight, "second") if a.weight.frozen else (b.weight, "first")
        if not untrained.places:
            yield Structure(a.name, f"only the {which} has a gain here")
            tensors = []
    if biases[0] is not None and biases[1] is not None:
        tensors.append(("the bias is ", biases[0], biases[1]))
    for words, one, other in tensors:
        if one.frozen != other.frozen:
            which = "first" if one.frozen else "second"
            yield Structure(a.name, f"{words}frozen in the {which} only")


def _activation(found: Activation | None) -> Activation | None:
    """One name for one function."""
    if found is not None and found.slope in (0, 1):
        return Activation((RELU if found.slope == 0 else LINEAR).name)
    return found


def _activation_word(found: Activation) -> str:
    return found.name if found.slope is None else f"{found.name}({found.slope})"


def bias_of(layer: Layer) -> Tensor | None:
    """The bias, unless it is zero for ever."""
    bias = layer.bias
    return None if bias is None or (bias.frozen and bias.std.is_zero) else bias


def _differ_in_decay_only(first: Model, second: Model) -> bool:
    """Weight decay may be coupled or decoupled: without any, the two are one optimizer."""
    laws = [model.optimizer.law for model in (first, second)]
    names = {law.without_decay or law.name for law in laws}
    return len(names) == 1 and all(
        all(t.decay.is_zero for layer in model.layers for t in layer.tensors if not t.frozen)
        for model in (first, second)
    )


def is_homogeneous(model: Model) -> bool:
    """Whether layers may be rescaled against each other."""
    return is_plain(model) and all(
        bias_of(layer) is None and layer.is_scaled for layer in model.layers
    )


def is_plain(model: Model) -> bool:
    """Whether it is a chain with one optimizer, whose layers share one gauge."""
    return model.is_chain and not model.others


def notes_of(first: Model, second: Model) -> Iterator[str]:
    """What differs and does not matter."""
    if first.width != second.width:
        widths = f"{first.width} and {second.width}"
        yield f"the declared widths are {widths}: compared is training at one and the same width"
    settings = first.train._asdict(), second.train._asdict()
    differing = [name for name, value in settings[0].items() if value != settings[1][name]]
    if differing:
        yield f"the train settings differ in {', '.join(differing)}"


def settings_of(first: Model, second: Model) -> Iterator[Setting]:
    """Every setting of order one that differs."""
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
