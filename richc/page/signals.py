"""The sizes of every layer's signals, grouped where layers are alike, with what they violate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple

from richc.algebra.formula import power
from richc.algebra.sizes import Size
from richc.calculus.run import LayerFlow
from richc.calculus.verdict import Breach, Violation
from richc.pipeline import ModelResult
from richc.report.table import group_name, groups

#: So many groups are shown from the input on, and so many up to the output.
_FIRST, _LAST = 6, 3
UNKNOWN = "?"

#: Kind of violation -> the size that breaks.
_BROKEN = {
    Breach.SIZE: "h",
    Breach.OUTPUT: "h",
    Breach.UPDATE: "own",
    Breach.EXPLODES: "df",
    Breach.STILL: "dh",
    Breach.USELESS: "dh",
    Breach.WEIGHT: "own",
    Breach.READOUT: "own",
    Breach.EXPONENTIAL: "h",
    Breach.FAMILY: "df",
    Breach.LAZY: "own",
}


class Signal(NamedTuple):
    """One size: ``n^0``, or ``0 → n^0`` where the first step differs from the later ones."""

    text: str
    #: The desiderata that it breaks.
    broken: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """In a sentence."""
        first, arrow, later = self.text.partition(" → ")
        text = f"{first} in the first step, {later} in later ones" if arrow else first
        text = "not evaluated" if text == UNKNOWN else text
        return f"{text} (violates {' and '.join(self.broken)})" if self.broken else text


class SignalRow(NamedTuple):
    """One layer, or neighbours that are alike."""

    name: str
    role: str
    shape: str
    layers: int
    is_output: bool
    #: At init.
    h: Signal
    gradient: Signal
    own: Signal
    own_bias: Signal | None
    dh: Signal
    df: Signal
    df_bias: Signal | None

    @property
    def broken(self) -> bool:
        """Whether anything of the layer's breaks a desideratum."""
        signals = (self.h, self.own, self.own_bias, self.dh, self.df, self.df_bias)
        return any(signal.broken for signal in signals if signal is not None)


class Gap(NamedTuple):
    """Layers that are left out."""

    layers: int


class Signals(NamedTuple):
    rows: list[SignalRow | Gap]
    #: Whether some size is another in the first step.
    phases: bool
    has_unknown: bool
    has_bias: bool

    @property
    def broken(self) -> bool:
        return any(isinstance(row, SignalRow) and row.broken for row in self.rows)


def signals(model: ModelResult) -> Signals:
    """Every layer's sizes, from the input to the output."""
    found = list(_rows(model))
    shown: list[SignalRow | Gap] = [*found]
    if len(found) > _FIRST + _LAST + 1:
        left_out = sum(row.layers for row in found[_FIRST:-_LAST])
        shown = [*found[:_FIRST], Gap(left_out), *found[-_LAST:]]
    rows = [row for row in shown if isinstance(row, SignalRow)]
    texts = [s.text for row in rows for s in (row.h, row.gradient, row.own, row.dh, row.df)]
    return Signals(
        shown,
        any("→" in text for text in texts),
        UNKNOWN in texts,
        any(row.own_bias is not None for row in rows),
    )


def _rows(model: ModelResult) -> Iterable[SignalRow]:
    verdict = model.verdict
    broken: dict[int, list[Violation]] = {}
    for violation in verdict.violations:
        broken.setdefault(violation.layer, []).append(violation)

    def key(index: int) -> object:
        kinds = [(v.desideratum, v.kind, v.of_bias) for v in broken.get(index, ())]
        known = index < verdict.known_heights
        return verdict.flow.first[index], verdict.flow.later[index], kinds, known

    start = 0
    for group in groups(model.spec.layers):
        end = start + len(group)
        for _, alike in groupby(range(start, end), key):
            first, *others = alike
            yield _row(model, first, len(others), broken.get(first, ()))
        start = end


def _row(model: ModelResult, first: int, more: int, violations: Iterable[Violation]) -> SignalRow:
    """A layer, and so many more that are like it."""
    verdict = model.verdict
    layer = model.spec.layers[first]
    symbol = model.spec.width_symbol
    evaluated = verdict.nontrivial is not None
    phases = verdict.flow.first[first], verdict.flow.later[first]
    by_place: dict[tuple[str, bool], list[str]] = {}
    for violation in violations:
        has_own = _BROKEN[violation.kind] in ("own", "df")
        place = _BROKEN[violation.kind], violation.of_bias and has_own
        by_place.setdefault(place, []).append(violation.desideratum)

    def signal(
        quantity: str,
        of: Callable[[LayerFlow], Size],
        *,
        known: bool = evaluated,
        of_bias: bool = False,
    ) -> Signal:
        texts = dict.fromkeys(power(of(flow)) for flow in phases)
        text = " → ".join(texts) if known else UNKNOWN
        return Signal(text, tuple(sorted(set(by_place.get((quantity, of_bias), ())))))

    has_bias = layer.bias is not None
    sizes = (layer.fan_out,) if layer.kind.is_norm else (layer.fan_in, layer.fan_out)
    return SignalRow(
        name=group_name(model.spec.layers[first : first + 1 + more]),
        role=layer.role,
        shape=" → ".join(size.words(symbol) for size in sizes),
        layers=1 + more,
        is_output=first == len(model.spec.layers) - 1,
        h=signal("h", lambda flow: flow.h, known=first < verdict.known_heights),
        gradient=signal("gradient", lambda flow: flow.gradient),
        own=signal("own", lambda flow: flow.own),
        own_bias=signal("own", lambda flow: flow.bias_own, of_bias=True) if has_bias else None,
        dh=signal("dh", lambda flow: flow.dh),
        df=signal("df", lambda flow: flow.df),
        df_bias=signal("df", lambda flow: flow.bias_df, of_bias=True) if has_bias else None,
    )
