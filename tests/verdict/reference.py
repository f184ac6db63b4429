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
    """One layer: multiplier n^-a, init std n^-b (infinite for zero), rate n^-c (frozen)."""

    a: Fraction
    b: Number
    c: Number


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

    own: list[Number]
    share: list[Number]
    whole: list[Number]
    value: list[Number]


def invariants(
    optimizer: str, shape: str | None, layers: Sequence[Knobs]
) -> list[tuple[Number, Number]]:
    """(A, C) of every layer."""
    last = len(layers) - 1
    found = []
    for index, layer in enumerate(layers):
        if optimizer == "sgd":
            rate = layer.c + 2 * layer.a
        elif optimizer == "adafactor":
            rate = layer.c + layer.a + layer.b
        elif optimizer == "muon":
            assert shape is not None
            role = 0 if index == 0 else 2 if index == last else 1
            rate = layer.c + layer.a - KAPPA[shape][role]
        else:
            rate = layer.c + layer.a
        found.append((layer.a + layer.b, rate))
    return found


def phase(optimizer: str, pairs: Sequence[tuple[Number, Number]], *, later: bool) -> Phase:
    """The sizes of one step's changes: the first step's, or every later one's."""
    init = [pair[0] for pair in pairs]
    rate = [pair[1] for pair in pairs]
    heights = forward(init)
    last = len(pairs) - 1
    top: Number = init[last]
    if later:
        reach = {"sgd": rate[last] - heights[last - 1], "muon": rate[last] + HALF}
        top = min(top, reach.get(optimizer, rate[last]))
    gradient: list[Number] = [NOTHING] * len(pairs)
    gradient[last] = Fraction(0)
    gradient[last - 1] = -top
    for index in range(last - 2, -1, -1):
        gradient[index] = gradient[index + 1] + HALF - init[index + 1]
    own: list[Number] = []
    for index in range(len(pairs)):
        fan_in = Fraction(0 if index == 0 else 1)
        source = Fraction(0) if index == 0 else heights[index - 1]
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
    whole = [own[0]]
    for index in range(1, len(pairs)):
        # The read-out's entry: W sums coherently over an update that is aligned with it.
        passed = 1 - top if index == last else HALF - init[index]
        whole.append(max(own[index], whole[index - 1] + passed))
    share = [1 + g + u for g, u in zip(gradient[:last], own[:last], strict=True)] + [own[last]]
    value: list[Number] = [1 + g + u for g, u in zip(gradient[:last], whole[:last], strict=True)]
    return Phase(own, share, whole, value)


def forward(init: Sequence[Number]) -> list[Number]:
    """q: the size of every representation and of the output at init."""
    heights: list[Number] = [-init[0]]
    for exponent in init[1:]:
        heights.append(heights[-1] + HALF - exponent)
    return heights


def judge(
    optimizer: str, shape: str | None, layers: Sequence[Knobs], *, homogeneous: bool = False
) -> Expected:
    pairs = invariants(optimizer, shape, layers)
    heights = forward([pair[0] for pair in pairs])
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
    steps = [phase(optimizer, pairs, later=later) for later in (False, True)]
    later = steps[1]
    explodes = [i for i in range(last + 1) if any(step.share[i] > 0 for step in steps)]
    grows = any(size > 0 for step in steps for size in step.whole[:last])
    still = max(later.share) < 0
    useless = [i for i in range(last) if later.value[i] < 0]
    negligible = [
        i for i in range(1, last) if later.own[i] < later.whole[i - 1] + HALF - pairs[i][0]
    ]
    if later.share[last] < later.value[last - 1]:
        negligible.append(last)
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
    if all(status == HOLDS for status in desiderata.values()):
        top = pairs[last][0]
        richness = HALF if top >= 1 else Fraction(top) - HALF
        # Two derivations of one number.
        assert later.whole[0] == richness - HALF
    if not stable:
        regime = "unstable"
    elif still:
        regime = "trivial"
    elif richness is None:
        regime = "partial"
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
        shares=later.share,
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
