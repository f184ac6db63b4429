"""The verdict in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

from richc.algebra.joint import Joint, width_of
from richc.algebra.sizes import Size
from richc.calculus.verdict import MIXED, NOT_EVALUATED, VIOLATED, Breach, Verdict
from richc.spec.model import Model
from richc.words import Regime

GAUGE_NAMES = {"stp": "STP", "mup": "μP", "rescaling": "rescaling"}
#: By the power of the depth that branches are small by.
DEPTH_NAMES = {Fraction(1): "CompleteP", Fraction(1, 2): "Depth-μP"}
POINT_NAMES = {"mup-lr": "μP-lr", "mup": "μP", "mfp": "MFP", "ntp-lr": "NTP-lr", "ntp": "NTP"}


def point_name(richness: Fraction) -> str:
    """``μP (r = 1/2)``, ``NTP (r = 0)``, or ``r = 1/4``."""
    if richness == Fraction(1, 2):
        return "μP (r = 1/2)"
    if richness == 0:
        return "NTP (r = 0)"
    return f"r = {richness}"


def gauge_words(gauges: Sequence[str]) -> str:
    names = [GAUGE_NAMES[gauge] for gauge in gauges]
    return f"{' and '.join(names)} gauge{'s' if len(names) > 1 else ''}"


def depth_words(*alphas: Fraction) -> str:
    """``CompleteP (branches ~ L^-1)``: what branches are small by; no name where they differ."""
    powers = " and ".join(f"L^-{alpha}" for alpha in alphas)
    name = DEPTH_NAMES.get(alphas[0]) if len(alphas) == 1 else None
    return f"{name} (branches ~ {powers})" if name else f"of branches ~ {powers}"


def describe(verdict: Verdict) -> str:
    """What the model is, without what follows from it."""
    if not verdict.is_decided:
        return f"not decided ({verdict.reason})"
    found = _describe(verdict)
    if verdict.richness is None or not verdict.depth_exponents:
        return found
    return f"{found}, {depth_words(*verdict.depth_exponents)}"


def _describe(verdict: Verdict) -> str:
    if verdict.richness is not None:
        if verdict.gauges:
            gauge = gauge_words(verdict.gauges)
        elif not verdict.theta:
            gauge = "a gauge without a name"
        else:
            shifts = ", ".join(str(theta) for theta in _runs(verdict.theta))
            gauge = f"a gauge without a name (θ = {shifts} from the STP gauge)"
        return f"{point_name(verdict.richness)}, {gauge}"
    if verdict.regime == MIXED:
        return "mixed (D0 to D3 hold, off the richness scale)"
    broken = ", ".join(d for d, status in verdict.statuses if status == VIOLATED)
    if verdict.function_richness is not None:
        return (
            f"off the richness scale ({broken}), though its function trains as "
            f"{point_name(verdict.function_richness)}"
        )
    verb = "fail" if ", " in broken else "fails"
    return f"{verdict.regime} ({broken} {verb})"


def sentence(model: Model, verdict: Verdict) -> str:
    """For example ``μP (r = 1/2), STP gauge: features learn``."""
    if not verdict.is_decided:
        return describe(verdict)
    return f"{describe(verdict)}: {_consequence(model, verdict)}"


def by_update(model: Model, verdict: Verdict) -> list[tuple[Size, str]]:
    """Neighbouring representations whose updates are of one size, from the input on."""
    found = []
    hidden = zip(model.layers, verdict.flow.later[:-1], strict=False)
    for size, run in groupby(hidden, key=lambda item: item[1].dh):
        names = [layer.name for layer, _ in run]
        ends = dict.fromkeys((names[0], names[-1]))
        found.append((size, " ... ".join(f"`{name}`" for name in ends)))
    return found


def over_interval(model: Model, found: Sequence[tuple[str, str]]) -> str:
    """What the sentence, which speaks of the declared r, leaves out; empty without an interval."""
    if model.interval is None:
        return ""
    low, high = model.interval
    statuses = dict(found)
    if all(status == NOT_EVALUATED for status in statuses.values()):
        return f"; at r = {model.richness}, while [{low}, {high}] is not decided"
    broken = [name for name, status in statuses.items() if status == VIOLATED]
    open_ones = [name for name, status in statuses.items() if status == NOT_EVALUATED]
    if not broken and not open_ones:
        return f"; D0 to D3 hold for every r in [{low}, {high}]"
    words = []
    if broken:
        words.append(f"{', '.join(broken)} {'fails' if len(broken) == 1 else 'fail'}")
    if open_ones:
        verb = "is" if len(open_ones) == 1 else "are"
        words.append(f"{', '.join(open_ones)} {verb} not evaluated everywhere")
    return f"; at r = {model.richness}, while in [{low}, {high}] {' and '.join(words)}"


def _consequence(model: Model, verdict: Verdict) -> str:
    if verdict.richness is not None:
        if verdict.regime == Regime.RICH:
            return "features learn"
        if verdict.richness == 0:
            return "lazy, the kernel limit"
        return f"lazy in the limit, Δh ~ n^{verdict.richness - Fraction(1, 2)}"
    if verdict.regime == MIXED:
        (largest, where), *others = by_update(model, verdict)
        if largest == 0:
            return f"features learn at {where}, lazy at {', '.join(names for _, names in others)}"
        sizes = (f"~ n^{size} at {names}" for size, names in [(largest, where), *others])
        return f"lazy in the limit, Δh {', '.join(sizes)}"
    if verdict.regime == Regime.UNSTABLE:
        if any(v.kind in (Breach.UPDATE, Breach.EXPLODES) for v in verdict.violations):
            return f"training blows up with {_symbols(verdict)}"
        return "signals are not of order one at init"
    if verdict.regime == Regime.TRIVIAL:
        of_depth = any(
            isinstance(v.size, Joint) and not v.size.width
            for v in verdict.violations
            if v.kind == Breach.STILL
        )
        return f"{'deep' if of_depth else 'wide'} networks do not train"
    learning = [model.layers[index].name for index in verdict.learning]
    named = ", ".join(f"`{name}`" for name in learning[:4]) + (", ..." if len(learning) > 4 else "")
    limit = "features learn" if verdict.limit == "feature_learning" else "the kernel limit"
    if len(learning) == len(model.layers):
        return f"every layer moves the output; {limit}"
    return f"only {named} move{'s' if len(learning) == 1 else ''} the output; {limit}"


def _symbols(verdict: Verdict) -> str:
    """What makes an update explode: the width, the depth, or both."""
    sizes = [v.size for v in verdict.violations if v.kind in (Breach.UPDATE, Breach.EXPLODES)]
    of_depth = any(isinstance(size, Joint) and size.depth for size in sizes)
    of_width = any(isinstance(size, Fraction) and width_of(size) for size in sizes)
    return " and ".join(["the width"] * of_width + ["the depth"] * of_depth)


def _runs(theta: Sequence[Fraction]) -> list[Fraction | str]:
    """Long runs of equal values, shortened."""
    if len(theta) <= 6:
        return list(theta)
    return [*theta[:3], "...", *theta[-2:]]
