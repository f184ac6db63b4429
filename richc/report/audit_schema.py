"""The JSON report of ``richc audit``, version 1: pydantic models, which are also its schema.

Sizes, rates and stds are powers n^x: exponents of n as they stand, unlike the a, b and c of
``richc check``, which are those of n^-a.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from richc._version import __version__
from richc.report.strict import FileName, Strict

if TYPE_CHECKING:
    from richc.lab.statistics import Fit
    from richc.torchfront.audit import Audit
    from richc.torchfront.evidence import Evidence
    from richc.torchfront.faults import AuditFault
    from richc.torchfront.own import Own
    from richc.torchfront.reading import ParameterReading

_Width = Annotated[int, Field(ge=1)]
#: An exponent of n that was read; "-inf" for what is exactly zero.
_Power = Annotated[str, Field(pattern=r"^(-?[0-9]+(/[1-9][0-9]*)?|-inf)$")]

Knob = Literal["lr", "init", "multiplier", "attention_scale", "eps", "decay", "schedule"]


class UserLine(Strict):
    """A line of the user's code."""

    path: FileName
    line: int


class AuditFinding(Strict):
    """One fault, or one thing to know."""

    code: str
    slug: str
    severity: Literal["error", "warning", "info"]
    parameters: list[str]
    knob: Knob | None
    excess: _Power | None = Field(
        description="the knob is too large by n^excess; times n^-excess it is right"
    )
    read: _Power | None = Field(description="the knob's own power of n, as it was read")
    measured: float | None
    interval: float | None = Field(description="half of the interval of 95 % around measured")
    message: str
    help: str | None
    source: UserLine | None


class OwnUpdate(Strict):
    """What an update of a parameter does to the first representation that it changes."""

    read: _Power | None = Field(description="null where shapes and rates do not say it")
    measured: float | Literal["-inf"] | None
    interval: float | None


class AuditedParameter(Strict):
    """What was read of a parameter, and its own update."""

    name: str
    shape: list[str]
    init: _Power | None
    lr: _Power | None = Field(description="null where no optimizer has it, or it is no power of n")
    decay: _Power | None
    eps: _Power | None
    optimizer: str | None
    own: OwnUpdate


class OpenRow(Strict):
    """What the networks could not decide."""

    parameters: list[str]
    what: str


class AuditReport(Strict):
    """What ``richc audit --format json`` prints."""

    version: Literal[1] = 1
    richc: str = __version__
    factory: str
    target: str
    verdict: Literal["pass", "fail", "undecided", "refused"]
    reason: str | None = Field(default=None, description="of a refusal")
    richness: float | None = None
    risk: float = Field(default=1.0, description="a bound on how often such a run errs")
    widths: list[_Width]
    networks: int = 0
    read_only: bool = False
    groups: int = Field(default=0, description="parameter groups of all optimizers")
    optimizers: str = ""
    seconds: float = 0.0
    findings: list[AuditFinding] = Field(default_factory=list)
    parameters: list[AuditedParameter] = Field(default_factory=list)
    open: list[OpenRow] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list, description="what was seen and is not judged")
    mended: bool | None = Field(
        default=None,
        description="whether everything is right with the changes of all findings; null where "
        "that was not measured",
    )

    @property
    def exit_code(self) -> int:
        """0 holds, 1 a fault, 2 refused, 4 undecided."""
        return {"pass": 0, "fail": 1, "refused": 2, "undecided": 4}[self.verdict]


def report(found: Audit) -> AuditReport:
    """The report on one run."""
    from richc.lab.planning import RISK

    settings = found.settings
    fields: dict[str, Any] = {
        "factory": found.factory,
        "target": settings.target,
        "widths": list(settings.widths),
        "read_only": settings.read_only,
        "seconds": found.seconds,
    }
    if found.refusal is not None or found.first is None or found.reading is None:
        return AuditReport(verdict="refused", reason=found.refusal, **fields)
    assert found.last is not None
    assert found.evidence is not None
    faults = [*found.faults, *found.warnings]
    errors = [fault for fault in faults if fault.severity == "error"]
    doubts = not errors and not settings.read_only
    opened = found.last.doubts if doubts else found.last.open
    left = bool(opened) or (found.risk > RISK and not settings.read_only)
    return AuditReport(
        verdict="fail" if errors else "undecided" if left else "pass",
        richness=None if found.first.richness is None else round(found.first.richness, 3),
        risk=min(1.0, found.risk),
        networks=found.networks,
        groups=found.reading.groups,
        optimizers=found.reading.optimizers,
        findings=[_finding(fault) for fault in faults],
        parameters=[
            _parameter(p, found.first.own.get(p.name), found.evidence)
            for p in found.reading.parameters.values()
        ],
        open=[OpenRow(parameters=list(row.parameters), what=row.what) for row in opened],
        notes=[*found.reading.notes, *found.first.notes],
        mended=None if not errors else not found.last.faults and not opened,
        **fields,
    )


def ignoring(report: AuditReport, rules: Iterable[tuple[str, str]]) -> AuditReport:
    """The report without findings (pattern of a parameter's name, code), and its verdict then."""
    several = list(rules)

    def kept(finding: AuditFinding) -> AuditFinding | None:
        named = [
            name
            for name in finding.parameters
            if not any(finding.code == code and fnmatchcase(name, p) for p, code in several)
        ]
        if named == finding.parameters:
            anywhere = any(finding.code == code and p == "*" for p, code in several)
            return None if anywhere and not named else finding
        return finding.model_copy(update={"parameters": named}) if named else None

    findings = [left for one in report.findings if (left := kept(one)) is not None]
    if len(findings) == len(report.findings):
        return report.model_copy(update={"findings": findings})
    errors = any(finding.severity == "error" for finding in findings)
    verdict = report.verdict
    if verdict == "fail" and not errors:
        verdict = "undecided" if report.open else "pass"
    silent = len(report.findings) - len(findings)
    notes = [*report.notes, f"{silent} finding{'s' if silent > 1 else ''} ignored"]
    return report.model_copy(update={"findings": findings, "verdict": verdict, "notes": notes})


def _finding(fault: AuditFault) -> AuditFinding:
    from richc.diagnostics import AUDITED

    return AuditFinding.of(
        fault,
        slug=AUDITED[fault.code],
        measured=_rounded(fault.measured),
        interval=_rounded(fault.interval),
        source=fault.source and dict(zip(UserLine.model_fields, fault.source, strict=True)),
    )


def _parameter(one: ParameterReading, own: Own | None, evidence: Evidence) -> AuditedParameter:
    from richc.torchfront.faults import interval_of

    fit = None if own is None else own.fit
    init = evidence.init(one.name)
    return AuditedParameter.of(
        one,
        shape=[str(d) for d in one.dimensions],
        init=None if init is None else "-inf" if init.is_zero else _snapped(init),
        own={
            "read": None if own is None else own.read,
            "measured": fit and ("-inf" if fit.is_zero else round(fit.exponent, 3)),
            "interval": None if fit is None or fit.is_zero else round(interval_of(fit), 3),
        },
    )


def _snapped(fit: Fit) -> str | None:
    """The quarter that an init's exponent is, where it is near one."""
    near = Fraction(round(4 * fit.exponent), 4)
    return str(near) if abs(fit.exponent - near) < 0.125 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
