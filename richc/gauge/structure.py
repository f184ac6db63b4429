"""What must be the same of two models before their invariants can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from richc.activations import LINEAR, RELU
from richc.scaling.monomial import WIDTH
from richc.spec.model import Activation, Layer, Model, Tensor


class Structure(NamedTuple):
    """What no gauge can mend: the two are different networks, or trained differently."""

    layer: str | None
    message: str


def structural_differences(first: Model, second: Model) -> Iterator[Structure]:
    if len(first.layers) != len(second.layers):
        count = f"{len(first.layers)} layers against {len(second.layers)}"
        yield Structure(None, f"the depths differ: {count}")
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


def _layer_structure(a: Layer, b: Layer) -> Iterator[Structure]:
    if a.fan_out != b.fan_out:
        sizes = f"{a.fan_out.words(WIDTH)} against {b.fan_out.words(WIDTH)}"
        yield Structure(a.name, f"the sizes differ: {sizes}")
    kinds = _activation(a.activation), _activation(b.activation)
    if kinds[0] != kinds[1]:
        shown = tuple("none" if kind is None else _activation_word(kind) for kind in kinds)
        yield Structure(a.name, f"the activations differ: {shown[0]} against {shown[1]}")
    biases = lasting_bias(a), lasting_bias(b)
    if (biases[0] is None) != (biases[1] is None):
        which = "second" if biases[0] is None else "first"
        yield Structure(a.name, f"only the {which} has a bias here")
    tensors = [("", a.weight, b.weight)]
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


def lasting_bias(layer: Layer) -> Tensor | None:
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
