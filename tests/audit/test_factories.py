"""What factories may return: wrappers, several optimizers, nested batches, Lightning, Hugging Face.

Each is the same network under μP, so that what is read of it is known.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import richc
from richc.report.audit_schema import AuditReport
from tests.audit.factories import WIDTHS, Mlp, batch, groups, loss, right


def as_tuple(n: int) -> tuple[Any, ...]:
    made = right(n)
    return made["model"], made["optimizer"], made["batch"], made["loss"]


def as_object(n: int) -> SimpleNamespace:
    return SimpleNamespace(**right(n))


def two_optimizers(n: int) -> dict[str, Any]:
    made = right(n)
    inside: list[dict[str, Any]] = []
    outside: list[dict[str, Any]] = []
    for group in groups(made["model"], n):
        (inside if group["params"][0].shape == (n, n) else outside).append(group)
    return made | {
        "optimizer": [torch.optim.Adam(inside), torch.optim.AdamW(outside, weight_decay=0.0)]
    }


class Wrapper:
    """Around several optimizers; not one itself."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts

    def step(self) -> None:
        for part in self.parts:
            part.step()


def wrapped(n: int) -> dict[str, Any]:
    made = two_optimizers(n)
    return made | {"optimizer": Wrapper(made["optimizer"])}


class Nested(Mlp):
    def forward(self, given: Any, **more: Tensor) -> Any:  # type: ignore[override]
        (x,), flag = given
        assert flag == "train"
        return super().forward(x + more["shift"])


def nested(n: int) -> dict[str, Any]:
    model, (x, y) = Nested(n), batch()
    inputs = {"given": ((x,), "train"), "shift": torch.zeros(16)}
    optimizer = torch.optim.Adam(groups(model, n))
    return {"model": model, "optimizer": optimizer, "batch": inputs, "loss": loss(y)}


class WithLoss(Mlp):
    """Gives its output and its loss, as nanoGPT does."""

    def forward(self, x: Tensor, y: Tensor) -> Any:  # type: ignore[override]
        output = super().forward(x)
        return output, loss(y)(output)


def loss_inside(n: int) -> tuple[Any, ...]:
    model = WithLoss(n)
    return model, torch.optim.Adam(groups(model, n)), batch()


class Output(dict[str, Tensor]):
    """As Hugging Face's: a mapping whose items are attributes."""

    def __getattr__(self, name: str) -> Tensor:
        return self[name]


class ByConfig(Mlp):
    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.config = SimpleNamespace(hidden_size=n)

    def forward(self, inputs: Tensor, labels: Tensor) -> Any:  # type: ignore[override]
        output = super().forward(inputs)
        return Output(loss=loss(labels)(output), logits=output)


def by_config(n: int) -> dict[str, Any]:
    model, (x, y) = ByConfig(n), batch()
    optimizer = torch.optim.Adam(groups(model, n))
    return {"model": model, "optimizer": optimizer, "batch": {"inputs": x, "labels": y}}


class Lit(Mlp):
    """What of a Lightning module is asked for."""

    log: Callable[..., None]

    def training_step(self, pair: tuple[Tensor, Tensor], _: int) -> Tensor:
        x, y = pair
        found = loss(y)(self(x))
        self.log("loss", found)
        return found

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(groups(self, self.body.in_features))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.99**t)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule}}


def lit(n: int) -> tuple[Any, ...]:
    return Lit(n), batch()


def compiled(n: int) -> dict[str, Any]:
    made = right(n)
    return made | {"model": torch.compile(made["model"])}


def dropped(n: int) -> dict[str, Any]:
    made = right(n)
    model = nn.Sequential(made["model"].embed, nn.Tanh(), nn.Dropout(0.5), made["model"].head)
    rates = [{"params": [p], "lr": 1e-3} for p in model[0].parameters()]
    rates += [{"params": [model[3].weight], "lr": 0.064 / n}, {"params": [model[3].bias]}]
    return made | {"model": model, "optimizer": torch.optim.Adam(rates, lr=1e-3)}


def scheduled(n: int) -> dict[str, Any]:
    made = right(n)
    warm_up = torch.optim.lr_scheduler.LinearLR(made["optimizer"], 0.01, total_iters=5)
    return made | {"scheduler": warm_up}


@pytest.mark.parametrize(
    "make",
    [
        *(as_tuple, as_object, two_optimizers, wrapped, nested, loss_inside, by_config, lit),
        *(compiled, dropped, scheduled),
    ],
)
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
def test_is_read_as_what_it_is(make: Callable[[int], Any]) -> None:
    report = richc.audit(make, widths=WIDTHS, seeds=1)
    rates = {p.name.rpartition(".")[2]: p.own.read for p in report.parameters}

    assert report.verdict in ("pass", "undecided"), report.model_dump()
    assert {"weight": "0", "bias": "0"} == rates
    assert [] == report.findings
    assert all(isinstance(p.own.measured, float) for p in report.parameters)


def test_what_does_not_train_is_said() -> None:
    def frozen(n: int) -> dict[str, Any]:
        made = right(n)
        made["model"].embed.weight.requires_grad_(False)
        made["optimizer"] = torch.optim.Adam(groups(made["model"], n)[1:-1])
        return made

    report: AuditReport = richc.audit(frozen, widths=WIDTHS, seeds=1)

    assert "embed.weight" not in [p.name for p in report.parameters]
    assert ["`head.bias`: in no optimizer, so never trained"] == report.notes


def test_what_has_no_effect_is_said() -> None:
    def idle(n: int) -> dict[str, Any]:
        made = right(n)
        made["model"].extra = nn.Linear(n, n, bias=False)
        made["optimizer"].add_param_group({"params": [made["model"].extra.weight]})
        return made

    report = richc.audit(idle, widths=WIDTHS, seeds=1)

    assert ["`extra.weight`: no effect at any width"] == report.notes
