"""How tensors are drawn, exactly: the random operations that a factory does."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from richc.torchfront.tensors import memory

#: The standard deviation of a normal distribution that is cut off at two of its parent's.
_CUT = 0.8796256610342398


class Drawn(NamedTuple):
    """A distribution of mean 0, in the language's words, and its standard deviation."""

    dist: str
    std: float


class Initials(TorchDispatchMode):
    """Follows what is drawn into which memory; anything else that is written makes it unknown."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._drawn: dict[int, Drawn] = {}
        self._kept: list[Tensor] = []

    def of(self, tensor: Tensor) -> Drawn | None:
        """How a tensor was drawn; None where that is not known."""
        return self._drawn.get(memory(tensor))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        op = func.overloadpacket.__name__
        if op == "linalg_qr":
            # Columns of length one: what PyTorch's orthogonal_ makes, and then turns and scales.
            self._kept.append(out[0])
            self._drawn[memory(out[0])] = Drawn("orthogonal", out[0].shape[-2] ** -0.5)
        elif isinstance(out, Tensor) and not func.is_view:
            self._kept.append(out)
            self._see(op, args, kwargs or {}, out)
        return out

    def _see(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> None:
        numbers = [float(a) for a in args[1:] if isinstance(a, int | float)]
        source = args[0] if args and isinstance(args[0], Tensor) else None
        before = None if source is None else self.of(source)
        if op in ("gt", "lt") and source is not None and before is not None and numbers:
            # What lies beyond is drawn again.
            self._drawn[memory(source)] = _cut(before, abs(numbers[0])) or before
        known = _fresh(op, numbers, kwargs)
        if op == "copy_":
            known = self.of(args[1])
        elif op == "where":
            others = [self.of(one) for one in args[1:] if isinstance(one, Tensor)]
            again, rest = others if len(others) == 2 else (None, None)
            known = rest if again is not None and _cut(again, 2 * again.std) == rest else None
        elif known is None and before is not None:
            known = _changed(op, before, numbers, args)
        self._drawn.pop(memory(out), None)
        if known is not None:
            self._drawn[memory(out)] = known


def _fresh(op: str, numbers: list[float], kwargs: dict[str, Any]) -> Drawn | None:
    """What an operation draws, whatever was there before."""
    if op == "normal_":
        mean, std = [*numbers, kwargs.get("std", 1.0)][:2] if numbers else (0.0, 1.0)
        return Drawn("normal", float(std)) if mean == 0.0 else None
    if op == "uniform_":
        low, high = numbers[:2] if len(numbers) > 1 else (0.0, 1.0)
        return Drawn("uniform", high / math.sqrt(3.0)) if low == -high else None
    if op == "randn":
        return Drawn("normal", 1.0)
    if op in ("zero_", "zeros") or (op == "fill_" and numbers[:1] == [0]):
        return Drawn("normal", 0.0)
    return None


def _changed(op: str, before: Drawn, numbers: list[float], args: tuple[Any, ...]) -> Drawn | None:
    """What an operation makes of what was drawn."""
    if op in ("mul", "mul_", "div", "div_") and len(numbers) == 1:
        times = numbers[0] if op.startswith("mul") else 1.0 / numbers[0]
        return before._replace(std=before.std * abs(times))
    if op == "mul_" and before.dist == "orthogonal" and isinstance(args[1], Tensor):
        return before if bool((args[1].abs() == 1).all()) else None  # signs
    if op == "erfinv_" and before.dist == "uniform":
        return Drawn("cut", 1.0 / math.sqrt(2.0))
    if op == "clamp_" and before.dist == "cut" and numbers:
        return _cut(before, max(map(abs, numbers)))
    same = op in ("t_", "clone", "detach", "_to_copy") or (op == "add_" and numbers == [0])
    return before if same else None


def _cut(before: Drawn, bound: float) -> Drawn | None:
    """A normal distribution that is cut off, if at two deviations."""
    is_cut = before.dist in ("normal", "cut") and math.isclose(bound, 2 * before.std, rel_tol=1e-6)
    return Drawn("trunc_normal", before.std * _CUT) if is_cut and before.std else None
