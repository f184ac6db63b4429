"""A small reader of .rich texts with residual blocks, to networks as plain data.

It takes well-formed texts of what tests write, and knows nothing of messages.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tests.deep.network import (
    DEPTH,
    NOTHING,
    ONE,
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

_TOKEN = re.compile(r"->|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:e[-+]?\d+)?|[\n{}=:,()*/^+\-]")
_BLOCKS = ("repeat", "residual")
_NORMS = ("rmsnorm", "layernorm")


class _Monomial:
    """A number of no account, times a size."""

    def __init__(self, size: Size) -> None:
        self.size = size

    def __mul__(self, other: Any) -> _Monomial:
        return _Monomial(self.size + _monomial(other).size)

    def __truediv__(self, other: Any) -> _Monomial:
        return _Monomial(self.size - _monomial(other).size)

    def __rtruediv__(self, other: Any) -> _Monomial:
        return _Monomial(_monomial(other).size - self.size)

    def __pow__(self, power: Any) -> _Monomial:
        exponent = float(power)
        return _Monomial(Size(self.size.n * exponent, self.size.L * exponent))

    __rmul__ = __mul__


def _monomial(value: Any) -> _Monomial:
    if isinstance(value, _Monomial):
        return value
    return _Monomial(ONE if value else NOTHING)


def read(text: str) -> Network:
    """The network of the only model of ``text``."""
    return _Reader(re.sub(r"#[^\n]*", "", text)).network()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0
        self._names: dict[str, _Monomial] = {}
        self._optimizers: dict[str, str | None] = {}
        #: Set once every statement is read: the first optimizer is the default.
        self._wide = False

    def network(self) -> Network:
        assert self._next() == "model"
        self._next()
        ops = self._statements()
        default = next(iter(self._optimizers))
        last = [op for op in ops if isinstance(op, Dense)][-1]
        ops = [replace(op, wide_out=False) if op is last else op for op in ops]
        return Network(tuple(self._settled(op, default) for op in ops))

    # A line break is a token: it ends expressions.

    def _peek(self) -> str:
        while self._tokens[self._at] == "\n":
            self._at += 1
        return str(self._tokens[self._at])

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _rest_of_line(self) -> list[str]:
        found = []
        while self._tokens[self._at] not in ("\n", "}"):
            found.append(self._tokens[self._at])
            self._at += 1
        return found

    def _statements(self) -> list[Op]:
        assert self._next() == "{"
        ops: list[Any] = []
        while self._peek() != "}":
            self._statement(ops)
        self._next()
        return ops

    def _statement(self, ops: list[Any]) -> None:
        word = self._next()
        if word in ("width", "depth"):
            line = self._rest_of_line()
            size = N if word == "width" else DEPTH
            self._names[line[0]] = _Monomial(size)
            if "base" in line:
                self._names[line[line.index("base") + 1]] = _Monomial(ONE)
        elif word in ("input", "loss", "require"):
            self._rest_of_line()
        elif word == "optimizer":
            name = self._next()
            self._optimizers[name] = self._attributes().get("shape_factor")
        elif word in _NORMS:
            ops.append(self._norm(word, ""))
        elif self._peek() == ":":
            self._next()
            self._named(word, ops)
        else:
            if self._peek() == "(":
                self._rest_of_line()
            ops.append(Activation(word))

    def _named(self, name: str, ops: list[Any]) -> None:
        kind = self._next()
        if kind in _NORMS:
            ops.append(self._norm(kind, name))
        elif kind == "repeat":
            count = self._next()
            block: list[Any] = []
            for op in self._statements():
                if isinstance(op, Norm):
                    block[-1] = replace(block[-1], post=op)
                else:
                    block.append(op)
            ops.append(Repeat(name, None if count == "L" else int(count), tuple(block)))
        elif kind == "residual":
            ops.append(self._residual(name))
        else:
            assert self._next() == "->"
            dim = self._rest_of(("{",))
            lookup = kind == "embedding"
            is_first = not self._wide
            self._wide = True
            fans = {"fan_in": ONE if is_first else N, "fan_out": N if "n" in dim else ONE}
            found = self._attributes(fans)
            bias = found.pop("bias", None)
            weight = _tensor(found)
            ops.append(
                Dense(
                    name,
                    weight,
                    None if bias is None else _tensor(bias),
                    wide_in=not is_first,
                    lookup=lookup,
                )
            )

    def _residual(self, name: str) -> Residual:
        assert self._next() == "{"
        sizes, averages = {"scale": ONE, "skip": ONE}, False
        while self._peek() in sizes:
            knob = self._next()
            assert self._next() == "="
            tokens = self._rest_of_line()
            averages = averages or "-" in tokens[1:2]
            sizes[knob] = ONE if "-" in tokens[1:2] else self._value(tokens, {}).size
        ops: list[Any] = []
        while self._peek() != "}":
            self._statement(ops)
        self._next()
        return Residual(name, sizes["scale"], tuple(ops), sizes["skip"], averages=averages)

    def _norm(self, kind: str, name: str) -> Norm:
        found = self._attributes() if self._peek() == "{" else {}
        gain, bias, eps = found.get("gain"), found.get("bias"), found.get("eps")
        return Norm(
            kind,
            name,
            None if gain is None else _tensor({"std": ONE, **gain}),
            None if bias is None else _tensor(bias),
            eps,
        )

    def _rest_of(self, ends: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        deep = 0
        while deep or self._tokens[self._at] not in ends:
            token = self._tokens[self._at]
            deep += {"(": 1, ")": -1}.get(token, 0)
            found.append(token)
            self._at += 1
        return found

    def _attributes(self, fans: dict[str, Size] | None = None) -> dict[str, Any]:
        assert self._next() == "{"
        found: dict[str, Any] = {}
        while self._peek() != "}":
            word = self._next()
            if word == ",":
                continue
            if word == "frozen":
                found["lr"] = NOTHING
            elif word in ("bias", "gain"):
                found[word] = self._attributes({"fan_in": ONE, "fan_out": N})
            else:
                assert self._next() == "="
                tokens = self._rest_of((",", "\n", "}"))
                if word in ("optimizer", "shape_factor"):
                    found[word] = tokens[0]
                elif fans is not None or word == "eps":
                    found[word] = self._value(tokens, fans or {}).size
        self._next()
        return found

    def _value(self, tokens: list[str], fans: dict[str, Size]) -> _Monomial:
        names = {name: _Monomial(size) for name, size in fans.items()}
        names |= self._names
        words = {"sqrt": lambda x: _monomial(x) ** 0.5, **names}
        source = " ".join(tokens).replace("^", "**")
        return _monomial(eval(source, {"__builtins__": {}}, words))

    def _settled(self, op: Any, default: str) -> Any:
        """With the default optimizer where none is named."""
        if isinstance(op, Repeat):
            return replace(op, block=tuple(self._settled(x, default) for x in op.block))
        if isinstance(op, Residual):
            return replace(op, branch=tuple(self._settled(x, default) for x in op.branch))
        changes: dict[str, Tensor] = {}
        for knob in ("weight", "bias", "gain"):
            tensor = getattr(op, knob, None)
            if tensor is not None:
                # A bias goes by what its weight goes by, unless that takes matrices only.
                of = getattr(changes.get("weight"), "optimizer", default)
                name = tensor.optimizer or (default if of == "muon" else of)
                shape = self._optimizers.get(name)
                changes[knob] = replace(tensor, optimizer=name, shape=shape)
        return replace(op, **changes) if changes else op


def _tensor(found: dict[str, Any]) -> Tensor:
    std = found["std"] if "std" in found else _half(found["var"])
    return Tensor(found.get("scale", ONE), std, found["lr"], found.get("optimizer", ""))


def _half(size: Size) -> Size:
    return NOTHING if size == NOTHING else size.times(0.5)
