"""The desiderata of a network with blocks, decided from measured exponents of n or of L alone.

As richc.calculus.desiderata decides them from exact ones (docs/theory.md, "Desiderata of a stack"), with
a tolerance in place of equality; nan decides nothing.  What the members of a family add to the
output's change together stands for what their representations carry there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf, isnan, nan

from richc.calculus.desiderata import decide
from richc.calculus.ops import Linear
from richc.calculus.residual import Residual
from richc.calculus.run import Representation
from richc.calculus.verdict import HOLDS, MIXED, NOT_EVALUATED, VIOLATED, Network
from richc.lab.findings import Finding, Findings, Measured, power
from richc.lab.growth import Growth
from richc.words import Regime


def representations(network: Network) -> dict[int, Representation]:
    """Where each layer's representation stands, by layer; empty where that is not decided."""
    found = decide(network.ops, network.step)
    # A stream after its blocks has the layer of the last one's last weight.
    own = (v for v in found.values if not isinstance(v.sites[0].op, Residual))
    return {value.layer: value for value in own}


class StackDecision:
    """What training breaks in one symbol, with the layers that break it."""

    def __init__(
        self,
        layers: Sequence[Measured],
        places: dict[int, Representation],
        growth: Growth,
        tolerance: float,
        *,
        is_decided: bool,
    ) -> None:
        self._layers = layers
        self._places = places
        self._symbol = growth.symbol
        self._tolerance = tolerance
        self._is_decided = is_decided
        self._moves = [
            _largest(df for df in (layer.df, layer.bias_df) if df is not None) for layer in layers
        ]

    def findings(self) -> Findings:
        """All of it; a finding is a consequence where something else explodes."""
        if not self._places:
            return self._unplaced()
        is_still = _largest(self._moves) < -self._tolerance
        roots = [*self._sizes(), *self._explosions(), *self._overshoots()]
        carried = [] if roots else [*self._carried()]
        explodes = bool(roots or carried)
        lacking = [] if is_still else [*self._useless(), *self._negligible(), *self._lazy()]
        still = [Finding("D1", None, f"no step moves the output: {self._power(max(self._moves))}")]
        broken = (
            *roots,
            *carried,
            *(still if is_still else []),
            *(finding._replace(is_consequence=explodes) for finding in lacking),
        )
        names = {finding.desideratum for finding in broken}
        unknown = any(isinstance(v, float) and isnan(v) for layer in self._layers for v in layer)
        later = NOT_EVALUATED if unknown or is_still else HOLDS
        statuses = {"D0": HOLDS, "D1": HOLDS, "D2": later, "D3": later, "D4": later}
        statuses |= dict.fromkeys(names, VIOLATED)
        updates = [
            self._layers[at].dh
            for at, value in self._places.items()
            if value.region is None and not value.is_output and not value.is_normed
        ]
        passes = names <= {"D4"}
        is_mixed = passes and max(updates, default=0.0) - min(updates, default=0.0) > (
            self._tolerance
        )
        richness = updates[-1] + 0.5 if passes and updates and not is_mixed else None
        regime = Regime.PARTIAL
        if explodes:
            regime = Regime.UNSTABLE
        elif is_still:
            regime = Regime.TRIVIAL
        elif is_mixed:
            regime = MIXED
        elif richness is not None:
            regime = Regime.RICH if richness > 0.5 - self._tolerance else Regime.LAZY
        return Findings(tuple(statuses.items()), broken, richness, regime, explodes)

    def _unplaced(self) -> Findings:
        """Of a stream that grows faster than any power: its sizes at init tell that."""
        broken = [
            Finding("D0", layer.name, f"h ~ {self._power(layer.h)} at init")
            for layer in self._layers
            if layer.h > self._tolerance and self._is_decided
        ]
        statuses = dict.fromkeys(("D0", "D1", "D2", "D3", "D4"), NOT_EVALUATED)
        statuses |= {"D0": VIOLATED} if broken else {}
        regime = Regime.UNSTABLE if broken else Regime.PARTIAL
        return Findings(tuple(statuses.items()), tuple(broken), None, regime, bool(broken))

    def _power(self, exponent: float) -> str:
        return power(exponent, self._symbol)

    def _sizes(self) -> Iterator[Finding]:
        """D0 at init.  What a branch adds has no least size, and what only norms read has none."""
        source = 0.0
        for at, value in sorted(self._places.items()):
            layer = self._layers[at]
            if value.is_output:
                if layer.h > self._tolerance:
                    yield Finding("D0", layer.name, f"f ~ {self._power(layer.h)} at init")
            elif not (value.is_added or value.is_normed) and abs(layer.h) > self._tolerance < abs(
                layer.h - source
            ):
                yield Finding("D0", layer.name, f"h ~ {self._power(layer.h)} at init")
            source = layer.h

    def _beyond(self, at: int, size: float) -> float:
        """By how much an update of a representation is too large."""
        value, layer = self._places[at], self._layers[at]
        if value.is_output or value.is_added:
            return -inf
        return size - (layer.h if value.is_normed else 0.0)

    def _explosions(self) -> Iterator[Finding]:
        """D0 of updates, at the layers whose own explode."""
        for at in self._places:
            layer = self._layers[at]
            if self._beyond(at, layer.strongest) > self._tolerance:
                grown = self._power(layer.strongest)
                words = f"each update makes the representation explode: {grown}"
                yield Finding("D0", layer.name, words)

    def _carried(self) -> Iterator[Finding]:
        """D0 of updates, at the first layer that others' make explode."""
        for at in sorted(self._places):
            layer = self._layers[at]
            if self._beyond(at, layer.dh) > self._tolerance:
                words = f"updates before it make it explode: {self._power(layer.dh)}"
                yield Finding("D0", layer.name, words)
                return

    def _overshoots(self) -> Iterator[Finding]:
        """D1, at every family that is too strong."""
        for at, layer in enumerate(self._layers):
            if layer.farthest > self._tolerance:
                words = f"{self._whose(at)} make the output explode: {self._power(layer.farthest)}"
                yield Finding("D1", layer.name, words)

    def _whose(self, at: int) -> str:
        place = self._places.get(at)
        several = place is not None and (place.blocks.wide or place.region is not None)
        return "all blocks' updates together" if several else "its updates"

    def _trained(self, *, in_blocks: bool) -> Iterator[tuple[int, Representation]]:
        for at, value in sorted(self._places.items()):
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
        stream = _largest(self._moves[:-1])
        for at, _ in self._trained(in_blocks=True):
            short = self._layers[at].df - stream
            if short < -self._tolerance:
                words = f"{self._whose(at)} add {self._power(short)} of what the stream's do"
                yield Finding("D3", self._layers[at].name, words)
        for at, _ in self._trained(in_blocks=False):
            layer = self._layers[at]
            short = layer.own - layer.dh if layer.own != layer.dh else 0.0
            if short < -self._tolerance:
                words = f"the weight's own update is {self._power(short)} of the whole"
                yield Finding("D3", layer.name, words)

    def _lazy(self) -> Iterator[Finding]:
        for at, value in self._trained(in_blocks=True):
            layer = self._layers[at]
            short = layer.own - layer.dh if layer.own != layer.dh else nan
            if not value.is_added and short < -self._tolerance:
                words = f"in its block, its own update is {self._power(short)} of the whole"
                yield Finding("D4", layer.name, words)


def _largest(exponents: Iterable[float]) -> float:
    """That of a sum; nan where one is not known."""
    found = list(exponents)
    return nan if any(map(isnan, found)) else max(found, default=0.0)
