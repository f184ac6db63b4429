"""The JSON report of ``richc audit``, version 1: pydantic models, which are also its schema.

Sizes, rates and stds are powers n^x: exponents of n as they stand, unlike the a, b and c of
``richc check``, which are those of n^-a.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from richc._version import __version__
from richc.report.names import FileName
from richc.report.strict import Strict

_Width = Annotated[int, Field(ge=1)]
#: An exponent of n that was read; "-inf" for what is exactly zero.
_Power = Annotated[str, Field(pattern=r"^(-?[0-9]+(/[1-9][0-9]*)?|-inf)$")]

Knob = Literal["lr", "init", "multiplier", "attention_scale", "eps", "decay", "schedule"]


class CodeLine(Strict):
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
    source: CodeLine | None


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
    seconds: float = 0.0
    findings: list[AuditFinding] = []
    parameters: list[AuditedParameter] = []
    open: list[OpenRow] = []
    notes: list[str] = Field(default=[], description="what was seen and is not judged")
    mended: bool | None = Field(
        default=None,
        description="whether everything is right with the changes of all findings; null where "
        "that was not measured",
    )

    @property
    def exit_code(self) -> int:
        """0 holds, 1 a fault, 2 refused, 4 undecided."""
        return {"pass": 0, "fail": 1, "refused": 2, "undecided": 4}[self.verdict]
