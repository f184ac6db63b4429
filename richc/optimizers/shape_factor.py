"""Shape factors: what an update of a matrix is multiplied by, as a formula of its dimensions."""

from __future__ import annotations

from fractions import Fraction

from richc.algebra.exponent import HALF, ZERO, Exponent
from richc.algebra.monomial import ONE, Monomial, number
from richc.optimizers.knobs import Kind, Knob

#: Shape factor -> its formula.
SHAPE_FACTORS = {
    "none": "1",
    "original": "sqrt(max(1, fan_out / fan_in))",
    "match_rms_adamw": "0.2 sqrt(max(fan_in, fan_out))",
    "spectral": "sqrt(fan_out / fan_in)",
}

#: Those that go by the larger dimension.
OF_THE_LARGER = ("original", "match_rms_adamw")

#: What the glossary adds to a formula.
ABOUT = {
    "none": "the orthogonalised update as it is.",
    "original": "of Muon as it was published.",
    "match_rms_adamw": "updates of the size of AdamW's. In Megatron and NeMo without the 0.2, as "
    "`spectral`.",
    "spectral": "updates of spectral norm that fits the shape. In Megatron and NeMo "
    "`unit_rms_norm`, in dion `spectral_norm`.",
}

SHAPE_FACTOR = Knob(
    "shape_factor",
    Kind.WORD,
    "What an update is multiplied by for its matrix' shape: `none`, `original`, `match_rms_adamw` "
    "or `spectral`. It decides the exponents.",
    required="it decides the exponents",
    words=SHAPE_FACTORS,
)


def kappa(word: str | None, wide_in: bool, wide_out: bool) -> Fraction:
    """The exponent of n of a factor, for a weight (or a bias, which has fan-in 1)."""
    if word == "original":
        return HALF if wide_out and not wide_in else ZERO
    if word == "match_rms_adamw":
        return HALF if wide_in or wide_out else ZERO
    if word == "spectral":
        return Exponent(wide_out - wide_in, 2)
    return ZERO


def monomial(word: str | None, fan_in: Monomial, fan_out: Monomial, larger: Monomial) -> Monomial:
    """The factor, exactly; ``larger`` is the larger dimension for ``OF_THE_LARGER``."""
    if word == "spectral":
        return fan_out.over(fan_in).root()
    if word == "original":
        return larger.over(fan_in).root()
    if word == "match_rms_adamw":
        # torch.optim.Muon's includes the 0.2 of its source (Moonshot AI 2025, arXiv 2502.16982).
        return larger.root().times(number(Fraction(1, 5)))
    return ONE
