"""Weights of several networks at once, and what they were before.

For a loss over B examples a weight's gradient is a sum of B outer products.  SGD and its momentum,
L2 included, are linear, so every weight they ever make is a combination of the first weight and
those gradients; the emitted optimizer itself is run on the coefficients.  Other optimizers are run
on the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

#: What vectors are in.  Weights whose updates stay factored are in single precision: their
#: products with vectors and with changes of vectors are accurate relative to themselves.
VECTOR = torch.float64

#: Bytes of a weight's change that exist at once: what caches hold.
_BLOCK = 2**20


class Weight(ABC):
    """One layer's weight in each of S networks, at three times: start, before and after a step.

    All products are of (S, ..., fan_in) with (S, fan_out, fan_in), giving (S, ..., fan_out).
    """

    @abstractmethod
    def now(self, x: Tensor) -> Tensor:
        """W x; differentiable in x."""

    @abstractmethod
    def start(self, x: Tensor) -> Tensor:
        """W x for the weight at init."""

    @abstractmethod
    def before(self, x: Tensor) -> Tensor:
        """W x for the weight before the last step."""

    @abstractmethod
    def step(self, x: Tensor) -> Tensor:
        """(change of W in the last step) x."""

    @abstractmethod
    def travel(self, x: Tensor) -> Tensor:
        """(change of W since init) x."""

    @abstractmethod
    def parameters(self) -> list[Tensor]:
        """What the optimizer moves."""

    @abstractmethod
    def feel(self, inputs: Tensor, signals: Tensor) -> None:
        """Take the gradient, the sum over examples of signal times input, and remember where W is.

        ``inputs`` are (S, B, fan_in), ``signals`` (S, B, fan_out).
        """

    @abstractmethod
    def mean_squares(self, state: Sequence[Tensor]) -> Tensor:
        """Mean squares (S,) of state that the optimizer holds as it holds its parameters."""


def _times(x: Tensor, weight: Tensor) -> Tensor:
    """(S, ..., in) times (S, out, in), in the weight's precision."""
    stacked = x.to(weight.dtype).flatten(1, -2)
    y = torch.bmm(stacked, weight.mT).to(x.dtype)
    unstacked: Tensor = y.unflatten(1, x.shape[1:-1])
    return unstacked


def _times_change(x: Tensor, after: Tensor, before: Tensor) -> Tensor:
    """``_times`` of ``after - before``, of which a block of rows exists at once."""
    rows = max(1, _BLOCK // (after[:, 0].numel() * after.element_size()))
    pairs = zip(after.split(rows, 1), before.split(rows, 1), strict=True)
    return torch.cat([_times(x, one - other) for one, other in pairs], -1)


@final
class Factored(Weight):
    """A combination of the first weight and of gradients, each of them B outer products.

    The optimizer's parameter is the vector of coefficients (1 + steps,): the weight's own, then
    one a step.  That is exact for optimizers that are linear in weights and gradients.
    """

    def __init__(self, first: Tensor, steps: int) -> None:
        self.first = first
        self.coefficients = torch.zeros(1 + steps, dtype=VECTOR)
        self.coefficients[0] = 1.0
        self._start = self.coefficients.clone()
        self._before = self._start
        self._inputs: list[Tensor] = []
        self._signals: list[Tensor] = []

    def now(self, x: Tensor) -> Tensor:
        return self._combine(self.coefficients, x)

    def start(self, x: Tensor) -> Tensor:
        return self._combine(self._start, x)

    def before(self, x: Tensor) -> Tensor:
        return self._combine(self._before, x)

    def step(self, x: Tensor) -> Tensor:
        return self._combine(self.coefficients - self._before, x)

    def travel(self, x: Tensor) -> Tensor:
        return self._combine(self.coefficients - self._start, x)

    def parameters(self) -> list[Tensor]:
        return [self.coefficients]

    def feel(self, inputs: Tensor, signals: Tensor) -> None:
        self._before = self.coefficients.clone()
        self.coefficients.grad = torch.zeros_like(self.coefficients)
        self._inputs.append(inputs.to(self.first.dtype))
        self._signals.append(signals.to(self.first.dtype))
        self.coefficients.grad[len(self._inputs)] = 1.0

    def mean_squares(self, state: Sequence[Tensor]) -> Tensor:
        (coefficients,) = state
        # In double precision: squares of what is small.
        known = coefficients[1 : 1 + len(self._inputs)]
        signals = torch.cat([c * s for c, s in zip(known, self._signals, strict=True)], 1).double()
        inputs = torch.cat(self._inputs, 1).double()
        gram = (signals @ signals.mT) * (inputs @ inputs.mT)
        return gram.sum((1, 2)) / self.first[0].numel()

    def _combine(self, coefficients: Tensor, x: Tensor) -> Tensor:
        own, *others = coefficients.tolist()
        shape = (*x.shape[:-1], self.first.shape[-2])
        y = own * _times(x, self.first) if own else x.new_zeros(shape)
        used = [i for i, c in enumerate(others[: len(self._inputs)]) if c]
        if used:
            inputs = torch.cat([self._inputs[i] for i in used], 1)
            signals = torch.cat([others[i] * self._signals[i] for i in used], 1)
            y = y + _times(_times(x, inputs), signals.mT)
        return y


@final
class Dense(Weight):
    """The weight itself; the optimizer's parameters are its networks, one after the other."""

    def __init__(self, first: Tensor) -> None:
        self.weight = first.to(VECTOR)
        self._first = self.weight.clone()
        self._before = self._first
        self._gradient = torch.empty_like(self.weight)
        self._parts = list(self.weight.unbind(0))

    def now(self, x: Tensor) -> Tensor:
        return _times(x, self.weight)

    def start(self, x: Tensor) -> Tensor:
        return _times(x, self._first)

    def before(self, x: Tensor) -> Tensor:
        return _times(x, self._before)

    def step(self, x: Tensor) -> Tensor:
        return _times_change(x, self.weight, self._before)

    def travel(self, x: Tensor) -> Tensor:
        return _times_change(x, self.weight, self._first)

    def parameters(self) -> list[Tensor]:
        return self._parts

    def feel(self, inputs: Tensor, signals: Tensor) -> None:
        if self._parts[0].grad is not None:
            # Large tensors are made once: to make one takes as long as to use it.
            is_second = self._before is self._first
            self._before = self.weight.clone() if is_second else self._before.copy_(self.weight)
        torch.matmul(signals.mT, inputs, out=self._gradient)
        for part, its in zip(self._parts, self._gradient.unbind(0), strict=True):
            part.grad = its

    def mean_squares(self, state: Sequence[Tensor]) -> Tensor:
        return torch.stack([one.square().mean() for one in state])
