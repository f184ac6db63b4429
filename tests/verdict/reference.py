"""The exponent calculus written a second time, straight from the theory, to compare verdicts with.

Nothing here comes from richc.  A *size* is the exponent of n of something's magnitude: a Fraction,
or ``NOTHING`` for what is exactly zero.  Layers are numbered from 0; ``L`` is the last hidden one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Number = Fraction | float

NOTHING = float("-inf")
INFINITE = float("inf")
HALF = Fraction(1, 2)

OPTIMIZERS = ("sgd", "adam", "adamw", "lion", "signsgd", "adafactor", "muon")

#: Muon's shape factors: exponents of kappa for (read-in, hidden, read-out).
KAPPA = {
    "none": (Fraction(0), Fraction(0), Fraction(0)),
    "original": (HALF, Fraction(0), Fraction(0)),
    "match_rms_adamw": (HALF, HALF, HALF),
    "spectral": (HALF, Fraction(0), -HALF),
}

HOLDS, VIOLATED, NOT_EVALUATED = "holds", "violated", "not_evaluated"


@dataclass(frozen=True)
class Knobs:
    """One tensor: multiplier n^-a, init std n^-b (infinite for zero), rate n^-c (frozen)."""

    a: Fraction
    b: Number
    c: Number
    #: A layer's bias, which is a tensor of its own.
    bias: Knobs | None = None


@dataclass(frozen=True)
class Expected:
    """What the report must say, in its own words."""

    stable: bool
    nontrivial: bool | None
    regime: str
    limit: str | None
    richness: Fraction | None
    equivalent_to: str | None
    gauges: list[str]
    point: str | None
    desiderata: dict[str, str]
    #: Layers of which D1 (explodes), D2 and D3 are violated.
    explodes: list[int]
    useless: list[int]
    negligible: list[int]
    invariants: list[tuple[Number, Number]]
    heights: list[Number]
    #: None where the calculus says nothing.
    moves: list[Number] | None
    shares: list[Number] | None


@dataclass(frozen=True)
class Phase:
    """One step: u, t, U and T of the theory, for every layer."""

    #: Of weights; of biases (NOTHING where there is none).
    own: list[Number]
    bias_own: list[Number]
    #: Of weights and of biases.
    share: list[Number]
    bias_share: list[Number]
    whole: list[Number]
    value: list[Number]
    #: By what each layer multiplies a change from below, or the read-out's entries.
    gain: list[Number]
    #: What each layer's update is by itself as such a factor; its input.
    woken: list[Number]
    inputs: list[Number]


#: (A, C) of a layer's weight, and of its bias.
Pair = tuple[Number, Number]


def _invariant(optimizer: str, kappa: Fraction, tensor: Knobs) -> Pair:
    if optimizer == "sgd":
        rate = tensor.c + 2 * tensor.a
    elif optimizer == "adafactor":
        rate = tensor.c + tensor.a + tensor.b
    elif optimizer == "muon":
        rate = tensor.c + tensor.a - kappa
    else:
        rate = tensor.c + tensor.a
    return tensor.a + tensor.b, rate


def _kappa(shape: str | None, index: int, last: int) -> Fraction:
    role = 0 if index == 0 else 2 if index == last else 1
    return Fraction(0) if shape is None else KAPPA[shape][role]


def invariants(optimizer: str, shape: str | None, layers: Sequence[Knobs]) -> list[Pair]:
    """(A, C) of every layer's weight."""
    last = len(layers) - 1
    return [
        _invariant(optimizer, _kappa(shape, index, last), layer)
        for index, layer in enumerate(layers)
    ]


def bias_invariants(
    optimizer: str, shape: str | None, layers: Sequence[Knobs]
) -> list[Pair | None]:
    """(A, C) of every layer's bias: a weight with fan-in 1, so a read-in, or a number at f."""
    last = len(layers) - 1
    found: list[Pair | None] = []
    for index, layer in enumerate(layers):
        kappa = Fraction(0) if index == last or shape is None else KAPPA[shape][0]
        found.append(None if layer.bias is None else _invariant(optimizer, kappa, layer.bias))
    return found


def _gains(
    optimizer: str, pairs: Sequence[Pair], inputs: Sequence[Number], before: Phase | None
) -> list[Number]:
    """The factor of each weight on the way back and forth: init, and later init plus update."""
    last = len(pairs) - 1
    gain: list[Number] = [HALF - init for init, _ in pairs]
    gain[last] = -pairs[last][0]
    if before is not None:
        reach = {"sgd": pairs[last][1] - inputs[last], "muon": pairs[last][1] + HALF}
        is_dead = inputs[last] == NOTHING
        update = NOTHING if is_dead else -reach.get(optimizer, pairs[last][1])
        gain[last] = max(gain[last], update)
        for index in range(1, last):
            gain[index] = max(gain[index], min(Fraction(0), before.woken[index]))
    return gain


def phase(
    optimizer: str,
    pairs: Sequence[Pair],
    biases: Sequence[Pair | None],
    before: Phase | None,
) -> Phase:
    """The sizes of one step's changes: the first step's, or those of the step after ``before``."""
    init = [pair[0] for pair in pairs]
    rate = [pair[1] for pair in pairs]
    heights = forward(init, biases)
    last = len(pairs) - 1
    inputs: list[Number] = [Fraction(0), *heights[:-1]]
    if before is not None:
        for index in range(1, last + 1):
            inputs[index] = max(heights[index - 1], min(Fraction(0), before.whole[index - 1]))
    gain = _gains(optimizer, pairs, inputs, before)
    gradient: list[Number] = [Fraction(0)] * len(pairs)
    for index in range(last - 1, -1, -1):
        gradient[index] = gradient[index + 1] + gain[index + 1]
    own: list[Number] = []
    bias_own: list[Number] = []
    for index in range(len(pairs)):
        fan_in = Fraction(0 if index == 0 else 1)
        source = inputs[index]
        bias = biases[index]
        if gradient[index] == NOTHING or source == NOTHING:
            # What has a gradient of exactly zero does not move, under any optimizer.
            own.append(NOTHING)
        elif optimizer == "sgd":
            own.append(fan_in + 2 * source - rate[index] + gradient[index])
        elif optimizer == "muon":
            spread = HALF if index == last else Fraction(0) if index else -HALF
            own.append(spread + source - rate[index])
        else:
            own.append(fan_in + source - rate[index])
        if bias is None or gradient[index] == NOTHING:
            bias_own.append(NOTHING)
        elif optimizer == "sgd":
            bias_own.append(gradient[index] - bias[1])
        elif optimizer == "muon":
            bias_own.append(-bias[1] - (0 if index == last else HALF))
        else:
            bias_own.append(-bias[1])
    whole: list[Number] = []
    for index in range(len(pairs)):
        found = max(own[index], bias_own[index])
        if index:
            # The read-out's entry: W sums coherently over an update that is aligned with it.
            passed = gain[index] + (1 if index == last else 0)
            found = max(found, whole[index - 1] + passed)
        whole.append(found)

    def share(sizes: Sequence[Number]) -> list[Number]:
        return [1 + g + u for g, u in zip(gradient[:last], sizes[:last], strict=True)]

    return Phase(
        own,
        bias_own,
        [*share(own), own[last]],
        [*share(bias_own), bias_own[last]],
        whole,
        share(whole),
        gain,
        [NOTHING if NOTHING in (u, q) else u - q for u, q in zip(own, inputs, strict=True)],
        inputs,
    )


def phases(
    optimizer: str, pairs: Sequence[Pair], biases: Sequence[Pair | None]
) -> tuple[Phase, Phase]:
    """The first step, and what later ones come to."""
    first = now = phase(optimizer, pairs, biases, None)
    for _ in range(10_000):
        now, before = phase(optimizer, pairs, biases, now), now
        if now == before:
            return first, now
    raise AssertionError("sizes never settle")


def forward(init: Sequence[Number], biases: Sequence[Pair | None]) -> list[Number]:
    """q: the size of every representation and of the output at init."""
    heights: list[Number] = []
    for index, (exponent, bias) in enumerate(zip(init, biases, strict=True)):
        height = heights[-1] + HALF - exponent if index else -exponent
        heights.append(height if bias is None else max(height, -bias[0]))
    return heights


def judge(
    optimizer: str, shape: str | None, layers: Sequence[Knobs], *, homogeneous: bool = False
) -> Expected:
    pairs = invariants(optimizer, shape, layers)
    biases = bias_invariants(optimizer, shape, layers)
    homogeneous = homogeneous and not any(biases)
    heights = forward([pair[0] for pair in pairs], biases)
    last = len(layers) - 1
    wrong_size = any(height != 0 for height in heights[:last])
    fails_at_init = wrong_size or heights[last] > 0
    # What is exactly zero has no size to compare anything with.
    dead = any(height == NOTHING for height in heights[:last])
    if fails_at_init and (dead or not homogeneous):
        return Expected(
            stable=False,
            nontrivial=None,
            regime="unstable",
            limit=None,
            richness=None,
            equivalent_to=None,
            gauges=[],
            point=None,
            desiderata={"D0": VIOLATED, **dict.fromkeys(("D1", "D2", "D3"), NOT_EVALUATED)},
            explodes=[],
            useless=[],
            negligible=[],
            invariants=pairs,
            heights=heights,
            moves=None,
            shares=None,
        )
    steps = phases(optimizer, pairs, biases)
    later = steps[-1]
    shares = [max(pair) for pair in zip(later.share, later.bias_share, strict=True)]
    explodes = [
        i for i in range(last + 1) if any(max(s.share[i], s.bias_share[i]) > 0 for s in steps)
    ]
    grows = any(size > 0 for step in steps for size in step.whole[:last])
    still = max(shares) < 0
    useless = [i for i in range(last) if later.value[i] < 0]
    negligible = []
    for i in range(last + 1):
        passed = NOTHING if i == 0 else later.whole[i - 1] + HALF - pairs[i][0]
        if i == last:
            passed = later.value[last - 1]
        # A bias may be absent, and so it may be dead or frozen; beside it, a weight may not.
        of_bias = later.bias_own[i]
        is_small = later.own[i] < max(passed, of_bias)
        if is_small or NOTHING < of_bias < max(passed, later.own[i]):
            negligible.append(i)
    if still:
        useless, negligible = [], []
    desiderata = {
        "D0": VIOLATED if fails_at_init or grows else HOLDS,
        "D1": VIOLATED if explodes or still else HOLDS,
        "D2": NOT_EVALUATED if still else VIOLATED if useless else HOLDS,
        "D3": NOT_EVALUATED if still else VIOLATED if negligible else HOLDS,
    }
    stable = desiderata["D0"] == HOLDS and not explodes
    learns = stable and not still
    limit = None
    if learns:
        limit = "feature_learning" if max(later.whole[:last]) == 0 else "kernel"
    richness = None
    passes = all(status == HOLDS for status in desiderata.values())
    # One richness is one size of update at every representation.
    if passes and len(set(later.whole[:last])) == 1:
        richness = Fraction(later.whole[0]) + HALF
        # Two derivations of one number: from the read-out, too.
        assert richness == (HALF if pairs[last][0] >= 1 else Fraction(pairs[last][0]) - HALF)
    if not stable:
        regime = "unstable"
    elif still:
        regime = "trivial"
    elif richness is None:
        regime = "mixed" if passes else "partial"
    else:
        regime = "rich" if richness == HALF else "lazy"
    gauges = _gauges(layers) if richness is not None else []
    return Expected(
        stable=stable,
        nontrivial=not still,
        regime=regime,
        limit=limit,
        richness=richness,
        equivalent_to=None if richness is None else {HALF: "mup", 0: "ntp"}.get(richness),
        gauges=gauges,
        point=_point(richness, gauges),
        desiderata=desiderata,
        explodes=explodes,
        useless=useless,
        negligible=negligible,
        invariants=pairs,
        heights=heights,
        moves=later.whole,
        shares=shares,
    )


def _gauges(layers: Sequence[Knobs]) -> list[str]:
    off = {
        "stp": all(layer.a == 0 for layer in layers),
        "mup": all(layer.c == 0 for layer in layers),
        "rescaling": all(layer.b == 0 for layer in layers),
    }
    return [name for name, is_off in off.items() if is_off]


def _point(richness: Fraction | None, gauges: Sequence[str]) -> str | None:
    names = {
        HALF: {"stp": "mup-lr", "mup": "mup", "rescaling": "mfp"},
        Fraction(0): {"stp": "ntp-lr", "mup": "ntp", "rescaling": "ntp"},
    }
    if richness not in names or not gauges:
        return None
    return names[richness][gauges[0]]


def scale(optimizer: str, depth: int, richness: Fraction) -> list[tuple[Fraction, Fraction]]:
    """(A, C) of the richness scale for a network with ``depth`` hidden representations."""
    inits = [Fraction(0), *[HALF] * (depth - 1), HALF + richness]
    if optimizer == "sgd":
        first, hidden, last = -2 * richness, 1 - 2 * richness, Fraction(1)
    elif optimizer == "muon":
        first, hidden, last = -richness, HALF - richness, HALF
    else:
        first, hidden, last = HALF - richness, Fraction(3, 2) - richness, Fraction(1)
    return list(zip(inits, [first, *[hidden] * (depth - 1), last], strict=True))


def knobs(
    optimizer: str,
    shape: str | None,
    pairs: Sequence[tuple[Number, Number]],
    thetas: Sequence[Fraction],
) -> list[Knobs]:
    """The layers with these invariants, theta away from the gauge without multipliers."""
    last = len(pairs) - 1
    found = []
    for index, ((init, rate), theta) in enumerate(zip(pairs, thetas, strict=True)):
        if optimizer == "sgd":
            c = rate - 2 * theta
        elif optimizer == "adafactor":
            c = rate - init if init != INFINITE else Fraction(0)
        elif optimizer == "muon":
            assert shape is not None
            c = rate - theta + KAPPA[shape][0 if index == 0 else 2 if index == last else 1]
        else:
            c = rate - theta
        found.append(Knobs(theta, init - theta, c))
    return found
