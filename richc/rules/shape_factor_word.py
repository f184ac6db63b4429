"""R606: a word for a shape factor that means another one elsewhere (information).

Yang, Simon & Bernstein 2023 (arXiv 2310.17813) call sqrt(fan_out / fan_in) spectral; in Megatron-LM
and NeMo's Emerging-Optimizers that is sqrt(max(fan_out, fan_in)), of Liu et al. 2025
(arXiv 2502.16982).
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import INFO, Diagnostic
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.rules.context import Context

_ELSEWHERE = (
    "Megatron's and NeMo's `spectral` is sqrt(max(rows, cols)), with which hidden updates are n^1/2"
    " times larger; what this is they call `unit_rms_norm`, and dion calls it `spectral_norm`"
)


def check(context: Context) -> Iterator[Diagnostic]:
    optimizer = next(o for o in context.model.optimizers if o.shape_factor == "spectral")
    yield Diagnostic(
        "R606",
        "`spectral` means another shape factor elsewhere",
        optimizer.located("shape_factor"),
        label=f"here it is {SHAPE_FACTORS['spectral']}",
        notes=(_ELSEWHERE,),
        help="for theirs write `shape_factor = match_rms_adamw`, which is 0.2 times theirs",
        severity=INFO,
    )
