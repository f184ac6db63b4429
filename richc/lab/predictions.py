"""What the checker says of each measured quantity: the exponents of its passes, put beside."""

from __future__ import annotations

from fractions import Fraction

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.run import LayerFlow
from richc.lab.coordinates import DF, DH, KERNEL, OWN, STATE, H, Key
from richc.lab.growth import Growth
from richc.lab.planning import are_small
from richc.pipeline import ModelResult
from richc.rules.common import trained


def predict(result: ModelResult, key: Key, growth: Growth = Growth.WIDTH) -> Size | None:
    """The exponent of ``key`` in what grows, or None where the checker does not evaluate it."""
    found = _predict(result, key)
    return None if found is None else growth.power_of(found)


def _predict(result: ModelResult, key: Key) -> Size | None:
    verdict = result.verdict
    if key.quantity == H:
        return verdict.flow.later[key.layer].h if key.layer < verdict.known_heights else None
    if verdict.nontrivial is None:
        return None
    if key.quantity == KERNEL:
        return _kernel(verdict.richness)
    first, later = verdict.flow
    if key.quantity == STATE:
        return _gradient(result, key)
    at_first = _change(first[key.layer], key)
    if key.step == 1:
        return at_first
    predicted = _change(later[key.layer], key)
    # Signals that fade at init grow step by step to the size of their updates, and so do weights:
    # how far they are after a few steps depends on the rate at every width that is measured, and
    # where sizes are small so does all that grows.
    grows = any(one.source != other.source for one, other in zip(first, later, strict=True)) or (
        are_small(result.spec) and at_first is not ZERO_SIZE
    )
    return None if grows and predicted != at_first else predicted


def _change(at: LayerFlow, key: Key) -> Size:
    if key.quantity == DH:
        return at.dh
    if key.quantity == OWN:
        return at.bias_own if key.of_bias else at.own
    assert key.quantity == DF
    return at.bias_df if key.of_bias else at.df


def _kernel(richness: Fraction | None) -> Fraction | None:
    """n^(2r - 1), on the richness scale.

    h hᵀ / n changes by sums over n entries of h Δh and of Δh Δh, with Δh ~ n^(r - 1/2).  The
    second is n^(2r - 1); in the first, signs are random at init, and what aligns h with Δh is the
    read-out's own update, of the same n^(2r - 1) in all (Bordelon & Pehlevan 2022, arXiv
    2205.09653; at r = 0 the 1/n of Huang & Yau 2020, arXiv 1909.08156).
    """
    return None if richness is None else 2 * richness - 1


def _gradient(result: ModelResult, key: Key) -> Size | None:
    """The size of the gradient, which is that of momentum and of the root of second moments."""
    for tensor in trained(result.context):
        if (tensor.at, tensor.is_bias) == (key.layer, key.of_bias):
            return tensor.gradient(result.context)
    return None
