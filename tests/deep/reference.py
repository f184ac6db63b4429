"""The desiderata of residual stacks, read off the passes: what a report must say of a network.

Nothing here comes from richc: it is docs/theory.md, "Desiderata of a stack".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.deep.network import (
    NOTHING,
    ONE,
    SGD,
    Activation,
    Dense,
    N,
    Network,
    Norm,
    Op,
    Size,
    all_ops,
)
from tests.deep.passes import HOMOGENEOUS, Exponential, Undecided, Walk
from tests.deep.places import Place, Step, Stream, invariants

HOLDS, VIOLATED, NOT_EVALUATED = "holds", "violated", "not_evaluated"
DESIDERATA = ("D0", "D1", "D2", "D3", "D4")
#: Init gains, then three times the later ones.
PHASES = 4


@dataclass(frozen=True)
class Family:
    """What the report says of one layer, or gain: sizes as in its JSON."""

    #: -A and -C; a branch's last layer has its block's multiplier in them.
    init: Size
    drive: Size
    #: The representation at init, its change, and the share of the output's.
    h: Size
    dh: Size
    df: Size


@dataclass(frozen=True)
class Expected:
    desiderata: dict[str, str | None]
    #: In the last phase, and in the first; of a fixed number of blocks one for each.
    families: dict[str, list[Family]]
    first: dict[str, list[Family]]
    #: Something outgrows its bounds: what is too small beside it is not asked for.
    explodes: bool
    #: Where the theory leaves the answer open, and why: compare nothing.
    unclear: str = ""

    @property
    def verdict(self) -> str:
        judged = [self.desiderata[name] for name in DESIDERATA[:4]]
        if VIOLATED in judged:
            return "fail"
        return "undecided" if NOT_EVALUATED in judged else "pass"


@dataclass
class _Findings:
    """What is broken, by desideratum."""

    #: Some size at init is wrong.
    at_init: bool = False
    grows: bool = False
    #: The largest share in any phase, and in the last.
    most: Size = NOTHING
    last: Size = NOTHING
    useless: list[str] = field(default_factory=list)
    negligible: list[str] = field(default_factory=list)
    lazy: list[str] = field(default_factory=list)
    unclear: str = ""


def judge(network: Network, *, phases: int = PHASES) -> Expected:
    walk = Walk(network)
    has_blocks = any(isinstance(step, Stream) for step in walk.steps)
    last = "D4" if has_blocks else None

    def statuses(first: str, rest: str) -> dict[str, str | None]:
        found: dict[str, str | None] = {"D0": first, **dict.fromkeys(DESIDERATA[1:4], rest)}
        return {**found, "D4": rest if last else None}

    try:
        walk.forward()
    except Exponential:
        return Expected(statuses(VIOLATED, NOT_EVALUATED), {}, {}, explodes=True)
    except Undecided:
        return Expected(statuses(NOT_EVALUATED, NOT_EVALUATED), {}, {}, explodes=False)
    found = _Findings(unclear=walk.unclear)
    _sizes_at_init(walk, found)
    families: dict[str, list[Family]] = {}
    first = families
    for phase in range(phases):
        if phase:
            walk.next_phase()
        walk.backward()
        walk.changes()
        _upper_bounds(walk, found)
        families = _families(walk)
        first = first if phase else families
    _lower_bounds(walk, found)
    kinds = [op.kind for op in all_ops(network.ops) if isinstance(op, Activation)]
    if found.at_init and any(kind not in HOMOGENEOUS for kind in kinds):
        return Expected(
            statuses(VIOLATED, NOT_EVALUATED), {}, {}, explodes=False, unclear=found.unclear
        )
    if found.at_init and any(_has_bias(op) for op in all_ops(network.ops)):
        # Of chains the report says nothing then; the theory speaks of activations only.
        found.unclear = found.unclear or "biases beside a size that is wrong at init"
    is_still = found.last < ONE

    def status(broken: object) -> str:
        return VIOLATED if broken else HOLDS

    desiderata: dict[str, str | None] = {
        "D0": status(found.at_init or found.grows),
        "D1": status(found.most > ONE or is_still),
        "D2": status(found.useless),
        "D3": status(found.negligible),
        "D4": status(found.lazy) if last else None,
    }
    explodes = found.grows or found.most > ONE
    return Expected(desiderata, families, first, explodes, found.unclear)


def _has_bias(op: Op) -> bool:
    return isinstance(op, (Dense, Norm)) and op.bias is not None


def _families(walk: Walk) -> dict[str, list[Family]]:
    found: dict[str, list[Family]] = {}
    for place in walk.places():
        op = place.op
        if isinstance(op, Activation):
            continue
        share = max(place.share(place.own), place.share(place.own_bias))
        if isinstance(op, Dense):
            name, tensor, role = place.family, op.weight, place.role
        elif op.gain is not None:
            name, tensor, role = f"{place.family}.gain", op.gain, 0
        else:
            continue
        init, drive = invariants(tensor, role)
        if place.last_of is not None:
            scale = place.last_of.scale
            init = init if NOTHING == init else init + scale
            if NOTHING != drive:
                drive += scale.times(2) if tensor.optimizer == SGD else scale
        one = Family(init, drive, place.output, place.change, share)
        found.setdefault(name, []).append(one)
    return found


def _is_free(rest: Sequence[Step | Op]) -> bool:
    """Whether only norms read what stands before."""
    for step in rest:
        op = step.op if isinstance(step, Place) else step
        if isinstance(op, Norm):
            return True
        if isinstance(op, Activation) and op.kind in HOMOGENEOUS:
            continue
        if isinstance(op, Stream):
            if not all(_is_free(branch.residual.branch) for branch in op.branches):
                return False
            if all(branch.post is not None for branch in op.branches):
                return True
            continue
        return False
    return False


def _representations(walk: Walk) -> Iterator[tuple[Place, bool]]:
    """Dense layers whose output D0 asks for, and whether only norms read it."""
    for index, step in enumerate(walk.steps):
        if isinstance(step, Place):
            if isinstance(step.op, Dense) and not step.is_read_out:
                yield step, _is_free(walk.steps[index + 1 :])
            continue
        for branch in step.branches:
            for at, place in enumerate(branch.places):
                after = branch.places[at + 1 :]
                # The branch's output itself has no size of its own.
                if isinstance(place.op, Dense) and after:
                    yield place, _is_free(after)


def _streams(walk: Walk) -> Iterator[tuple[Stream, bool]]:
    for index, step in enumerate(walk.steps):
        if isinstance(step, Stream):
            # Of L blocks each is read by the next.
            rest = walk.steps[index if step.count is None else index + 1 :]
            yield step, _is_free(rest)


def _sizes_at_init(walk: Walk, found: _Findings) -> None:
    for place, is_free in _representations(walk):
        if not is_free and place.output != ONE:
            found.at_init = True
            if place.last_of is not None:
                found.unclear = found.unclear or "the size of a last layer before an activation"
    for stream, is_free in _streams(walk):
        if not is_free and stream.exit != ONE:
            found.at_init = True
    for place in walk.places():
        if isinstance(place.op, Norm) and place.output != ONE:
            found.at_init = True
    if walk.read_out.output > ONE:
        found.at_init = True


def _upper_bounds(walk: Walk, found: _Findings) -> None:
    for place, is_free in _representations(walk):
        if place.change > (place.output if is_free else max(place.output, ONE)):
            found.grows = True
    for stream, is_free in _streams(walk):
        if stream.change > (stream.exit if is_free else max(stream.exit, ONE)):
            found.grows = True
    shares = []
    for place in walk.places():
        if isinstance(place.op, Norm) and place.change > ONE:
            found.grows = True
        shares += [place.share(place.own), place.share(place.own_bias)]
    found.last = max(shares)
    found.most = max(found.most, found.last)


def _lower_bounds(walk: Walk, found: _Findings) -> None:
    is_first = True
    for step in walk.steps:
        if isinstance(step, Stream):
            _of_stream(step, found)
        elif isinstance(step.op, Dense):
            value = step.share(step.change)
            passed = NOTHING if is_first else step.change_in + step.init_gain()
            if step.is_read_out:
                passed = step.change_in + step.gain(forward=False) + N
            elif value < ONE:
                found.useless.append(step.family)
            if step.own < max(passed, step.own_bias):
                found.negligible.append(step.family)
            if NOTHING < step.own_bias < max(passed, step.own):
                found.unclear = found.unclear or "a slow bias"
            is_first = False
    # A fixed number of blocks is one family, as L of them are.
    shares: dict[str, Size] = {}
    made: dict[str, Size] = {}
    worth: dict[str, Size] = {}
    for step in walk.steps:
        if not isinstance(step, Stream):
            continue
        for branch in step.branches:
            for place in branch.places:
                if isinstance(place.op, Dense):
                    name = place.family
                    shares[name] = max(place.share(place.own), shares.get(name, NOTHING))
                    if place is not branch.places[-1]:
                        made[name] = max(place.share(place.made), made.get(name, NOTHING))
                    of_stream = N + step.gradient + step.change
                    worth[name] = max(of_stream, worth.get(name, NOTHING))
    found.negligible += [name for name in shares if shares[name] < worth[name]]
    found.useless += [name for name in made if made[name] < ONE]


def _of_stream(stream: Stream, found: _Findings) -> None:
    if N + stream.gradient + stream.change < ONE:
        found.useless.append("stream")
    for branch in stream.branches:
        for at, place in enumerate(branch.places):
            if not isinstance(place.op, Dense):
                continue
            passed = place.change_in + place.gain(forward=True)
            if branch.places[at + 1 :] and place.own < passed:
                found.lazy.append(place.family)
