"""The changes that findings propose, made to what the factory makes: nobody's code is edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from richc.torchfront.factory import Made, plain

#: Their first argument times a number is the logits times it.
_LOGITS = {
    functional.scaled_dot_product_attention,
    functional.softmax,
    torch.softmax,
    Tensor.softmax,
}

#: (parameter, knob) -> the power of n by which the knob is too large.
Mends = Mapping[tuple[str, str], Fraction]


def mend(made: Made, mends: Mends, ratio: float) -> None:
    """Multiply knobs with ratio^-power; ``ratio`` is the width over the narrowest one."""
    if not mends or ratio == 1.0:
        return
    named = {plain(name): p for name, p in made.model.named_parameters()}
    rates = {}
    for (name, knob), power in mends.items():
        times = ratio ** -float(power)
        if knob == "init":
            named[name].data.mul_(times)
        elif knob == "lr":
            rates[id(named[name])] = times
    for optimizer in made.optimizers:
        groups = []
        for group in optimizer.param_groups:
            split: dict[float, list[object]] = {}
            for parameter in group["params"]:
                split.setdefault(rates.get(id(parameter), 1.0), []).append(parameter)
            groups += [
                group | {"params": params, "lr": group["lr"] * times}
                for times, params in split.items()
            ]
        optimizer.param_groups[:] = groups


class AttentionMend(TorchFunctionMode):
    """Multiplies attention logits; ``where`` says in which module the pass is."""

    def __init__(self, times: Mapping[str, float], where: Callable[[], str]) -> None:
        super().__init__()
        self._times, self._where = times, where

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in _LOGITS:
            times = self._times.get(self._where(), 1.0)
            if times != 1.0 and args:
                args = (args[0] * times, *args[1:])
        return func(*args, **(kwargs or {}))


def attention(mends: Mends, ratio: float) -> dict[str, float]:
    """What attention logits are multiplied with, by module."""
    return {
        name: ratio ** -float(power)
        for (name, knob), power in mends.items()
        if knob == "attention_scale"
    }
