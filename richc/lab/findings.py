"""The desiderata decided from measured exponents of n or of L alone.

As richc.calculus.desiderata decides them from exact ones (docs/theory.md, "The desiderata" and
"Desiderata of a stack"), with a tolerance in place of equality; nan decides nothing.  Gradients are
not measured.  What a representation carries to the output is a sum of what the layers up to it add,
which are: its largest term stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf, isnan, nan
from typing import NamedTuple

from richc.calculus.desiderata import decide
from richc.calculus.ops import Linear
from richc.calculus.residual import Residual
from richc.calculus.run import Representation
from richc.calculus.verdict import (
    HOLDS,
    MIXED,
    NOT_EVALUATED,
    VIOLATED,
    Network,
    Status,
    Verdict,
)
from richc.lab.growth import Growth
from richc.words import Regime

_TOGETHER = "all blocks' updates together"


class Measured(NamedTuple):
    """One layer's exponents in one step: -inf for what is zero, None for a bias that is not there,
    nan where some networks show zero and others do not.
    """

    name: str
    h: float
    dh: float
    own: float
    bias_own: float | None
    df: float
    bias_df: float | None

    @property
    def strongest(self) -> float:
        """Of its own updates of h."""
        return max(self.own, _known(self.bias_own))

    @property
    def farthest(self) -> float:
        """Of its own shares of the output's change."""
        return max(self.df, _known(self.bias_df))


class Finding(NamedTuple):
    """A desideratum that training breaks at a layer (None: at none in particular)."""

    desideratum: str
    layer: str | None
    message: str
    #: Only because something else explodes: true, and not what has to be mended.
    is_consequence: bool = False


class Findings(NamedTuple):
    statuses: tuple[tuple[str, Status], ...]
    broken: tuple[Finding, ...]
    #: Where D0 to D3 hold: the richness that every Δh shows; None where they differ.
    richness: float | None
    regime: Regime
    #: Whether some update or the output grows, or a stream's size at init is off.
    explodes: bool


def representations(network: Network) -> dict[int, Representation]:
    """Where each layer's representation stands, by layer; empty where that is not decided."""
    found = decide(network.ops, network.step)
    # A stream after its blocks has the layer of the last one's last weight.
    own = {v.layer: v for v in found.values if not isinstance(v.sites[0].op, Residual)}
    return {layer: own[layer] for layer in sorted(own)}


class MeasuredDecision:
    """What training breaks in one symbol, with the layers that break it.

    ``checked`` says which desiderata there are, and whether powers decide them.
    """

    def __init__(
        self,
        layers: Sequence[Measured],
        places: Mapping[int, Representation],
        growth: Growth,
        tolerance: float,
        checked: Verdict,
    ) -> None:
        self._layers = layers
        self._places = places
        self._has_stream = any(value.region is not None for value in places.values())
        self._symbol = growth.symbol
        self._tolerance = tolerance
        self._checked = checked
        self._moves = [
            _largest(df for df in (layer.df, layer.bias_df) if df is not None) for layer in layers
        ]

    def findings(self) -> Findings:
        """All of it; a finding is a consequence where something else explodes."""
        if not self._places:
            return self._unplaced()
        is_still = _largest(self._moves) < -self._tolerance
        at_init = [*self._sizes()]
        over = [*self._explosions(), *self._overshoots()]
        over = over if over or at_init else [*self._carried()]
        # What is off in a stream is off everywhere.
        spreads = self._has_stream and bool(at_init or over)
        still = [Finding("D1", None, f"no step moves the output: {self._power(max(self._moves))}")]
        lacking = [] if is_still else [*self._useless(), *self._negligible(), *self._lazy()]
        broken = (
            *at_init,
            *over,
            *(still if is_still else []),
            *(found._replace(is_consequence=found.is_consequence or spreads) for found in lacking),
        )
        names = {finding.desideratum for finding in broken}
        unknown = any(isinstance(v, float) and isnan(v) for layer in self._layers for v in layer)
        richnesses = self._richnesses() if names <= {"D4"} else []
        is_mixed = bool(richnesses) and max(richnesses) - min(richnesses) > self._tolerance
        regime = Regime.PARTIAL
        if at_init or over:
            regime = Regime.UNSTABLE
        elif is_still:
            regime = Regime.TRIVIAL
        elif is_mixed:
            regime = MIXED
        elif richnesses:
            regime = Regime.RICH if richnesses[-1] > 0.5 - self._tolerance else Regime.LAZY
        return Findings(
            self._statuses(names, later=NOT_EVALUATED if unknown or is_still else HOLDS),
            broken,
            richnesses[-1] if richnesses and not is_mixed else None,
            regime,
            explodes=bool(over) or spreads,
        )

    def _unplaced(self) -> Findings:
        """Of a stream that grows faster than any power: its sizes at init tell that."""
        broken = [
            Finding("D0", layer.name, f"h ~ {self._power(layer.h)} at init")
            for layer in self._layers
            if layer.h > self._tolerance and self._checked.is_decided
        ]
        names = {finding.desideratum for finding in broken}
        statuses = self._statuses(names, first=NOT_EVALUATED, later=NOT_EVALUATED)
        regime = Regime.UNSTABLE if broken else Regime.PARTIAL
        return Findings(statuses, tuple(broken), None, regime, bool(broken))

    def _statuses(
        self, violated: Iterable[str], *, first: Status = HOLDS, later: Status
    ) -> tuple[tuple[str, Status], ...]:
        """Of what is not broken, ``first`` is that of D0 and D1, ``later`` that of the others."""
        return tuple(
            (name, VIOLATED if name in violated else first if name in ("D0", "D1") else later)
            for name, _ in self._checked.statuses
        )

    def _richnesses(self) -> list[float]:
        """What each representation shows; one richness is one size of update at all of them."""
        return [
            self._layers[at].dh + 0.5
            for at, value in self._places.items()
            if value.region is None and not value.is_output and not value.is_normed
        ]

    def _power(self, exponent: float) -> str:
        return power(exponent, self._symbol)

    def _sizes(self) -> Iterator[Finding]:
        """D0 at init.  What a branch adds has no least size, and what only norms read has none."""
        source, is_off = 0.0, False
        for at, value in self._places.items():
            layer = self._layers[at]
            grown, source = layer.h - source, layer.h
            if value.is_output:
                # What is off already goes through the read-out as well.
                if layer.h > self._tolerance and not (is_off and grown <= self._tolerance):
                    yield Finding("D0", layer.name, f"f ~ {self._power(layer.h)} at init")
            elif value.is_added or value.is_normed:
                continue
            elif abs(layer.h) > self._tolerance < abs(grown):
                is_off = True
                yield Finding("D0", layer.name, f"h ~ {self._power(layer.h)} at init")

    def _excess(self, at: int, size: float) -> float:
        """By how much an update of a representation is too large."""
        return size - (self._layers[at].h if self._places[at].is_normed else 0.0)

    def _bounded(self) -> Iterator[int]:
        """The representations of which D0 says how large updates may be."""
        return (at for at, value in self._places.items() if value.is_bounded)

    def _explosions(self) -> Iterator[Finding]:
        """D0 of updates, at the layers whose own explode."""
        for at in self._bounded():
            layer = self._layers[at]
            if self._excess(at, layer.strongest) > self._tolerance:
                grown = self._power(layer.strongest)
                words = f"each update makes the representation explode: {grown}"
                yield Finding("D0", layer.name, words)

    def _carried(self) -> Iterator[Finding]:
        """D0 of updates, at the first layer that others' make explode."""
        for at in self._bounded():
            layer = self._layers[at]
            if self._excess(at, layer.dh) > self._tolerance:
                words = f"updates before it make it explode: {self._power(layer.dh)}"
                yield Finding("D0", layer.name, words)
                return

    def _overshoots(self) -> Iterator[Finding]:
        """D1, at every family that is too strong."""
        for at, layer in enumerate(self._layers):
            if layer.farthest > self._tolerance:
                words = f"{self._whose(at)} the output explode: {self._power(layer.farthest)}"
                yield Finding("D1", layer.name, words)

    def _whose(self, at: int) -> str:
        place = self._places.get(at)
        if place is not None and (place.blocks.wide or place.region is not None):
            return f"{_TOGETHER} make"
        return "its updates make" if self._has_stream else "each update makes"

    def _trained(self, *, in_blocks: bool) -> Iterator[tuple[int, Representation]]:
        for at, value in self._places.items():
            is_linear = any(isinstance(site.op, Linear) for site in value.sites)
            if is_linear and (value.region is not None) is in_blocks:
                yield at, value

    def _useless(self) -> Iterator[Finding]:
        for at, value in self._trained(in_blocks=True):
            if value.is_added:
                continue
            own = [i for i, v in self._places.items() if v.region is value.region and i <= at]
            yield from self._short_of_output(at, _largest(self._moves[i] for i in own))
        for at, value in self._trained(in_blocks=False):
            if not value.is_output:
                yield from self._short_of_output(at, _largest(self._moves[: at + 1]))

    def _short_of_output(self, at: int, reach: float) -> Iterator[Finding]:
        if reach < -self._tolerance:
            words = f"the update of h adds {self._power(reach)} to the output's"
            yield Finding("D2", self._layers[at].name, words)

    def _negligible(self) -> Iterator[Finding]:
        """D3: in blocks, of what families add to the stream; else of single updates.

        Beside an update that explodes it is a consequence, to be mended where the explosion is.
        """
        stream = _largest(self._moves[:-1])
        for at, _ in self._trained(in_blocks=True):
            short = self._layers[at].df - stream
            if short < -self._tolerance:
                words = f"{_TOGETHER} add {self._power(short)} of what the stream's do"
                yield Finding("D3", self._layers[at].name, words)
        for at, _ in self._trained(in_blocks=False):
            layer = self._layers[at]
            sizes = (self._excess(at, layer.dh), *self._moves[: at + 1])
            explodes = any(size > self._tolerance for size in sizes)
            owns = {"weight": layer.own}
            # A bias that never moves may be absent, and one beside a stream may be slow.
            if layer.bias_own not in (None, -inf) and not self._has_stream:
                owns["bias"] = _known(layer.bias_own)
            for which, own in owns.items():
                short = _over(own, layer.dh)
                if short < -self._tolerance:
                    words = f"the {which}'s own update is {self._power(short)} of the whole"
                    yield Finding("D3", layer.name, words, explodes)

    def _lazy(self) -> Iterator[Finding]:
        for at, value in self._trained(in_blocks=True):
            layer = self._layers[at]
            short = _over(layer.own, layer.dh)
            if not value.is_added and short < -self._tolerance:
                words = f"in its block, its own update is {self._power(short)} of the whole"
                yield Finding("D4", layer.name, words)


def power(exponent: float, symbol: str = "n") -> str:
    """``n^-0.48``, or ``0``."""
    if exponent == -inf:
        return "0"
    return f"{symbol}^{exponent + 0.0:.2f}".replace("^-0.00", "^0.00")


def _known(exponent: float | None) -> float:
    return -inf if exponent is None else exponent


def _over(own: float, whole: float) -> float:
    """The size of a share: nothing beside nothing is not less."""
    return 0.0 if own == whole else own - whole


def _largest(exponents: Iterable[float]) -> float:
    """That of a sum; nan where one is not known."""
    found = list(exponents)
    return nan if any(map(isnan, found)) else max(found, default=0.0)
