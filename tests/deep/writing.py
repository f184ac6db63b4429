"""Networks to .rich texts, in the form of the language's page on deep networks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from tests.deep.network import (
    NOTHING,
    ONE,
    Activation,
    Dense,
    Network,
    Norm,
    Op,
    Repeat,
    Residual,
    Size,
    Tensor,
    all_ops,
)

#: Constants at n = 256 and L = 16: of no account in a verdict.
RATES = {"sgd": "0.1", "muon": "0.02", "lion": "1e-4"}


@dataclass(frozen=True)
class Style:
    """How the same network is written."""

    #: Relative to base sizes, n / n0 and L / L0.
    base: bool = False
    #: Chooses among several ways to write a thing; without one the plainest is taken.
    seed: int | None = None
    inputs: int = 16
    outputs: int = 4
    #: Every power of n and L is written out, n^(0) too.
    is_full: bool = False


def text(network: Network, name: str = "net", style: Style | None = None) -> str:
    """One model."""
    return "\n".join([*_Writer(network, name, style or Style()).lines(), ""])


class _Writer:
    def __init__(self, network: Network, name: str, style: Style) -> None:
        self._network, self._name, self._style = network, name, style
        self._pick = None if style.seed is None else random.Random(style.seed)
        self._optimizers = list(_optimizers(network.ops))

    def lines(self) -> Iterator[str]:
        style = self._style
        yield f"model {self._name} {{"
        yield f"  width n = 256{', base n0 = 64' if style.base else ''}"
        if self._has_depth():
            yield f"  depth L = 16{', base L0 = 4' if style.base else ''}"
        first = next(op for op in self._network.ops if isinstance(op, Dense))
        yield f"  input {'tokens ' if first.lookup else ''}{style.inputs}"
        for op in self._network.ops:
            for line in self._op(op):
                yield f"  {line}"
        for optimizer, shape in self._optimizers:
            more = f", shape_factor = {shape}" if optimizer == "muon" else ""
            yield f"  optimizer {optimizer} {{ lr = {RATES.get(optimizer, '1e-3')}{more} }}"
        yield "  loss mse"
        yield "}"

    def _has_depth(self) -> bool:
        if any(isinstance(op, Repeat) and op.count is None for op in self._network.ops):
            return True
        return any(size.L != 0 and size != NOTHING for size in _sizes(self._network.ops))

    def _op(self, op: Op) -> Iterator[str]:
        if isinstance(op, Activation):
            yield {"leaky_relu": "leaky_relu(0.1)"}.get(op.kind, op.kind)
        elif isinstance(op, Dense):
            yield self._dense(op)
        elif isinstance(op, Norm):
            yield self._norm(op)
        elif isinstance(op, Residual):
            yield f"{op.name}: residual {{"
            for knob, size in (("scale", op.scale), ("skip", op.skip)):
                if size != ONE:
                    yield f"  {knob} = {self._power(size)}"
            if op.averages:
                yield "  skip = 1 - 1 / L"
            last = [inner for inner in op.branch if isinstance(inner, Dense)][-1]
            for inner in op.branch:
                is_wide = isinstance(inner, Dense) and inner is not last and self._chance(0.3)
                for line in self._op(inner):
                    yield f"  {line.replace('dense -> n', 'dense -> 4*n') if is_wide else line}"
            yield "}"
            if op.post is not None:
                yield self._norm(op.post)
        else:
            yield f"{op.name}: repeat {'L' if op.count is None else op.count} {{"
            for residual in op.block:
                for line in self._op(residual):
                    yield f"  {line}"
            yield "}"

    def _dense(self, op: Dense) -> str:
        kind = "embedding" if op.lookup else "dense"
        dim = "n" if op.wide_out else self._style.outputs
        items = self._items(op.weight, is_weight=True)
        if op.bias is not None:
            # A bias goes by what its weight goes by, unless that takes matrices only.
            of = op.weight.optimizer
            own = self._items(op.bias, default=None if of == "muon" else of)
            items.append(f"bias {{ {', '.join(own)} }}")
        return f"{op.name}: {kind} -> {dim} {{ {', '.join(items)} }}"

    def _norm(self, op: Norm) -> str:
        items = []
        if op.gain is not None:
            items.append(f"gain {{ {', '.join(self._items(op.gain, is_gain=True))} }}")
        if op.bias is not None:
            items.append(f"bias {{ {', '.join(self._items(op.bias))} }}")
        if op.eps is not None:
            items.append(f"eps = {self._power(op.eps)}")
        head = f"{op.name}: {op.kind}" if op.name else op.kind
        return f"{head} {{ {', '.join(items)} }}" if items else head

    def _items(
        self,
        tensor: Tensor,
        *,
        is_weight: bool = False,
        is_gain: bool = False,
        default: str | None = None,
    ) -> list[str]:
        found = []
        if tensor.scale != ONE:
            found.append(f"scale = {self._power(tensor.scale)}")
        if not is_gain:
            std = "0" if tensor.std == NOTHING else self._power(tensor.std)
            if is_weight and self._chance(0.2) and std != "0":
                found.append(f"var = {self._power(tensor.std.times(2))}")
            else:
                found.append(f"std = {std}")
        frozen = tensor.rate == NOTHING
        found.append("frozen" if frozen else f"lr = {self._power(tensor.rate)}")
        if tensor.optimizer != (default or self._optimizers[0][0]):
            found.append(f"optimizer = {tensor.optimizer}")
        return found

    def _power(self, size: Size) -> str:
        """A monomial of this size."""
        base = self._style.base
        if self._style.is_full:
            deep = f" * L^({Fraction(size.L)})" if self._has_depth() else ""
            return f"n^({Fraction(size.n)}){deep}"
        parts = []
        for symbol, exponent in (("n", size.n), ("L", size.L)):
            if exponent:
                parts.append(self._factor(symbol, f"{symbol}0" if base else "", Fraction(exponent)))
        return " * ".join(parts) or "1"

    def _factor(self, symbol: str, base: str, exponent: Fraction) -> str:
        whole = f"({symbol} / {base})" if base else symbol
        inverse = f"{base} / {symbol}" if base else f"1 / {symbol}"
        if self._chance(0.5):
            if exponent == 1:
                return f"{symbol} / {base}" if base else symbol
            if exponent == Fraction(1, 2):
                return f"sqrt({symbol} / {base})" if base else f"sqrt({symbol})"
            if exponent == Fraction(-1, 2):
                return f"sqrt({inverse})"
            if exponent == -1 and base:
                return f"({inverse})"
        if exponent == 1:
            return whole
        if exponent == -1 and not base:
            return f"{whole}^-1"
        return f"{whole}^({exponent})"

    def _chance(self, share: float) -> bool:
        return self._pick is not None and self._pick.random() < share


def tensors(ops: tuple[Op, ...]) -> Iterator[Tensor]:
    for op in all_ops(ops):
        if isinstance(op, Dense):
            yield op.weight
        if isinstance(op, Norm) and op.gain is not None:
            yield op.gain
        if isinstance(op, (Dense, Norm)) and op.bias is not None:
            yield op.bias


def _sizes(ops: tuple[Op, ...]) -> Iterator[Size]:
    for tensor in tensors(ops):
        yield from (tensor.scale, tensor.std, tensor.rate)
    for op in all_ops(ops):
        if isinstance(op, Residual):
            yield from (op.scale, op.skip)


def _optimizers(ops: tuple[Op, ...]) -> dict[tuple[str, str | None], None]:
    """Each once, in the order of use: the first is the default."""
    return {(tensor.optimizer, tensor.shape): None for tensor in tensors(ops)}
