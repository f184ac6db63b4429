"""Exponents of everything that was measured, fitted when asked for."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence

from richc.lab.coordinates import DF, DH, OWN, TERM, TRAVEL, H, Key, Sizes
from richc.lab.findings import Measured
from richc.lab.growth import Growth
from richc.lab.statistics import DEPTH_LIMIT, WIDTH_LIMIT, Fit, Noise, fit

#: By how much a term of a smaller exponent has to be smaller, at the narrowest width, not to count.
_NEGLIGIBLE = math.log(10)

#: How sizes come near their powers.
_LIMITS = {Growth.WIDTH: WIDTH_LIMIT, Growth.DEPTH: DEPTH_LIMIT}


class MeasuredExponents:
    """What was measured at several sizes of what grows.  ``last`` is the read-out's place."""

    def __init__(
        self,
        sizes: dict[int, Sizes],
        last: int,
        tolerance: float,
        growth: Growth = Growth.WIDTH,
    ) -> None:
        self._sizes = dict(sorted(sizes.items()))
        self._last = last
        self._tolerance = tolerance
        self.growth = growth
        self._fits: dict[Key, Fit | None] = {}
        self.keys = [
            key
            for key in dict.fromkeys(key for found in self._sizes.values() for key in found)
            if key.quantity != TRAVEL and sum(key in found for found in sizes.values()) > 1
        ]
        self._terms: dict[tuple[int, int], list[Key]] = {}
        for key in self.keys:
            if key.quantity in (OWN, TERM) and key.layer < last:
                self._terms.setdefault((key.layer, key.step), []).append(key)
            elif key.quantity == DF:
                self._terms.setdefault((last, key.step), []).append(key)

    def fit(self, key: Key) -> Fit | None:
        """The exponent of one quantity; that of a change in the limit of large widths.

        A change is a sum.  Where a term grows that is not the largest at the widths measured, the
        sum bends from one exponent to another; in the limit it has the largest term's.
        """
        if key.quantity != DH:
            return self._alone(key)
        return self._leading(key) if self.is_mixed(key) else self._alone(key)

    def is_mixed(self, change: Key) -> bool:
        """Whether terms of different exponents are of comparable size."""
        leading = self._leading(change)
        if leading is None:
            return False
        terms = [(self._alone(key), key) for key in self._terms[change.layer, change.step]]
        heads = [key for found, key in terms if found is leading]
        narrow = min(self._sizes)
        largest = self.size(heads[0], narrow)
        return any(
            found is not None
            and found.exponent < leading.exponent - self._tolerance
            and self.size(key, narrow) > largest - _NEGLIGIBLE
            for found, key in terms
        )

    def size(self, key: Key, width: int) -> float:
        """The mean size at a width."""
        return float(self._sizes[width][key].mean())

    def sizes(self, key: Key) -> dict[int, float]:
        """The mean size at every width at which it was measured."""
        return {width: self.size(key, width) for width in self._sizes if key in self._sizes[width]}

    def measured(
        self, names: Sequence[str], step: int, settled: Mapping[Key, float] | None = None
    ) -> list[Measured]:
        """Each layer's exponents in one step: those that are ``settled``, else the fitted ones."""
        known = settled or {}

        def of(quantity: str, index: int, at: int) -> float:
            key = Key(quantity, index, at)
            return known[key] if key in known else self._exponent(key)

        def of_bias(quantity: str, index: int) -> float | None:
            key = Key(quantity, index, step, of_bias=True)
            return known[key] if key in known else self._of_bias(key)

        return [
            Measured(
                name,
                h=of(H, index, 0),
                dh=of(DH, index, step),
                own=of(OWN, index, step),
                bias_own=of_bias(OWN, index),
                df=of(DF, index, step),
                bias_df=of_bias(DF, index),
            )
            for index, name in enumerate(names)
        ]

    def chance(self, step: int, doubt: float, settled: Container[Key] = ()) -> float:
        """By how much any exponent at init or in a step may be off, but for a share ``doubt``.

        Of those that are not ``settled``.
        """
        fits = [
            self.fit(key)
            for key in self.keys
            if key.step in (0, step) and key.quantity in (H, DH, OWN, DF) and key not in settled
        ]
        return max((f.half_width(1 - 2 * doubt) for f in fits if f is not None), default=0.0)

    def _alone(self, key: Key) -> Fit | None:
        if key not in self._fits:
            known = {width: found[key] for width, found in self._sizes.items() if key in found}
            self._fits[key] = fit(known, noise_of(key, key.layer == self._last, self.growth))
        return self._fits[key]

    def _leading(self, change: Key) -> Fit | None:
        """The fit of a change's term with the largest exponent, if its terms are known."""
        terms = self._terms.get((change.layer, change.step), [])
        found = [fitted for key in terms if (fitted := self._alone(key)) is not None]
        return max(found, key=lambda fitted: fitted.exponent, default=None)

    def _exponent(self, key: Key) -> float:
        if key.quantity in (OWN, DF) and key not in self.keys:
            # A norm without a gain has nothing that trains.
            return -math.inf
        found = self.fit(key)
        return math.nan if found is None else found.exponent

    def _of_bias(self, key: Key) -> float | None:
        return self._exponent(key) if key in self.keys else None


def noise_of(key: Key, is_output: bool, growth: Growth = Growth.WIDTH) -> Noise:
    """How a quantity scatters; ``is_output`` where the representation is the output f."""
    crosses, limit = key.quantity == DF, _LIMITS[growth]
    # f has few entries, however wide the network; and no block has more where there are many.
    if growth is Growth.DEPTH or (key.quantity == H and is_output):
        return Noise(power=0, crosses=crosses, limit=limit)
    return Noise(crosses=crosses, limit=limit)
