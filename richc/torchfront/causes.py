"""Faults in words, with the change that mends each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from richc.lab.statistics import Fit
from richc.torchfront.evidence import TOLERANCE, AuditRow, Evidence, halves
from richc.torchfront.faults import AuditFault, Mend, interval_of, listed, powered
from richc.torchfront.own import Own, farthest
from richc.torchfront.predicting import snapped
from richc.torchfront.reading import FactoryReading
from richc.torchfront.seen import Line

_ERROR = "error"


def init(names: Sequence[str], excess: Fraction, read: Fraction | None, gain: Fit) -> AuditFault:
    """A representation that starts too large or too small for what it is made from."""
    size = "large" if excess > 0 else "small"
    return AuditFault(
        "A101",
        _ERROR,
        tuple(names),
        "init",
        excess,
        f"the init of {listed(names)} is too {size}",
        read,
        gain.exponent,
        interval_of(gain),
        f"init × {powered(-excess)}",
        mends=tuple(Mend(name, "init", excess) for name in names),
    )


def multiplier(
    evidence: Evidence, reading: FactoryReading, key: str, excess: Fraction, fit: Fit
) -> AuditFault:
    """A number in the code that makes a representation too large or too small."""
    event = evidence.events[key]
    scalars = [s for s in reading.scalars if s.scalar.kind == "multiplier"]
    line = next((s.scalar.line for s in scalars if s.power == excess), None)
    return AuditFault(
        "A103",
        _ERROR,
        tuple(dict.fromkeys(name for _, name in event.changes)),
        "multiplier",
        excess,
        f"what reaches {place(key)} is multiplied by {powered(excess)}",
        None,
        fit.exponent,
        interval_of(fit),
        f"that multiplier × {powered(-excess)}",
        line or event.line,
    )


def readout(
    evidence: Evidence,
    reading: FactoryReading,
    readouts: Sequence[Own],
    row: AuditRow,
    tied: Sequence[str] = (),
) -> AuditFault:
    """A read-out through which updates of the right size move the output too far.

    What is ``tied`` makes representations, too: only a number behind it can be changed.  So it is
    where representations are multiplied with each other, or summed.
    """
    names = tuple(own.name for own in readouts) or tuple(tied)
    # As read, if that is what was measured; else the nearest half.
    excess = halves(row.excess if row.read is None else float(row.read) - row.wanted)
    if abs(excess - row.excess) > 2 * TOLERANCE:
        excess = halves(row.excess)
    powers = [own.exponent for own in readouts if own.exponent is not None]
    # Its own update too large by the same: one number is too large, not two.  Where the update is
    # as large as the weight, that is its init.
    follows = any(reading.parameters[own.name].times == "weight" for own in readouts)
    both = bool(powers) and abs(max(powers) - float(excess)) < TOLERANCE and not follows
    knob = "multiplier" if both or not readouts else "init"
    mends = [Mend(own.name, "init", excess) for own in readouts]
    if both:
        mends += [Mend(own.name, "lr", _counts(reading, own.name) * excess) for own in readouts]
    is_bottleneck = bool(readouts) and readouts[0].is_bottleneck
    what = f"what it makes at {place(readouts[0].key)}" if is_bottleneck else "the output"
    of = f"the read-out {listed(names)}" if names else "what makes the output of representations"
    inits = [evidence.init(name) for name in names]
    read = next((snapped(i.exponent) for i in inits if i is not None and not i.is_zero), None)
    return AuditFault(
        "A501",
        _ERROR,
        names,
        knob,
        excess,
        f"{of} is too large: updates of the right size move {what} by {powered(excess)}",
        read,
        *measured(row.fit),
        f"{knob} × {powered(-excess)}",
        None if readouts else _behind(reading),
        mends=tuple(mends),
    )


def output(reading: FactoryReading, names: Sequence[str], excess: Fraction, fit: Fit) -> AuditFault:
    """An output that starts too large."""
    knob = "init" if names else "multiplier"
    return AuditFault(
        "A102",
        _ERROR,
        tuple(names),
        knob,
        excess,
        "the output at init grows with the width",
        None,
        fit.exponent,
        interval_of(fit),
        f"{knob} × {powered(-excess)}",
        None if names else _behind(reading),
        mends=tuple(Mend(name, "init", excess) for name in names),
    )


def update(code: str, excess: Fraction, lr: Fraction | None, members: Sequence[Own]) -> AuditFault:
    """Own updates that are too large, or too small."""
    names = tuple(own.name for own in members)
    size = "large" if excess > 0 else "small"
    is_output = code == "A502" and not members[0].is_bottleneck
    effect = "the output" if is_output else place(members[0].key)
    return AuditFault(
        code,
        _ERROR,
        names,
        "lr",
        excess,
        f"the update of {listed(names)} is too {size} at {effect}",
        lr,
        *measured(farthest(members)),
        f"lr × {powered(-excess)}",
        mends=tuple(Mend(name, "lr", excess) for name in names),
    )


def apart(lr: Fraction | None, members: Sequence[Own]) -> AuditFault:
    """Own updates that are not what shapes and rates say."""
    names = tuple(own.name for own in members)
    said = members[0].read
    return AuditFault(
        "A701",
        _ERROR,
        names,
        None,
        None,
        f"the update of {listed(names)} is not the {powered(said or Fraction(0))} that its rate "
        "makes it: something else acts",
        lr,
        *measured(farthest(members)),
        "look at what stands between the rate and the update: clipping, eps, a wrapper, an "
        "optimizer of another law",
    )


def one_power(
    reading: FactoryReading,
    readouts: Iterable[str],
    members: Sequence[Own],
    excess: Fraction,
    r: Fraction,
    target: Fraction,
) -> Iterator[AuditFault]:
    """A network elsewhere on the richness scale than it should be.

    One change: of these rates, and of the init of the read-outs, which gradients inherit.
    """
    mends = tuple(Mend(name, "init", -excess) for name in readouts)
    for count in (1, 2):
        found = [own for own in members if _counts(reading, own.name) == count]
        if not found:
            continue
        names, power = tuple(own.name for own in found), count * excess
        yield AuditFault(
            "A503",
            _ERROR,
            names,
            "lr",
            power,
            f"all hidden updates are off by one power: richness r = {r}, not {target}",
            None,
            *measured(farthest(found)),
            f"lr × {powered(-power)} for these, and the read-out's init × {powered(excess)}",
            mends=(*(Mend(name, "lr", power) for name in names), *mends),
        )
        mends = ()


def scale(
    reading: FactoryReading,
    names: Iterable[str],
    places: Sequence[str],
    excess: Fraction,
    fit: Fit | None,
    *,
    attends: bool,
    line: Line | None,
) -> AuditFault:
    """Soft-max inputs that updates of the right size make grow."""
    found = [
        s
        for s in reading.scalars
        if any(s.scalar.where == p or s.scalar.where.startswith(f"{p}.") for p in places)
    ]
    read = next((s.power for s in found if s.scalar.kind == "attention scale"), None)
    line = next((s.scalar.line for s in found if s.scalar.line is not None), line)
    what = "attention logits" if attends else "soft-max inputs"
    of = f" of {listed(places)}".replace(" parameters)", " places)") if any(places) else ""
    now = "" if read is None else f"a scale ~ {powered(read - excess)}: "
    return AuditFault(
        "A402" if attends else "A401",
        _ERROR,
        tuple(names),
        "attention_scale" if attends else "multiplier",
        excess,
        f"{what}{of} grow with the width",
        read,
        *measured(fit),
        f"{now}the scale × {powered(-excess)}",
        line,
        tuple(Mend(place, "attention_scale", excess) for place in places),
    )


def place(key: str) -> str:
    """Where an event is, for a sentence."""
    where, _, op = key.partition(":")
    return f"`{where}`" if where else f"`{op}`"


def measured(fit: Fit | None) -> tuple[float | None, float | None]:
    """An exponent, and half of its interval."""
    return (None, None) if fit is None else (fit.exponent, interval_of(fit))


def _behind(reading: FactoryReading) -> Line | None:
    """Where the output is multiplied with a number that the width changes."""
    found = [s for s in reading.scalars if s.is_last and s.scalar.kind == "multiplier"]
    return found[-1].scalar.line if found else None


def _counts(reading: FactoryReading, name: str) -> int:
    """How often a multiplier counts in an update: once more where the gradient's size does."""
    return 1 if reading.parameters[name].ignores_gradient else 2
