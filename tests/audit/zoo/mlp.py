"""Chains of dense layers, with Adam, with SGD, and with the mup library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.audit.zoo.building import NONE, Table, draw, optimizer_of, powers, vectors
from tests.audit.zoo.cases import (
    INIT,
    LR,
    MULTIPLIER,
    Case,
    Factory,
    Made,
    fault,
    grouped,
)

INPUTS, CLASSES = 64, 10
PLACES = ("read_in", "hidden", "read_out")
WEIGHTS = {
    "read_in": r"read_in\.weight",
    "hidden": r"hidden\.\d\.weight",
    "read_out": r"read_out\.weight",
}
IN, BODY, OUT = WEIGHTS.values()

STDS = {IN: INPUTS**-0.5, BODY: (2 / 64) ** 0.5, OUT: 1 / 8}
RIGHT_INIT = {BODY: -1 / 2, OUT: -1}
RIGHT_RATES = {"adam": {BODY: -1, OUT: -1}, "sgd": {IN: 1, OUT: -1}}


class Chain(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.read_in = nn.Linear(INPUTS, n, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(n, n, bias=False) for _ in range(2))
        self.read_out = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Any:
        h = functional.relu(self.read_in(x))
        for layer in self.hidden:
            h = functional.relu(layer(h))
        return self.read_out(h)


def mlp(optimizer: str = "adam", init: Table = NONE, lr: Table = NONE, **options: float) -> Factory:
    """μP without multipliers, but for the powers that are added to its stds and rates."""

    def make(n: int) -> Made:
        model = Chain(n)
        draw(model, STDS, RIGHT_INIT, init, n)
        made = optimizer_of(optimizer, model, RIGHT_RATES[optimizer], lr, n, **options)
        x, y = vectors(32, INPUTS, CLASSES)
        return {
            "model": model,
            "optimizer": made,
            "batch": x,
            "loss": lambda output: functional.cross_entropy(output, y),
        }

    return make


def single(optimizer: str) -> Iterator[Case]:
    """One rate or std that is off, of one place."""
    for place, weights in WEIGHTS.items():
        for excess, power in powers(1 / 2, -1 / 2, 1, -1):
            yield Case(
                f"{place} rate × n^{power}",
                mlp(optimizer, lr={weights: excess}),
                (fault(weights, LR, excess),),
            )
        for excess, power in powers(1 / 2, -1 / 2):
            # A read-out that starts smaller than its own update is μP in every later step.
            still = (place, excess) == ("read_out", -1 / 2)
            yield Case(
                f"{place} std × n^{power}" + still * " (still μP)",
                mlp(optimizer, init={weights: excess}),
                () if still else (fault(weights, INIT, excess),),
            )


ADAM = grouped(
    "MLP, Adam",
    Case("μP", mlp()),
    Case(
        "SP, one rate",
        mlp(init={OUT: 1 / 2}, lr={BODY: 1, OUT: 1}),
        (fault(OUT, INIT, 1 / 2), fault(BODY, LR, 1), fault(OUT, LR, 1)),
    ),
    Case(
        "NTP",
        mlp(init={OUT: 1 / 2}, lr={f"{IN}|{BODY}": -1 / 2}),
        (fault(OUT, INIT, 1 / 2), fault(f"{IN}|{BODY}", LR, -1 / 2)),
        richness=0,
    ),
    *single("adam"),
)

SGD = grouped(
    "MLP, SGD",
    Case("μP", mlp("sgd")),
    Case(
        "SP, one rate",
        mlp("sgd", init={OUT: 1 / 2}, lr={IN: -1, OUT: 1}),
        (fault(OUT, INIT, 1 / 2), fault(IN, LR, -1), fault(OUT, LR, 1)),
    ),
    Case(
        "NTP",
        mlp("sgd", init={OUT: 1 / 2}, lr={f"{IN}|{BODY}": -1}),
        (fault(OUT, INIT, 1 / 2), fault(f"{IN}|{BODY}", LR, -1)),
        richness=0,
    ),
    *single("sgd"),
    Case("μP, with momentum", mlp("sgd", momentum=0.9)),
    Case(
        "Adam's rates",
        mlp("sgd", lr={IN: -1, BODY: -1}),
        (fault(f"{IN}|{BODY}", LR, -1),),
    ),
)


def library(
    read_out: str = "MuReadout", optimizer: str = "MuAdam", init: float | None = None
) -> Factory:
    """The mup library on a chain of tanh; ``init`` is a constant std for the hidden matrix."""

    def make(n: int) -> Made:
        import mup

        class Net(nn.Module):
            def __init__(self, width: int) -> None:
                super().__init__()
                self.read_in = nn.Linear(INPUTS, width)
                self.hidden = nn.Linear(width, width)
                layer = mup.MuReadout if read_out == "MuReadout" else nn.Linear
                self.read_out = layer(width, CLASSES)

            def forward(self, x: Tensor) -> Any:
                return self.read_out(torch.tanh(self.hidden(torch.tanh(self.read_in(x)))))

        model = Net(n)
        mup.set_base_shapes(model, Net(64), delta=Net(128), do_assert=False)
        mup.init.kaiming_normal_(model.read_in.weight, a=1)
        mup.init.kaiming_normal_(model.hidden.weight, a=1)
        if init is not None:
            nn.init.normal_(model.hidden.weight, 0, init)
        maker = getattr(mup, optimizer, None) or getattr(torch.optim, optimizer)
        x, y = vectors(32, INPUTS, CLASSES)
        return {
            "model": model,
            "optimizer": maker(model.parameters(), lr=0.1 if "SGD" in optimizer else 1e-3),
            "batch": x,
            "loss": lambda output: functional.cross_entropy(output, y),
        }

    return make


LIBRARY = grouped(
    "mup library",
    *(
        case._replace(needs="mup")
        for case in (
            Case("MuReadout, MuAdam", library()),
            Case("MuReadout, MuSGD", library(optimizer="MuSGD")),
            Case(
                "nn.Linear for MuReadout",
                library(read_out="Linear"),
                (fault(r"read_out\.weight", MULTIPLIER, 1),),
                # Its std is n^-1/2 and its rate n^0, where a read-out wants n^-1 for both.
                otherwise=(
                    fault(r"read_out\.weight", INIT, 1 / 2),
                    fault(r"read_out\.weight", LR, 1),
                ),
            ),
            Case(
                "torch's Adam for MuAdam",
                library(optimizer="Adam"),
                (fault(r"hidden\.weight", LR, 1),),
            ),
            Case(
                "torch's SGD for MuSGD",
                library(optimizer="SGD"),
                # MuReadout's multiplier of 1/n asks for a rate of n.
                (fault(r"read_in\..*|hidden\.bias|read_out\.weight", LR, -1),),
            ),
            Case(
                "std 0.1 after set_base_shapes",
                library(init=0.1),
                (fault(r"hidden\.weight", INIT, 1 / 2),),
            ),
        )
    ),
)
