"""The JSON list of rules, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from richc._version import __version__
from richc.report.strict import Strict
from richc.rules.pages import Page


class Rule(Strict):
    """One rule; code and slug are both stable."""

    code: str
    slug: str
    desideratum: Literal["D0", "D1", "D2", "D3", "D4"] | None
    severity: Literal["error", "warning", "info"]
    fixable: bool = Field(description="whether findings may carry an edit")
    summary: str


class RuleList(Strict):
    """What ``richc rules --format json`` prints."""

    version: Literal[1]
    richc: str
    rules: list[Rule]


def rule_list(pages: Iterable[Page]) -> RuleList:
    return RuleList(version=1, richc=__version__, rules=[Rule.of(page) for page in pages])
