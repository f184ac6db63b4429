"""The numbers of a judged model, as an editor shows them: exponents, sizes, formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple, TypeVar

from richc.algebra.formula import Symbols, general_power, power, rich_formula
from richc.algebra.joint import depth_of, width_of
from richc.algebra.monomial import DEPTH, WIDTH, Affine, Monomial
from richc.algebra.sizes import Size, largest
from richc.pipeline import ModelResult
from richc.spec.model import Layer, Tensor

_Key = TypeVar("_Key")

_LONGEST = 60
#: The attributes of a tensor that decide its exponents.
KNOBS = ("scale", "std", "lr")


class ExponentRow(NamedTuple):
    """The exponents of neighbouring layers of one statement that are alike."""

    name: str
    #: a, b, c, A, C, h, Δh and Δf.
    exponents: tuple[str, ...]
    #: The first of the layers.
    layer: Layer


def rows(result: ModelResult, statement: str) -> list[ExponentRow]:
    """The layers of a statement, those that are alike together."""
    found = [
        ((exponents, layer.weight, layer.bias), layer)
        for exponents, layer in _values(result, statement)
    ]
    return [ExponentRow(span_name(of), key[0], of[0]) for key, of in together(found)]


def together(found: Iterable[tuple[_Key, Layer]]) -> list[tuple[_Key, list[Layer]]]:
    """Neighbours with one key."""
    return [
        (key, [layer for _, layer in group])
        for key, group in groupby(found, key=lambda pair: pair[0])
    ]


def span_name(layers: Sequence[Layer]) -> str:
    """``embed``, or ``body.1 … body.3``."""
    first, last = layers[0], layers[-1]
    return first.name if first is last else f"{first.name} … {last.name}"


def _values(result: ModelResult, statement: str) -> Iterator[tuple[tuple[str, ...], Layer]]:
    verdict, network = result.verdict, result.context.network
    learns = verdict.nontrivial is not None
    for index, layer in enumerate(result.spec.layers):
        if layer.statement != statement:
            continue
        stage, flow = network.stages[index], verdict.flow.later[index]
        values = (
            *(_inverse(size) for size in network.written[index]),
            _inverse(stage.weight.init),
            _inverse(stage.weight.rate),
            power(flow.h) if index < verdict.known_heights else "?",
            power(flow.dh) if learns else "?",
            power(largest(flow.df, flow.bias_df)) if learns else "?",
        )
        yield values, layer


def _inverse(size: Size) -> str:
    """The exponent x of n^-x, or the pair of n^-x L^-y, as theory writes them."""
    if not isinstance(size, Fraction):
        return "∞"
    return str(width_of(-size)) if not depth_of(size) else f"({width_of(-size)}, {depth_of(-size)})"


def formula(value: Monomial, words: Symbols) -> str:
    text = rich_formula(value, words)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def scaling(value: Monomial, richness: Fraction | None, width: str = WIDTH) -> str:
    """``n^-1/2``; with the formula in r beside it where there is one: ``n^(2*r - 1) = n^0``.

    A power of the depth stands behind: ``n^0 L^-1``.
    """
    if value.is_zero:
        return "0"
    exponent, deep = value.exponent(WIDTH), value.exponent(DEPTH)
    in_depth = "" if deep == Affine(Fraction(0)) else f" {general_power(deep, DEPTH)}"
    general = general_power(exponent, width) + in_depth
    if not exponent.slope or richness is None:
        return general
    return f"{general} = {width}^{exponent.at(richness)}{in_depth}"


def attribute(tensor: Tensor, name: str) -> Monomial | None:
    """What an attribute of a tensor is, written or not; None where it has none."""
    if name == "var":
        return tensor.std.power(Affine(Fraction(2))) if not tensor.std.is_zero else tensor.std
    if name in (*KNOBS, "decay", "eps"):
        value: Monomial | None = getattr(tensor, name)
        return value
    return None


def is_written(tensor: Tensor, name: str) -> bool:
    names = ("std", "var") if name == "std" else ("lr", "frozen") if name == "lr" else (name,)
    return tensor.place(*names) is not None
