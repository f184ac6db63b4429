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
        if isinstance(out, Tensor) and not func.is_view:
            self._kept.append(out)
            self._see(op, args, kwargs or {}, out)
        return out

    def _see(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> None:
        known = None
        before = self.of(args[0]) if args and isinstance(args[0], Tensor) else None
        numbers = [a for a in args[1:] if isinstance(a, int | float)]
        if op == "normal_":
            mean, std = [*numbers, kwargs.get("std", 1.0)][:2] if numbers else (0.0, 1.0)
            known = Drawn("normal", float(std)) if mean == 0.0 else None
        elif op == "uniform_":
            low, high = numbers[:2] if len(numbers) > 1 else (0.0, 1.0)
            known = Drawn("uniform", high / math.sqrt(3.0)) if low == -high else None
        elif op == "randn":
            known = Drawn("normal", 1.0)
        elif op in ("zero_", "zeros") or (op in ("fill_", "full") and numbers[:1] == [0]):
            known = Drawn("normal", 0.0)
        elif op in ("mul", "mul_", "div", "div_") and before is not None and len(numbers) == 1:
            times = float(numbers[0]) if op.startswith("mul") else 1.0 / float(numbers[0])
            known = before._replace(std=before.std * abs(times))
        elif op == "erfinv_" and before is not None and before.dist == "uniform":
            known = Drawn("cut", 1.0 / math.sqrt(2.0))
        elif op == "add_" and before is not None and numbers == [0]:
            known = before
        elif op == "clamp_" and before is not None and before.dist == "cut" and numbers:
            bound = max(abs(number) for number in numbers)
            is_cut = math.isclose(bound, 2 * before.std, rel_tol=1e-6)
            known = Drawn("trunc_normal", before.std * _CUT) if is_cut else None
        elif op in ("copy_", "clone", "detach", "_to_copy"):
            source = args[1] if op == "copy_" else args[0]
            known = self.of(source) if isinstance(source, Tensor) else None
        self._drawn.pop(memory(out), None)
        if known is not None:
            self._drawn[memory(out)] = known
