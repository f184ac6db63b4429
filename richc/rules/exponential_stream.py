"""R104: a stream grows faster than any power of the depth (D0)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.common import cases
from richc.rules.context import Context
from richc.spec.arrangement import residuals


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D0", Breach.EXPONENTIAL):
        block = next(
            block for block, _ in residuals(context.model.arrangement) if case.at in block.parts
        )
        yield Diagnostic(
            "R104",
            f"the stream grows exponentially in the depth: each block of `{block.name}` multiplies "
            "it (D0)",
            block.place("scale"),
            label="what the blocks add together is larger than the stream that they read",
            desideratum="D0",
            layer=block.name,
            notes=("D1-D4 are not evaluated",),
            help="a branch is small by L^-1/2 at least, and by L^-1 where it ends in an activation "
            "with a mean; or a norm begins it",
        )
