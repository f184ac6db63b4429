"""What ``richc.gauge.equivalence`` says of two models, held to their training.

Models called identical have the same losses in float64 over 100 steps; models that are not, part.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from hypothesis import given, note, settings
from hypothesis import strategies as st

from richc.algebra.monomial import ONE, Affine, Monomial, number, symbol
from richc.gauge.equivalence import CONSTANTS, DIFFERENT, IDENTICAL, compare
from richc.pipeline import analyse
from richc.spec.model import Layer, Model, Tensor
from tests.emit.gauge_training import POWERS, imported, losses, moved, relative, unit_weights
from tests.gauge.rewriting import move

#: Decay and epsilon are large enough to matter.
OPTIMIZERS = {
    "sgd": "sgd { lr = 0.05, momentum = 0.9, weight_decay = 0.01 }",
    "adam": "adam { lr = 3e-3, weight_decay = 0.01, eps = 1e-3 }",
    "adamw": "adamw { lr = 3e-3, weight_decay = 0.1, eps = 1e-3 }",
    "lion": "lion { lr = 1e-3, weight_decay = 0.1 }",
    "signsgd": "signsgd { lr = 1e-3, momentum = 0.9, weight_decay = 0.1 }",
    "adafactor": "adafactor { lr = 1e-2, weight_decay = 0.1, eps = 1e-2 }",
}

TEXT = """
model net {{
  width n = 16, base n0 = 4
  richness r = 1/2, gamma = 3/2
  input 8
  embed: dense -> n {{ std = 8^(-1/2), lr = 1{bias} }}
  {activation}
  body: dense -> n {{ std = sqrt(2 / n), lr = {rate}{bias} }}
  {activation}
  head: dense -> 3 {{ std = 1 / (alpha * sqrt(n)), lr = n0 / n }}
  optimizer {optimizer}
}}
"""
BIAS = ", bias { std = 0.1, lr = 1 }"

N, N0, GAMMA = symbol("n"), symbol("n0"), symbol("gamma")
ALPHA = GAMMA.times(N.over(N0).power(Affine(Fraction(0), Fraction(1))))


def read(optimizer: str, activation: str = "tanh", bias: str = "") -> Model:
    words = OPTIMIZERS.get(optimizer, optimizer)
    text = TEXT.format(optimizer=words, activation=activation, bias=bias, rate="n0 / n")
    (result,) = analyse(text).models
    return result.spec


def trained_apart(first: Model, second: Model) -> float:
    """The largest relative difference of a loss on the way."""
    torch.set_num_threads(1)
    modules = imported(first), imported(second)
    start = unit_weights(modules[0])
    return relative(*(losses(module, start) for module in modules))


def factors() -> st.SearchStrategy[Monomial]:
    """Moves by constants and powers of n, n0, gamma and alpha, of moderate size."""
    powers = st.sampled_from([Affine(Fraction(p, 4)) for p in (0, 1, -1, 2, -2)])
    parts = st.sampled_from([N, N0, GAMMA, ALPHA, number(3), number(Fraction(1, 2))])
    product = st.lists(st.tuples(parts, powers), max_size=2)
    return product.map(_product)


def _product(parts: Sequence[tuple[Monomial, Affine]]) -> Monomial:
    value = ONE
    for part, power in parts:
        value = value.times(part.power(power))
    return value


def gauge_moves() -> st.SearchStrategy[list[Monomial]]:
    return st.lists(factors(), min_size=3, max_size=3)


@settings(max_examples=24)
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    activation=st.sampled_from(["tanh", "relu", "gelu"]),
    moves=gauge_moves(),
    of_biases=gauge_moves(),
)
def test_identical_models_train_identically(
    optimizer: str, activation: str, moves: list[Monomial], of_biases: list[Monomial]
) -> None:
    first = read(optimizer, activation, BIAS)
    second = moved(first, moves, of_biases)
    found = compare(first, second)
    note(str(found))

    assert (IDENTICAL, False) == (found.status, found.is_rescaled)
    assert trained_apart(first, second) <= 1e-9


#: Knob -> the invariants that it changes.
SPOILS = {
    "std": ("init",),
    "lr": ("rate", "decay"),
    "decay": ("decay",),
    "eps": ("eps",),
}


@settings(max_examples=24)
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    knob=st.sampled_from(sorted(SPOILS)),
    layer=st.integers(0, 2),
    of_bias=st.booleans(),
    factor=st.sampled_from(
        [number(2), number(Fraction(1, 3)), N.root(), ONE.over(N.root()), N.over(N0)]
    ),
    moves=gauge_moves(),
)
def test_others_part(
    optimizer: str,
    knob: str,
    layer: int,
    of_bias: bool,
    factor: Monomial,
    moves: list[Monomial],
) -> None:
    words = OPTIMIZERS[optimizer]
    if optimizer == "adafactor":
        # A floor below RMS(W) changes nothing.
        words = words.replace("eps = 1e-2", "eps = 1")
    first = read(words, bias=BIAS)
    of_bias = of_bias and layer < 2
    if knob == "eps" and first.layers[0].weight.eps is None:
        knob = "std"
    second = moved(_spoilt(first, layer, of_bias, knob, factor), moves)
    found = compare(first, second)
    note(str(found))

    expected = set(SPOILS[knob])
    if knob == "lr" and optimizer == "adam":
        # Its decay is part of the gradient.
        expected = {"rate"}
    names = {(d.layer, d.of_bias, d.kind) for d in found.differences}
    assert names == {(first.layers[layer].name, of_bias, kind) for kind in expected}
    is_constant = factor.exponent("n").is_zero
    assert found.status == (CONSTANTS if is_constant else DIFFERENT)
    assert {d.ratio for d in found.differences} == {_at_numbers(factor)}
    assert trained_apart(first, second) > 1e-7


def _spoilt(model: Model, layer: int, of_bias: bool, knob: str, factor: Monomial) -> Model:
    layers = list(model.layers)
    tensor = layers[layer].bias if of_bias else layers[layer].weight
    assert tensor is not None
    changed = tensor._replace(**{knob: getattr(tensor, knob).times(factor)})
    at = layers[layer]
    layers[layer] = at._replace(bias=changed) if of_bias else at._replace(weight=changed)
    return model._replace(layers=tuple(layers))


def _at_numbers(factor: Monomial) -> Monomial:
    base = factor.exponent("n0")
    return factor.without("n0").times(number(4).power(base))


@settings(max_examples=18)
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    activation=st.sampled_from(["relu", "leaky_relu(0.1)", "linear"]),
    u=st.lists(factors(), min_size=2, max_size=2),
    moves=gauge_moves(),
)
def test_homogeneous_networks_may_be_rescaled(
    optimizer: str, activation: str, u: list[Monomial], moves: list[Monomial]
) -> None:
    """V_l times u_l, of product 1: docs/theory.md, "Where a naive checker is wrong"."""
    first = read(optimizer, activation)
    shares = [*u, ONE.over(u[0].times(u[1]))]
    second = moved(_rescaled(first, shares), moves)
    found = compare(first, second)
    note(str(found))

    assert found.status == IDENTICAL
    # On a product of 1 the gauge alone would do.
    assert found.is_rescaled == (shares != [ONE] * 3)
    assert trained_apart(first, second) <= 1e-9
    if found.is_rescaled:
        assert compare(first, second, rescaling=False).status != IDENTICAL
        biased = [_with_biases(model) for model in (first, second)]
        assert compare(*biased).status != IDENTICAL


def _rescaled(model: Model, shares: Sequence[Monomial]) -> Model:
    name = model.optimizer.name

    def change(tensor: Tensor, u: Monomial) -> Tensor:
        eps = tensor.eps
        if eps is not None:
            eps = eps.times(u) if name == "adafactor" else eps.over(u)
        return tensor._replace(
            std=tensor.std.times(u),
            lr=tensor.lr.times(u.power(Affine(Fraction(POWERS[name])))),
            eps=eps,
            decay=_rescaled_decay(tensor, u, name),
        )

    layers = (
        layer._replace(weight=change(layer.weight, u))
        for layer, u in zip(model.layers, shares, strict=True)
    )
    return model._replace(layers=tuple(layers))


def _rescaled_decay(tensor: Tensor, u: Monomial, name: str) -> Monomial:
    if name == "adam":
        return tensor.decay.over(u.times(u))
    # Rate times decay is kept.
    return tensor.decay.over(u.power(Affine(Fraction(POWERS[name]))))


def _with_biases(model: Model) -> Model:
    def change(layer: Layer) -> Layer:
        return layer._replace(bias=layer.weight._replace(std=ONE, scale=ONE, lr=ONE))

    return model._replace(layers=tuple(map(change, model.layers)))


@pytest.mark.parametrize("to", ["stp", "mup", "rescaling"])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_rewritten_texts_train_identically(optimizer: str, to: str) -> None:
    """From text to text, by way of ``richc gauge``."""
    text = TEXT.format(optimizer=OPTIMIZERS[optimizer], activation="tanh", bias=BIAS, rate="n0 / n")
    if (optimizer, to) == ("adafactor", "mup"):
        to = "a=1/2"
    before, after = (analyse(t).models[0].spec for t in (text, move(text, to)))

    assert trained_apart(before, after) <= 1e-9


@pytest.mark.parametrize("shape", ["none", "original", "match_rms_adamw", "spectral"])
def test_muon(shape: str) -> None:
    """Newton-Schulz runs in bfloat16, where powers of two commute with rounding."""
    first = read(f"muon {{ lr = 0.02, weight_decay = 0.01, shape_factor = {shape} }}")
    second = moved(first, [number(4), number(Fraction(1, 2)), number(2)])

    assert compare(first, second).status == IDENTICAL
    assert trained_apart(first, second) <= 2e-2


def test_muon_with_another_shape_factor() -> None:
    """spectral is sqrt(fan_out / fan_in), which a rate can make up for."""
    first = read("muon { lr = 0.02, weight_decay = 0.01, shape_factor = spectral }")
    second = read("muon { lr = 0.02, weight_decay = 0.01, shape_factor = none }")
    kappas = [N.over(number(8)).root(), ONE, number(3).over(N).root()]
    layers = tuple(
        layer._replace(
            weight=layer.weight._replace(
                lr=layer.weight.lr.times(kappa), decay=layer.weight.decay.over(kappa)
            )
        )
        for layer, kappa in zip(second.layers, kappas, strict=True)
    )

    assert compare(first, second).status == DIFFERENT
    assert compare(first, second._replace(layers=layers)).status == IDENTICAL
    assert trained_apart(first, second._replace(layers=layers)) <= 2e-2
    assert trained_apart(first, second) > 2e-2


def test_adam_without_decay_is_adamw() -> None:
    first = read("adam { lr = 3e-3, eps = 1e-3 }")
    second = read("adamw { lr = 3e-3, eps = 1e-3 }")

    assert compare(first, second).status == IDENTICAL
    assert trained_apart(first, second) <= 1e-9


def test_adam_with_decay_is_not() -> None:
    first, second = read(OPTIMIZERS["adam"]), read(OPTIMIZERS["adamw"])

    assert compare(first, second).status == DIFFERENT
    assert trained_apart(first, second) > 1e-7


STACK = """
model net {
  width n = 16, base n0 = 8
  depth L = 4, base L0 = 2
  input 8
  embed: dense -> n { std = 1/3, lr = n / n0 }
  relu
  blocks: repeat L {
    mlp: residual {
      scale = 2 * L0 / L
      norm: rmsnorm { gain { lr = L / L0 }, bias { std = 1/8, lr = L / L0 } }
      up: dense -> 2*n { std = sqrt(2 / n), lr = L / L0, bias { std = 1/8, lr = L / L0 } }
      gelu
      down: dense -> n { std = 1 / sqrt(n), lr = n0 * L / (n * L0)OF }
    }
  }
  layernorm
  head: dense -> 3 { std = 4 / n, lr = n0 / n }
  optimizer FIRST
  OTHER
}
"""


@pytest.mark.parametrize("to", ["mup", "rescaling", "blocks.mlp.up.a=1,blocks.mlp.norm.bias.a=-1"])
@pytest.mark.parametrize(
    ("first", "other"),
    [
        (OPTIMIZERS["sgd"], ""),
        (OPTIMIZERS["adamw"], "sgd { lr = 0.02, momentum = 0.9, weight_decay = 0.01 }"),
    ],
)
def test_blocks_train_alike_in_every_gauge(first: str, other: str, to: str) -> None:
    text = STACK.replace("FIRST", first).replace("OTHER", f"optimizer {other}" if other else "")
    text = text.replace("OF", f", optimizer = {other.split(maxsplit=1)[0]}" if other else "")
    moved = move(text, to)
    models = [result.spec for source in (text, moved) for result in analyse(source).models]

    assert text != moved
    assert trained_apart(models[0], models[1]) <= 1e-9
