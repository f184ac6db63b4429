"""R602: which decay does the same at every width.

Decay that shrinks a weight by rate * decay a step (SGD, and decoupled decay) must keep that
product: decay ~ n^c.  torch.optim.Adam adds decay * W to the gradient and normalises the sum:
there, decay ~ n^c drowns the gradient, and what must be kept is decay * std beside the gradient.

Figures: μP with Adam as below, widths 64 to 4096, 0.03 decay at width 64; RMS(decay W) / RMS(grad)
in the second step, and the training loss after 30 steps (chance is 1.39).

    decay of (embed, body, head)   ratio in embed, body, head        loss at n = 64   512  4096
    none                                                                     0.008 0.003 0.003
    (n^-1, n^-1/2, n)  as gradient n^0.00  n^0.02  n^0.03                    0.226 0.133 0.114
    (1, n, n)          as n^c      n^0.96  n^1.46  n^-0.05                   0.226 0.779 0.905
    (1, 1, 1)          constant    n^0.97  n^0.48  n^-1.01                   0.226 0.373 0.549
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from torch import Tensor

from tests.measured.measuring import (
    INPUTS,
    OUTPUTS,
    WIDTHS,
    batches,
    dense_layers,
    gradient,
    load,
    mean,
    network,
    optimizer_of,
    report_on,
    slope,
    weights,
)

pytestmark = pytest.mark.measured

SEEDS = (0, 1, 2)
STEPS, BATCH = 30, 32
DECAY = 0.03
NAMES = ("embed", "body", "head")

#: As far as exponents over widths 64 to 1024 are from those of the limit.
LIMIT = 0.2

MODEL = """
model net {{
  width n = 64, base n0 = 64
  parameterization {point}, gauge = {gauge}
  input {inputs}
  embed: dense -> n {{ {embed} }}
  relu
  body:  dense -> n {{ {body} }}
  relu
  head:  dense -> {outputs} {{ {head} }}
  optimizer {optimizer}
  loss cross_entropy
}}
"""
RATES = {"sgd": "0.1", "adam": "0.01", "adamw": "0.01"}

#: Exponents of decay for (embed, body, head); None leaves them to richc.
INFERRED = None
BESIDE_GRADIENT = ("-1", "-1/2", "1")
CONSTANT = ("0", "0", "0")
#: decay ~ n^c.
LIKE_RATES = {"sgd": ("-1", "0", "1"), "adam": ("0", "1", "1"), "adamw": ("0", "1", "1")}

Decays = Sequence[str] | None


def spec(
    optimizer: str,
    decays: Decays,
    *,
    size: float = DECAY,
    point: str = "mup",
    gauge: str = "stp",
) -> str:
    """All choices of exponents are equal at width 64."""
    spread = f", weight_decay = {size}" if decays is None else ""
    written = [""] * 3 if decays is None else [f"decay = {size} * (n / n0)^({d})" for d in decays]
    return MODEL.format(
        **dict(zip(NAMES, written, strict=True)),
        point=point,
        gauge=gauge,
        inputs=INPUTS,
        outputs=OUTPUTS,
        optimizer=f"{optimizer} {{ lr = {RATES[optimizer]}{spread} }}",
    )


def first_step(
    text: str, width: int, seed: int, *, decays: bool
) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[float]]:
    """Weights at init, gradients, steps and decays, a layer each."""
    module = load(text)
    model = network(module, width, seed)
    matrices = weights(dense_layers(module, model))
    old = [matrix.detach().clone() for matrix in matrices]
    optimizer = optimizer_of(model)
    found = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    for group in optimizer.param_groups:
        group["weight_decay"] *= decays
    ((x, y),) = batches(seed, 1, BATCH)
    gradient(model, x, y)
    optimizer.step()
    gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
    steps = [new.detach() - before for new, before in zip(matrices, old, strict=True)]
    return old, gradients, steps, [found[id(matrix)] for matrix in matrices]


def exponents(measure: Callable[[int, int], list[float]]) -> list[float]:
    """A layer each, of the mean over seeds of ``measure(width, seed)``."""
    found = [[measure(width, seed) for seed in SEEDS] for width in WIDTHS]
    return [
        slope(WIDTHS, [math.log(mean([one[layer] for one in at])) for at in found])
        for layer in range(len(NAMES))
    ]


def decay_beside_gradient(text: str) -> list[float]:
    """Exponents of RMS(decay * W) / RMS(grad)."""

    def measure(width: int, seed: int) -> list[float]:
        old, gradients, _, decays = first_step(text, width, seed, decays=True)
        return [
            (decay * w.norm() / g.norm()).item()
            for w, g, decay in zip(old, gradients, decays, strict=True)
        ]

    return exponents(measure)


def share_of_gradient(text: str) -> list[float]:
    """Exponents of the descent that decay leaves: <step, grad> with it over the same without."""

    def measure(width: int, seed: int) -> list[float]:
        _, gradients, with_it, _ = first_step(text, width, seed, decays=True)
        _, _, without, _ = first_step(text, width, seed, decays=False)
        return [
            ((a * g).sum() / (b * g).sum()).item()
            for a, b, g in zip(with_it, without, gradients, strict=True)
        ]

    return exponents(measure)


def shrink(text: str) -> list[float]:
    """Exponents of the part of W that decay takes away in a step."""

    def measure(width: int, seed: int) -> list[float]:
        old, _, with_it, _ = first_step(text, width, seed, decays=True)
        _, _, without, _ = first_step(text, width, seed, decays=False)
        return [
            (((b - a) * w).sum() / (w * w).sum()).item()
            for a, b, w in zip(with_it, without, old, strict=True)
        ]

    return exponents(measure)


def loss_after(text: str, width: int) -> float:
    """Training loss after some steps on one batch, mean over seeds."""
    module = load(text)
    found = []
    for seed in SEEDS:
        model = network(module, width, seed)
        optimizer = optimizer_of(model)
        ((x, y),) = batches(seed, 1, BATCH)
        for _ in range(STEPS):
            gradient(model, x, y)
            optimizer.step()
        found.append(gradient(model, x, y))
    return mean(found)


def warned(text: str) -> list[str | None]:
    _, diagnostics = report_on(text)
    return [d.layer for d in diagnostics if d.code == "R602"]


@pytest.mark.parametrize(
    ("decays", "excess"),
    [
        pytest.param(INFERRED, [0, 0, 0], id="inferred"),
        pytest.param(BESIDE_GRADIENT, [0, 0, 0], id="beside-gradient"),
        pytest.param(LIKE_RATES["adam"], [1, 3 / 2, 0], id="like-rates"),
        pytest.param(CONSTANT, [1, 1 / 2, -1], id="constant"),
    ],
)
def test_adams_own_decay_meets_its_gradient(decays: Decays, excess: list[float]) -> None:
    text = spec("adam", decays)

    assert excess == pytest.approx(decay_beside_gradient(text), abs=LIMIT)
    assert [name for name, e in zip(NAMES, excess, strict=True) if e] == warned(text)


@pytest.mark.parametrize("gauge", ["mup", "rescaling"])
@pytest.mark.parametrize("point", ["ntp", "rich(r = 1/4)", "mup"])
def test_inferred_decay_meets_it_everywhere(point: str, gauge: str) -> None:
    text = spec("adam", INFERRED, point=point, gauge=gauge)

    assert [0, 0, 0] == pytest.approx(decay_beside_gradient(text), abs=LIMIT)
    assert [] == warned(text)


@pytest.mark.parametrize(
    ("decays", "size", "left"),
    [
        pytest.param(INFERRED, DECAY, [0, 0, 0], id="inferred"),
        # So much that the gradient is the smaller part at width 64 already.
        pytest.param(LIKE_RATES["adam"], 10 * DECAY, [-1, -3 / 2, 0], id="like-rates"),
    ],
)
def test_what_is_left_of_adams_gradient(decays: Decays, size: float, left: list[float]) -> None:
    text = spec("adam", decays, size=size)

    assert left == pytest.approx(share_of_gradient(text), abs=LIMIT)


@pytest.mark.nightly
def test_training_with_adams_own_decay() -> None:
    """decay ~ n^c stops training at large width; decay beside the gradient goes on to matter."""
    wide, narrow = 1024, 64
    free = loss_after(spec("adam", INFERRED, size=0), wide)
    kept = loss_after(spec("adam", BESIDE_GRADIENT), wide)
    drowned = loss_after(spec("adam", LIKE_RATES["adam"]), wide)
    start = loss_after(spec("adam", LIKE_RATES["adam"]), narrow)

    assert free < 0.1 * kept
    assert kept < start < 0.5 * drowned
    assert drowned < math.log(OUTPUTS)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_other_decay_shrinks_by_rate_times_decay(optimizer: str) -> None:
    good, constant = spec(optimizer, LIKE_RATES[optimizer]), spec(optimizer, CONSTANT)
    excess = [-float(c) for c in LIKE_RATES[optimizer]]

    assert [0, 0, 0] == pytest.approx(shrink(spec(optimizer, INFERRED)), abs=LIMIT)
    assert [0, 0, 0] == pytest.approx(shrink(good), abs=LIMIT)
    assert [] == warned(good)
    assert excess == pytest.approx(shrink(constant), abs=LIMIT)
    assert [name for name, e in zip(NAMES, excess, strict=True) if e] == warned(constant)


@pytest.mark.parametrize("decays", [INFERRED, LIKE_RATES["adam"]])
def test_no_decay_of_adams_own_shrinks_hidden_weights(decays: Decays) -> None:
    """A normalised step is at most rate / std ~ n^(-1/2) of such a weight, at any decay."""
    assert [0, -1 / 2, 0] == pytest.approx(shrink(spec("adam", decays)), abs=LIMIT)
