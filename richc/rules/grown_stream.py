"""R903: what precedes a stream that grows moves by a power of the depth that constants decide."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import INFO, Diagnostic
from richc.rules.context import Context
from richc.spec.arrangement import residuals

_NOTE = (
    "its powers of the depth are taken as for homogeneous branches; measured ones are larger by "
    "(c - 1)/2, with c > 1 a constant of the activation"
)


def check(context: Context) -> Iterator[Diagnostic]:
    block = next(b for b, around in residuals(context.model.arrangement) if around is not None)
    yield Diagnostic(
        "R903",
        "what precedes a stream that grows with the depth is decided up to constants only",
        block.place("scale"),
        label="these branches make it grow, and they are not homogeneous",
        layer=block.name,
        notes=(_NOTE,),
        help="branches ~ L^-1/2 or smaller keep the stream's size",
        severity=INFO,
    )
