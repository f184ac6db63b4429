"""The sizes behind a verdict on a network with blocks, norms or several optimizers, as tables.

A chain with one optimizer is derived sum by sum (richc.report.derivation); here the sums of the
calculus are given by their results, and each desideratum by what it compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from richc.algebra.formula import power, rich_formula
from richc.algebra.sizes import Size, Zero, largest
from richc.calculus.verdict import HOLDS, NOT_EVALUATED, Breach, Violation
from richc.pipeline import ModelResult
from richc.report.style import Style, columns
from richc.rules.common import shown
from richc.spec.arrangement import residuals

_WIDTH = 100
_INDENT = "    "

#: What each desideratum asks, in sizes of the second table.
_ASKED = {
    "D0": "h and the change of every representation are n^0 (what only norms read has no size of "
    "its own: there the change is at most h), and f is at most n^0",
    "D1": "the largest share of Δf is n^0",
    "D2": "the change of every representation reaches the output by n^0; inside of a block, what "
    "the blocks' own weights make of it, all of them together",
    "D3": "every weight's share is as large as that of what it is added to; of a weight in blocks, "
    "what all its copies add",
    "D4": "inside of a block, each weight's own update is as large as what comes from before",
}


def of_blocks(result: ModelResult, only: Sequence[int] | None, *, color: bool) -> str:
    """The whole text, or its rows on the layers ``only``; ends with a newline."""
    style = Style(color)
    kept = frozenset(range(len(result.spec.layers)) if only is None else only)
    lines = [style.strong(line) for line in _wrapped(f"{result.spec.name}: {result.sentence}")]
    sections = (
        ("What the file says", [*_given(result, kept)]),
        ("Sizes, in the steps after the first", [*_sizes(result, kept)]),
        ("Desiderata", [*_desiderata(result, style)]),
    )
    for number, (head, body) in enumerate(sections, start=1):
        lines += ["", style.strong(f"{number}. {head}"), "", *body]
    return "\n".join(lines) + "\n"


def _given(result: ModelResult, kept: frozenset[int]) -> Iterator[str]:
    spec, network = result.spec, result.context.network
    yield from _wrapped(
        "Each weight is V = M W. A is the size n^-A of its entries at init, C that of its rate "
        "n^-C, which no gauge move changes; a branch's multiplier counts with its last layer's."
    )
    rows: list[tuple[str, ...]] = [("layer", "optimizer", "M", "std", "rate", "n^-A", "n^-C")]
    for index, (layer, stage, written) in enumerate(
        zip(spec.layers, network.stages, network.written, strict=True)
    ):
        if index in kept and not layer.is_bare:
            sizes = (*written, stage.weight.init, stage.weight.rate)
            word = "frozen" if layer.weight.frozen else spec.optimizer_of(layer.weight).name
            rows.append((layer.shown, word, *map(power, sizes)))
    yield ""
    yield from (f"{_INDENT}{line}" for line in columns(rows))
    for block, around in residuals(spec.arrangement):
        size = power(result.context.size(block.scale))
        times = "1" if around is None else around.times or (spec.depth and spec.depth.symbol)
        formula = rich_formula(block.scale, spec.symbols)
        yield ""
        yield from _wrapped(
            f"The branch `{block.name}` ({times} in all) is times {formula} ~ {size}."
        )


def _sizes(result: ModelResult, kept: frozenset[int]) -> Iterator[str]:
    verdict = result.verdict
    if not verdict.known_heights:
        yield from _wrapped(f"Not decided: {verdict.reason}.")
        return
    yield from _wrapped(
        "h is the representation at init, g the gradient of f with respect to it (entries), own "
        "what one update of the layer's weight makes of it, below what comes from before, Δh the "
        "whole. The share is what the layer's own updates, of all blocks together, make of f."
    )
    if verdict.reason:
        yield ""
        yield from _wrapped(f"Only the sizes at init are known: {verdict.reason}.")
    rows: list[tuple[str, ...]] = [("layer", "h", "g", "own", "below", "Δh", "share")]
    for index, flow in enumerate(verdict.flow.later):
        if index in kept:
            sizes: tuple[Size, ...] = (flow.h,) if index < verdict.known_heights else ()
            if verdict.nontrivial is not None:
                own, share = largest(flow.own, flow.bias_own), largest(flow.df, flow.bias_df)
                sizes = (flow.h, flow.gradient, own, flow.carried, flow.dh, share)
            cells = (*map(power, sizes), *["?"] * (6 - len(sizes)))
            rows.append((result.spec.layers[index].shown, *cells))
    yield ""
    yield from (f"{_INDENT}{line}" for line in columns(rows))


def _desiderata(result: ModelResult, style: Style) -> Iterator[str]:
    for number, (name, status) in enumerate(result.verdict.statuses):
        word = "holds" if status == HOLDS else "fails"
        if status == NOT_EVALUATED:
            reason = result.verdict.reason or "nothing is learnt, and has shares to compare"
            word = f"is not evaluated: {reason}"
        if number:
            yield ""
        first, *rest = _wrapped(f"{name} {word}. It asks that {_ASKED[name]}.")
        paint = style.good if status == HOLDS else style.strong
        yield paint(first)
        yield from rest
        found = [v for v in result.verdict.violations if v.desideratum == name]
        causes = [v for v in found if not v.is_consequence]
        yield from (f"{_INDENT}{_fault(result, violation)}" for violation in causes)
        if found and not causes:
            yield f"{_INDENT}as a consequence of what fails above"


def _fault(result: ModelResult, violation: Violation) -> str:
    layer = result.spec.layers[violation.layer]
    name = shown(layer, of_bias=violation.of_bias)
    if violation.kind == Breach.EXPONENTIAL:
        return f"{name}: what its branch adds makes the stream grow faster than any power of L"
    off = violation.excess
    how = "exactly zero" if off is None else f"off by {power(off)}"
    size = "0" if isinstance(violation.size, Zero) else power(violation.size)
    return f"{name}: {size}, {how}"


def _wrapped(text: str) -> list[str]:
    return wrap(text, _WIDTH, break_on_hyphens=False, break_long_words=False)
