"""Own updates are read for optimizers of every law, and measured as they are read."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import richc
from tests.audit.factories import WIDTHS, Mlp, batch, groups, loss
from tests.audit.judging import judge
from tests.audit.zoo import CASES, rarer


def sgd(model: Mlp, n: int) -> Any:
    rates = {"embed.weight": n / 64, "embed.bias": n / 64, "body.bias": n / 64}
    rates["head.weight"] = 64 / n
    return torch.optim.SGD(
        [{"params": [p], "lr": 0.1 * rates.get(k, 1.0)} for k, p in model.named_parameters()]
    )


def muon(model: Mlp, n: int) -> Any:
    rest = [g for g in groups(model, n) if g["params"][0] is not model.body.weight]
    inside = torch.optim.Muon([model.body.weight], lr=0.02, weight_decay=0.0)
    return [inside, torch.optim.AdamW(rest, weight_decay=0.0)]


def adafactor(model: Mlp, n: int) -> Any:
    """The weight's own size stands for part of the rate: n^-1/2 in the body, n^-1 in the head."""
    rates = {"body.weight": (64 / n) ** 0.5}
    return torch.optim.Adafactor(
        [{"params": [p], "lr": 0.01 * rates.get(k, 1.0)} for k, p in model.named_parameters()]
    )


@pytest.mark.parametrize("optimizer", [sgd, muon, adafactor])
@pytest.mark.slow
def test_updates_are_read(optimizer: Callable[[Mlp, int], Any]) -> None:
    def make(n: int) -> dict[str, Any]:
        model = Mlp(n)
        x, y = batch()
        return {"model": model, "optimizer": optimizer(model, n), "batch": x, "loss": loss(y)}

    report = richc.audit(make, widths=WIDTHS, seeds=32)
    found = {p.name: p.own for p in report.parameters if p.name.endswith("weight")}

    assert [f.code for f in report.findings if "weight" in f.parameters[0]] == []
    assert {"embed.weight", "body.weight", "head.weight"} == set(found)
    for name, own in found.items():
        assert own.read not in (None, "-inf"), name
        assert abs(Fraction(str(own.read)) - Fraction(str(own.measured))) <= 1 / 4, name


@pytest.mark.parametrize(
    "name",
    [
        "weight norm",
        "LSTM, hidden to hidden rate not scaled",
        "LSTM, two layers with torch's biases",
        "small branches between norms, std 0.02 at every width",
        "zero branches and read-out, last layers' rate by 1/n too small",
        "zero branches and read-out, last layers' rate not scaled",
        "Adafactor, read-out's std by 1/√n",
        "Adam, eps beside some gradients",
        "Adam, L2 at every width",
        "two heads, the second's std by 1/√n, and tiny",
        "two heads, the second's rate not scaled",
        "two heads, the second's std by 1/√n",
        "tied read-out without 1/n",
        # It moves in steps before the one that it is judged in, and far.
        "LoRA alone, inner rate by n",
        "queries of parameters, by 1/√d",
        "queries of parameters, fused, by 1/√d",
        # It starts at zero, and is not judged once it has moved.
        "LoRA, outer rate by 1/n",
        "bottleneck",
        "bottleneck, its std by 1/√n",
        "bottleneck, its rate not scaled",
        "temperature",
        "temperature, its rate by 1/n",
        "temperature, products by 1/√n",
    ],
)
def test_what_is_wrong_with_networks_that_are_no_plain_chain(name: str) -> None:
    (case,) = (case for case in CASES if case.name == name)

    found = judge(case, richc.audit(case.make))

    assert (found.verdict, found.names, found.one) == (True, True, True), found.said


@pytest.mark.parametrize(
    "given",
    [
        lambda first, second: {"value": second.squeeze(-1).tanh(), "logits": first},
        lambda first, second: SimpleNamespace(logits=first, value=second),
        lambda first, second: ([first], {"value": (second,)}),
    ],
    ids=["dict", "object", "nested"],
)
def test_a_head_is_judged_wherever_its_output_is(given: Callable[..., Any]) -> None:
    class Both(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Any) -> Any:
            self.output = self.inner(x)
            return given(*self.output)

    def make(n: int) -> dict[str, Any]:
        made = rarer.two_heads(power=-1 / 2)(n)
        model, loss = Both(made["model"]), made["loss"]
        return made | {"model": model, "loss": lambda _: loss(model.output)}

    report = richc.audit(make, widths=WIDTHS, seeds=24)

    found = [(f.code, f.parameters, f.excess) for f in report.findings]
    assert found == [("A501", ["inner.number.weight"], "1/2")]


def test_a_head_whose_output_is_not_returned_is_mentioned() -> None:
    def make(n: int) -> dict[str, Any]:
        made = rarer.two_heads()(n)
        model, loss = made["model"], made["loss"]

        class Trained(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = model

            def forward(self, x: Any) -> Any:
                output = self.inner(x)
                return {"first": output[0], "loss": loss(output)}

        return {"model": Trained(), "optimizer": made["optimizer"], "batch": made["batch"]}

    report = richc.audit(make, widths=WIDTHS, seeds=1)

    said = "`inner.number.weight`: its output is not returned; its size is not judged"
    assert said in report.notes


def started(matrix: Callable[[torch.Tensor], Any], optimizer: Any = None) -> Callable[[int], Any]:
    """A right network with a code whose matrix starts otherwise."""

    def make(n: int) -> dict[str, Any]:
        made = rarer.coded()(n)
        matrix(made["model"].code.weight)
        if optimizer is not None:
            made["optimizer"] = optimizer(made["model"].parameters(), lr=0.01)
        return made

    return make


def test_a_bottleneck_that_starts_at_zero_is_right() -> None:
    report = richc.audit(started(torch.nn.init.zeros_))

    assert (report.verdict, report.findings, report.open) == ("pass", [], [])


def test_a_bottleneck_is_read_as_a_readout() -> None:
    right, wrong = (
        richc.audit(rarer.coded(lr), read_only=True) for lr in ({}, {r"code\.weight": 1})
    )

    assert (right.verdict, right.findings) == ("pass", [])
    assert {p.name: p.own.read for p in right.parameters}["code.weight"] == "0"
    found = [(f.code, f.parameters, f.excess) for f in wrong.findings]
    assert found == [("A502", ["code.weight"], "1")]


def test_sgd_in_front_of_a_bottleneck_is_undecided() -> None:
    report = richc.audit(started(lambda _: None, torch.optim.SGD), widths=WIDTHS, seeds=2)

    said = [row.what for row in report.open if "comes late through a bottleneck" in row.what]
    assert len(said) == 1
    assert not [f for f in report.findings if {"encoder.weight", "code.weight"} & set(f.parameters)]


def test_a_number_behind_a_product_is_shown_where_it_stands() -> None:
    report = richc.audit(rarer.pairs(power=-1 / 2))

    (finding,) = report.findings
    assert (finding.code, finding.parameters, finding.knob) == ("A501", [], "multiplier")
    assert finding.source is not None
    line = Path(finding.source.path).read_text().splitlines()[finding.source.line - 1]
    assert line.split("  #")[0].endswith("(left @ right.T) * self.scale")
