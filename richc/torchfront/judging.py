"""The rules: from exponents to root causes, one kind at a time.

The order is that of causes: sizes at init; the read-out, whose gradients everything below
inherits; own updates; scales.  Consequences of one kind are not judged before it is mended and
measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

from richc.lab.statistics import Fit
from richc.torchfront import causes
from richc.torchfront.causes import place
from richc.torchfront.evidence import TOLERANCE, AuditRow, Evidence, halves
from richc.torchfront.faults import AuditFault, listed, pattern
from richc.torchfront.judgement import Judgement, lost
from richc.torchfront.knobs import eps_excess, outgrown
from richc.torchfront.measuring import ALL
from richc.torchfront.own import Own, lazy, owns
from richc.torchfront.predicting import predict_size, snapped
from richc.torchfront.reading import FactoryReading, ScalarReading

_HALF = Fraction(1, 2)
#: Parts of the hidden families that must agree before the read-out is blamed.
_SHARE = 0.3


class Judge:
    """Judges one set of networks.  ``target`` is the richness r asked for."""

    def __init__(
        self,
        evidence: Evidence,
        reading: FactoryReading,
        target: Fraction,
        is_free: Callable[[str], bool],
    ) -> None:
        self._evidence, self._reading, self._target = evidence, reading, target
        self._is_free = is_free
        self._rows: list[AuditRow] = []
        self.own = owns(evidence, reading)
        self._lazy = lazy(o for o in self.own.values() if not self._is_late(o))
        # Of chance: a row each for sizes, updates and scales.
        self._judged = len(evidence.events) + len(self.own) + len(evidence.softs) + 2

    def judge(self) -> Judgement:
        """By what was measured."""
        for stage in (self._inits, self._readout, self._updates, self._scales):
            faults = list(stage())
            if faults:
                return self._judgement(faults)
        return self._judgement([])

    def read(self) -> Judgement:
        """Without training: sizes at init, and updates as shapes and rates say that they are."""
        faults = list(self._inits()) or [*self._read_updates(), *self._read_scales()]
        unknown = [own.name for own in self.own.values() if own.read is None]
        said = f"{self._listed(unknown)}: its update cannot be read, only measured"
        notes = (said,) if unknown else ()
        return self._judgement(faults)._replace(notes=(*notes, *self._untrained()))

    def _judgement(self, faults: list[AuditFault]) -> Judgement:
        rows = tuple(self._rows)
        opened = (*self._lost(), *(row for row in rows if row.side(self._judged) is None))
        notes = (*self._notes(), *self._untrained())
        return Judgement(tuple(faults), rows, opened, self.own, self._richness(faults), notes)

    def _lost(self) -> Iterator[AuditRow]:
        """What cannot be told of this kind of network."""
        found = [n for n, o in self.own.items() if self._is_late(o)]
        names = tuple(n for n in found if not self._evidence.is_score(self.own[n].key))
        if names:
            what = f"SGD's update of {listed(names)}: it comes late through a bottleneck"
            yield lost(what, names)

    def _side(self, row: AuditRow) -> int | None:
        self._rows.append(row)
        return row.side(self._judged)

    # Sizes at init.

    def _inits(self) -> Iterator[AuditFault]:
        evidence = self._evidence
        off: list[tuple[str, Fit]] = []
        blamed: dict[tuple[Fraction, Fraction | None], list[tuple[str, Fit]]] = {}
        for key, event in evidence.events.items():
            fit = evidence.size(key)
            if not evidence.is_wide(key) or fit is None or fit.is_zero:
                continue
            names = tuple(dict.fromkeys(name for _, name in event.changes))
            row = AuditRow(f"the size at init of {place(key)}", names, fit)
            if abs(fit.exponent) > TOLERANCE and self._is_free(key):
                continue
            if not self._side(row):
                continue
            off.append((key, fit))
            gain = evidence.gain(key)
            if gain is None or gain.is_zero or abs(gain.exponent) <= TOLERANCE:
                continue
            for name in self._made_of(key):
                init = evidence.init(name)
                read = None if init is None or init.is_zero else snapped(init.exponent)
                blamed.setdefault((halves(gain.exponent), read), []).append((name, gain))
        for (excess, read), found in blamed.items():
            gain = max((g for _, g in found), key=lambda g: abs(g.exponent))
            yield causes.init(tuple(dict.fromkeys(n for n, _ in found)), excess, read, gain)
        if off and not blamed:
            key, fit = off[0]
            yield causes.multiplier(evidence, self._reading, key, halves(fit.exponent), fit)

    def _made_of(self, key: str) -> list[str]:
        """The parameters that a representation's size at init comes from."""
        evidence = self._evidence
        parts = {
            name: part.exponent
            for direction, name in evidence.events[key].changes
            if direction == "self"
            and (part := evidence.itself(name, key)) is not None
            and not part.is_zero
        }
        largest = max(parts.values(), default=0.0)
        kept = [name for name, part in parts.items() if part > largest - TOLERANCE]
        return [n for n in kept if self._reading.parameters[n].is_matrix] or kept

    # The read-out.

    def _readout(self) -> Iterator[AuditFault]:
        for several in (self._evidence.narrow.values(), self._evidence.outputs):
            faults: list[AuditFault] = []
            for at in dict.fromkeys(several):
                readouts = [own for own in self.own.values() if own.is_readout and own.output == at]
                if readouts or not at:
                    faults += self._of_output(at, readouts)
            if faults:  # What reaches the output goes through bottlenecks.
                yield from faults
                return

    def _of_output(self, at: str, readouts: list[Own]) -> Iterator[AuditFault]:
        evidence = self._evidence
        matrices = [o for o in readouts if self._reading.parameters[o.name].is_matrix]
        output, gains = evidence.output(at), self._gains(at)
        # A lazy network's read-out is larger: that is what makes it lazy.
        allowed = max(float(_HALF - self._target), -self._lazy if self._lazy is not None else 0.0)
        grown = sorted(g for g in gains if g.exponent - allowed > TOLERANCE)
        is_blamed = False
        # What moves the representation that it reads shows it alone: others' updates may be
        # enlarged by those of matrices between.
        if grown and gains[-1] in grown and len(grown) >= _SHARE * len(gains):
            sizes = [predict_size(evidence, self._reading.parameters[o.name], o.key)
                     for o in matrices]  # fmt: skip
            read = max((one for one in sizes if one is not None), default=None)
            fit = grown[len(grown) // 2]
            row = AuditRow("what updates do to the output", (), fit, True, allowed, read)
            if self._side(row):
                is_blamed, tied = True, [] if at else self._tied()
                yield causes.readout(evidence, self._reading, matrices, row, tied)
        if output is not None and not output.is_zero and (at or not evidence.output_grows):
            row = AuditRow("the size of the output at init", (), output, True)
            if self._side(row) and not is_blamed:
                made_of = [n for own in matrices[-1:] for n in self._made_of(own.key)]
                yield causes.output(self._reading, made_of, halves(output.exponent), output)

    def _gains(self, at: str) -> list[Fit]:
        """By how much families of hidden matrices move an output, over their update, in order."""
        evidence, found, order = self._evidence, [], list(self._evidence.events)
        step_of = evidence.first_step if at in evidence.narrow.values() else evidence.step
        for who, names in self._reading.families.items():
            known = [self.own[name] for name in names if name in self.own]
            members = [own for own in known if own.is_wide and own.exponent is not None]
            if not members:
                continue
            pairs = [(own.name, own.key) for own in members]
            gain = evidence.readout_gain(who, pairs, max(step_of(name) for name, _ in pairs), at)
            if gain is not None:
                found.append((max(order.index(key) for _, key in pairs), gain))
        return [gain for _, gain in sorted(found)]

    # Own updates.

    def _richness(self, faults: list[AuditFault]) -> float | None:
        found = sorted(
            o.exponent for o in self.own.values() if o.is_wide and o.exponent is not None
        )
        if not found or (faults and self._lazy is None):
            return None
        return 0.5 + (self._lazy if self._lazy is not None else found[len(found) // 2])

    def _updates(self) -> Iterator[AuditFault]:
        wanted = float(self._target - _HALF)
        groups: dict[tuple[str, Fraction], list[Own]] = {}
        shifted: list[Own] = []
        unclear: list[tuple[Own, AuditRow]] = []
        for own in self.own.values():
            reading = self._reading.parameters[own.name]
            if own.fit is None or own.exponent is None or reading.optimizer is None:
                continue
            if self._is_late(own):
                continue
            goal = wanted if own.is_wide else 0.0
            upward = not own.is_wide and not own.is_readout
            what = f"the update of `{own.name}`"
            row = AuditRow(what, (own.name,), own.fit, upward, goal, own.read)
            side = self._side(row)
            wrong = self._wrong(own, side, row)
            if own.is_wide and self._lazy is not None and (wrong is None or wrong[0] != "A602"):
                shifted += [own] if side else []
                continue
            if side is None:
                unclear.append((own, row))
            if wrong is not None:
                groups.setdefault(wrong, []).append(own)
        if any(code == "A602" for code, _ in groups):
            # All that outgrow their gradients; what is off besides is judged without them.
            parameters = (self._reading.parameters[name] for name in self.own)
            yield from outgrown("error", parameters, self._evidence)
            return
        if shifted and self._lazy is not None:
            power = snapped(self._lazy)
            yield from self._one_power(shifted, halves(self._lazy - wanted), _HALF + power)
        for (code, excess), members in self._joined(groups).items():
            if code == "A701":
                yield causes.apart(self._rate(members), members)
            else:
                whole = [*members, *self._alike(members, excess, unclear)]
                yield causes.update(code, excess, self._rate(whole), whole)

    def _joined(
        self, groups: dict[tuple[str, Fraction], list[Own]]
    ) -> dict[tuple[str, Fraction], list[Own]]:
        """As one finding, where every update of the network is off by one power."""
        if not groups:
            return groups
        judged = [o for o in self.own.values() if o.exponent is not None and not self._is_late(o)]
        powers = {excess if code[:2] in ("A3", "A5") else None for code, excess in groups}
        members = [own for found in groups.values() for own in found]
        power = powers.pop()
        if power is None or powers or len(members) < len(judged) or len(groups) == 1:
            return groups
        return {("A301" if power > 0 else "A302", power): members}

    def _rate(self, members: Iterable[Own]) -> Fraction | None:
        """The power of the rates, if it is one."""
        rates = {self._reading.parameters[own.name].lr for own in members}
        return rates.pop() if len(rates) == 1 else None

    def _alike(
        self, members: list[Own], excess: Fraction, unclear: list[tuple[Own, AuditRow]]
    ) -> Iterator[Own]:
        """What is named with the members: of their families, what cannot be told yet and looks as
        they do; and what moves late, where their shapes and rates are its own.
        """
        families = [set(names) for names in self._reading.families.values()]
        kin = set().union(*(f for f in families if any(own.name in f for own in members)))
        yield from (o for o, row in unclear if o.name in kin and halves(row.excess) == excess)
        kinds = {self._kind(own) for own in members}
        yield from (o for o in self.own.values() if self._is_late(o) and self._kind(o) in kinds)

    def _kind(self, own: Own) -> tuple[object, ...]:
        one = self._reading.parameters[own.name]
        return one.dimensions, one.lr, one.optimizer

    def _is_late(self, own: Own) -> bool:
        """SGD's queries and keys get their gradient through values that are not aligned yet; what
        makes a bottleneck, through what reads it.
        """
        follows = not self._reading.parameters[own.name].ignores_gradient
        late = self._evidence.is_score(own.key) or self._evidence.is_ahead(own.key)
        return follows and late

    def _wrong(self, own: Own, side: int | None, row: AuditRow) -> tuple[str, Fraction] | None:
        """The rule that an update breaks, and by what power."""
        reading, fit = self._reading.parameters[own.name], row.fit
        apart = own.read is not None and abs(fit.exponent - float(own.read)) > TOLERANCE
        if apart and AuditRow("", (own.name,), fit, wanted=float(own.read or 0)).side(self._judged):
            power = eps_excess(reading, self._evidence)
            return ("A701", Fraction(0)) if power is None else ("A602", power)
        if not side:
            return None
        # As read, which does not disagree with what was measured; else the nearest half.
        exact = (
            Fraction(0)
            if own.read is None
            else own.read - Fraction(row.wanted).limit_denominator(100)
        )
        code = "A502" if own.is_readout else "A301" if side > 0 else "A302"
        return code, exact or halves(row.excess)

    def _one_power(self, members: list[Own], excess: Fraction, r: Fraction) -> Iterator[AuditFault]:
        reading = self._reading
        readouts = [o.name for o in self.own.values() if o.is_readout and not o.is_bottleneck]
        matrices = [name for name in readouts if reading.parameters[name].is_matrix]
        return causes.one_power(reading, matrices, members, excess, r, self._target)

    def _read_updates(self) -> Iterator[AuditFault]:
        wanted = self._target - _HALF
        hidden = [own for own in self.own.values() if own.read is not None and own.is_wide]
        groups: dict[tuple[str, Fraction, Fraction | None], list[Own]] = {}
        for own in self.own.values():
            excess = Fraction(0) if own.read is None else own.read - own.is_wide * wanted
            if excess:
                code = "A502" if own.is_readout else "A301" if excess > 0 else "A302"
                lr = self._reading.parameters[own.name].lr
                groups.setdefault((code, excess, lr), []).append(own)
        powers = {own.read for own in hidden if own.read is not None}
        if len(powers) == 1 and -_HALF <= (power := powers.pop()) < min(wanted, Fraction(0)):
            yield from self._one_power(hidden, power - wanted, _HALF + power)
            groups = {key: found for key, found in groups.items() if not found[0].is_wide}
        for (code, excess, lr), members in groups.items():
            yield causes.update(code, excess, lr, members)

    # Scales.

    def _read_scales(self) -> Iterator[AuditFault]:
        """Attention whose scale leaves what updates align in keys and queries too large."""
        groups: dict[Fraction, list[ScalarReading]] = {}
        for one in self._reading.scalars:
            if one.scalar.kind == "attention scale" and one.power is not None:
                excess = one.power + (one.terms or 0)
                if excess > 0:
                    groups.setdefault(excess, []).append(one)
        for excess, members in groups.items():
            places = [one.scalar.where for one in members]
            line = members[0].scalar.line
            softs = self._evidence.softs
            names = self._queries(key for key in softs if key.partition(":")[0] in places)
            yield causes.scale(self._reading, names, places, excess, None, attends=True, line=line)

    def _queries(self, softs: Iterable[str]) -> list[str]:
        """The matrices that make queries and keys, or what else goes into a soft-max."""
        names = dict.fromkeys(n for key in softs for n in self._evidence.names_before(key))
        matrices = [n for n in names if self._reading.parameters[n].is_matrix] or list(names)
        return [n for n in matrices if self._reading.parameters[n].is_hidden] or matrices

    def _scales(self) -> Iterator[AuditFault]:
        evidence = self._evidence
        found: dict[tuple[bool, Fraction, str], list[tuple[str, Fit]]] = {}
        steps = {evidence.step(name) for name in self.own}
        families = (ALL, *self._reading.families)
        for key, soft in evidence.softs.items():
            fits = [evidence.response(who, key, step) for who in families for step in steps]
            known = [f for f in (evidence.soft(key), *fits) if f is not None and not f.is_zero]
            if not known:
                continue
            largest = max(known, key=lambda f: f.exponent)
            row = AuditRow(f"the change of soft-max inputs at {place(key)}", (), largest, True)
            if self._side(row):
                kind = soft.attends, halves(row.excess), pattern(key.partition(":")[0])
                found.setdefault(kind, []).append((key, largest))
        for (attends, excess, _), members in found.items():
            places = [key.partition(":")[0] for key, _ in members]
            names = self._queries(key for key, _ in members)
            fit = max((f for _, f in members), key=lambda f: f.exponent)
            line = evidence.softs[members[0][0]].line
            yield causes.scale(
                self._reading, names, places, excess, fit, attends=attends, line=line
            )

    # What is said, and not judged.

    def _listed(self, names: Iterable[str]) -> str:
        return listed(names, self._reading.parameters)

    def _notes(self) -> Iterator[str]:
        parameters = self._reading.parameters
        trained = [name for name, p in parameters.items() if p.optimizer is not None]
        still = [n for n in trained if n not in self.own or self.own[n].exponent is None]
        if still:
            yield f"{self._listed(still)}: no effect at any width"
        is_score = self._evidence.is_score
        late = [n for n, own in self.own.items() if self._is_late(own) and is_score(own.key)]
        if late:
            yield f"{self._listed(late)}: queries and keys under SGD move late, and are not judged"
        aside = [o.name for o in self.own.values() if o.is_readout and o.fit and o.output is None]
        if aside:
            yield f"{self._listed(aside)}: its output is not returned; its size is not judged"
        for name in self._tied():
            yield f"`{name}` is tied: what it does as a read-out is not judged"

    def _tied(self) -> list[str]:
        """What makes representations, and is a read-out as well."""
        evidence = self._evidence
        thin = {k for k in evidence.events if not evidence.is_wide(k) and not evidence.is_score(k)}
        return [n for n, o in self.own.items() if o.is_wide and thin.intersection(evidence.uses(n))]

    def _untrained(self) -> tuple[str, ...]:
        names = [n for n, p in self._reading.parameters.items() if p.optimizer is None]
        return (f"{self._listed(names)}: in no optimizer, so never trained",) if names else ()
