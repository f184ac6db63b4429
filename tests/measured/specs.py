"""Texts of models to measure: inferred ones, and written ones with exponents knocked off."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from tests.measured.measuring import INPUTS, OUTPUTS, WIDTHS, WIDTHS_OF_MUON

ZERO, HALF, ONE = Fraction(0), Fraction(1, 2), Fraction(1)

#: What to write for an optimizer.
OPTIMIZERS = {
    "sgd": "sgd { lr = 0.1 }",
    "momentum": "sgd { lr = 0.1, momentum = 0.9 }",
    "adam": "adam { lr = 0.01 }",
    "adamw": "adamw { lr = 0.01 }",
    "lion": "lion { lr = 0.01 }",
    "signsgd": "signsgd { lr = 0.01 }",
    "adafactor": "adafactor { lr = 0.05 }",
    "muon-none": "muon { lr = 0.05, shape_factor = none }",
    "muon-spectral": "muon { lr = 0.05, shape_factor = spectral }",
    "muon-original": "muon { lr = 0.05, shape_factor = original }",
    "muon-match": "muon { lr = 0.05, shape_factor = match_rms_adamw }",
}

#: kappa of (read-in, hidden, read-out): docs/theory.md, "Gauge invariants".
_KAPPA = {
    "muon-none": (ZERO, ZERO, ZERO),
    "muon-spectral": (HALF, ZERO, -HALF),
    "muon-original": (HALF, ZERO, ZERO),
    "muon-match": (HALF, HALF, HALF),
}


class Layer(NamedTuple):
    """Multiplier n^-a, std factor * n^-b (None: zero), rate n^-c (None: frozen)."""

    a: Fraction
    b: Fraction | None
    c: Fraction | None
    factor: str = "1"


class Case(NamedTuple):
    """A written model, and how to measure it."""

    optimizer: str
    layers: tuple[Layer, ...]
    activation: str
    #: The read-out starts smaller than its own update.
    wakes: bool
    #: The output is large at init.
    explodes: bool

    @property
    def text(self) -> str:
        return written(self.optimizer, self.layers, self.activation)


def is_muon(optimizer: str) -> bool:
    return optimizer in _KAPPA


def widths(optimizer: str) -> tuple[int, ...]:
    return WIDTHS_OF_MUON if is_muon(optimizer) else WIDTHS


def inferred(
    optimizer: str,
    point: str,
    gauge: str,
    activation: str,
    hidden: int,
    *,
    below: str = "",
    head: str = "",
) -> str:
    """A model whose exponents richc infers; ``below`` is written on all layers but the head."""
    body = [f"  body[{hidden - 1}]: dense -> n {{ {below} }}", f"  {activation}"]
    lines = [
        "model net {",
        "  width n = 64",
        f"  parameterization {point}, gauge = {gauge}",
        f"  input {INPUTS}",
        f"  embed: dense -> n {{ {below} }}",
        f"  {activation}",
        *(body if hidden > 1 else ()),
        f"  head: dense -> {OUTPUTS} {{ {head} }}",
        f"  optimizer {OPTIMIZERS[optimizer]}",
        "  loss cross_entropy",
        "}",
    ]
    return "\n".join([*lines, ""])


def written(optimizer: str, layers: Sequence[Layer], activation: str) -> str:
    """A model with every exponent written out."""
    lines = ["model net {", "  width n = 64", f"  input {INPUTS}"]
    for index, layer in enumerate(layers):
        is_last = index == len(layers) - 1
        name, dim = ("head", OUTPUTS) if is_last else (f"h{index + 1}", "n")
        std = "0" if layer.b is None else f"{layer.factor} * n^({-layer.b})"
        rate = "frozen" if layer.c is None else f"lr = n^({-layer.c})"
        lines.append(f"  {name}: dense -> {dim} {{ scale = n^({-layer.a}), std = {std}, {rate} }}")
        if not is_last:
            lines.append(f"  {activation}")
    lines += [f"  optimizer {OPTIMIZERS[optimizer]}", "  loss cross_entropy", "}"]
    return "\n".join([*lines, ""])


def scale(optimizer: str, hidden: int, r: Fraction) -> list[Layer]:
    """The richness scale, STP gauge: from docs/theory.md, "The richness scale", not from richc."""
    b = [ZERO, *[HALF] * (hidden - 1), HALF + r]
    if optimizer in ("sgd", "momentum"):
        c = [-2 * r, *[ONE - 2 * r] * (hidden - 1), ONE]
    elif is_muon(optimizer):
        read_in, body, head = _KAPPA[optimizer]
        c = [read_in - r, *[HALF + body - r] * (hidden - 1), HALF + head]
    else:
        c = [HALF - r, *[3 * HALF - r] * (hidden - 1), ONE]
        if optimizer == "adafactor":
            c = [rate - std for rate, std in zip(c, b, strict=True)]
    return [Layer(ZERO, std, rate) for std, rate in zip(b, c, strict=True)]


def moved(optimizer: str, layer: Layer, theta: Fraction) -> Layer:
    """The same layer in another gauge: docs/theory.md, "Gauge invariants"."""
    power = {"sgd": 2, "momentum": 2, "adafactor": 0}.get(optimizer, 1)
    return layer._replace(
        a=layer.a + theta,
        b=None if layer.b is None else layer.b - theta,
        c=None if layer.c is None else layer.c - power * theta,
    )


def knocked_off(seed: int) -> Case:
    """A point of the richness scale with one or two exponents off by 1/2 or 1, in some gauge."""
    choose = random.Random(seed)
    while True:
        optimizer = choose.choice(list(OPTIMIZERS))
        hidden = choose.randint(1, 3)
        layers = scale(optimizer, hidden, choose.choice([ZERO, Fraction(1, 4), HALF]))
        activation = choose.choice(["tanh", "relu"])
        # More than one power of n in all would take the sizes of steps out of float64's reach.
        for change in choose.choice([(HALF,), (ONE,), (HALF, HALF)]):
            _knock(choose, change, optimizer, layers, may_resize=activation == "relu")
        if optimizer != "adafactor" and choose.random() < 0.15:
            layers[-1] = layers[-1]._replace(b=None)
        if choose.random() < 0.1:
            index = choose.randrange(len(layers))
            layers[index] = layers[index]._replace(c=None)
        # torch's Adafactor caps rates: see test_adafactor_caps_its_rate.
        is_capped = optimizer == "adafactor" and any(x.c is not None and x.c < 0 for x in layers)
        if not is_capped:
            break
    case = off_scale(optimizer, layers, activation)
    thetas = [choose.choice([ZERO, ZERO, HALF, -HALF]) for _ in layers]
    gauged = [moved(optimizer, *pair) for pair in zip(case.layers, thetas, strict=True)]
    return case._replace(layers=tuple(gauged))


def off_scale(optimizer: str, layers: Sequence[Layer], activation: str) -> Case:
    """A case of layers in the STP gauge."""
    *below, head = layers
    size = ZERO
    for index, layer in enumerate(below):
        assert layer.b is not None
        size += (HALF if index else ZERO) - layer.b
    explodes = head.b is not None and size + HALF - head.b > 0
    wakes = _outgrows(optimizer, head, size)
    if wakes:
        # So small that its update is larger at the widths measured, as it is in the limit.
        head = head._replace(factor="1e-12")
    return Case(optimizer, (*below, head), activation, wakes, explodes)


def _knock(
    choose: random.Random,
    change: Fraction,
    optimizer: str,
    layers: list[Layer],
    *,
    may_resize: bool,
) -> None:
    """Sizes at init only where they are exact: in positively homogeneous nets, and at the end."""
    index = choose.randrange(len(layers))
    layer = layers[index]
    assert layer.b is not None
    assert layer.c is not None
    change *= choose.choice([-1, 1])
    is_last = index == len(layers) - 1
    if choose.random() < 2 / 3 or not (may_resize or is_last):
        layers[index] = layer._replace(c=layer.c + change)
        return
    change = max(change, -HALF) if is_last else change
    # Adafactor's update follows RMS(W): keep it.
    rate = layer.c - change if optimizer == "adafactor" else layer.c
    layers[index] = layer._replace(b=layer.b + change, c=rate)


def _outgrows(optimizer: str, head: Layer, source: Fraction) -> bool:
    """Whether the read-out's update is larger than its init: docs/theory.md, "Two phases"."""
    if head.c is None:
        return False
    if head.b is None:
        return True
    limit = head.c
    if optimizer in ("sgd", "momentum"):
        limit -= source
    elif is_muon(optimizer):
        limit += HALF - _KAPPA[optimizer][2]
    elif optimizer == "adafactor":
        limit += head.b
    return head.b > limit
