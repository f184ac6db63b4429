"""What ``richc audit`` prints: findings as text, SARIF and annotations, and one verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

from richc.report.audit_schema import AuditFinding, AuditReport
from richc.report.github import annotation
from richc.report.sarif import LEVELS, artifact, document
from richc.report.style import Style
from richc.words import counted

_SIGNS = {"pass": "✓", "fail": "✗", "undecided": "?", "refused": "✗"}
#: Of findings: knob -> what was read of it.
_KNOBS = {"lr": "lr", "init": "init", "attention_scale": "scale", "decay": "lr × decay"}
#: Rows of parameters in the text; JSON has all.
_MOST = 12


def text(report: AuditReport) -> str:
    """All of it, without colour."""
    return "\n".join(render(report))


def render(report: AuditReport, *, color: bool = False, quiet: bool = False) -> Iterator[str]:
    """Lines for people."""
    style = Style(color)
    if report.verdict == "refused":
        yield f"{style.sign('✗')} {report.factory}: not audited: {report.reason}"
        return
    if not quiet:
        yield f"{style.strong(report.factory)}: {_run(report)}"
    for finding in report.findings:
        yield from _finding(finding, style)
    if not quiet:
        rows = Counter(row.what for row in report.open)
        for what, count in islice(rows.items(), _MOST):
            times = f" ({count} rows)" if count > 1 else ""
            yield f"{style.sign('?')} undecided: {what}{times}"
        if len(rows) > _MOST:
            yield f"{style.sign('?')} undecided: {len(rows) - _MOST} more"
        for note in report.notes:
            yield f"  note: {note}"
    yield f"{style.sign(_SIGNS[report.verdict])} {verdict(report)}"


def verdict(report: AuditReport) -> str:
    """One line."""
    errors = sum(finding.severity == "error" for finding in report.findings)
    name = {"mup": "μP", "ntp": "NTP"}.get(report.target, report.target)
    if report.verdict == "undecided":
        rows = len(report.open)
        said = f"{counted(rows, 'row')} {'is' if rows == 1 else 'are'} open"
        return f"undecided: {said}; --seeds draws more networks, --widths wider ones"
    if report.verdict == "pass":
        said = name if not report.read_only else f"{name}, as far as reading tells"
        return f"{said}; {_risk(report)}"
    faults = f"{errors} fault{'s' if errors > 1 else ''}"
    if report.mended:
        after = f"; measured again with what the help says: {name}"
    elif report.mended is None or report.read_only:
        after = ""
    else:
        after = "; not everything is mended by what the help says"
    return f"not {name}: {faults}{after}; {_risk(report)}"


def _risk(report: AuditReport) -> str:
    if report.risk > 0.5:
        return "too few networks to say how likely that is wrong"
    return f"such a run errs in less than 1 of {max(2, int(1 / max(report.risk, 1e-3)))}"


def _run(report: AuditReport) -> str:
    widths = f"widths {report.widths[0]} to {report.widths[-1]}"
    parameters = counted(len(report.parameters), "parameter")
    return (
        f"{parameters} in {counted(report.groups, 'group')}, {report.optimizers}, {widths}, "
        f"{counted(report.networks, 'network')}, {report.seconds:.0f} s"
    )


def _finding(finding: AuditFinding, style: Style) -> Iterator[str]:
    head = style.severity(finding.severity, f"{finding.severity}[{finding.code}]")
    yield f"{head}: {finding.message}"
    if finding.source is not None:
        yield f"  {style.frame('-->')} {finding.source.path}:{finding.source.line}"
    for label, words in details(finding):
        yield f"   {label:<10} {words}"


def details(finding: AuditFinding) -> Iterator[tuple[str, str]]:
    """What was read, what was measured, and what helps."""
    if finding.read is not None and finding.knob in _KNOBS:
        yield "read", f"{_KNOBS[finding.knob]} ~ n^{finding.read}"
    if finding.measured is not None:
        shown = f"n^{finding.measured:+.2f}"
        yield "measured", shown if finding.interval is None else f"{shown} ± {finding.interval:.2f}"
    if finding.help is not None:
        yield "help", finding.help


def _in_one(finding: AuditFinding) -> str:
    return "\n".join([finding.message, *(f"{label}: {w}" for label, w in details(finding))])


def changes(report: AuditReport) -> Iterator[str]:
    """What ``--fix`` applied, a line for a knob."""
    for finding in report.findings:
        if finding.severity == "error" and finding.excess is not None:
            factor = f"n^{-Fraction(finding.excess)}"
            yield f"{finding.knob} × {factor}: {', '.join(finding.parameters)}"


def sarif(report: AuditReport) -> Iterator[str]:
    """One document with one run."""
    rules: dict[str, int] = {}
    yield from document(
        (_result(report, finding, rules) for finding in report.findings),
        rules,
        [report.reason or ""] if report.verdict == "refused" else [],
    )


def _result(report: AuditReport, finding: AuditFinding, rules: dict[str, int]) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [
            {"name": name.rpartition(".")[2], "fullyQualifiedName": name, "kind": "member"}
            for name in finding.parameters
        ]
    }
    file = report.factory.rpartition(":")[0]
    if finding.source is not None:
        line = finding.source
        location["physicalLocation"] = {
            "artifactLocation": artifact(line.path),
            "region": {"startLine": line.line},
        }
    elif file.endswith(".py"):
        location["physicalLocation"] = {"artifactLocation": artifact(file)}
    return {
        "ruleId": finding.code,
        "ruleIndex": rules.setdefault(finding.code, len(rules)),
        "level": LEVELS[finding.severity],
        "message": {"text": _in_one(finding)},
        "locations": [location],
    }


def github(report: AuditReport) -> Iterator[str]:
    """A workflow command for each finding."""
    file = report.factory.rpartition(":")[0]
    for finding in report.findings:
        fields: dict[str, str | int] = {}
        if finding.source is not None:
            fields = {"file": finding.source.path, "line": finding.source.line}
        elif file.endswith(".py"):
            fields = {"file": file}
        fields["title"] = f"{finding.code} {finding.slug}"
        yield annotation(finding.severity, fields, _in_one(finding))
    if report.verdict in ("refused", "undecided"):
        said = report.reason or verdict(report)
        yield annotation("error", {"title": f"richc audit: {report.verdict}"}, said)
