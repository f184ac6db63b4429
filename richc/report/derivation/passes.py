"""The passes: forward, backward, one update, and what it does to the output."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

from richc.activations import HOMOGENEOUS
from richc.algebra.formula import power
from richc.algebra.sizes import ZERO_SIZE, Size, largest
from richc.calculus.verdict import HOLDS, NOT_EVALUATED, VIOLATED, Breach
from richc.calculus.written import PhaseLines
from richc.report.derivation.formulas import number
from richc.report.derivation.sheet import Sheet
from richc.report.style import columns

_ZERO = Fraction(0)


def forward(sheet: Sheet) -> None:
    verdict = sheet.verdict
    sheet.head("Forward pass at init: h_l ~ n^q_l")
    bias = " A bias adds its own size." if sheet.has_biases() else ""
    sheet.say(
        "The input is of order one and of fixed dimension. Every later layer sums n random "
        f"weights, + 1/2.{bias} D0 asks for q = 0 at every representation, and for q <= 0 at "
        "the output."
    )
    sheet.show(sheet.derived.heights)
    found = sheet.violations("D0", Breach.SIZE, Breach.OUTPUT)
    output = verdict.flow.later[-1].h
    if not found:
        size = f"f ~ {power(output)} does not grow"
        if output is ZERO_SIZE:
            size = "f is exactly 0"
        elif output == _ZERO:
            size = "so is f"
        sheet.decide("D0 at init", HOLDS, f"every representation is of order one, and {size}")
        return
    sheet.decide("D0 at init", VIOLATED, "")
    sheet.faults(found)
    if verdict.status("D1") == NOT_EVALUATED:
        sheet.decide("D1, D2, D3", NOT_EVALUATED, _why_not(sheet))
    else:
        sheet.say(
            f"The sizes stay exact all the same: {sheet.homogeneous()}, so a factor passes "
            "through every layer unchanged, and the derivation can go on."
        )


def _why_not(sheet: Sheet) -> str:
    dead = sheet.dead()
    if dead is not None:
        return f"h_{dead + 1} is exactly zero at init, and leaves no size to go on from"
    words = sorted(
        {
            layer.activation.name
            for layer in sheet.layers
            if layer.activation and not layer.activation.is_homogeneous
        }
    )
    has = ", ".join(words[:3]) if words else "biases"
    known = sheet.verdict.known_heights
    unknown = f", and the sizes after h_{known} are not known" if known <= sheet.last else ""
    return (
        "away from order one, sizes are exact only in positively homogeneous networks "
        f"({HOMOGENEOUS}, and no biases); this one has {has}{unknown}"
    )


def backward(sheet: Sheet, first: PhaseLines, later: PhaseLines) -> None:
    sheet.head("Backward pass: df/dh_l ~ n^g_l")
    out = sheet.last + 1
    entry = sheet.law.entry[1]
    sheet.say(
        f"The last representation sees W_{out} itself: in the first step its init, and then "
        f"init plus update ({entry}), whichever is larger. Every layer further down sums over "
        "n random weights, + 1/2."
    )
    if not sheet.differ():
        sheet.show(later.gradients)
        sheet.say("The update is not larger than the init, so the first step is like the others.")
        return
    sheet.lines += ["", "    in the first step:"]
    sheet.show(first.gradients)
    sheet.lines += ["", "    in every later step:"]
    sheet.show(later.gradients)
    start = "From"
    if later.gradients[0].value > first.gradients[0].value:
        readout = sheet.context.network.stages[-1].weight.init
        size = "at zero" if readout is ZERO_SIZE else f"at {power(readout)}"
        start = f"W_{out} starts {size}, smaller than its own update: from"
    sheet.say(
        f"{start} the second step on, {'sizes' if later.inputs else 'gradients'} are larger. What "
        "must not be too large or too small is judged there; the lines below are of a later step."
    )
    if later.inputs:
        sheet.say(
            "A representation that starts small is as large as its own change once it has moved, "
            "up to order one; what the next layer acts on is n^p_l:",
            later.inputs,
        )
    if later.gains:
        sheet.say(
            "A hidden weight that starts small passes on more by its own update, which is aligned "
            "with what it was made from: u_l beside the input, up to order one, so that it "
            "multiplies by n^k_l:",
            later.gains,
        )


def update(sheet: Sheet, later: PhaseLines) -> None:
    sheet.head("One step: the change of h_l ~ n^U_l")
    bias = " A bias has no input." if sheet.has_biases() else ""
    sheet.say(
        f"An entry of the layer's own update is of size {sheet.law.entry[0]}. It acts on "
        "the input that it was made from: + q_{l-1}, and + 1 for an aligned sum over n entries "
        f"(not in layer 1, whose input has a fixed dimension).{bias} So it changes h_l by "
        "n^u_l:",
        later.own,
    )
    sheet.say(
        "The whole change n^U_l has two sources: the layer's own update, and the change of the "
        "layer below carried through the init, whose weights are independent of it"
        f"{', or through the update (k_l)' if later.gains else ''}:",
        later.updates,
    )
    found = sheet.violations("D0", Breach.UPDATE)
    what, size = "D0 after updates", largest(*(one.value for one in later.own))
    if found:
        sheet.decide(what, VIOLATED, "some own update grows with the width")
        sheet.faults(found)
    elif any(one.value > _ZERO for one in later.updates):
        reason = (
            "no own update grows, but what is carried does, by the inits that are at fault above"
        )
        sheet.decide(what, VIOLATED, reason)
    else:
        sheet.decide(what, HOLDS, f"no own update grows (the largest u is {number(size)})")


def contribution(sheet: Sheet, first: PhaseLines, later: PhaseLines) -> None:
    verdict = sheet.verdict
    sheet.head("What each update adds to the change of f")
    sheet.say(
        "An update is aligned with the gradient it was made from: the sum over the n entries "
        "of h_l adds 1. The layer's own update changes f by n^t_l, the whole change of h_l by "
        "n^T_l:"
    )
    sheet.show(later.shares)
    sheet.show(later.reaches)
    sheet.show([later.output])
    if sheet.differ():
        sheet.say("In the first step, with the gradients that the read-out's init sends:")
        _first_step(sheet, first)
    largest_share = largest(*(one.value for one in later.shares))
    where = sheet.named(sorted({one.layer for one in later.shares if one.value == largest_share}))
    d1 = verdict.status("D1")
    reason = f"the largest t is {number(largest_share)} ({where}), and should be 0"
    if d1 == HOLDS:
        reason = f"the largest t is 0 ({where}): every step changes f by order one"
    sheet.decide("D1", d1, reason)
    sheet.faults(sheet.violations("D1"))
    if verdict.status("D2") == NOT_EVALUATED:
        sheet.decide(
            "D2, D3", NOT_EVALUATED, "where f does not change, there is no share of it to judge"
        )
        return
    smallest = min((one.value for one in later.reaches), default=_ZERO)
    sheet.decide(
        "D2",
        verdict.status("D2"),
        f"every T must be 0 or more, so that each representation matters; the smallest is "
        f"{number(smallest)}",
    )
    sheet.faults(sheet.violations("D2"))
    sheet.decide(
        "D3",
        verdict.status("D3"),
        "every own update must be as large as the whole change: u = U at every "
        "representation, and t = Δf at the output",
    )
    sheet.faults(sheet.violations("D3"))


#: The sizes of a phase, in the order in which they are derived.
_LETTERS = ("g", "u", "u'", "U", "t", "t'", "T")


def _first_step(sheet: Sheet, first: PhaseLines) -> None:
    """All sizes of the first step, as numbers."""
    letters: dict[int, dict[str, Size]] = {}
    for lines in (first.gradients, first.own, first.updates, first.shares, first.reaches):
        for one in lines:
            letters.setdefault(one.layer, {})[one.letter] = one.value
    kept = [c for c in _LETTERS if any(c in found for found in letters.values())]
    rows = [("layer", *kept)]
    known = sorted(index for index in letters if index in sheet.only)
    for _, run in groupby(known, lambda index: (letters[index], index == sheet.last)):
        members = list(run)
        sizes = letters[members[0]]
        cells = (number(sizes[c]) if c in sizes else "" for c in kept)
        rows.append((sheet.named(members), *cells))
    sheet.block(columns(rows))
