"""R902: powers of the width and the depth do not decide a network."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    yield Diagnostic(
        "R902",
        "this network is not decided",
        context.model.name_place,
        label=context.verdict.reason,
        notes=("no desideratum is evaluated, and every `require` fails",),
        help="`richc verify` measures it at widths and depths of your choice",
        severity=WARNING,
    )
