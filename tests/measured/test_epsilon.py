"""R601: an epsilon that outgrows its gradient turns Adam into SGD.

Adam's step is the learning rate times a number of order one.  Under μP, gradients of the read-in
and of hidden layers are n^-1, and so is the step of such a layer under a constant epsilon, beside
its learning rate: it is SGD's, lr / eps times the gradient.  (The epsilon is large here, to meet at
these widths what 1e-8 meets later.)
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.measured.measuring import (
    SEEDS,
    WIDTHS,
    batches,
    dense_layers,
    fit,
    gradient,
    load,
    log_rms,
    mean,
    network,
    optimizer_of,
    report_on,
    slope,
    weights,
)
from tests.measured.specs import inferred

pytestmark = pytest.mark.measured

EPS = 0.1
NAMES = ["embed", "body.0", "head"]
LIMIT = 0.1


def spec(optimizer: str, *eps: str) -> str:
    text = inferred(optimizer, "mup", "stp", "tanh", 2, below="BELOW", head="HEAD")
    below, head = (f"eps = {e}" if e else "" for e in eps)
    return text.replace("BELOW", below).replace("HEAD", head)


#: Nothing written; the inferred exponents, with a larger factor; one constant for all.
LEFT_OUT = ("", "")
FOLLOWS = (f"{EPS} / n", f"{EPS}")
CONSTANT = (f"{EPS}", f"{EPS}")


def steps_beside_rates(text: str) -> list[float]:
    """For each layer, the exponent of RMS(step) / learning rate in the second step."""
    module = load(text)
    found: list[list[float]] = [[] for _ in NAMES]
    for width in WIDTHS:
        at_width = []
        for seed in SEEDS:
            model = network(module, width, seed)
            matrices = weights(dense_layers(module, model))
            optimizer = optimizer_of(model)
            before = matrices
            for x, y in batches(seed, 2):
                before = [nn.Parameter(matrix.detach().clone()) for matrix in matrices]
                gradient(model, x, y)
                optimizer.step()
            rates = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
            at_width.append(
                [
                    log_rms((new.detach() - old.detach()) / rates[id(new)])
                    for new, old in zip(matrices, before, strict=True)
                ]
            )
        for index, points in enumerate(found):
            points.append(mean([one[index] for one in at_width]))
    return [slope(WIDTHS, points) for points in found]


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize(
    ("eps", "warned", "expected"),
    [
        pytest.param(LEFT_OUT, [], [0, 0, 0], id="left-out"),
        pytest.param(FOLLOWS, [], [0, 0, 0], id="follows"),
        pytest.param(CONSTANT, ["embed", "body.0"], [-1, -1, 0], id="constant"),
    ],
)
def test_the_step_beside_the_rate(
    optimizer: str, eps: tuple[str, str], warned: list[str], expected: list[float]
) -> None:
    text = spec(optimizer, *eps)
    _, diagnostics = report_on(text)

    # R705 is right, too: the epsilon is large, so that its exponent shows at these widths.
    found = [(d.code, d.layer) for d in diagnostics if d.code != "R705"]
    assert [("R601", name) for name in warned] == found
    assert expected == pytest.approx(steps_beside_rates(text), abs=LIMIT)


def test_it_is_sgd_then() -> None:
    """The first step is parallel to the gradient; under the inferred epsilon, to its signs."""

    def cosines(text: str) -> list[float]:
        module = load(text)
        model = network(module, WIDTHS[-1], 0)
        matrices = weights(dense_layers(module, model))
        before = [matrix.detach().clone() for matrix in matrices]
        ((x, y),) = batches(0, 1)
        gradient(model, x, y)
        optimizer_of(model).step()
        found = []
        for old, new in zip(before, matrices, strict=True):
            assert new.grad is not None
            step = (old - new.detach()).flatten()
            found.append(torch.cosine_similarity(step, new.grad.flatten(), dim=0).item())
        return found[:2]

    assert min(cosines(spec("adam", *CONSTANT))) > 0.999
    assert max(cosines(spec("adam", *LEFT_OUT))) < 0.9


def test_features_stop_learning() -> None:
    """The report's Δh ~ 1 holds as long as Adam is Adam."""

    def changes(text: str) -> list[float]:
        return [row.measured for row in fit(text) if row.quantity == "dh"][:2]

    assert [0, 0] == pytest.approx(changes(spec("adam", *FOLLOWS)), abs=LIMIT)
    assert [-1, -1] == pytest.approx(changes(spec("adam", *CONSTANT)), abs=LIMIT)
