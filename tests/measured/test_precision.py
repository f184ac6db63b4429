# ruff: noqa: T201 - figures for the pages
"""R702 and R703: what numbers do in fp16 and fp32, and what a floor does to Adafactor's steps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tests.measured.measuring import dense_layers, load, optimizer_of, report_on, weights

pytestmark = pytest.mark.measured

MODEL = """\
model net {{
  width n = 256
  input 64
  embed: dense -> n {{ {embed} }}
  tanh
  body: dense -> n {{ {body} }}
  tanh
  head: dense -> 10 {{ {head} }}
  optimizer {optimizer}
  train {{ precision = {precision} }}
}}
"""

SGD = {
    "embed": "std = 1/8, lr = n",
    "body": "std = n^(-1/2), lr = 1",
    "head": "std = 1/n, lr = 1/n",
}
ADAM = {"embed": "std = 1/8, lr = 1", "body": "std = n^(-1/2), lr = 1/n", "head": SGD["head"]}
ADAFACTOR = ADAM | {"body": "std = n^(-1/2), lr = n^(-1/2)", "head": "std = 1/n, lr = 1"}


def spec(optimizer: str, layers: dict[str, str], precision: str = "fp32") -> str:
    return MODEL.format(optimizer=optimizer, precision=precision, **layers)


def findings(text: str) -> list[tuple[str, str | None]]:
    found = (d for d in report_on(text)[1] if d.code.startswith("R7"))
    return [(d.code, d.layer) for d in found if d.code != "R704"]  # not what a format holds


def made(text: str) -> tuple[nn.Module, list[nn.Parameter], torch.optim.Optimizer]:
    """The compiled network in fp32, its matrices, and its optimizer."""
    module = load(text)
    torch.manual_seed(0)
    model = module.Net()
    return model, weights(dense_layers(module, model)), optimizer_of(model)


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(128, 64, generator=generator),
        torch.randint(0, 10, (128,), generator=generator),
    )


def loss_in(model: nn.Module, precision: str) -> Tensor:
    """As the compiled program does it."""
    x, y = data()
    with torch.autocast("cpu", dtype=torch.float16, enabled=precision == "fp16"):
        outputs = model(x)
    return nn.functional.cross_entropy(outputs.float(), y)


def error_in_fp16(text: str) -> float:
    """Of the outputs, beside their size."""
    model, _, _ = made(text)
    x, _ = data()
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", dtype=torch.float16):
            rounded = model(x).float()
    return float((rounded - exact).norm() / exact.norm())


@pytest.mark.parametrize(
    ("head", "is_reported", "least", "most"),
    [
        # 2^-28, 2^-24, 2^-21, 2^-18, and the weights of the STP gauge, 2^-8.
        ("scale = n^(5/2), std = n^(-7/2), lr = n^-6", True, 0.99, 1.01),
        ("scale = n^2, std = n^-3, lr = n^-5", True, 0.2, 1.0),
        ("scale = 2^13, std = 2^-21, lr = 2^-34", True, 0.02, 0.1),
        ("scale = 2^10, std = 2^-18, lr = 2^-28", False, 0.0, 0.01),
        (SGD["head"], False, 0.0, 0.01),
    ],
)
def test_weights_underflow(head: str, is_reported: bool, least: float, most: float) -> None:
    text = spec("sgd { lr = 0.01 }", SGD | {"head": head}, "fp16")
    error = error_in_fp16(text)
    print(f"{head}: outputs off by {error:.3g}")

    assert findings(text) == ([("R702", "head")] if is_reported else [])
    assert findings(text.replace("fp16", "bf16")) == []
    assert least <= error <= most


def test_the_gauge_that_is_offered() -> None:
    """The page's example: weights of 2^-25, most of which are zero in fp16."""
    wrong = "scale = n^2, std = n^(-5/2), lr = n^-4"
    text = spec("sgd { lr = 0.01 }", SGD | {"body": wrong}, "fp16").replace("256", "1024")
    (help_,) = [d.help for d in report_on(text)[1] if d.code == "R702"]
    moved = "scale = n^2 / 2^25, std = n^(-5/2) * 2^25, lr = n^-4 * 2^50"
    mended = text.replace(wrong, moved)

    assert help_ is not None
    assert help_.endswith("`scale` / 2^25, `std` * 2^25, `lr` * 2^50")
    assert error_in_fp16(text) > 0.3
    assert findings(mended) == []
    assert error_in_fp16(mended) < 0.01


@pytest.mark.parametrize(
    ("layer", "attributes"),
    [
        ("body", "scale = n^(-5/2), std = n^2, lr = n^5"),
        ("head", "scale = n^(-5/2), std = n^(3/2), lr = n^4"),
    ],
)
def test_overflow(layer: str, attributes: str) -> None:
    text = spec("sgd { lr = 0.01 }", SGD | {layer: attributes}, "fp16")

    assert findings(text) == [("R702", layer)]
    assert not math.isfinite(error_in_fp16(text))


@pytest.mark.parametrize(("power", "is_reported"), [(4, True), (1, False)])
def test_gradients_underflow(power: int, is_reported: bool) -> None:
    """A read-out that starts at zero, so that nothing else is out of range."""
    head = f"scale = n^-{power}, std = 0, lr = n^{power - 1}"
    text = spec("adam { lr = 1e-3 }", ADAM | {"head": head}, "fp16")
    model, matrices, _ = made(text)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(loss_in(model, "fp16")).backward()
    found = matrices[-1].grad
    assert found is not None
    rounded = found / scaler.get_scale()
    model.zero_grad()
    loss_in(model, "fp32").backward()
    exact = matrices[-1].grad
    assert exact is not None
    error = float((rounded - exact).norm() / exact.norm())
    print(f"scale n^-{power}: the read-out's gradients are off by {error:.2g}")

    assert (("R702", "head") in findings(text)) == is_reported
    assert (error > 0.2) == is_reported
    assert is_reported or error < 0.01


@pytest.mark.parametrize(
    ("optimizer", "layers"),
    [
        ("adamw {{ lr = {} }}", ADAM),
        ("sgd {{ lr = {} }}", SGD),
        ("lion {{ lr = {} }}", ADAM),
        ("adafactor {{ lr = {} }}", ADAFACTOR),
        ("muon {{ lr = {}, shape_factor = spectral }}", SGD | {"embed": "std = 1/8, lr = 1"}),
    ],
)
def test_steps_are_lost(optimizer: str, layers: dict[str, str]) -> None:
    """The share of the body's entries that one step leaves as they were, down the rates."""
    if "muon" in optimizer:
        layers = {"embed": "std = 1/8, lr = 1", "body": SGD["body"], "head": "std = 1/n, lr = 1"}
    shares: dict[bool, list[float]] = {True: [], False: []}
    for bits in range(10, 40):
        text = spec(optimizer.format(f"2^-{bits}"), layers)
        model, matrices, steps = made(text)
        before = matrices[1].detach().clone()
        loss_in(model, "fp32").backward()
        steps.step()
        share = float((matrices[1].detach() == before).float().mean())
        shares[("R702", "body") in findings(text)].append(share)
    print(f"{optimizer}: reported {min(shares[True]):.2f} ... {max(shares[True]):.2f}")

    assert min(shares[True]) > 0.5
    # The estimate for SGD is the most that a step can be; others are exact.
    assert sum(share > 0.9 for share in shares[False]) <= 6
    assert max(shares[True]) > 0.99


def test_adams_state_vanishes() -> None:
    small = spec("adam { lr = 1e-3 }", ADAM | {"body": "scale = n^-9, std = n^(17/2), lr = n^8"})
    usual = spec("adam { lr = 1e-3 }", ADAM)

    def squares(text: str) -> float:
        model, matrices, optimizer = made(text)
        loss_in(model, "fp32").backward()
        optimizer.step()
        return float(optimizer.state[matrices[1]]["exp_avg_sq"].max())

    assert findings(small) == [("R702", "body")]
    assert findings(usual) == []
    assert squares(small) == 0.0
    assert squares(usual) > 0.0


@pytest.mark.parametrize(
    ("eps", "is_reported"), [("", False), (", eps = 1/(4*n)", False), (", eps = 8/n", True)]
)
def test_adafactors_floor(eps: str, is_reported: bool) -> None:
    """RMS(step) / rate in the first step is max(eps, RMS(W)): eight times the weights' own."""
    text = spec("adafactor { lr = 0.01 }", ADAFACTOR | {"head": f"std = 1/n, lr = 1{eps}"})
    model, matrices, optimizer = made(text)
    before = matrices[-1].detach().clone()
    loss_in(model, "fp32").backward()
    optimizer.step()
    step = (matrices[-1].detach() - before).square().mean().sqrt() / 0.01
    factor = float(step / before.square().mean().sqrt())
    print(f"{eps}: {factor:.2f} of RMS(W)")

    assert findings(text) == ([("R703", "head")] if is_reported else [])
    assert factor == pytest.approx(8.0 if is_reported else 1.0, rel=0.1)
