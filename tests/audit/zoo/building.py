"""How the families of the zoo draw their weights and choose their rates.

Every family has a table of stds and rates at the base width, and one of their powers of n that are
right, by patterns of parameter names.  A case adds powers to it: ``lr={"head": 1}`` makes the rate
of the head too large by n^1.  Of several patterns that match a name the last counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

BASE = 64

#: Pattern of names, and a number for them.
Table = Mapping[str, float]
#: Nothing is added: what is right stays.
NONE: Table = MappingProxyType({})


def looked_up(table: Table, name: str, otherwise: float) -> float:
    found = [value for pattern, value in table.items() if re.fullmatch(pattern, name)]
    return found[-1] if found else otherwise


def scaled(right: Table, off: Table, name: str, width: int) -> float:
    """(n / n0)^power, of the right power and what is added to it."""
    return float((width / BASE) ** (looked_up(right, name, 0) + looked_up(off, name, 0)))


def draw(model: nn.Module, stds: Table, right: Table, off: Table, width: int) -> None:
    """Normal weights for each name that ``stds`` has; others keep what they have."""
    for name, parameter in model.named_parameters():
        std = looked_up(stds, name, -1)
        if std >= 0:
            nn.init.normal_(parameter, 0, std * scaled(right, off, name, width))


def groups(
    model: nn.Module, rate: float, right: Table, off: Table, width: int, **options: float
) -> list[dict[str, Any]]:
    """Parameter groups, one for each rate, in the order in which rates occur."""
    by_rate: dict[float, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            by_rate.setdefault(rate * scaled(right, off, name, width), []).append(parameter)
    return [{"params": found, "lr": lr, **options} for lr, found in by_rate.items()]


def optimizer_of(
    kind: str, model: nn.Module, right: Table, off: Table, width: int, **options: float
) -> torch.optim.Optimizer:
    """SGD or AdamW without decay, with the usual base rates."""
    rate = options.pop("rate", 0.1 if kind == "sgd" else 1e-3)
    found = groups(model, rate, right, off, width, **options)
    if kind == "sgd":
        return torch.optim.SGD(found, lr=rate)
    return torch.optim.AdamW(found, lr=rate, weight_decay=options.get("weight_decay", 0.0))


def vectors(count: int, size: int, classes: int) -> tuple[Tensor, Tensor]:
    """Inputs of size one an entry, and labels."""
    generator = torch.Generator().manual_seed(17)
    x = torch.randn(count, size, generator=generator)
    return x, torch.randint(classes, (count,), generator=generator)


def images(count: int, size: int, classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(19)
    x = torch.randn(count, 3, size, size, generator=generator)
    return x, torch.randint(classes, (count,), generator=generator)


def tokens(count: int, length: int, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Sequences, and the same one place on."""
    generator = torch.Generator().manual_seed(23)
    text = torch.randint(vocabulary, (count, length + 1), generator=generator)
    return text[:, :-1], text[:, 1:]


def powers(*steps: float) -> Iterator[tuple[float, str]]:
    """Each power, and how a name spells it."""
    for step in steps:
        yield step, f"{step:+g}".replace("0.5", "1/2")
