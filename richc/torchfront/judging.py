"""The rules: from exponents to root causes, one kind at a time.

The order is that of causes: sizes at init; the read-out, whose gradients everything below
inherits; own updates; scales.  Consequences of one kind are not judged before it is mended and
measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

from richc.lab.statistics import Fit
from richc.torchfront.evidence import TOLERANCE, AuditRow, Evidence, halves
from richc.torchfront.faults import AuditFault, Mend, interval_of, listed, powered
from richc.torchfront.measuring import family
from richc.torchfront.predicting import predict, snapped
from richc.torchfront.reading import Reading

_HALF = Fraction(1, 2)
#: Parts of the hidden families that must agree before the read-out is blamed.
_SHARE = 0.3


class Own(NamedTuple):
    """A parameter's own update of the first representation that it changes."""

    name: str
    key: str
    #: None where it changes nothing.
    fit: Fit | None
    read: Fraction | None
    is_wide: bool
    #: Whether it is the output that it changes first.
    is_readout: bool


class Judgement(NamedTuple):
    """What the networks so far say."""

    faults: tuple[AuditFault, ...]
    #: Rows that count, and those of them that cannot be told.
    rows: tuple[AuditRow, ...]
    open: tuple[AuditRow, ...]
    own: dict[str, Own]
    richness: float | None
    notes: tuple[str, ...]


class Judge:
    """Judges one set of networks.  ``target`` is the richness r asked for."""

    def __init__(
        self,
        evidence: Evidence,
        reading: Reading,
        target: Fraction,
        is_free: Callable[[str], bool],
    ) -> None:
        self._evidence, self._reading, self._target = evidence, reading, target
        self._is_free = is_free
        self._rows: list[AuditRow] = []
        self._sides: dict[int, int | None] = {}
        self.own = {name: own for name in reading.parameters if (own := self._own(name))}

    def judge(self) -> Judgement:
        stages = (self._inits, self._readout, self._updates, self._scales)
        faults: list[AuditFault] = []
        # Every row is counted before any is decided on: what may be chance depends on how many.
        planned = [list(stage()) for stage in (self._inits, self._readout, self._updates)]
        judged = len(self._rows) + len(self._evidence.softs) + 1
        del planned
        self._rows, self._judged = [], judged
        for number, stage in enumerate(stages):
            faults = [fault._replace(stage=number) for fault in stage()]
            if faults:
                break
        rows = tuple(self._rows)
        opened = tuple(row for row in rows if row.side(judged) is None)
        return Judgement(tuple(faults), rows, opened, self.own, self._richness(), self._notes())

    _judged = 1

    def _side(self, row: AuditRow) -> int | None:
        self._rows.append(row)
        return row.side(self._judged)

    # Sizes at init.

    def _inits(self) -> Iterator[AuditFault]:
        evidence = self._evidence
        off: list[tuple[str, Fit]] = []
        blamed: dict[tuple[Fraction, Fraction | None], list[tuple[str, Fit]]] = {}
        for key in evidence.events:
            fit = evidence.size(key)
            if not evidence.is_wide(key) or fit is None or fit.is_zero:
                continue
            event = evidence.events[key]
            names = tuple(n for _, n in event.changes)
            row = AuditRow(f"the size at init of {_place(key)}", tuple(dict.fromkeys(names)), fit)
            if abs(fit.exponent) > TOLERANCE and self._is_free(key):
                continue
            if not self._side(row):
                continue
            off.append((key, fit))
            gain = evidence.gain(key)
            if gain is None or gain.is_zero or abs(gain.exponent) <= TOLERANCE:
                continue
            for name in self._causes(key):
                init = evidence.init(name)
                read = None if init is None or init.is_zero else snapped(init.exponent)
                blamed.setdefault((halves(gain.exponent), read), []).append((name, gain))
        for (excess, read), found in blamed.items():
            parameters = tuple(dict.fromkeys(name for name, _ in found))
            gain = max((g for _, g in found), key=lambda g: abs(g.exponent))
            size = "large" if excess > 0 else "small"
            yield AuditFault(
                "A101",
                "error",
                parameters,
                "init",
                excess,
                f"the init of {listed(parameters)} is too {size}",
                read,
                gain.exponent,
                interval_of(gain),
                f"init × {powered(-excess)}",
                mends=tuple(Mend(name, "init", excess) for name in parameters),
            )
        if off and not blamed:
            yield self._multiplier(*off[0])

    def _causes(self, key: str) -> list[str]:
        """The parameters that a representation's size at init is made of."""
        evidence = self._evidence
        parts = {
            name: part
            for direction, name in evidence.events[key].changes
            if direction == "self"
            and (part := evidence.itself(name, key)) is not None
            and not part.is_zero
        }
        largest = max((part.exponent for part in parts.values()), default=0.0)
        kept = [name for name, part in parts.items() if part.exponent > largest - TOLERANCE]
        dimensions = {n: len(self._reading.parameters[n].dimensions) for n in kept}
        matrices = [n for n in kept if dimensions[n] > 1]
        return matrices or kept

    def _multiplier(self, key: str, fit: Fit) -> AuditFault:
        excess = halves(fit.exponent)
        event = self._evidence.events[key]
        scalars = [s for s in self._reading.scalars if s.scalar.kind == "multiplier"]
        line = next((s.scalar.line for s in scalars if s.power == excess), None)
        return AuditFault(
            "A103",
            "error",
            tuple(dict.fromkeys(n for _, n in event.changes)),
            "multiplier",
            excess,
            f"what reaches {_place(key)} is multiplied by {powered(excess)}",
            None,
            fit.exponent,
            interval_of(fit),
            f"that multiplier × {powered(-excess)}",
            line or event.line,
        )

    # The read-out.

    def _readout(self) -> Iterator[AuditFault]:
        evidence = self._evidence
        readouts = [o for o in self.own.values() if o.is_readout]
        matrices = [o for o in readouts if len(self._reading.parameters[o.name].dimensions) > 1]
        output = evidence.output()
        gains = self._gains()
        # A lazy network's read-out is larger: that is what makes it lazy.
        allowed = float(_HALF - self._target)
        lazy = self._lazy()
        if lazy is not None:
            allowed = max(allowed, -lazy)
        grown = [g for g in gains.values() if g.exponent - allowed > TOLERANCE]
        largest = sorted(grown, key=lambda g: g.exponent)
        excess: Fraction | None = None
        if grown and len(grown) >= _SHARE * len(gains):
            typical = largest[len(largest) // 2]
            row = AuditRow("what updates do to the output", (), typical, True, allowed)
            if self._side(row):
                excess = halves(row.excess)
                yield self._too_large(matrices or readouts, excess, typical)
        if output is not None and not output.is_zero and not evidence.output_grows:
            row = AuditRow("the size of the output at init", (), output, True)
            if self._side(row) and excess is None:
                yield self._grown(matrices or readouts, output)

    def _gains(self) -> dict[str, Fit]:
        """By how much families of hidden matrices move the output, over their own update."""
        families: dict[str, list[Own]] = {}
        for own in self.own.values():
            if own.is_wide and own.fit is not None and not own.fit.is_zero:
                if len(self._reading.parameters[own.name].dimensions) > 1:
                    families.setdefault(family(own.name), []).append(own)
        found = {}
        for who, members in families.items():
            step = max(self._evidence.step(own.name) for own in members)
            pairs = [(own.name, own.key) for own in members]
            gain = self._evidence.readout_gain(who, pairs, step)
            if gain is not None:
                found[who] = gain
        return found

    def _too_large(self, readouts: list[Own], excess: Fraction, gain: Fit) -> AuditFault:
        names = tuple(own.name for own in readouts)
        own = [o.fit.exponent for o in readouts if o.fit is not None and not o.fit.is_zero]
        both = bool(own) and abs(max(own) - float(excess)) < TOLERANCE
        knob = "multiplier" if both else "init"
        mends = [Mend(name, "init", excess) for name in names]
        if both:
            # As if the output were multiplied: the rate goes along, with the square for SGD.
            mends += [
                Mend(name, "lr", excess if self._reading.parameters[name].is_entrywise else
                     2 * excess)
                for name in names
            ]  # fmt: skip
        inits = [self._evidence.init(name) for name in names]
        read = next((snapped(i.exponent) for i in inits if i is not None and not i.is_zero), None)
        return AuditFault(
            "A501",
            "error",
            names,
            knob,
            excess,
            f"the read-out {listed(names)} is too large: updates of the right size move the output "
            f"by {powered(excess)}",
            read,
            gain.exponent,
            interval_of(gain),
            f"{knob} × {powered(-excess)}",
            mends=tuple(mends),
        )

    def _grown(self, readouts: list[Own], output: Fit) -> AuditFault:
        names = tuple(own.name for own in readouts)
        excess = halves(output.exponent)
        return AuditFault(
            "A102",
            "error",
            names,
            "init",
            excess,
            "the output at init grows with the width",
            None,
            output.exponent,
            interval_of(output),
            f"init × {powered(-excess)}",
            mends=tuple(Mend(name, "init", excess) for name in names),
        )

    # Own updates.

    def _own(self, name: str) -> Own | None:
        evidence = self._evidence
        uses = evidence.uses(name)
        if not uses:
            return None
        key = next((use for use in uses if evidence.is_wide(use)), uses[0])
        read = predict(evidence, self._reading.parameters[name], key)
        if evidence.is_wide(key):
            return Own(name, key, evidence.own(name, key), read, True, False)
        soft = next(
            (k for k in evidence.softs if evidence.softs[k][1][-1:] == evidence.events[key].shape[-1:]
             and evidence.largest_response(name, k)),
            None,
        )  # fmt: skip
        step = evidence.step(name)
        if soft is not None:
            return Own(name, key, evidence.response(name, soft, step), None, False, False)
        reaches = not any(evidence.is_wide(later) for later in evidence.after(key))
        fit = evidence.response(name, None, step) if reaches else evidence.own(name, key)
        return Own(name, key, fit, None, False, reaches)

    def _lazy(self) -> float | None:
        """The power by which all hidden updates are short, if it is one and the same."""
        fits = [own.fit for own in self.own.values() if own.is_wide and own.fit is not None]
        found = [fit.exponent for fit in fits if not fit.is_zero]
        if not found or not all(-0.75 < e < -TOLERANCE for e in found):
            return None
        spread = max(found) - min(found)
        return sum(found) / len(found) if spread < 2 * TOLERANCE else None

    def _richness(self) -> float | None:
        lazy = self._lazy()
        fits = [own.fit for own in self.own.values() if own.is_wide and own.fit is not None]
        found = sorted(fit.exponent for fit in fits if not fit.is_zero)
        if not found:
            return None
        return 0.5 + (lazy if lazy is not None else found[len(found) // 2])

    def _updates(self) -> Iterator[AuditFault]:
        wanted = float(self._target - _HALF)
        groups: dict[tuple[str, Fraction, Fraction | None], list[Own]] = {}
        short: list[Own] = []
        lazy = self._lazy()
        for own in self.own.values():
            if own.fit is None or (own.fit.is_zero and own.is_wide):
                continue
            reading = self._reading.parameters[own.name]
            if reading.optimizer is None or own.fit.is_zero:
                continue
            what = f"the update of `{own.name}`"
            goal = wanted if own.is_wide else 0.0
            upward = not own.is_wide and not own.is_readout
            row = AuditRow(what, (own.name,), own.fit, upward, goal)
            side = self._side(row)
            if own.is_wide and lazy is not None:
                if side:
                    short.append(own)
                continue
            code = self._code(own, side, goal)
            if code is not None:
                groups.setdefault((code, self._excess(own, row), reading.lr), []).append(own)
        if short:
            yield self._shifted(short, wanted)
        for (code, excess, lr), members in groups.items():
            yield self._wrong(code, excess, lr, members)

    def _code(self, own: Own, side: int | None, goal: float) -> str | None:
        """What is wrong with an update, if anything is."""
        assert own.fit is not None
        if own.read is not None and own.is_wide:
            apart = abs(own.fit.exponent - float(own.read))
            row = AuditRow("", (own.name,), own.fit, wanted=float(own.read))
            if apart > TOLERANCE and row.side(self._judged):
                return "A701"
        if not side:
            return None
        if own.is_readout:
            return "A502"
        return "A301" if own.fit.exponent > goal else "A302"

    def _excess(self, own: Own, row: AuditRow) -> Fraction:
        if own.read is not None and abs(row.excess - float(own.read) + row.wanted) <= TOLERANCE:
            exact = own.read - Fraction(row.wanted).limit_denominator(8)
            if exact:
                return exact
        return halves(row.excess)

    def _wrong(
        self, code: str, excess: Fraction, lr: Fraction | None, members: list[Own]
    ) -> AuditFault:
        names = tuple(own.name for own in members)
        fits = [own.fit for own in members if own.fit is not None]
        fit = max(fits, key=lambda one: abs(one.exponent))
        place = _place(members[0].key)
        if code == "A701":
            message = (
                f"the update of {listed(names)} is not what its rate says: something else acts"
            )
            advice = (
                "look at what stands between the rate and the update: clipping, eps, a wrapper, "
                "an optimizer of another law"
            )
            return AuditFault(
                code, "error", names, None, None, message, lr, fit.exponent, interval_of(fit), advice
            )
        size = "large" if excess > 0 else "small"
        effect = "the output" if code == "A502" else place
        message = f"the update of {listed(names)} is too {size} at {effect}"
        return AuditFault(
            code,
            "error",
            names,
            "lr",
            excess,
            message,
            lr,
            fit.exponent,
            interval_of(fit),
            f"lr × {powered(-excess)}",
            mends=tuple(Mend(name, "lr", excess) for name in names),
        )

    def _shifted(self, members: list[Own], wanted: float) -> AuditFault:
        lazy = self._lazy()
        assert lazy is not None
        excess = halves(lazy - wanted)
        names = tuple(own.name for own in members)
        fits = [own.fit for own in members if own.fit is not None]
        fit = max(fits, key=lambda one: abs(one.exponent))
        r = _HALF + snapped(lazy)
        mends = [Mend(name, "lr", excess) for name in names]
        readouts = [o.name for o in self.own.values() if o.is_readout]
        mends += [
            Mend(n, "init", -excess) for n in readouts
            if len(self._reading.parameters[n].dimensions) > 1
        ]  # fmt: skip
        return AuditFault(
            "A503",
            "error",
            names,
            "lr",
            excess,
            f"all hidden updates are short by one power: richness r = {r}, not {self._target}",
            None,
            fit.exponent,
            interval_of(fit),
            f"lr × {powered(-excess)} for these, and the read-out's init × {powered(excess)}",
            mends=tuple(mends),
        )

    # Scales.

    def _scales(self) -> Iterator[AuditFault]:
        evidence = self._evidence
        found: dict[tuple[str, Fraction, str], list[tuple[str, Fit]]] = {}
        later = {evidence.step(name) for name in self.own}
        for key, (attends, _, _) in evidence.softs.items():
            fits = [f for s in later if (f := evidence.response("", key, s)) is not None]
            first = evidence.soft(key)
            fits += [] if first is None or first.is_zero else [first]
            families = [
                f
                for who in {family(n) for n in self.own}
                for s in later
                if (f := evidence.response(who, key, s)) is not None and not f.is_zero
            ]
            judged = [f for f in fits if not f.is_zero]
            if not judged:
                continue
            largest = max((*judged, *families), key=lambda f: f.exponent)
            what = f"the change of soft-max inputs at {_place(key)}"
            row = AuditRow(what, (), largest, True)
            if self._side(row):
                code = "A402" if attends else "A401"
                pattern = ".".join("*" if p.isdigit() else p for p in key.split("."))
                found.setdefault((code, halves(row.excess), pattern), []).append((key, largest))
        for (code, excess, _), members in found.items():
            yield self._scale(code, excess, members)

    def _scale(self, code: str, excess: Fraction, members: list[tuple[str, Fit]]) -> AuditFault:
        places = [key.partition(":")[0] for key, _ in members]
        fit = max((f for _, f in members), key=lambda f: f.exponent)
        names = tuple(
            own.name
            for own in self.own.values()
            if any(own.name.startswith(f"{place}.") for place in places)
        )
        line = self._evidence.softs[members[0][0]][2]
        scales = [
            s
            for s in self._reading.scalars
            if s.scalar.where in places or any(s.scalar.where.startswith(f"{p}.") for p in places)
        ]
        read = next((s.power for s in scales if s.scalar.kind == "attention scale"), None)
        line = next((s.scalar.line for s in scales if s.scalar.line is not None), line)
        what = "attention logits" if code == "A402" else "soft-max inputs"
        now = "" if read is None else f"a scale ~ {powered(read - excess)}; "
        return AuditFault(
            code,
            "error",
            names,
            "attention_scale" if code == "A402" else "multiplier",
            excess,
            f"{what} of {listed(places)} grow with the width".replace(" parameters)", " places)"),
            read,
            fit.exponent,
            interval_of(fit),
            f"{now}the scale × {powered(-excess)}",
            line,
            tuple(Mend(place, "attention_scale", excess) for place in places),
        )

    def _notes(self) -> tuple[str, ...]:
        notes = []
        still = [
            n
            for n, p in self._reading.parameters.items()
            if p.optimizer is not None and (n not in self.own or self.own[n].fit is None)
        ]
        if still:
            notes.append(f"{listed(still)}: no effect at any width")
        untrained = [n for n, p in self._reading.parameters.items() if p.optimizer is None]
        if untrained:
            notes.append(f"{listed(untrained)}: in no optimizer, so never trained")
        return tuple(notes)


def _place(key: str) -> str:
    where, _, op = key.partition(":")
    return f"`{where}`" if where else f"`{op}`"
