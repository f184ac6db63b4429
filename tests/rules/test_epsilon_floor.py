"""R705: an epsilon beside the gradient at the declared width."""

from __future__ import annotations

import pytest

from richc.diagnostics import Diagnostic
from richc.fixing.gauge.rewrite import regauge
from richc.gauge.moves import read_target
from richc.pipeline import analyse
from richc.rules.step_sizes import measure

MODEL = """\
model net {{
  width n = {width}, base n0 = 64
  parameterization mup
  input 64
  embed: dense -> n   {{ eps = {embed} }}
  relu
  body[2]: dense -> n {{ eps = {body} }}
  relu
  head: dense -> 10   {{ eps = {head} }}
  optimizer {optimizer}
  train {{ batch = {batch} }}
}}
"""


def text(
    *,
    width: int = 256,
    embed: str = "1e-8",
    body: str = "1e-8",
    head: str = "1e-8",
    optimizer: str = "adam",
    batch: int = 128,
) -> str:
    return MODEL.format(
        width=width,
        embed=f"{embed} * n0 / n",
        body=f"{body} * n0 / n",
        head=head,
        optimizer=optimizer,
        batch=batch,
    )


def found(text: str) -> list[Diagnostic]:
    diagnostics = analyse(text).diagnostics
    assert {d.code for d in diagnostics} <= {"R705"}
    return list(diagnostics)


def gradients(text: str) -> list[float]:
    (model,) = analyse(text).models
    return [2.0**at.weight_gradient for at in measure(model.context)]


@pytest.mark.parametrize("optimizer", ["adam", "adamw { lr = 1e-2 }"])
@pytest.mark.parametrize("width", [64, 1024])
@pytest.mark.parametrize("layer", ["embed", "body", "head"])
def test_the_limit_is_twice_the_gradient(layer: str, width: int, optimizer: str) -> None:
    embed, _, body, head = gradients(text(width=width))
    times = width / 64
    gradient = {"embed": embed * times, "body": body * times, "head": head}[layer]

    for factor, count in ((1.9, 0), (2.1, 1)):
        eps = {layer: f"{factor * gradient:.4g}"}
        reported = found(
            MODEL.format(
                width=width,
                embed=f"{eps.get('embed', '1e-8')} * n0 / n",
                body=f"{eps.get('body', '1e-8')} * n0 / n",
                head=eps.get("head", "1e-8"),
                optimizer=optimizer,
                batch=128,
            )
        )
        assert count == len(reported)
        assert all((d.layer or "").startswith(layer) for d in reported)


def test_a_larger_batch_has_a_smaller_gradient() -> None:
    """Of examples that cancel: 100 times as many, a tenth."""
    small, large = (gradients(text(batch=batch)) for batch in (16, 1600))

    assert [g / 10 for g in small] == pytest.approx(large)
    assert [] == found(text(body="0.01", batch=16))
    assert ["body.0"] == [d.layer for d in found(text(body="0.01", batch=1600))]


def test_it_says_what_is_left_of_a_step() -> None:
    _, _, _, head = gradients(text())
    (diagnostic,) = found(text(head=f"{9 * head:.6g}"))

    assert "Adam's steps are about 0.1 of the rate there" in diagnostic.message


def test_every_gauge_is_told_the_same() -> None:
    """Epsilon moves with the gradient."""
    before = analyse(text(body="1"))
    moved = regauge(before, read_target("mup")).text

    assert before.source.text != moved
    assert [d.message for d in before.diagnostics] == [d.message for d in found(moved)]


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(
            text(optimizer="sgd").replace("eps = 1e-8", "lr = 1 / fan_in"),
            id="an optimizer without",
        ),
        pytest.param(text(body="1").replace("1 * n0 / n", "0"), id="none"),
        pytest.param(text(body="1").replace("1 * n0 / n", "1 * n0 / n, frozen"), id="frozen"),
    ],
)
def test_no_epsilon_no_finding(spec: str) -> None:
    assert "R705" not in {d.code for d in analyse(spec).diagnostics}


def test_what_outgrows_the_gradient_is_another_rules() -> None:
    codes = [d.code for d in analyse(text(body="1").replace("1 * n0 / n", "1")).diagnostics]

    assert ["R601"] == codes


def test_a_layer_beside_another_optimizer() -> None:
    """The gradient is that of the network, whatever trains the rest of it."""
    spec = text(body="1").replace(
        "embed: dense -> n   { eps = 1e-8 * n0 / n }", "embed: dense -> n"
    )
    alone = found(spec)
    beside = found(
        spec.replace("dense -> n\n", "dense -> n { optimizer = sgd }\n").replace(
            "  train", "  optimizer sgd\n  train"
        )
    )

    assert ["body.0"] == [d.layer for d in alone]
    assert [d.message for d in alone] == [d.message for d in beside]
