"""Small factories for the tests of audits: an MLP under μP and Adam, and ways to break it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: As few and as narrow as an audit of an MLP decides on in a second.
WIDTHS = (64, 128, 256)


class Mlp(nn.Module):
    """16 -> n -> n -> 8."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed, self.body, self.head = nn.Linear(16, n), nn.Linear(n, n), nn.Linear(n, 8)
        nn.init.normal_(self.head.weight, std=8 / n)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.body(torch.tanh(self.embed(x))))
        return self.head(h)  # type: ignore[no-any-return]


def groups(model: nn.Module, n: int, **rates: float) -> list[dict[str, Any]]:
    """μP's rates for Adam; a keyword is a layer, and what its weight's rate is multiplied with."""
    found = []
    for name, parameter in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        is_matrix = kind == "weight" and layer in ("body", "head")
        rate = 1e-3 * (64 / n if is_matrix else 1.0)
        times = rates.get(layer, 1.0) if kind == "weight" else 1.0
        found.append({"params": [parameter], "lr": rate * times})
    return found


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(32, 16), torch.randint(8, (32,))


def loss(y: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda output: functional.cross_entropy(output, y)


def right(n: int) -> dict[str, Any]:
    model = Mlp(n)
    x, y = batch()
    optimizer = torch.optim.Adam(groups(model, n))
    return {"model": model, "optimizer": optimizer, "batch": x, "loss": loss(y)}


def missed(n: int) -> dict[str, Any]:
    """The hidden matrix has the rate of a vector."""
    made = right(n)
    made["optimizer"] = torch.optim.Adam(groups(made["model"], n, body=n / 64))
    return made


def wide_init(n: int) -> dict[str, Any]:
    """The hidden matrix starts with one std at all widths."""
    made = right(n)
    nn.init.normal_(made["model"].body.weight, std=0.1)
    return made
