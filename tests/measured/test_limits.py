# ruff: noqa: T201 - the figures are half of what this is for
"""The two ends of the richness scale, and what lies between, on real training.

docs/theory.md, "The richness scale".  At r = 0 the tangent kernel has a limit, training does not
move it, and what a network predicts is kernel regression (Jacot et al. 2018, arXiv 1806.07572; Lee
et al. 2019, arXiv 1902.06720).  At r = 1/2 features move as much at every width, and no kernel
fixed at init predicts what is learnt.  Between them the change of a representation, as a vector,
grows as n^r.

Run with ``-s`` for the tables.  Seeds count from 0; tolerances are from seeds 1000 and up, which
no test uses: three standard deviations or more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from types import ModuleType
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from richc.lab.movement import feature_kernel_change, rates_of
from tests.kernels import analytic_relu_ntk, empirical_ntk, kernel_regression
from tests.measured.measuring import (
    dense_layers,
    load,
    mean,
    network,
    optimizer_of,
    report_on,
    representations,
    slope,
)

pytestmark = pytest.mark.measured

INPUTS, TRAIN, TEST = 8, 8, 8

# ---- The kernel at init --------------------------------------------------------------------------

#: fan-in times variance of read-in, hidden layer and read-out.  Each layer's rate is its variance,
#: which is rate 1 on weights of unit size behind multipliers sqrt(gain / fan-in).
GAINS = (2, 2, 1)
COSINES = (1.0, 0.5, 0.0, -0.5, -1.0)
LIMIT = (3.0, 1.35148, 0.68571, 0.34386, 0.31831)

KERNEL_WIDTHS = (64, 128, 256, 512, 1024, 2048)
KERNEL_SEEDS = range(16)


def lazy_text() -> str:
    layers = [
        f"{name}: dense -> {size} {{ var = {gain} / fan_in, lr = {gain} / fan_in }}"
        for name, size, gain in zip(("embed", "body", "head"), ("n", "n", 1), GAINS, strict=True)
    ]
    return text("ntp", layers)


def text(parameterization: str, layers: Sequence[str]) -> str:
    lines = ["model net {", "  width n = 64", f"  parameterization {parameterization}"]
    lines += [f"  input {INPUTS}", "  " + "\n  relu\n  ".join(layers)]
    return "\n".join([*lines, "  optimizer sgd { lr = 1 }", "  loss mse", "}", ""])


def circle() -> Tensor:
    """Inputs of |x|^2 = d at the given cosines to the first, which has cosine 1."""
    x = torch.zeros(len(COSINES), INPUTS, dtype=torch.float64)
    x[:, 0] = torch.tensor(COSINES, dtype=torch.float64)
    x[:, 1] = (1 - x[:, 0].square()).sqrt()
    scaled: Tensor = math.sqrt(INPUTS) * x
    return scaled


def rates(model: nn.Module) -> dict[str, float]:
    return rates_of(model, optimizer_of(model, 1.0))


def kernel_at_init(module: ModuleType, width: int, seed: int) -> Tensor:
    """Of the first input with all of them (inputs,)."""
    model, x = network(module, width, seed), circle()
    return empirical_ntk(model, x[:1], x, rates=rates(model), trace=True)[0]


@pytest.mark.nightly
def test_the_lazy_kernel_has_its_limit() -> None:
    x = circle()
    (limit,) = analytic_relu_ntk(x[:1], x, GAINS)
    assert list(LIMIT) == [round(value, 5) for value in limit.tolist()]
    model, diagnostics = report_on(lazy_text())
    assert ("0", []) == (model.richness, diagnostics)

    module = load(lazy_text())
    gaps = [
        torch.stack([kernel_at_init(module, width, seed) - limit for seed in KERNEL_SEEDS])
        for width in KERNEL_WIDTHS
    ]
    sizes = [gap.square().mean().sqrt().item() for gap in gaps]
    exponent = slope(KERNEL_WIDTHS, [math.log(size) for size in sizes])
    show("RMS |K - limit|", KERNEL_WIDTHS, sizes, exponent)
    assert -0.5 == pytest.approx(exponent, abs=0.2)
    # And the limit is this one, not one beside it.
    center, error = gaps[-1].mean(0), gaps[-1].std(0) / math.sqrt(len(KERNEL_SEEDS))
    print("(mean K - limit) / standard error:", [round(z, 2) for z in (center / error).tolist()])
    assert (center.abs() < 5 * error).all()
    assert (error < 0.06 * limit).all()


# ---- Training to the end -------------------------------------------------------------------------

#: As often as the slowest direction of the kernel wants: the training loss falls by 10^3.
RATE, STEPS = 0.4, 60
#: By then training is half done, and a kernel of the wrong size predicts wrong.
EARLY = 6
#: The fewer, the longer they take; one network's gap scatters as much at any width.
TRAIN_SEEDS = {64: 16, 128: 16, 256: 16, 512: 8, 1024: 4}


class Trained(NamedTuple):
    """One network: what training changed, and how far from kernel regression it came out."""

    #: |Δh| of the last representation, RMS over test inputs of the vector's norm.
    dh: float
    #: The same over |h|.
    features: float
    feature_kernel: float
    tangent_kernel: float
    #: RMS over test inputs of f less what the network's own kernel at init predicts.
    gap: float
    early_gap: float
    #: RMS over test inputs of what training changed in f.
    moved: float
    #: Final loss over first loss.
    loss: float


def rich_text(r: Fraction) -> str:
    layers = ["embed: dense -> n", "body: dense -> n", "head: dense -> 1"]
    return text(f"rich(r = {r})", [f"{layer} {{ }}" for layer in layers])


@functools.cache
def module_at(r: Fraction) -> ModuleType:
    return load(rich_text(r))


def data() -> tuple[Tensor, Tensor, Tensor]:
    """Training inputs and targets, and test inputs, all of |x|^2 = d; the same at every width."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(TRAIN + TEST, INPUTS, generator=generator, dtype=torch.float64)
    x *= math.sqrt(INPUTS) / x.square().sum(1, keepdim=True).sqrt()
    y = (x[:, 0] * x[:, 1] + x[:, 2] / 2).unsqueeze(1)
    return x[:TRAIN], y[:TRAIN], x[TRAIN:]


def descend(
    r: Fraction, model: nn.Module, rate: float, steps: int, *, centered: bool = False
) -> list[float]:
    """Full-batch gradient descent on y, or on y more than f at init; returns every step's loss."""
    x, y, _ = data()
    if centered:
        with torch.no_grad():
            y = y + model(x)
    optimizer = optimizer_of(model, rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = module_at(r).loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def last_representation(r: Fraction, model: nn.Module) -> Tensor:
    """h of the last hidden layer, before its activation, for the test inputs (TEST, n)."""
    return representations(model, dense_layers(module_at(r), model), data()[2])[-2]


def rms(values: Tensor) -> float:
    return values.square().mean().sqrt().item()


@functools.cache
def trained(r: Fraction, width: int, seed: int) -> Trained:
    model = network(module_at(r), width, seed)
    x, y, x_test = data()
    both = torch.cat([x, x_test])
    with torch.no_grad():
        f0 = model(both)
    k = empirical_ntk(model, both, both, rates=rates(model))[:, :, :TRAIN]
    h = last_representation(r, model)
    # A step of rate η on a mean over B squares moves f by 2 η K (y - f) / B.
    early, lazy = (
        kernel_regression(
            k[:TRAIN],
            k[TRAIN:],
            y,
            f0[:TRAIN],
            f0[TRAIN:],
            rate=2 * RATE / TRAIN,
            steps=steps,
        )
        for steps in (EARLY, STEPS)
    )
    losses = descend(r, model, RATE, EARLY)
    with torch.no_grad():
        f_early = model(x_test)
    losses += descend(r, model, RATE, STEPS - EARLY)
    with torch.no_grad():
        f = model(x_test)
    after = last_representation(r, model)
    k_after = empirical_ntk(model, x, x, rates=rates(model))
    change = torch.linalg.norm(k_after - k[:TRAIN]) / torch.linalg.norm(k[:TRAIN])
    return Trained(
        dh=rms(after - h) * math.sqrt(width),
        features=rms(after - h) / rms(h),
        feature_kernel=feature_kernel_change(h, after).item(),
        tangent_kernel=change.item(),
        gap=rms(f - lazy),
        early_gap=rms(f_early - early),
        moved=rms(f - f0[TRAIN:]),
        loss=losses[-1] / losses[0],
    )


def typical(r: Fraction, quantity: str) -> list[float]:
    """Geometric means over seeds, a width each."""
    return [
        math.exp(mean([math.log(getattr(trained(r, n, seed), quantity)) for seed in range(count)]))
        for n, count in TRAIN_SEEDS.items()
    ]


def show(what: str, widths: Sequence[int], sizes: Sequence[float], exponent: float) -> None:
    row = "  ".join(f"{n}: {size:.4f}" for n, size in zip(widths, sizes, strict=True))
    print(f"{what:<38} {row}  ~ n^{exponent:.3f}")


def exponents_of(r: Fraction) -> Trained:
    """Slopes of everything against the width."""
    widths, found = tuple(TRAIN_SEEDS), {}
    for quantity in Trained._fields:
        sizes = typical(r, quantity)
        found[quantity] = slope(widths, [math.log(size) for size in sizes])
        show(f"r = {r}: {quantity}", widths, sizes, found[quantity])
    return Trained(**found)


def regime(r: Fraction) -> tuple[str | None, list[object]]:
    model, diagnostics = report_on(rich_text(r))
    return model.regime, list(diagnostics)


def test_a_lazy_network_predicts_what_its_kernel_does() -> None:
    """Standard deviations over seeds of the slopes: 0.1 of gaps, 0.05 of kernels, 0.04 of h."""
    r = Fraction(0)
    assert ("lazy", []) == regime(r)

    exponents = exponents_of(r)
    assert max(typical(r, "loss")) < 0.01
    assert -0.5 == pytest.approx(exponents.features, abs=0.15)
    assert -1.0 == pytest.approx(exponents.feature_kernel, abs=0.25)
    # tanh nets measure -1, as smooth ones should.  A heuristic for these: about n^(1/2) of n relus
    # switch on or off, and each adds 1/n, with random signs.
    assert -0.75 == pytest.approx(exponents.tangent_kernel, abs=0.2)
    assert -0.75 == pytest.approx(exponents.gap, abs=0.3)
    assert exponents.early_gap < -0.5
    assert typical(r, "gap")[-1] < 0.03 * typical(r, "moved")[-1]


@pytest.mark.nightly
def test_a_rich_network_does_not() -> None:
    """Standard deviations over seeds of the slopes: 0.01 to 0.02, and 0.03 of the gap."""
    r = Fraction(1, 2)
    assert ("rich", []) == regime(r)

    exponents = exponents_of(r)
    assert max(typical(r, "loss")) < 0.01
    assert abs(exponents.features) < 0.06
    assert abs(exponents.feature_kernel) < 0.1
    assert abs(exponents.tangent_kernel) < 0.08
    assert typical(r, "features")[-1] > 0.45
    assert typical(r, "tangent_kernel")[-1] > 2.0
    assert abs(exponents.early_gap) < 0.1
    # At small widths chance adds to it.
    assert exponents.gap > -0.25
    assert typical(r, "gap")[-1] > 0.1 * typical(r, "moved")[-1]


# ---- Between the two -----------------------------------------------------------------------------

GROWTH = tuple(Fraction(eighths, 8) for eighths in range(5))
GROWTH_RATE, GROWTH_STEPS = 0.25, 10
GROWTH_SEEDS = {128: 8, 256: 8, 512: 8, 1024: 4, 2048: 3}


def growth(r: Fraction, width: int, seed: int) -> float:
    """|Δh| of the last representation, RMS over test inputs of the vector's norm.

    f at init is chance of size n^-r, as large as y at r = 0: with it in the residuals, what one
    network does at r = 0 scatters three times as much, and at r = 1/8 the residuals still shrink.
    """
    model = network(module_at(r), width, seed)
    before = last_representation(r, model)
    descend(r, model, GROWTH_RATE, GROWTH_STEPS, centered=True)
    return rms(last_representation(r, model) - before) * math.sqrt(width)


@pytest.mark.nightly
def test_the_change_of_features_grows_as_n_to_the_r() -> None:
    """Standard deviations over seeds: 0.01; curvature adds less than 0.01."""
    exponents = []
    for r in GROWTH:
        logs = [
            mean([math.log(growth(r, n, seed)) for seed in range(count)])
            for n, count in GROWTH_SEEDS.items()
        ]
        exponents.append(slope(tuple(GROWTH_SEEDS), logs))
        show(f"r = {r}: |change of h|", tuple(GROWTH_SEEDS), [*map(math.exp, logs)], exponents[-1])

    assert [float(r) for r in GROWTH] == pytest.approx(exponents, abs=0.05)
    assert sorted(set(exponents)) == exponents
