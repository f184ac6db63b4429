"""Random networks with residual blocks: on the table of all that satisfies, and knocked off it.

A number is always the same network.  The table is docs/theory.md, "What is left free": ``update``
is its U, the size of the stream's change, and ``part`` its ρ, that of one branch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from tests.deep import reference
from tests.deep.network import (
    DEPTH,
    HALF,
    MUON,
    NOTHING,
    ONE,
    SGD,
    Activation,
    Dense,
    N,
    Network,
    Norm,
    Op,
    Repeat,
    Residual,
    Size,
    Tensor,
)
from tests.deep.passes import is_coherent_end
from tests.deep.places import KAPPA
from tests.deep.writing import Style

ROOT_N, ROOT_L = N.times(HALF), DEPTH.times(HALF)
QUARTER = 0.25


class Spec(NamedTuple):
    """A network, and how it is written."""

    number: int
    network: Network
    style: Style
    faults: tuple[str, ...]
    expected: reference.Expected


def spec(number: int, *, several: bool = False) -> Spec:
    """The network of this number: one of which the theory says all.

    With ``several`` up to three stacks follow one another, each with norms, activations and a
    count of its own, and vectors choose among all optimizers.
    """
    for attempt in range(100):
        pick = random.Random(f"{'stacks' if several else 'stack'} {number} {attempt}")
        maker = _Several(pick) if several else _Maker(pick)
        network, faults = maker.network()
        expected = reference.judge(network)
        if not expected.unclear:
            inputs, outputs = pick.choice([16, 64, 784]), pick.choice([1, 10])
            style = Style(pick.random() < 0.4, number, inputs, outputs)
            return Spec(number, network, style, faults, expected)
    raise AssertionError(f"no network of number {number} is clear")


class _Maker:
    def __init__(self, pick: random.Random) -> None:
        self._pick = pick
        inside, outside = pick.choice(
            [
                *[(name, name) for name in ("sgd", "sgd", "adam", "adam", "adamw", "lion")],
                *[("muon", name) for name in ("muon", "adamw", "adamw", "lion")],
            ]
        )
        self._inside, self._outside = inside, outside
        self._of_vectors = "adamw" if outside == MUON else outside
        self._shape = pick.choice(list(KAPPA))
        richness = pick.choice([0.0, QUARTER, HALF, HALF, HALF])
        self._update = N.times(richness - HALF)
        self._draw_stack()
        self._has_gauges = pick.random() < 0.5
        self._faults: list[str] = []

    def _draw_stack(self) -> None:
        """How many blocks, and what stands in them."""
        pick = self._pick
        self._count = pick.choice([None, None, None, None, 4, 1])
        self._norm = pick.choice(["rmsnorm", "rmsnorm", "layernorm"])
        self._where = pick.choice(["pre", "pre", "pre", "none", "sandwich", "post"])
        self._act = pick.choice(["relu", "relu", "tanh", "leaky_relu", "gelu", "linear"])
        self._has_gains, self._has_biases = pick.random() < 0.3, pick.random() < 0.3

    def _is(self, share: float) -> bool:
        return self._pick.random() < share

    # -- tensors: -A and -C to what is written

    def _tensor(self, optimizer: str, role: int, init: Size, drive: Size) -> Tensor:
        """These invariants in some gauge; roles: read-in, hidden, read-out."""
        theta = ONE
        if self._has_gauges and self._is(0.5):
            theta = self._pick.choice([ROOT_N, -ROOT_N, N, ROOT_L, -DEPTH])
            if self._count is not None:
                theta = Size(theta.n, 0.0)
        std = init if init == NOTHING else init - theta
        if optimizer == SGD:
            return Tensor(theta, std, drive - theta.times(2), optimizer)
        if optimizer != MUON:
            return Tensor(theta, std, drive - theta, optimizer)
        kappa = N.times(KAPPA[self._shape][role])
        return Tensor(theta, std, drive - theta - kappa, optimizer, self._shape)

    def _drive(self, optimizer: str, role: int, sgd: Size) -> Size:
        """The row of the table for a matrix at the stream, from U."""
        if role == 2:
            return -N.times(HALF) if optimizer == MUON else -N
        fan_in = N if role else ONE
        if optimizer == SGD:
            return sgd
        if optimizer == MUON:
            return self._update + (ONE if role else ROOT_N)
        return self._update - fan_in

    def _vector(self, drive_sgd: Size, drive: Size, init: Size = NOTHING) -> Tensor:
        of = self._of_vectors
        plain = replace(self._tensor(of, 0, init, drive_sgd if of == SGD else drive), scale=ONE)
        fixed = Tensor(ONE, init, drive_sgd if of == SGD else drive, plain.optimizer)
        return replace(fixed, rate=NOTHING) if self._is(0.05) else fixed

    def _of_stream(self, init: Size = NOTHING) -> Tensor:
        return self._vector(N + self._update.times(2), self._update, init)

    # -- the parts

    def _norm_of(self, name: str, gain: Tensor | None, bias: Tensor | None = None) -> Norm:
        if not self._has_gains:
            return Norm(self._norm)
        return Norm(self._norm, name, gain, bias if self._is(0.5) else None)

    def _embed(self) -> Iterator[Op]:
        of = self._outside
        lookup = self._is(0.2)
        weight = self._tensor(of, 0, ONE, self._drive(of, 0, N + self._update.times(2)))
        bias = None
        if self._has_biases and not lookup:
            bias = self._of_stream(self._pick.choice([NOTHING, ONE]))
        yield Dense("embed", weight, bias, wide_in=False, lookup=lookup)
        if self._is(0.3):
            yield Activation(self._act)
        elif self._is(0.15):
            yield self._norm_of("norm0", self._of_stream(ONE), self._of_stream())
        else:
            yield Activation("linear")
        if self._is(0.2):
            yield self._hidden("before")
            yield Activation(self._act)

    def _hidden(self, name: str) -> Dense:
        of = self._inside if self._is(0.5) else self._outside
        drive = self._drive(of, 1, self._update.times(2))
        bias = self._of_stream() if self._has_biases else None
        return Dense(name, self._tensor(of, 1, -ROOT_N, drive), bias)

    def _residual(self, name: str) -> Residual:
        """One branch, its rows computed from U and the size of the branch."""
        many = DEPTH if self._count is None else ONE
        layers = self._pick.choice([1, 1, 2, 2, 2, 2, 3])
        ends_in_act = layers == 1 and self._is(0.5)
        starts_with_act = not ends_in_act and (layers == 1 or self._is(0.2))
        alpha = self._pick.choice([HALF, 0.75, 1.0, 1.0, 1.0])
        has_mean = ends_in_act and is_coherent_end([Activation(self._act)])
        if (has_mean and self._norm == "rmsnorm") or (has_mean and self._where != "sandwich"):
            alpha = 1.0
        part = many.times(-alpha) if alpha != 1 else -many
        zero = layers > 1 and self._where != "sandwich" and self._is(0.12)
        # How much of the branch's size stands in its multiplier: the rest is its last layer's.
        scale = part
        if self._where != "sandwich" and not zero and not ends_in_act and self._is(0.3):
            scale = ONE
        ops: list[Dense | Activation | Norm] = []
        update = self._update
        inner_sgd, inner = update.times(2) + (-part).times(2) - many, update - part - many
        if self._where in ("pre", "sandwich"):
            gain = self._vector(N + inner_sgd, inner, ONE)
            ops.append(self._norm_of(f"{name}_norm", gain, self._vector(N + inner_sgd, inner)))
        if starts_with_act:
            ops.append(Activation(self._act))
        of = self._inside
        for index in range(layers):
            is_last = index == layers - 1
            if is_last:
                init = NOTHING if zero else part - scale - ROOT_N
                sgd, other = update.times(2) - many, update - many
                shift = scale
            else:
                init, sgd, other, shift = -ROOT_N, inner_sgd, inner, ONE
            if of == SGD:
                drive = sgd - shift.times(2)
            elif of == MUON:
                drive = other - shift
            else:
                drive = other - N - shift
            bias = None
            if self._has_biases:
                bias = self._vector(N + sgd - shift.times(2), other - shift)
            ops.append(Dense(f"w{index + 1}", self._tensor(of, 1, init, drive), bias))
            if not is_last or ends_in_act:
                if not is_last and self._is(0.1):
                    ops.append(Norm(self._norm))
                ops.append(Activation(self._act))
        if self._where == "sandwich":
            gain = self._vector(
                N + update.times(2) - many - scale.times(2), update - many - scale, ONE
            )
            ops.append(self._norm_of(f"{name}_end", gain))
        post = Norm(self._norm) if self._where == "post" else None
        averages = post is None and self._count is None and self._is(0.1)
        return Residual(name, scale, tuple(ops), post=post, averages=averages)

    def _head(self) -> Iterator[Op]:
        if self._is(0.7):
            yield self._norm_of("final", self._of_stream(ONE), self._of_stream())
        if self._is(0.15):
            yield self._hidden("after")
            yield Activation(self._act)
        of = self._outside
        init = -N - self._update
        if self._update == ONE and self._is(0.2):
            init = NOTHING
        bias = self._vector(ONE, ONE) if self._has_biases else None
        weight = self._tensor(of, 2, init, self._drive(of, 2, ONE))
        yield Dense("head", weight, bias, wide_out=False)

    def _stack(self, number: str = "") -> tuple[Op, ...]:
        names = ["mlp", "mix"][: self._pick.choice([1, 1, 1, 2])]
        block = tuple(self._residual(f"{name}{number}") for name in names)
        if self._count == 1:
            return tuple(_loose(block))
        return (Repeat(f"blocks{number}", self._count, block),)

    def network(self) -> tuple[Network, tuple[str, ...]]:
        stacks = self._stack()
        network = Network((*self._embed(), *stacks, *self._head()))
        for _ in range(self._pick.choice([0, 1, 1, 1, 2])):
            network = self._broken(network)
        return network, tuple(self._faults)

    # -- faults

    def _broken(self, network: Network) -> Network:
        sizes = [ROOT_N, -ROOT_N]
        if self._count is None:
            sizes += [ROOT_L, -ROOT_L, DEPTH, -DEPTH] * 2
        fault = self._pick.choice(sizes)
        paths = list(_knobs(network.ops, ()))
        path = self._pick.choice(paths)
        if path[-1] == "rate" and self._is(0.08):
            fault = NOTHING
        self._faults.append(f"{path} times {fault}")
        return Network(_changed(network.ops, path, fault))


class _Several(_Maker):
    """Stacks in a row."""

    def _vector(self, drive_sgd: Size, drive: Size, init: Size = NOTHING) -> Tensor:
        usual = self._of_vectors
        self._of_vectors = self._pick.choice([usual, usual, "sgd", "adam", "lion"])
        found = super()._vector(drive_sgd, drive, init)
        self._of_vectors = usual
        return found

    def _stack(self, number: str = "") -> tuple[Op, ...]:
        ops: list[Op] = []
        counts = []
        for at in range(self._pick.choice([1, 2, 2, 3])):
            self._draw_stack()
            counts.append(self._count)
            if at and self._is(0.2):
                ops.append(self._norm_of(f"between{at}", self._of_stream(ONE)))
            if at and self._is(0.2):
                ops.append(Activation(self._act))
            ops += super()._stack(f"{number}{at}")
        self._count = None if None in counts else 4
        return tuple(ops)


def _loose(block: tuple[Residual, ...]) -> Iterator[Op]:
    """Residuals outside a repeat, where a norm is a norm like any other."""
    for residual in block:
        yield replace(residual, post=None)
        if residual.post is not None:
            yield residual.post


def _knobs(ops: tuple[Any, ...], at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Paths to what a fault may change."""
    for index, op in enumerate(ops):
        here = (*at, index)
        if isinstance(op, Repeat):
            yield from _knobs(op.block, (*here, "block"))
        elif isinstance(op, Residual):
            yield (*here, "scale")
            yield from _knobs(op.branch, (*here, "branch"))
        for name in ("weight", "gain", "bias"):
            tensor = getattr(op, name, None)
            if tensor is None or (isinstance(op, Norm) and name == "bias"):
                continue
            if tensor.rate != NOTHING:
                yield (*here, name, "rate")
            if name == "weight" and tensor.std != NOTHING:
                yield (*here, name, "std")


def _changed(value: Any, path: tuple[Any, ...], fault: Size) -> Any:
    if not path:
        return fault if fault == NOTHING else value + fault
    first, *rest = path
    if isinstance(first, int):
        changed = _changed(value[first], tuple(rest), fault)
        return (*value[:first], changed, *value[first + 1 :])
    return replace(value, **{first: _changed(getattr(value, first), tuple(rest), fault)})
