"""Training networks of several sizes: at which rates, how many at once, and in how long.

A size is a width, or a depth at one width: whatever the program is of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch

from richc.lab import memory
from richc.lab.coordinates import (
    DH,
    OWN,
    TRAVEL,
    H,
    Key,
    Sizes,
    measure,
    plain_travel,
)
from richc.lab.growth import Growth
from richc.lab.pace import Listener, Pace
from richc.lab.program import Batch, Program, seed_of
from richc.lab.sweep.runs import weights

#: How far a step should move what it moves most: a representation relative to it, or the output.
STRIDE = 0.2
#: What grows with the width by more than this power goes by strides so much smaller.
_GROWS, _CAREFUL = 0.2, 0.1
#: How much of the read-out its updates should be, in all, where that share does not grow with n.
_SHARE = 0.05
#: How far, as a logarithm, a tensor's own update may fall from the first step to the last.  A bias
#: of order one beside a small weight makes f almost the same for all examples: at a larger rate
#: their mean error is fitted at once, and what moved it has no size left that tells an exponent.
_MOST_FITTED = 1.0
_PILOT_NETWORKS = 4
_PILOT_TRIES = 5
#: Up to which size a pilot goes.
_PILOT = {Growth.WIDTH: 256, Growth.DEPTH: 16}
#: Bytes of weights that are stacked: larger networks gain nothing from it.
_STACK = 2**23
#: Up to which width the kernel's change is measured, on networks of its own.
_KERNEL_WIDTH = 1024
_KERNEL_WIDTH_OF_MUON = 512
#: The width whose time tells that of wider ones.
_TIMED_WIDTH = 512


class Experiment(NamedTuple):
    """What all networks of a run share."""

    program: Program
    batch: Batch
    steps: int
    #: Of all that is drawn by chance.
    seed: int
    with_state: bool = False

    def measure(
        self,
        width: int,
        indices: range,
        rate: float,
        *,
        with_kernel: bool = False,
        with_travel: bool = False,
    ) -> Sizes:
        """The networks of these numbers and this width, in stacks."""
        model = self.program.network(width)
        seeds = [self.seed_of(width, index) for index in indices]
        stack = max(1, _STACK // self._bytes(width))
        parts = [
            measure(
                self.program,
                model,
                seeds[start : start + stack],
                self.batch,
                order=self.program.at(width).unrolled,
                rate=rate,
                steps=self.steps,
                with_travel=with_travel,
                with_kernel=with_kernel,
                with_state=self.with_state,
            )
            for start in range(0, len(seeds), stack)
        ]
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

    def seed_of(self, width: int, index: int) -> int:
        """Another one for every width: common streams would tie their errors together."""
        return seed_of(self.seed, width, index)

    def train(
        self, counts: Mapping[int, range], rate: float, pace: Pace, listener: Listener
    ) -> dict[int, Sizes]:
        """The networks of each width."""

        def train(at: int) -> Sizes:
            width, indices = todo[at]
            return self.measure(width, indices, rate, with_kernel=self._has_kernel(width))

        todo = [*counts.items()]
        jobs = [(width, len(indices)) for width, indices in todo]
        return dict(zip(counts, pace.train(jobs, train, _TIMED_WIDTH, listener), strict=True))

    def cost(self, width: int) -> float:
        """What a network takes, up to a constant: those whose kernel is measured train twice."""
        trainings = 2 if self._has_kernel(width) else 1
        if self.program.over is Growth.DEPTH:
            return float(width)
        # Weights whose updates stay factored gain from being many: as measured.
        power = 2 / 3 if self.program.is_linear else self.power / 2
        return trainings * math.pow(weights(self.program.at(width)), power)

    def _has_kernel(self, width: int) -> bool:
        if not self.program.spec.is_chain:
            return False
        return width <= (_KERNEL_WIDTH_OF_MUON if self.power == 3 else _KERNEL_WIDTH)

    def choose_rate(self, widths: list[int]) -> float:
        """The multiple of the file's rates at which steps are of a moderate size at all widths.

        Found on narrow networks, and carried to the widest as their own growth says.  Gradients go
        through a read-out that is its init plus its updates: where the latter are what is left at
        large width, they should be most of it at all widths, and else little.
        """
        narrow = widths[0]
        other = max(n for n in widths if n <= max(_PILOT[self.program.over], narrow))
        pilots = list(dict.fromkeys((narrow, other)))
        rate, most, wanted = 1.0, self._most(widths), STRIDE
        share = growing = 0.0
        for _ in range(_PILOT_TRIES):
            rate = min(rate, most)
            sizes = [self.measure(n, range(_PILOT_NETWORKS), rate) for n in pilots]
            strides = [self._stride(found) for found in sizes]
            shares = [self._share(n, found) for n, found in zip(pilots, sizes, strict=True)]
            largest, share, growing = max(strides), shares[0], 0.0
            if len(pilots) == 2:
                growth = _growth(strides, pilots)
                growing = _growth(shares, pilots)
                largest = max(largest, strides[1] * (widths[-1] / other) ** growth)
                wanted = STRIDE if growth < _GROWS else _CAREFUL * STRIDE
            if not largest or wanted / 2 < largest < 2 * wanted:
                break
            if rate == most and largest < wanted:
                break
            rate *= wanted / largest if math.isfinite(largest) else 1e-3
        # A read-out that starts at zero is its updates at every width.
        if growing < _GROWS and _SHARE < share < math.inf:
            rate *= _SHARE / share
        for _ in range(_PILOT_TRIES):
            found = self.measure(narrow, range(_PILOT_NETWORKS), rate)
            if self._fitted(found) <= _MOST_FITTED:
                break
            rate /= 2
        return rate

    def _fitted(self, sizes: Sizes) -> float:
        """How far the own update falls that falls most; what rests at a step does not count."""
        falls = [
            float((size - sizes[key._replace(step=self.steps)]).mean())
            for key, size in sizes.items()
            if key.quantity == OWN and key.step == 1
        ]
        return max((fall for fall in falls if math.isfinite(fall)), default=0.0)

    def _share(self, width: int, sizes: Sizes) -> float:
        """How large the read-out's updates become relative to its init: inf where that is zero.

        From what they do to f: a coherent sum over n entries, beside an incoherent one.
        """
        last = len(self.program.spec.layers) - 1
        update, init = sizes[Key(OWN, last, 1)].mean(), sizes[Key(H, last, 0)].mean()
        return float(self.steps * (update - init).exp() / math.sqrt(width))

    def _most(self, widths: list[int]) -> float:
        """Where torch caps a rate at 1 / sqrt(step): stay below at every width."""
        if not any(one.law.torch.caps_rate for one in self.program.spec.optimizers):
            return math.inf
        groups = [
            group
            for width in (widths[0], widths[-1])
            for group in self.program.network(width).param_groups()  # type: ignore[operator]
        ]
        fastest = max((float(group["lr"]) for group in groups), default=1.0)
        return 0.5 / math.sqrt(self.steps) / fastest

    def _stride(self, sizes: Sizes) -> float:
        """How far a step moves what it moves most."""
        last = len(self.program.spec.layers) - 1
        largest = 0.0
        for key, size in sizes.items():
            if key.quantity == DH:
                whole = sizes[Key(H, key.layer, 0)] if key.layer < last else 0.0
                # Nothing moves by nothing, whatever it is relative to.
                relative = torch.where(size == -math.inf, 0.0, (size - whole).exp())
                stride = float(relative.max())
                largest = max(largest, math.inf if math.isnan(stride) else stride)
        return largest

    def compare_with_plain_loop(self, width: int, rate: float) -> None:
        """Raises AssertionError, which is a bug of richc, where the two ways of training part."""
        if all(t.frozen for layer in self.program.spec.layers for t in layer.tensors):
            return
        plain = plain_travel(
            self.program,
            width,
            self.seed_of(width, 0),
            self.batch,
            rate=rate,
            steps=self.steps,
        )
        last = len(self.program.spec.layers) - 1
        stacked = float(
            self.measure(width, range(1), rate, with_travel=True)[Key(TRAVEL, last, self.steps)]
        )
        if plain != stacked and not abs(plain - stacked) < 0.01:
            raise AssertionError(
                f"stacked networks move f by e^{stacked}, a plain loop by e^{plain}"
            )

    def refuse_too_large(self, width: int) -> None:
        """Raises RichError where a single network and its training do not fit."""
        # In double precision: weight, two earlier ones, gradient, difference, optimizer's state.
        copies = 2 if self.program.is_linear else 2 * 8
        over = self.program.over
        who, instead = f"networks of {over} {width}", f"choose smaller --{over}s"
        memory.require(copies * self._bytes(width), who, instead)

    def _bytes(self, width: int) -> int:
        """Of one network's weights in single precision."""
        return 4 * weights(self.program.at(width))

    @property
    def power(self) -> int:
        """By which power of the size time grows."""
        if self.program.over is Growth.DEPTH:
            return 1
        return 3 if any(one.law.takes_matrices_only for one in self.program.spec.optimizers) else 2


def _growth(values: list[float], widths: list[int]) -> float:
    """The power of n between two widths; 0 where there is none."""
    first, second = values
    if not (0 < first < math.inf and 0 < second < math.inf):
        return 0.0
    return math.log(second / first) / math.log(widths[1] / widths[0])
