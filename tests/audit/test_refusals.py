"""What cannot be audited is refused in a line, and a factory that raises shows its own frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import richc
from tests.audit.factories import Mlp, batch, groups, loss, right


def renamed(n: int) -> dict[str, Any]:
    made = right(n)
    if n > 64:
        made["model"].extra = nn.Linear(1, 1)
    return made


def odd_size(n: int) -> dict[str, Any]:
    made = right(n)
    made["model"].spare = nn.Parameter(torch.zeros(n + n % 96))
    return made


def constant(_: int) -> dict[str, Any]:
    return right(64)


def not_finite(n: int) -> dict[str, Any]:
    return right(n) | {"loss": lambda output: output.sum() * math.nan}


def without_gradient(n: int) -> dict[str, Any]:
    return right(n) | {"loss": lambda output: 0.0 * output.sum()}


class Noisy(Mlp):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand(())


def noisy(n: int) -> dict[str, Any]:
    model, (x, y) = Noisy(n), batch()
    optimizer = torch.optim.Adam(groups(model, n))
    return {"model": model, "optimizer": optimizer, "batch": x, "loss": loss(y)}


def lbfgs(n: int) -> dict[str, Any]:
    made = right(n)
    return made | {"optimizer": torch.optim.LBFGS(made["model"].parameters())}


class FullyShardedDataParallel(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


def sharded(n: int) -> dict[str, Any]:
    made = right(n)
    return made | {"model": FullyShardedDataParallel(made["model"])}


def many_losses(n: int) -> dict[str, Any]:
    return right(n) | {"loss": lambda output: output}


def of_nothing(_: int) -> None:
    return None


def no_optimizer(n: int) -> dict[str, Any]:
    made = right(n)
    return {"model": made["model"], "batch": made["batch"]}


def no_batch(n: int) -> dict[str, Any]:
    made = right(n)
    return {"model": made["model"], "optimizer": made["optimizer"]}


def a_number(n: int) -> dict[str, Any]:
    return right(n) | {"loss": 0.5}


def no_loss(n: int) -> dict[str, Any]:
    made = right(n)
    del made["loss"]
    return made


def misspelt(n: int) -> dict[str, Any]:
    made = right(n)
    return {"optim" if key == "optimizer" else key: value for key, value in made.items()}


def no_groups(n: int) -> dict[str, Any]:
    return right(n) | {"optimizer": object()}


def frozen(n: int) -> dict[str, Any]:
    made = right(n)
    made["model"].requires_grad_(False)
    return made


def of_another(n: int) -> dict[str, Any]:
    return right(n) | {"optimizer": right(n)["optimizer"]}


def without_rates(n: int) -> dict[str, Any]:
    made = right(n)
    for group in made["optimizer"].param_groups:
        group["lr"] = 0.0
    return made


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (frozen, "no parameter of the model requires a gradient at width 64"),
        (of_another, ("the optimizer holds no trainable parameter of the model at width 64: was it "
                     "made for another model?")),
        (without_rates, "all learning rates are zero at width 64"),
        (renamed, ("parameter names differ between the widths 64 and 128: only at 128 there is "
                  "`extra.bias` and 1 more")),
        (odd_size, ("a size of `spare` is no power of the width: 128, 160, 320 at the widths 64, "
                   "128, 256")),
        (constant, ("no parameter grows between the widths 64 and 256: does the factory use its "
                   "argument?")),
        (not_finite, "the loss is not finite"),
        (without_gradient, "no parameter has a gradient"),
        (noisy, "the forward pass is random beyond dropout: it differs from call to call"),
        (lbfgs, "LBFGS steps through a closure: only optimizers that step by themselves"),
        (sharded, "FSDP and DTensor: audit the unwrapped factory in one process"),
        (many_losses, "the loss is no scalar"),
        (of_nothing, ("the factory returns no model: it should return dict(model=…, optimizer=…, "
                     "batch=…, loss=…), or these as a tuple")),
        (no_optimizer, "the factory returns no optimizer"),
        (no_batch, "the factory returns no batch"),
        (misspelt, ("the factory returns 'optim': its keys are model, optimizer, batch, loss, "
                   "scheduler")),
        (no_groups, "object is no torch.optim.Optimizer, and holds none"),
        (no_loss, "the factory returns no loss, and the model's output has none"),
        (a_number, "the loss is a float, and no function of the model's output"),
    ],
)  # fmt: skip
def test_refused_in_a_line(make: Callable[[int], Any], said: str) -> None:
    report = richc.audit(make, widths=(64, 128, 256))

    assert ("refused", said) == (report.verdict, report.reason)
    assert 2 == report.exit_code
    assert [] == report.findings


def test_a_script_that_ends_the_process_is_refused() -> None:
    def ends(_: int) -> None:
        raise SystemExit(3)

    report = richc.audit(ends, widths=(64, 128, 256))

    assert (2, "refused") == (report.exit_code, report.verdict)
    assert "raised at width 64: SystemExit: 3" in (report.reason or "")


def test_an_error_shows_the_users_frames(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(
        "import torch\n\n\ndef helper(n):\n    return torch.zeros(n) @ torch.zeros(n + 1)\n\n\n"
        "def make(n):\n    return helper(n)\n",
        encoding="utf-8",
    )

    reason = richc.audit(f"{path}:make").reason

    assert reason is not None
    lines = reason.splitlines()
    assert lines[0].startswith(f"{path}:make raised at width 64: RuntimeError: ")
    shown = [line.strip() for line in lines[1:]]
    assert [
        f'File "{path}", line 9, in make',
        "return helper(n)",
        f'File "{path}", line 5, in helper',
        "return torch.zeros(n) @ torch.zeros(n + 1)",
    ] == [line for line in shown if not set(line) <= set("~^ ")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("make", "'make' names no factory: package.module:make, or path/file.py:make"),
        ("there/is/none.py:make", "there is no file there/is/none.py"),
        ("json:nothing", "there is no function 'nothing' in json"),
    ],
)
def test_names_of_nothing(name: str, said: str) -> None:
    assert said == richc.audit(name).reason


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"widths": (64, 128)}, "an audit needs three widths or more"),
        ({"widths": (0, 1, 2)}, "widths are positive"),
        ({"seeds": 0}, "seeds: one network of every width, or more"),
        ({"target": "sp"}, "target 'sp': mup, ntp or rich(r) with r from 0 to 1/2"),
        ({"target": "rich(1/0)"}, "target 'rich(1/0)': mup, ntp or rich(r) with r from 0 to 1/2"),
    ],
)
def test_arguments_that_mean_nothing(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(richc.RichError) as raised:
        richc.audit(right, **arguments)

    assert said == str(raised.value)


def test_nothing_is_written(tmp_path: Path) -> None:
    """Neither the user's folder nor bytecode."""
    path = tmp_path / "project.py"
    path.write_text("def make(n):\n    raise ValueError(n)\n", encoding="utf-8")

    richc.audit(f"{path}:make")

    assert [path] == list(tmp_path.iterdir())
