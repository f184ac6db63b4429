"""What follows from the sizes: where the model is on the scale, and what the width does."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.verdict import HOLDS, MIXED, NOT_EVALUATED, Breach
from richc.calculus.written import rescale
from richc.report.derivation.formulas import number
from richc.report.derivation.sheet import Sheet
from richc.report.style import columns
from richc.rules.sentence import POINT_NAMES, point_name
from richc.words import Regime

#: Powers of 2 beyond this are not multiplied out.
_LARGEST = 64

_CONSEQUENCES = {
    "rich": "Every representation moves by order one at every width: features learn.",
    "still": "Nothing reaches the output: the network does not train at any width.",
    "trivial": "The wider the network, the less it learns; in the limit nothing.",
}


def symmetry(sheet: Sheet, richness: Fraction) -> None:
    sheet.head("The same function, on the scale")
    sheet.say(
        f"Since {sheet.homogeneous()}, multiplying layer l by n^m_l leaves f alone as long as "
        "all m add up to 0. The move that makes every representation of order one:"
    )
    found = rescale(sheet.context.network, sheet.verdict)
    sheet.show(found.moves)
    sheet.say("Training goes along when the rates do. The invariants become")
    sheet.show(found.inits)
    sheet.show(found.rates)
    sheet.say(
        f"which is {point_name(richness)}. So D0 is violated as written, and yet the function "
        f"trains exactly as under {point_name(richness)}."
    )


def conclusion(sheet: Sheet) -> None:
    verdict = sheet.verdict
    sheet.head("Conclusion")
    words = {HOLDS: "holds", NOT_EVALUATED: "not evaluated"}
    statuses = (f"{d} {words.get(status, 'violated')}" for d, status in verdict.statuses)
    sheet.say(f"{', '.join(statuses)}.")
    if verdict.richness is not None:
        _on_scale(sheet, verdict.richness)
    else:
        _off_scale(sheet)
    doubled = _doubled(sheet)
    if doubled:
        sheet.say("When n doubles,")
        sheet.block(doubled)
    sheet.say(f"Verdict: {sheet.result.sentence}.")
    if verdict.violations:
        sheet.say("`richc check` shows where this stands in the file, and what would mend it.")
    others = sorted({d.code for d in sheet.result.diagnostics if d.desideratum is None})
    if others:
        sheet.say(f"`richc check` also reports {', '.join(others)}.")


def _on_scale(sheet: Sheet, richness: Fraction) -> None:
    verdict = sheet.verdict
    update = verdict.flow.later[-2].dh
    out = sheet.last
    assert update + Fraction(1, 2) == richness
    sheet.say(
        "One number is left free by the desiderata, the richness, from 0 (NTP) to 1/2 (μP): "
        f"r = U_{out} + 1/2 = {number(update)} + 1/2 = {richness}. "
        + _CONSEQUENCES.get(
            verdict.regime,
            f"Representations move by n^{update} an entry: in the limit, f's training is "
            "that of a kernel machine.",
        )
    )
    thetas = [
        f"{theta} ({sheet.named(list(run))})"
        for theta, run in groupby(range(len(verdict.theta)), lambda i: verdict.theta[i])
    ]
    shifts = ", ".join(thetas[:6]) + (", ..." if len(thetas) > 6 else "")
    gauge = {
        "stp": "no multipliers, a = 0: the STP gauge",
        "mup": "no layerwise rates, c = 0: the μP gauge",
        "rescaling": "weights of unit size, b = 0: the rescaling gauge",
    }
    named = "; ".join(gauge[g] for g in verdict.gauges) or "a gauge without a name"
    point = f" Its common name is {POINT_NAMES[verdict.point]}." if verdict.point else ""
    shift = "" if "stp" in verdict.gauges else f"; θ = a from the STP gauge: {shifts}"
    sheet.say(f"Gauge: {named}{shift}.{point}")


def _off_scale(sheet: Sheet) -> None:
    verdict = sheet.verdict
    kinds = {violation.kind for violation in verdict.violations}
    if verdict.function_richness is not None:
        text = "Off the richness scale as written; as a function, on it."
    elif (dead := sheet.dead()) is not None:
        text = (
            f"No signal passes h_{dead + 1} at init, and exponents do not say what training makes "
            "of that."
        )
    elif verdict.status("D1") == NOT_EVALUATED:
        text = (
            "The signals at init depend on the width; so will everything that training does "
            "with them."
        )
    elif kinds & {Breach.UPDATE, Breach.EXPLODES}:
        text = (
            "Training blows up with the width: whatever rate works at one width is too large "
            "at a larger one."
        )
    elif verdict.regime == MIXED:
        sizes = (
            f"{sheet.named([index for index, _ in run])} by n^{size}"
            for size, run in groupby(enumerate(verdict.flow.later[:-1]), lambda at: at[1].dh)
        )
        text = (
            "Off the richness scale: there, all representations move by one size, n^(r - 1/2). "
            f"Here, an entry of h moves in {', in '.join(sizes)}."
        )
        if verdict.limit == "feature_learning":
            text += " Those of n^0 learn features at every width."
    elif verdict.regime == Regime.TRIVIAL:
        moves = verdict.flow.later[-1].dh
        text = _CONSEQUENCES["still" if moves is ZERO_SIZE else "trivial"]
    elif verdict.regime == Regime.UNSTABLE:
        text = "Signals at init depend on the width, and so does what training does with them."
    else:
        learning = verdict.learning
        text = f"Training is stable; what moves f is {sheet.named(learning)}"
        idle = sorted(set(range(sheet.last + 1)) - set(learning))
        text += f", and the updates of {sheet.named(idle)} add nothing." if idle else "."
        if verdict.limit == "kernel":
            text += " No representation moves by order one: in the limit, a kernel machine."
    sheet.say(text)


def _doubled(sheet: Sheet) -> list[str]:
    """What a doubling of n does to f at init and to one step."""
    flow = sheet.verdict.flow.later
    sizes: list[tuple[str, Size]] = []
    if sheet.verdict.known_heights == len(flow):
        sizes.append(("f at init", flow[-1].h))
    if sheet.derived.later is not None:
        for size, run in groupby(range(sheet.last), lambda index: flow[index].dh):
            members = list(run)
            sizes.append((f"Δh a step, {sheet.named(members)}", size))
        if len(sizes) > 6:
            sizes = [*sizes[:3], *sizes[-2:]]
        sizes.append(("Δf a step", flow[-1].dh))
    return columns([(name, _effect(size)) for name, size in sizes])


def _effect(size: Size) -> str:
    if not isinstance(size, Fraction):
        return "is exactly 0"
    if not size:
        return "keeps its size"
    is_plain = size.denominator == 1 and size > 0
    exponent = str(size) if is_plain else f"({size})"
    value = f" = {2 ** float(size):.3g}" if abs(size) <= _LARGEST else ""
    return f"is multiplied by 2^{exponent}{value}"
