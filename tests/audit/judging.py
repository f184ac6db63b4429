"""Holds a report of ``richc audit`` to the truth about a network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.report.audit_schema import AuditFinding, AuditReport
from tests.audit.zoo.cases import MULTIPLIER, SCALE, Case, Fault

#: How far the excess that is named may be from the true one.
TOLERANCE = Fraction(1, 4)


class Judged(NamedTuple):
    """What a report is worth."""

    said: str
    #: None where it decides nothing.
    verdict: bool | None
    #: Parameters, knob and excess of every fault, and nothing beside them.
    names: bool
    #: As many findings as there are faults.
    one: bool


def judge(case: Case, report: AuditReport) -> Judged:
    errors = [one for one in report.findings if one.severity == "error"]
    warnings = [one for one in report.findings if one.severity == "warning"]
    everything = [parameter.name for parameter in report.parameters]
    verdict = None
    if report.verdict != "undecided":
        # Nothing is said to be right while a row is open.
        right = report.verdict == "pass" and not report.open
        verdict = (right if case.is_right else report.verdict == "fail") and _rich(case, report)
    names = bool(verdict) and _named(case, errors, warnings, everything)
    ways = [case.faults, case.otherwise] if case.otherwise else [case.faults]
    one = names and (not case.is_single or len(errors) in {len(way) for way in ways})
    return Judged(_said(report, errors, warnings), verdict, names, one)


def _rich(case: Case, report: AuditReport) -> bool:
    if case.richness is None:
        return True
    return report.richness is not None and abs(report.richness - case.richness) < 1 / 8


def _named(
    case: Case,
    errors: Sequence[AuditFinding],
    warnings: Sequence[AuditFinding],
    everything: Sequence[str],
) -> bool:
    warned = _are(case, case.warnings, warnings, everything)
    if case.is_right:
        return not errors and warned
    if case.is_single:
        ways = (case.faults, case.otherwise)
        return warned and any(way and _are(case, way, errors, everything) for way in ways)
    known = (*case.faults, *case.otherwise)
    return bool(errors) and all(any(_is_of(one, it, everything) for it in known) for one in errors)


def _are(
    case: Case, faults: Sequence[Fault], found: Sequence[AuditFinding], everything: Sequence[str]
) -> bool:
    """The findings are of these faults, and name all parameters of each."""
    for fault in faults:
        mine = [one for one in found if _is_of(one, fault, everything)]
        named = {name for one in mine for name in one.parameters}
        idle = {name for name in everything if re.fullmatch(case.idle, name)}
        # A factor stands in the source: that it is found is what counts.
        all_of_them = fault.knob in {SCALE, MULTIPLIER}
        if not mine or not (all_of_them or fault.matches(everything) - idle <= named):
            return False
    return all(any(_is_of(one, fault, everything) for fault in faults) for one in found)


def _is_of(finding: AuditFinding, fault: Fault, everything: Sequence[str]) -> bool:
    if finding.knob != fault.knob or finding.excess in {None, "-inf"}:
        return False
    if not finding.parameters and fault.knob not in {SCALE, MULTIPLIER}:
        return False
    near = abs(Fraction(str(finding.excess)) - fault.excess) <= TOLERANCE
    return near and set(finding.parameters) <= fault.matches(everything)


def _said(
    report: AuditReport, errors: Sequence[AuditFinding], warnings: Sequence[AuditFinding]
) -> str:
    if report.verdict == "refused":
        return f"refused: {report.reason}"
    said = [f"{one.code} {_what(one)}" for one in errors]
    said += [f"warning {one.code} {_what(one)}" for one in warnings]
    if report.verdict == "undecided":
        said.append(f"undecided: {len(report.open)} open")
    if report.richness is not None and abs(report.richness - 0.5) > 1 / 8:
        said.append(f"r = {report.richness:.2g}")
    return "; ".join(said) or {"pass": "right", "fail": "wrong"}[report.verdict]


def _what(finding: AuditFinding) -> str:
    names = sorted({re.sub(r"(^|\.)\d+(?=\.|$)", r"\1*", name) for name in finding.parameters})
    of = f"`{names[0]}`" if names else "no parameter"
    if len(names) > 1:
        of += f" and {len(finding.parameters) - 1} more"
    power = "" if finding.excess is None else f" × n^{finding.excess}"
    return f"{of} {finding.knob or ''}{power}"
