"""A verdict derived step by step, as a student would on paper: ``richc explain FILE``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from textwrap import wrap
from typing import NamedTuple

from richc.optimizers import OPTIMIZERS, law
from richc.pipeline import ModelResult
from richc.report.faults import faults
from richc.report.formulas import WIDTH, affine, formulas, number, span, span_name
from richc.report.style import Style
from richc.rules.common import power
from richc.rules.invariants import invariants, rate_of, rate_powers
from richc.rules.sentence import OPTIMIZER_NAMES, point_name
from richc.scaling.derivation import Line, Phase, derive, rescale
from richc.scaling.formula import Symbols, rich_formula
from richc.scaling.monomial import WIDTH as N
from richc.scaling.monomial import Monomial
from richc.scaling.sizes import ZERO_SIZE, Size, largest
from richc.scaling.verdict import HOLDS, NOT_EVALUATED, Verdict, Violation
from richc.spec.model import Layer, Tensor

_ZERO = Fraction(0)
_LONGEST = 26

#: How one step changes M W, for each family.
_LAWS = {
    "sgd": (
        "moves W by the rate times its gradient, which holds one more factor M: M W moves by "
        "M^2 * rate * (df/dh of the layer) * (its input)."
    ),
    "adam": (
        "moves every entry of W by about the rate, whatever the size of the gradient: M W moves "
        "by M * rate."
    ),
    "adafactor": (
        "moves every entry of W by about the rate times RMS(W), whatever the size of the "
        "gradient: M W moves by M * rate * RMS(W)."
    ),
    "muon": (
        "makes every update orthogonal, with spectral norm rate * (shape factor n^κ), whatever "
        "the size of the gradient: an entry of M W moves by M * rate * n^κ, over the square root "
        "of each dimension that grows."
    ),
}

#: The size of an entry of an update of M W: any layer's, and the read-out's in words.
_ENTRIES = {
    "sgd": ("n^-C times df/dh_l times input (-C_l + g_l + q_{l-1})", "n^-C times input"),
    "adam": ("n^-C (-C_l)", "n^-C"),
    "adafactor": ("n^-C (-C_l)", "n^-C"),
    "muon": (
        (
            "n^-C over the square root of each dimension that grows (-C_l - 1, and -C_l - 1/2 in "
            "layer 1)"
        ),
        "n^-C over sqrt(n)",
    ),
}

_CONSEQUENCES = {
    "rich": "Every representation moves by order one at every width: features learn.",
    "still": "Nothing reaches the output: the network does not train at any width.",
    "trivial": "The wider the network, the less it learns; in the limit nothing.",
}


def derivation(result: ModelResult, only: Sequence[int] | None, *, color: bool) -> str:
    """The whole text, or what concerns the layers ``only``; ends with a newline."""
    return "\n".join(_Derivation(result, only, Style(color)).written()) + "\n"


class _Derivation:
    """Writes the sections in order."""

    def __init__(self, result: ModelResult, only: Sequence[int] | None, style: Style) -> None:
        self.result = result
        self.context = result.context
        self.verdict: Verdict = result.verdict
        self.layers = result.spec.layers
        self.names = [layer.name for layer in self.layers]
        self.last = len(self.layers) - 1
        self.only = frozenset(range(len(self.layers)) if only is None else only)
        self.style = style
        self.lines: list[str] = []
        self.derived = derive(self.context.network, self.verdict)

    def written(self) -> list[str]:
        spec = self.result.spec
        self.lines.append(self.style.strong(f"{spec.name}: {self.result.sentence}"))
        if len(self.only) <= self.last:
            self._say(f"What concerns {self._named(sorted(self.only))}.")
        self._say(
            "A size n^x is written as its exponent x. A product of sizes adds exponents, a sum "
            "has the largest of them. A sum over n entries adds 1/2 where they are independent "
            "(random weights) and 1 where they are aligned (an update and what it was made from)."
        )
        self._given()
        self._forward()
        first, later = self.derived.first, self.derived.later
        step = 3
        if first is not None and later is not None:
            self._backward(first, later)
            self._update(later)
            self._contribution(first, later)
            step = 6
            if self.verdict.function_richness is not None:
                self._symmetry(self.verdict.function_richness)
                step = 7
        self._conclusion(step)
        return self.lines

    # The parts that every section is made of.

    def _head(self, number_: int, title: str) -> None:
        self.lines += ["", self.style.strong(f"{number_}. {title}")]

    def _say(self, text: str, lines: Sequence[Line] | None = None) -> None:
        """A paragraph, with the formulas that it is about; without any of them, nothing."""
        if lines is not None and not any(self._concerns(one) for one in lines):
            return
        self.lines += ["", *_wrapped(text)]
        if lines is not None:
            self._show(lines)

    def _concerns(self, one: Line) -> bool:
        """The last gradient is the read-out's as well."""
        of_readout = one.letter == "g" and one.layer == self.last - 1 and self.last in self.only
        return of_readout or one.layer in self.only

    def _show(self, lines: Iterable[Line]) -> None:
        """The formulas of the layers in question, and what they take from others."""
        shown = [one for one in lines if self._concerns(one)]
        if not shown:
            return
        self.lines += ["", *formulas(shown, self.names)]
        taken = {
            (term.letter, term.layer): number(term.size, inverse=term.inverse)
            for one in shown
            for terms in one.sums
            for term in terms
            if term.letter and term.layer not in self.only
        }
        if taken:
            facts = (
                f"{letter}_{layer + 1} = {value} ({self.names[layer]})"
                for (letter, layer), value in taken.items()
            )
            self.lines.append(f"    where {', '.join(facts)}")

    def _decide(self, what: str, status: str, reason: str) -> None:
        word, paint = {
            HOLDS: ("holds", self.style.good),
            NOT_EVALUATED: ("not evaluated", lambda text: self.style.severity("warning", text)),
        }.get(status, ("violated", lambda text: self.style.severity("error", text)))
        verb = "" if status == HOLDS else "are " if "," in what else "is "
        text = f"=> {what} {verb}{word}{': ' if reason else ':'}{reason}"
        first, *rest = _wrapped(text, below="   ")
        self.lines += ["", first.replace(word, paint(word), 1), *rest]

    def _faults(self, found: Sequence[Violation]) -> None:
        here = [violation for violation in found if violation.layer in self.only]
        for text in faults(here, self.verdict, self.layers):
            self.lines += _wrapped(f"   - {text}", below="     ")
        elsewhere = sorted({v.layer for v in found} - self.only)
        if elsewhere:
            self.lines.append(f"   - {'Also at' if here else 'At'} {self._named(elsewhere)}.")

    def _violations(self, desideratum: str, *kinds: str) -> list[Violation]:
        return [
            v
            for v in self.verdict.violations
            if v.desideratum == desideratum and (not kinds or v.kind in kinds)
        ]

    def _named(self, indices: Sequence[int]) -> str:
        """Names of layers, neighbours together."""
        runs = [
            [index for _, index in run]
            for _, run in groupby(enumerate(indices), lambda item: item[1] - item[0])
        ]
        texts = [span_name([self.names[index] for index in run]) for run in runs]
        return ", ".join(texts[:6]) + (", ..." if len(texts) > 6 else "")

    # The sections.

    def _given(self) -> None:
        spec = self.result.spec
        self._head(1, "What is given")
        bias = " (+ M'_l b_l)" if self._has_biases() else ""
        self._say(
            f"Layer l computes h_l = M_l W_l φ(h_{{l-1}}){bias}; h_{self.last + 1} is the output "
            "f. The multiplier is M ~ n^-a, W's entries start with std ~ n^-b, and its learning "
            "rate is ~ n^-c."
        )
        self.lines += ["", *(f"    {text}" for text in self._table())]
        for text in self._remarks():
            self._say(text)
        name = OPTIMIZER_NAMES[spec.optimizer.name]
        self._say(f"{name} {_LAWS[self._family()]}")
        self._say("So training sees only two numbers of a layer:")
        rate = self._rate_law()
        self.lines += [
            "",
            f"    {'A = a + b':<{len(rate)}}  the size n^-A of M W at init",
            f"    {rate}  its effective rate n^-C",
        ]
        self._say(self._gauge_move())
        found = invariants(self.context)
        if found.floors:
            self._say("RMS(W) ~ n^-R counts as the floor eps ~ n^-e where it is smaller.")
        for lines in found:
            self._show(lines)

    def _family(self) -> str:
        return OPTIMIZERS[self.result.spec.optimizer.name].module

    def _has_biases(self) -> bool:
        return any(layer.bias for layer in self.layers)

    def _rate_law(self) -> str:
        by_a, by_rms, by_c, by_kappa = rate_powers(self.context)
        floored = bool(invariants(self.context).floors)
        text = ""
        parts = ((by_c, "c"), (by_a, "a"), (by_rms, "R" if floored else "b"), (-by_kappa, "κ"))
        for times, letter in parts:
            if times:
                sign = " - " if times < 0 else " + " if text else ""
                text += f"{sign}{'' if abs(times) == 1 else abs(times)}{letter}"
        return f"C = {text}"

    def _gauge_move(self) -> str:
        move = law(self.result.spec.optimizer.name).gauge_power
        rate = {0: "c unchanged", 1: "c - θ"}.get(move, f"c - {move}θ")
        return (
            f"A move a + θ, b - θ, {rate} of any layer keeps both: it is a change of gauge, and "
            "leaves the function the same at every step."
        )

    def _remarks(self) -> list[str]:
        spec = self.result.spec
        found = []
        if spec.width_symbol != N:
            found.append(f"n is the width, `{spec.width_symbol}` in the file.")
        if self._holds_r():
            base = f"({spec.width_symbol} / {spec.base_symbol})" if spec.base_symbol else N
            activity = f"gamma * {base}^r" if spec.gamma != 1 else f"{base}^r"
            found.append(f"Here r = {spec.richness}; alpha is {activity}.")
        if spec.base_symbol:
            found.append(f"{spec.base_symbol} is a constant: it changes no exponent.")
        rate = rich_formula(spec.optimizer.lr, self._symbols())
        found.append(f"Rates are times the optimizer's lr = {rate}.")
        zero = [
            index
            for index, layer in enumerate(self.layers)
            if layer.weight.std.is_zero and index in self.only
        ]
        frozen = [
            index
            for index, layer in enumerate(self.layers)
            if layer.weight.frozen and index in self.only
        ]
        causes = [f"{self._named(zero)} starts at zero"] if zero else []
        causes += [f"{self._named(frozen)} is frozen"] if frozen else []
        if any(
            layer.bias and (layer.bias.std.is_zero or layer.bias.frozen) for layer in self.layers
        ):
            causes.append("biases that start at zero or are frozen")
        if causes:
            found.append(f"n^-∞ stands for exactly zero: {', '.join(causes)}.")
        return [" ".join(found)]

    def _holds_r(self) -> bool:
        return any(
            value.exponent(N).slope
            for layer in self.layers
            for tensor in layer.tensors
            for value in (tensor.scale, tensor.std, rate_of(self.context, tensor))
        )

    def _symbols(self) -> Symbols:
        spec = self.result.spec
        return Symbols(spec.width_symbol, spec.base_symbol, alpha=spec.richness is not None)

    def _table(self) -> list[str]:
        """Multiplier, std and rate of every layer, each with its exponent."""
        rows: list[tuple[str, ...]] = []
        for run in self._alike():
            layer = self.layers[run[0]]
            rows.append((span(run), self._named(run), *self._cells(layer.weight)))
            if layer.bias is not None:
                rows.append(("", "  bias", *self._cells(layer.bias)))
        rows.insert(0, ("l", "layer", "M", "a", "std", "b", "rate", "c"))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return [
            "  ".join(f"{text:<{w}}" for text, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]

    def _alike(self) -> list[list[int]]:
        def key(index: int) -> tuple[object, ...]:
            layer: Layer = self.layers[index]
            return layer.statement, layer.weight, layer.bias

        groups = groupby(sorted(self.only), key)
        return [list(group) for _, group in groups]

    def _cells(self, tensor: Tensor) -> tuple[str, ...]:
        def cell(value: Monomial, total: Monomial) -> tuple[str, str]:
            formula = rich_formula(value, self._symbols())
            if len(formula) > _LONGEST:
                formula = f"{formula[: _LONGEST - 3]}..."
            size = number(self.context.size(total), inverse=True)
            exponent = total.exponent(N)
            if exponent.slope and not total.is_zero:
                return formula, f"{affine(exponent, inverse=True)} = {size}"
            return formula, size

        rate = ("frozen", "∞")
        if not tensor.frozen:
            rate = cell(tensor.lr, rate_of(self.context, tensor))
        return (*cell(tensor.scale, tensor.scale), *cell(tensor.std, tensor.std), *rate)

    def _forward(self) -> None:
        verdict = self.verdict
        self._head(2, "Forward pass at init: h_l ~ n^q_l")
        bias = " A bias adds its own size." if self._has_biases() else ""
        self._say(
            "The input is of order one and of fixed dimension. Every later layer sums n random "
            f"weights, + 1/2.{bias} D0 asks for q = 0 at every representation, and for q <= 0 at "
            "the output."
        )
        self._show(self.derived.heights)
        found = self._violations("D0", "size", "output")
        output = verdict.flow.later[-1].h
        if not found:
            size = f"f ~ {power(output)} does not grow"
            if output is ZERO_SIZE:
                size = "f is exactly 0"
            elif output == _ZERO:
                size = "so is f"
            self._decide("D0 at init", HOLDS, f"every representation is of order one, and {size}")
            return
        self._decide("D0 at init", "", "")
        self._faults(found)
        if verdict.status("D1") == NOT_EVALUATED:
            self._decide("D1, D2, D3", NOT_EVALUATED, self._why_not())
        else:
            self._say(
                f"The sizes stay exact all the same: {self._homogeneous()}, so a factor passes "
                "through every layer unchanged, and the derivation can go on."
            )

    def _why_not(self) -> str:
        if self.context.network.homogeneous:
            return "where a representation is exactly zero, no signal and no gradient passes"
        words = sorted(
            {
                layer.activation.name
                for layer in self.layers
                if layer.activation and not layer.activation.is_homogeneous
            }
        )
        has = ", ".join(words[:3]) if words else "biases"
        known = self.verdict.known_heights
        unknown = f", and the sizes after h_{known} are not known" if known <= self.last else ""
        return (
            "away from order one, sizes are exact only in positively homogeneous networks "
            f"(linear, relu, leaky_relu, and no biases); this one has {has}{unknown}"
        )

    def _homogeneous(self) -> str:
        words = sorted({layer.activation.name for layer in self.layers if layer.activation})
        verb = "is" if len(words) == 1 else "are"
        return f"{', '.join(words)} {verb} positively homogeneous, and there are no biases"

    def _differ(self) -> bool:
        return self.verdict.flow.first != self.verdict.flow.later

    def _backward(self, first: Phase, later: Phase) -> None:
        self._head(3, "Backward pass: df/dh_l ~ n^g_l")
        out = self.last + 1
        entry = _ENTRIES[self._family()][1]
        self._say(
            f"The last representation sees W_{out} itself: in the first step its init, and then "
            f"init plus update ({entry}), whichever is larger. Every layer further down sums over "
            "n random weights, + 1/2."
        )
        if not self._differ():
            self._show(later.gradients)
            self._say(
                "The update is not larger than the init, so the first step is like the others."
            )
            return
        self.lines += ["", "    in the first step:"]
        self._show(first.gradients)
        self.lines += ["", "    in every later step:"]
        self._show(later.gradients)
        readout = self.context.network.stages[-1].weight.init
        size = "at zero" if readout is ZERO_SIZE else f"at {power(readout)}"
        self._say(
            f"W_{out} starts {size}, smaller than its own update: from the second step on, "
            "gradients are larger. What must not be too large or too small is judged there; the "
            "lines below are of a later step."
        )

    def _update(self, later: Phase) -> None:
        self._head(4, "One step: the change of h_l ~ n^U_l")
        bias = " A bias has no input." if self._has_biases() else ""
        self._say(
            f"An entry of the layer's own update is of size {_ENTRIES[self._family()][0]}. It acts on the "
            "input that it was made from: + q_{l-1}, and + 1 for an aligned sum over n entries "
            f"(not in layer 1, whose input has a fixed dimension).{bias} So it changes h_l by "
            "n^u_l:",
            later.own,
        )
        self._say(
            "The whole change n^U_l has two sources: the layer's own update, and the change of the "
            "layer below carried through the init, whose weights are independent of it:",
            later.updates,
        )
        found = self._violations("D0", "update")
        sizes = largest(*(one.value for one in later.own))
        if found:
            self._decide("D0 after updates", "", "some own update grows with the width")
            self._faults(found)
        else:
            self._decide(
                "D0 after updates", HOLDS, f"no own update grows (the largest u is {number(sizes)})"
            )

    def _contribution(self, first: Phase, later: Phase) -> None:
        verdict = self.verdict
        self._head(5, "What each update adds to the change of f")
        self._say(
            "An update is aligned with the gradient it was made from: the sum over the n entries "
            "of h_l adds 1. The layer's own update changes f by n^t_l, the whole change of h_l by "
            "n^T_l:"
        )
        self._show(later.shares)
        self._show(later.reaches)
        self._show([later.output])
        if self._differ():
            self._say("In the first step, with the gradients that the read-out's init sends:")
            self._first_step(first)
        largest_share = largest(*(one.value for one in later.shares))
        where = self._named(
            sorted({one.layer for one in later.shares if one.value == largest_share})
        )
        d1 = verdict.status("D1")
        reason = f"the largest t is {number(largest_share)} ({where}), and should be 0"
        if d1 == HOLDS:
            reason = f"the largest t is 0 ({where}): every step changes f by order one"
        self._decide("D1", d1, reason)
        self._faults(self._violations("D1"))
        if verdict.status("D2") == NOT_EVALUATED:
            self._decide(
                "D2, D3", NOT_EVALUATED, "where f does not change, there is no share of it to judge"
            )
            return
        smallest = min((one.value for one in later.reaches), default=_ZERO)
        self._decide(
            "D2",
            verdict.status("D2"),
            f"every T must be 0 or more, so that each representation matters; the smallest is "
            f"{number(smallest)}",
        )
        self._faults(self._violations("D2"))
        self._decide(
            "D3",
            verdict.status("D3"),
            "every own update must be as large as the whole change: u = U at every "
            "representation, and t = Δf at the output",
        )
        self._faults(self._violations("D3"))

    def _first_step(self, first: Phase) -> None:
        """All sizes of the first step, as numbers."""
        letters: dict[int, dict[str, Size]] = {}
        for lines in (first.gradients, first.own, first.updates, first.shares, first.reaches):
            for one in lines:
                letters.setdefault(one.layer, {})[one.letter] = one.value
        columns = ("g", "u", "u'", "U", "t", "t'", "T")
        kept = [c for c in columns if any(c in found for found in letters.values())]
        rows = [("layer", *kept)]
        known = sorted(index for index in letters if index in self.only)
        for _, run in groupby(known, lambda index: (letters[index], index == self.last)):
            members = list(run)
            sizes = letters[members[0]]
            cells = (number(sizes[c]) if c in sizes else "" for c in kept)
            rows.append((self._named(members), *cells))
        self.lines.append("")
        widths = [max(len(row[i]) for row in rows) for i in range(len(kept) + 1)]
        for row in rows:
            cells_ = (f"{text:<{w}}" for text, w in zip(row, widths, strict=True))
            self.lines.append(f"    {'  '.join(cells_)}".rstrip())

    def _symmetry(self, richness: Fraction) -> None:
        self._head(6, "The same function, on the scale")
        self._say(
            f"Since {self._homogeneous()}, multiplying layer l by n^m_l leaves f alone as long as "
            "all m add up to 0. The move that makes every representation of order one:"
        )
        found = rescale(self.context.network, self.verdict)
        self._show(found.moves)
        self._say("Training goes along when the rates do. The invariants become")
        self._show(found.inits)
        self._show(found.rates)
        self._say(
            f"which is {point_name(richness)}. So D0 is violated as written, and yet the function "
            f"trains exactly as under {point_name(richness)}."
        )

    def _conclusion(self, number_: int) -> None:
        verdict = self.verdict
        self._head(number_, "Conclusion")
        words = {HOLDS: "holds", NOT_EVALUATED: "not evaluated"}
        statuses = (f"{d} {words.get(status, 'violated')}" for d, status in verdict.statuses)
        self._say(f"{', '.join(statuses)}.")
        if verdict.richness is not None:
            self._on_scale(verdict.richness)
        else:
            self._off_scale()
        doubled = self._doubled()
        if doubled:
            self._say("When n doubles,")
            self.lines += ["", *doubled]
        self._say(f"Verdict: {self.result.sentence}.")
        others = sorted({d.code for d in self.result.diagnostics if d.desideratum is None})
        if others:
            self._say(f"`richc check` has more to say of this model: {', '.join(others)}.")

    def _on_scale(self, richness: Fraction) -> None:
        verdict = self.verdict
        update = verdict.flow.later[-2].dh
        out = self.last
        assert update + Fraction(1, 2) == richness
        self._say(
            "One number is left free by the desiderata, the richness, from 0 (NTP) to 1/2 (μP): "
            f"r = U_{out} + 1/2 = {number(update)} + 1/2 = {richness}. "
            + _CONSEQUENCES.get(
                verdict.regime,
                f"Representations move by n^{update} an entry: in the limit, f's training is "
                "that of a kernel machine.",
            )
        )
        thetas = [
            f"{theta} ({self._named(list(run))})"
            for theta, run in groupby(range(len(verdict.theta)), lambda i: verdict.theta[i])
        ]
        shifts = ", ".join(thetas[:6]) + (", ..." if len(thetas) > 6 else "")
        gauge = {
            "stp": "no multipliers, a = 0: the STP gauge",
            "mup": "no layerwise rates, c = 0: the μP gauge",
            "rescaling": "weights of unit size, b = 0: the rescaling gauge",
        }
        named = "; ".join(gauge[g] for g in verdict.gauges) or "a gauge without a name"
        point = f" Its common name is {_POINTS[verdict.point]}." if verdict.point else ""
        shift = "" if "stp" in verdict.gauges else f"; θ = a from the STP gauge: {shifts}"
        self._say(f"Gauge: {named}{shift}.{point}")

    def _off_scale(self) -> None:
        verdict = self.verdict
        kinds = {violation.kind for violation in verdict.violations}
        if verdict.function_richness is not None:
            text = "Off the richness scale as written; as a function, on it."
        elif verdict.status("D1") == NOT_EVALUATED:
            text = (
                "The signals at init depend on the width; so will everything that training does "
                "with them."
            )
        elif kinds & {"update", "explodes"}:
            text = (
                "Training blows up with the width: whatever rate works at one width is too large "
                "at a larger one."
            )
        elif verdict.regime == "trivial":
            moves = verdict.flow.later[-1].dh
            text = _CONSEQUENCES["still" if moves is ZERO_SIZE else "trivial"]
        elif verdict.regime == "unstable":
            text = "Signals at init depend on the width, and so does what training does with them."
        else:
            learning = verdict.learning
            text = f"Training is stable; what moves f is {self._named(learning)}"
            idle = sorted(set(range(self.last + 1)) - set(learning))
            text += f", and the updates of {self._named(idle)} add nothing." if idle else "."
            if verdict.limit == "kernel":
                text += " No representation moves by order one: in the limit, a kernel machine."
        self._say(text)

    def _doubled(self) -> list[str]:
        """What a doubling of n does to f at init and to one step."""
        flow = self.verdict.flow.later
        sizes: list[tuple[str, Size]] = []
        if self.verdict.known_heights == len(flow):
            sizes.append(("f at init", flow[-1].h))
        if self.derived.later is not None:
            for size, run in groupby(range(self.last), lambda index: flow[index].dh):
                members = list(run)
                sizes.append((f"Δh a step, {self._named(members)}", size))
            if len(sizes) > 6:
                sizes = [*sizes[:3], *sizes[-2:]]
            sizes.append(("Δf a step", flow[-1].dh))
        rows = [_Doubled(name, size) for name, size in sizes]
        widest = max((len(row.name) for row in rows), default=0)
        return [f"    {row.name:<{widest}}  {row.effect}" for row in rows]


def _wrapped(text: str, below: str = "") -> list[str]:
    """Lines that break no formula."""
    glued = re.sub(r"(?<=\S) ([-+*=~<>]|<=) (?=\S)", "\0\\1\0", text)
    lines = wrap(
        glued, WIDTH - 2, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )
    return [one.replace("\0", " ") for one in lines]


class _Doubled(NamedTuple):
    name: str
    size: Size

    @property
    def effect(self) -> str:
        if not isinstance(self.size, Fraction):
            return "is exactly 0"
        if not self.size:
            return "keeps its size"
        is_plain = self.size.denominator == 1 and self.size > 0
        exponent = str(self.size) if is_plain else f"({self.size})"
        return f"is multiplied by 2^{exponent} = {2 ** float(self.size):.3g}"


_POINTS = {"mup-lr": "μP-lr", "mup": "μP", "mfp": "MFP", "ntp-lr": "NTP-lr", "ntp": "NTP"}
