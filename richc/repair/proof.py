"""What a repair promises, held to the text that it makes.

The text is read and judged again: it passes, is where the repair leads, and has at the base width
and depth every multiplier, std, rate and decay that the file had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import isclose

from richc.algebra.monomial import Monomial
from richc.calculus.verdict import HOLDS
from richc.diagnostics import Edit, Span, apply
from richc.resolve import resolve
from richc.rules.context import Context
from richc.rules.requirement_fails import is_true
from richc.spec.arrangement import residuals
from richc.spec.declared_values import logs
from richc.spec.model import Claim
from richc.syntax.parser import parse
from richc.syntax.source import Source

#: Of log2: what two spellings of one value may differ by in floating point.
_CLOSE = 1e-9


def edited(context: Context, edits: Iterable[Edit]) -> str:
    """The model alone, with edits of its file made."""
    start, end = context.node.span
    moved = [Edit(Span(e.span.start - start, e.span.end - start), e.text) for e in edits]
    return apply(context.text[start:end], moved)


def read(context: Context, text: str) -> Context | None:
    """A model's text, read again; None where it has errors."""
    file, found = parse(Source(context.path, text))
    if found or len(file.models) != 1:
        return None
    specs, unresolved, _ = resolve(file, text)
    if unresolved or not specs:
        return None
    return Context(specs[0], file.models[0], text, context.path)


def proved(context: Context, edits: Iterable[Edit], richness: Fraction | None) -> Context | None:
    """The text that edits make, if it passes at a richness (None: for every r of its interval)."""
    after = read(context, edited(context, edits))
    if after is None:
        return None
    required = [r for r in after.model.requirements if r.kind != Claim.EQUIVALENT]
    if not all(is_true(after, requirement) for requirement in required):
        return None
    if after.model.interval is not None:
        from richc.rules.interval import decide

        passes = not any(found.is_error for found in decide(after).diagnostics)
    else:
        # D4 is for a requirement to ask.
        kept = (status == HOLDS for name, status in after.verdict.statuses if name != "D4")
        passes = all(kept) and after.verdict.richness == richness
    return after if passes and _keeps(context, after) else None


def _keeps(before: Context, after: Context) -> bool:
    """Whether every multiplier, std, rate and decay at the base is as it was."""
    return all(
        is_close(log2_at_base(before, one), log2_at_base(after, other))
        for one, other in zip(_values(before), _values(after), strict=True)
    )


def _values(context: Context) -> Iterator[Monomial]:
    model = context.model
    for layer in model.layers:
        for tensor in layer.tensors:
            rate = model.optimizer_of(tensor).lr.times(tensor.lr)
            yield from (tensor.scale, tensor.std, rate, tensor.decay)
    for block, _ in residuals(model.arrangement):
        yield block.scale


def log2_at_base(context: Context, value: Monomial) -> float:
    """log2 of a value at n = n0 and L = L0; those are the declared ones where there is no base."""
    model = context.model
    width = model.base_width or model.width
    at = model._replace(width=width, base_width=width)
    if model.depth is not None:
        depth = model.depth.base or model.depth.value
        at = at._replace(depth=model.depth._replace(value=depth, base=depth))
    return value.log2(logs(at), float(context.richness))


def is_close(one: float, other: float) -> bool:
    return one == other or isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)
