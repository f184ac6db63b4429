"""The changes that findings propose, made to what the factory makes: nobody's code is edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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

#: Knobs that a group of an optimizer has.
_OF_GROUPS = {"lr", "eps"}

#: (parameter, knob) -> the power of n by which the knob is too large.
Mends = Mapping[tuple[str, str], Fraction]


def mend(made: Made, mends: Mends, ratio: float) -> None:
    """Multiply knobs with ratio^-power; ``ratio`` is the width over the narrowest one."""
    if not mends or ratio == 1.0:
        return
    named = {plain(name): p for name, p in made.model.named_parameters()}
    groups: dict[int, dict[str, float]] = {}
    for (name, knob), power in mends.items():
        times = ratio ** -float(power)
        if knob == "init":
            named[name].data.mul_(times)
        elif knob in _OF_GROUPS:
            groups.setdefault(id(named[name]), {})[knob] = times
    for optimizer in made.optimizers:
        optimizer.param_groups[:] = [
            group
            | {"params": params}
            | {knob: group[knob] * times for knob, times in changes if knob in group}
            for group in optimizer.param_groups
            for changes, params in _alike(group["params"], groups).items()
        ]


def _alike(
    parameters: Iterable[Tensor], changes: Mapping[int, Mapping[str, float]]
) -> dict[tuple[tuple[str, float], ...], list[Tensor]]:
    """Parameters by what is changed of their group."""
    found: dict[tuple[tuple[str, float], ...], list[Tensor]] = {}
    for parameter in parameters:
        mine = changes.get(id(parameter), {})
        found.setdefault(tuple(sorted(mine.items())), []).append(parameter)
    return found


class AttentionMend(TorchFunctionMode):
    """Multiplies attention logits; ``where`` says in which module the pass is."""

    def __init__(self, times: Mapping[str, float], where: Callable[[], str]) -> None:
        super().__init__()
        self._times, self._where = times, where

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        times = self._times.get(self._where(), 1.0)
        if times != 1.0 and func is functional.multi_head_attention_forward:
            with _multiplied(times):
                return func(*args, **(kwargs or {}))
        if times != 1.0 and func in _LOGITS and args:
            args = (args[0] * times, *args[1:])
        return func(*args, **(kwargs or {}))


@contextmanager
def _multiplied(times: float) -> Iterator[None]:
    """What nn.MultiheadAttention calls, under the names that it has there: modes do not see it."""

    def by(inner: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda logits, *others, **named: inner(logits * times, *others, **named)

    kept = {name: getattr(functional, name) for name in ("scaled_dot_product_attention", "softmax")}
    try:
        for name, inner in kept.items():
            setattr(functional, name, by(inner))
        yield
    finally:
        for name, inner in kept.items():
            setattr(functional, name, inner)


def attention(mends: Mends, ratio: float) -> dict[str, float]:
    """What attention logits are multiplied with, by module."""
    return {
        name: ratio ** -float(power)
        for (name, knob), power in mends.items()
        if knob == "attention_scale"
    }
