"""Knobs beside init and rate: decay, eps, and what a scheduler makes of the rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from richc.torchfront.evidence import TOLERANCE, Evidence, halves
from richc.torchfront.faults import AuditFault, Mend, listed, powered
from richc.torchfront.measuring import Place
from richc.torchfront.own import Own
from richc.torchfront.predicting import predict_size, snapped
from richc.torchfront.reading import FactoryReading, ParameterReading

_HALF = Fraction(1, 2)
#: An eps of this part of a gradient is felt.
_FELT = 0.1


def warnings_of(
    reading: FactoryReading,
    own: Mapping[str, Own],
    evidence: Evidence,
    faults: Iterable[AuditFault],
) -> tuple[AuditFault, ...]:
    """What does not decide the verdict, or what explains a fault."""
    parameters = [p for p in reading.parameters.values() if p.optimizer is not None]
    blamed = {(fault.knob, name) for fault in faults for name in fault.parameters}
    moving = [p for p in parameters if p.name in own and own[p.name].exponent is not None]
    return (
        *(() if any(knob == "schedule" for knob, _ in blamed) else _schedules(parameters)),
        *_decays(parameters),
        *_penalties(parameters, evidence),
        *outgrown("warning", (p for p in moving if ("eps", p.name) not in blamed), evidence),
    )


def blaming_schedules(reading: FactoryReading, faults: Iterable[AuditFault]) -> list[AuditFault]:
    """The faults, with those of rates that a scheduler has made as one of the scheduler."""
    schedules = list(_schedules(list(reading.parameters.values())))
    made = {(name, one.excess) for one in schedules for name in one.parameters}
    kept, is_blamed = [], False
    for fault in faults:
        mine = fault.knob == "lr" and all((n, fault.excess) in made for n in fault.parameters)
        is_blamed = is_blamed or mine
        kept += [] if mine else [fault]
    if is_blamed:
        kept += [one._replace(severity="error") for one in schedules]
    return kept


def _schedules(parameters: list[ParameterReading]) -> Iterator[AuditFault]:
    groups: dict[Fraction, list[ParameterReading]] = {}
    for one in parameters:
        if one.lr is not None and one.first_lr is not None and one.lr != one.first_lr:
            groups.setdefault(one.lr - one.first_lr, []).append(one)
    for shift, members in groups.items():
        names = tuple(one.name for one in members)
        yield AuditFault(
            "A603",
            "warning",
            names,
            "schedule",
            shift,
            f"the scheduler multiplies the rates of {listed(names)} by {powered(shift)}",
            members[0].lr,
            help="let the scheduler multiply every group's own rate",
        )


def small_readouts(
    reading: FactoryReading,
    own: Mapping[str, Own],
    evidence: Evidence,
    faults: Iterable[AuditFault],
    target: Fraction,
) -> Iterator[AuditFault]:
    """Read-outs that start too large by a law, with a number so small that nothing shows it.

    ``own`` and ``evidence`` are those with everything mended, ``target`` is the richness r.
    """
    mended = {mend.name for fault in faults for mend in fault.mends if mend.knob == "init"}
    for one in own.values():
        size = predict_size(evidence, reading.parameters[one.name], one.key)
        if not one.is_readout or one.output in (None, one.key) or size is None:
            continue
        excess, init = size - (_HALF - target), evidence.init(one.name)
        if excess > 0 and init is not None and one.name not in mended:
            yield AuditFault(
                "A501",
                "warning",
                (one.name,),
                "init",
                excess,
                f"the read-out {listed([one.name])} starts larger than it should, by "
                f"{powered(excess)}: at these widths it is too small to be felt",
                snapped(init.exponent),
                help=f"init × {powered(-excess)}",
            )


def _by_power(found: Iterable[tuple[Fraction, str]]) -> dict[Fraction, tuple[str, ...]]:
    """Names that are off by the same power."""
    groups: dict[Fraction, tuple[str, ...]] = {}
    for power, name in found:
        groups[power] = (*groups.get(power, ()), name)
    return groups


def _decay(
    names: tuple[str, ...], power: Fraction, message: str, read: Fraction | None, way: str = ""
) -> AuditFault:
    """A decay that is too large; ``way`` is what may be done besides."""
    help = f"decay × {powered(-power)}{way}"
    return AuditFault("A601", "warning", names, "decay", power, message, read, help=help)


def _decays(parameters: list[ParameterReading]) -> Iterator[AuditFault]:
    found = ((one.decay, one.name) for one in parameters if one.decay)
    for power, names in _by_power(found).items():
        what = f"lr × decay of {listed(names)} is {powered(power)}"
        yield _decay(names, power, f"{what}: weights decay at another pace at another width", power)


def _penalties(parameters: list[ParameterReading], evidence: Evidence) -> Iterator[AuditFault]:
    """Decays that are added to gradients which are then normalised."""
    found: list[tuple[Fraction, str]] = []
    for one in parameters:
        init, gradient = evidence.init(one.name), evidence.gradient(one.name)
        if one.penalty is None or init is None or gradient is None:
            continue
        ahead = float(one.penalty) + init.exponent - gradient.exponent
        if not (init.is_zero or gradient.is_zero) and ahead > TOLERANCE:
            found.append((halves(ahead), one.name))
    for power, names in _by_power(found).items():
        what = f"decay × weight outgrows the gradient of {listed(names)}, with which it is "
        message = f"{what}normalised, by {powered(power)}"
        yield _decay(names, power, message, None, ", or a decay that is decoupled")


def outgrown(
    severity: str, parameters: Iterable[ParameterReading], evidence: Evidence
) -> Iterator[AuditFault]:
    """Where an eps outgrows its gradient, and is felt."""
    found = ((eps_excess(one, evidence), one.name) for one in parameters)
    felt = _by_power((power, name) for power, name in found if power is not None)
    for power, names in felt.items():
        yield AuditFault(
            "A602",
            severity,
            names,
            "eps",
            power,
            f"eps outgrows the gradient of {listed(names)} by {powered(power)}, and is felt at the "
            "widest network",
            help=f"eps × {powered(-power)}",
            mends=tuple(Mend(name, "eps", power) for name in names),
        )


def eps_excess(reading: ParameterReading, evidence: Evidence) -> Fraction | None:
    """By what power an eps outgrows its gradient; None where it does not, or is not felt."""
    gradient = evidence.gradient(reading.name)
    if not reading.is_entrywise or reading.eps is None or gradient is None or gradient.is_zero:
        return None
    widest = evidence.values(Place("grad", "", reading.name))[evidence.widths[-1]]
    ahead = float(reading.eps) - gradient.exponent
    is_felt = reading.eps_value > _FELT * min(widest, default=1.0)
    return halves(ahead) if ahead > TOLERANCE and is_felt else None
