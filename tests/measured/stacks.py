"""Train networks with residual blocks from their description, and fit exponents of n and L.

Nothing here comes from richc: plain float64 tensors, updates written out (plain, signs, orthogonal
factors), a loss that is linear in the output, so that its derivative is the same at every size.  A
*size* is the logarithm of an RMS over the batch; an exponent is the least-squares slope against
log n or log L.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tests.deep import network as plain
from tests.deep.network import NOTHING, Activation, Dense, Network, Norm, Repeat, Residual

INPUTS, OUTPUTS, BATCH = 8, 4, 4

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, 0.1),
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
}

#: A tensor's place: the family, the number of its block, and which tensor of its layer it is.
Key = tuple[str, int, str]
Tensors = dict[Key, Tensor]


class Point(NamedTuple):
    """Logarithms of sizes at one width and depth, by family; a value for every block seen."""

    h: dict[str, list[float]]
    #: What the whole step changes of the representation, and of it what the layer itself does.
    dh: dict[str, list[float]]
    own: dict[str, list[float]]
    #: What the family alone changes of the output.
    df: dict[str, float]


class Stack:
    """One network at one width and depth."""

    def __init__(self, network: Network, width: int, depth: int, seed: int) -> None:
        self._network, self._width, self._depth = network, width, depth
        self._sizes = {"n": width, "L": depth}
        self._random = torch.Generator().manual_seed(seed)
        self.tensors: Tensors = {}
        self._specs: dict[Key, tuple[plain.Tensor, tuple[int, ...]]] = {}
        # The same examples and the same derivative of the loss at every size.
        self._x = torch.nn.functional.normalize(self._draw(BATCH, INPUTS))
        if any(isinstance(op, Dense) and op.lookup for op in network.ops):
            self._x = torch.eye(INPUTS, dtype=torch.float64)[:BATCH]
        self._wanted = self._draw(BATCH, OUTPUTS) / BATCH
        for path, op in self._places():
            self._start(path, op)

    def _draw(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._random, dtype=torch.float64)

    def _value(self, size: plain.Size) -> float:
        if size == NOTHING:
            return 0.0
        return float(self._width ** float(size.n) * self._depth ** float(size.L))

    # -- a network as places, each with its family and block

    def _places(self) -> Iterator[tuple[tuple[str, int], Dense | Norm]]:
        for op in self._network.ops:
            for prefix, block, residual in self._residuals(op):
                for inner in residual.branch:
                    if not isinstance(inner, Activation):
                        yield (f"{prefix}{residual.name}.{inner.name}", block), inner
            if isinstance(op, (Dense, Norm)):
                yield (op.name, 0), op

    def _residuals(self, op: object) -> Iterator[tuple[str, int, Residual]]:
        if isinstance(op, Residual):
            yield "", 0, op
        if isinstance(op, Repeat):
            for block in range(self._depth if op.count is None else op.count):
                for residual in op.block:
                    yield f"{op.name}.", block, residual

    def _start(self, place: tuple[str, int], op: Dense | Norm) -> None:
        width = self._width
        if isinstance(op, Dense):
            shape = (width if op.wide_out else OUTPUTS, width if op.wide_in else INPUTS)
            self._add((*place, "weight"), op.weight, shape, random=True)
            if op.bias is not None:
                self._add((*place, "bias"), op.bias, shape[:1], random=True)
        else:
            if op.gain is not None:
                self._add((*place, "gain"), op.gain, (width,), random=False)
            if op.bias is not None:
                self._add((*place, "bias"), op.bias, (width,), random=True)

    def _add(self, key: Key, spec: plain.Tensor, shape: tuple[int, ...], *, random: bool) -> None:
        start = self._draw(*shape) * self._value(spec.std) if random else torch.ones(shape).double()
        self.tensors[key] = start
        self._specs[key] = spec, shape

    # -- forward

    def __call__(self, tensors: Tensors) -> tuple[Tensor, dict[tuple[str, int], Tensor]]:
        """The output, and every layer's representation."""
        seen: dict[tuple[str, int], Tensor] = {}
        h = self._x
        for op in self._network.ops:
            residuals = list(self._residuals(op))
            for prefix, block, residual in residuals:
                inside = h
                for inner in residual.branch:
                    name = "" if isinstance(inner, Activation) else inner.name
                    place = f"{prefix}{residual.name}.{name}", block
                    inside = self._apply(inner, place, inside, tensors, seen)
                skip = self._value(residual.skip) - residual.averages / self._depth
                h = skip * h + self._value(residual.scale) * inside
                if residual.post is not None:
                    h = _normalised(residual.post.kind, h)
            if not residuals:
                assert not isinstance(op, (Residual, Repeat))
                name = "" if isinstance(op, Activation) else op.name
                h = self._apply(op, (name, 0), h, tensors, seen)
        return h, seen

    def _apply(
        self,
        op: Dense | Activation | Norm,
        place: tuple[str, int],
        h: Tensor,
        tensors: Tensors,
        seen: dict[tuple[str, int], Tensor],
    ) -> Tensor:
        if isinstance(op, Activation):
            return _FUNCTIONS[op.kind](h)
        if isinstance(op, Dense):
            h = self._value(op.weight.scale) * (h @ tensors[*place, "weight"].T)
        else:
            h = _normalised(op.kind, h)
            if op.gain is not None:
                h = h * tensors[*place, "gain"]
        if op.bias is not None:
            h = h + self._value(op.bias.scale) * tensors[*place, "bias"]
        if isinstance(op, Dense) or op.gain is not None:
            seen[place] = h
        return h

    # -- training

    def updates(self, rate: float) -> Tensors:
        """One step's change of every tensor."""
        leaves = {key: value.clone().requires_grad_() for key, value in self.tensors.items()}
        output, _ = self(leaves)
        (output * self._wanted).sum().backward()
        found = {}
        for key, leaf in leaves.items():
            spec, shape = self._specs[key]
            gradient = leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)
            step = -rate * self._value(spec.rate)
            if spec.optimizer == plain.MUON:
                found[key] = step * _kappa(spec.shape, shape) * _orthogonal(gradient)
            elif spec.optimizer == plain.SGD:
                found[key] = step * gradient
            else:
                found[key] = step * gradient.sign()
        return found

    @torch.no_grad()
    def step(self, updates: Mapping[Key, Tensor]) -> None:
        for key, update in updates.items():
            self.tensors[key] = self.tensors[key] + update

    @torch.no_grad()
    def measure(self, rate: float, steps: int) -> Point:
        """Sizes at init and in the last of ``steps`` steps."""
        _, at_init = self(self.tensors)
        updates: Tensors = {}
        for number in range(steps):
            if number:
                self.step(updates)
            with torch.enable_grad():
                updates = self.updates(rate)
        output, before = self(self.tensors)
        _, after = self(_changed(self.tensors, updates))
        blocks = self._blocks()
        own: dict[str, list[float]] = {}
        shares = {}
        for family in dict.fromkeys(key[0] for key in updates):
            of_family = {key: value for key, value in updates.items() if key[0] == family}
            changed, _ = self(_changed(self.tensors, of_family))
            shares[family] = _log_rms(changed - output)
            own[family] = []
            for block in blocks[family]:
                of_block = {k: v for k, v in of_family.items() if k[1] == block}
                _, seen = self(_changed(self.tensors, of_block))
                place = family, block
                own[family].append(_log_rms(seen[place] - before[place]))
        return Point(
            {f: [_log_rms(at_init[f, b]) for b in blocks[f]] for f in own},
            {f: [_log_rms(after[f, b] - before[f, b]) for b in blocks[f]] for f in own},
            own,
            shares,
        )

    def _blocks(self) -> dict[str, list[int]]:
        """Of L blocks the one in the middle, of a fixed number all."""
        found: dict[str, list[int]] = {}
        for op in self._network.ops:
            for prefix, block, residual in self._residuals(op):
                many = isinstance(op, Repeat) and op.count is None
                if many and block != self._depth // 2:
                    continue
                for inner in residual.branch:
                    if not isinstance(inner, Activation):
                        name = f"{prefix}{residual.name}.{inner.name}"
                        found.setdefault(name, []).append(block)
            if isinstance(op, (Dense, Norm)):
                found[op.name] = [0]
        return found


def _changed(tensors: Tensors, updates: Mapping[Key, Tensor]) -> Tensors:
    return {k: v + updates[k] if k in updates else v for k, v in tensors.items()}


def _normalised(kind: str, h: Tensor) -> Tensor:
    if kind == "layernorm":
        h = h - h.mean(dim=1, keepdim=True)
    return h / h.square().mean(dim=1, keepdim=True).sqrt()


def _orthogonal(gradient: Tensor) -> Tensor:
    """U V^T of what has a direction."""
    if not gradient.any():
        return gradient
    u, sizes, v = torch.linalg.svd(gradient, full_matrices=False)
    kept = sizes > 1e-10 * sizes[0]
    found: Tensor = u[:, kept] @ v[kept]
    return found


def _kappa(shape: str | None, dims: Sequence[int]) -> float:
    rows, columns = dims
    factors = {
        "original": math.sqrt(max(1.0, rows / columns)),
        "match_rms_adamw": math.sqrt(max(rows, columns)),
        "spectral": math.sqrt(rows / columns),
    }
    return factors.get(shape or "none", 1.0)


def _log_rms(value: Tensor) -> float:
    rms = value.square().mean().sqrt().item()
    return math.log(rms) if rms else -math.inf


class Sweep(NamedTuple):
    """Which symbol grows, over which values, with the other at which."""

    symbol: str
    values: tuple[int, ...]
    other: int

    def slopes(
        self, network: Network, rate: float, steps: int, seeds: Sequence[int]
    ) -> dict[tuple[str, str], float]:
        """Exponents by family and quantity; of several blocks the largest."""
        points = [[self._point(network, v, s, rate, steps) for s in seeds] for v in self.values]
        found: dict[tuple[str, str], float] = {}
        for family in points[0][0].df:
            shares = [_mean([point.df[family] for point in row]) for row in points]
            found[family, "df"] = slope(self.values, shares)
            for quantity in ("h", "dh", "own", "passed"):
                columns = [[_seen(point, quantity)[family] for point in row] for row in points]
                found[family, quantity] = max(
                    slope(self.values, [_mean([seed[block] for seed in row]) for row in columns])
                    for block in range(len(columns[0][0]))
                )
        return found

    def _point(self, network: Network, value: int, seed: int, rate: float, steps: int) -> Point:
        width, depth = (value, self.other) if self.symbol == "n" else (self.other, value)
        return Stack(network, width, depth, seed).measure(rate, steps)


def _seen(point: Point, quantity: str) -> dict[str, list[float]]:
    if quantity != "passed":
        return getattr(point, quantity)  # type: ignore[no-any-return]
    return {
        family: [_passed(whole, part) for whole, part in zip(sizes, point.own[family], strict=True)]
        for family, sizes in point.dh.items()
    }


def _passed(whole: float, part: float) -> float:
    """What of a change comes from below: parts that are not aligned add as squares."""
    rest = math.exp(2 * whole) - math.exp(2 * part)
    return math.log(rest) / 2 if rest > 0 else -math.inf


def _mean(values: Sequence[Any]) -> float:
    return float(sum(values)) / len(values)


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The least-squares slope of logarithms against those of ``sizes``."""
    if -math.inf in values:
        return -math.inf
    x = [math.log(size) for size in sizes]
    center = sum(x) / len(x)
    weight = sum((a - center) ** 2 for a in x)
    return sum((a - center) * b for a, b in zip(x, values, strict=True)) / weight
