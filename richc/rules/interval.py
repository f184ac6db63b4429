"""One verdict for a whole interval of richness: ``richness r = 1/4 in [0, 1/2]``.

Verdicts are piecewise constant in r (see richc.calculus.traced).  Each finding is made at one r,
its witness, and says for which others it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.calculus.traced import Piece, TooManyPieces, Trace, pieces
from richc.calculus.verdict import HOLDS, NOT_EVALUATED, VIOLATED, Status
from richc.diagnostics import INFO, Diagnostic, Span
from richc.rules import INFERRED, applicable, run
from richc.rules.context import Context
from richc.rules.requirement_fails import is_true
from richc.spec.model import Claim

#: A person's specification has a handful of pieces; what takes longer is refused: how often the
#: network may be looked at, and how many layers all of that may be.
_MIN_LOOKS, _MAX_LOOKS, _MAX_WORK = 8, 100, 2500

#: These are the same for every r, or are of the declared one only.
_ANSWERS = (INFERRED, "R7")


class Decision(NamedTuple):
    """What holds for the whole interval: (desideratum, status), and every finding."""

    statuses: tuple[tuple[str, Status], ...]
    diagnostics: tuple[Diagnostic, ...]


def decide(context: Context) -> Decision:
    """Judge a model that declares an interval, for every r of it."""
    model = context.model
    assert model.interval is not None
    assert model.richness is not None
    try:
        parts = cut(context)
    except TooManyPieces:
        undecided = tuple((name, NOT_EVALUATED) for name, _ in context.verdict.statuses)
        return Decision(undecided, (*run(context), _undecided(context)))
    found: dict[_Key, list[tuple[Piece, Diagnostic]]] = {}
    at_each: list[dict[str, Status]] = []
    for piece in parts:
        declared = piece.holds(model.richness)
        richness = model.richness if declared else piece.middle
        here = context if declared else context.at(richness)
        at_each.append(dict(here.verdict.statuses))
        for diagnostic in run(here):
            found.setdefault(_key(diagnostic), []).append((piece, diagnostic))
    statuses = tuple((name, _worst([s[name] for s in at_each])) for name in at_each[0])
    lasting = {
        name: [part for part, status in zip(parts, at_each, strict=True) if status[name] == HOLDS]
        for name in at_each[0]
    }
    diagnostics = [_merged(context, parts, lasting, cases) for cases in found.values()]
    diagnostics.sort(key=lambda d: d.span)
    return Decision(statuses, tuple(diagnostics))


def cut(context: Context) -> list[Piece]:
    """The interval in pieces on which no comparison changes.  Raises TooManyPieces."""
    interval = context.model.interval
    assert interval is not None
    # Repeated layers share their tensors, and cost next to nothing.
    layers = len({id(layer.weight) for layer in context.model.layers})
    limit = min(_MAX_LOOKS, max(_MIN_LOOKS, _MAX_WORK // layers))
    return pieces(*interval, lambda trace: _look(context, trace), limit=limit)


class _Key(NamedTuple):
    """What makes two findings at different r the same finding."""

    code: str
    span: Span
    layer: str | None


def _key(diagnostic: Diagnostic) -> _Key:
    # A requirement is one, whatever would mend it.
    layer = None if diagnostic.code == "R502" else diagnostic.layer
    return _Key(diagnostic.code, diagnostic.span, layer)


def _look(context: Context, trace: Trace) -> None:
    """Compare everything that the verdict and the rules compare."""
    traced = context.at(trace.at, trace)
    for requirement in context.model.requirements:
        if requirement.kind != Claim.EQUIVALENT:  # Exact in r by itself.
            is_true(traced, requirement)
    for rule, check in applicable(traced):
        # What a rule on the verdict says, the verdict decided; R502 was asked above.
        if rule.violation is None and rule.code != "R502":
            list(check(traced))


def _worst(statuses: Sequence[Status]) -> Status:
    return next((s for s in (VIOLATED, NOT_EVALUATED) if s in statuses), HOLDS)


def _merged(
    context: Context,
    parts: Sequence[Piece],
    lasting: Mapping[str, Sequence[Piece]],
    cases: Sequence[tuple[Piece, Diagnostic]],
) -> Diagnostic:
    """One finding for all r at which it is made."""
    model = context.model
    assert model.richness is not None
    failing = [piece for piece, _ in cases]
    everywhere = len(failing) == len(parts)
    piece, witness = _witness(cases, model.richness)
    if witness.code.startswith(_ANSWERS):
        return witness
    # A repair at one r is none at another, unless it is the same everywhere.
    same = everywhere and all(case.edits == witness.edits for _, case in cases)
    if not same:
        witness = witness._replace(edits=(), help=None, labels=())
    if everywhere and (same or witness.severity == INFO):
        return witness
    richness = model.richness if piece.holds(model.richness) else piece.middle
    notes = [] if everywhere else [f"this is so for {_extent(parts, failing)}"]
    if witness.desideratum is not None:
        fine = lasting[witness.desideratum]
        where = f"only for {_extent(parts, fine)}" if fine else "nowhere in the interval"
        notes.append(f"{witness.desideratum} holds {where}")
    if not (len(failing) == 1 and piece.is_point):
        notes.append(f"shown at r = {richness}")
    return witness._replace(notes=("; ".join(notes), *witness.notes))


def _witness(
    cases: Sequence[tuple[Piece, Diagnostic]], declared: Fraction
) -> tuple[Piece, Diagnostic]:
    """The declared r if it fails, else an end of the interval, else the first that fails."""
    for piece, diagnostic in cases:
        if piece.holds(declared):
            return piece, diagnostic
    return next((case for case in (cases[-1], cases[0]) if case[0].is_point), cases[0])


def _extent(parts: Sequence[Piece], chosen: Sequence[Piece]) -> str:
    """``r <= 1/3 or r = 1/2``."""
    return " or ".join(_words(parts, run) for run in _runs(parts, chosen))


def _runs(parts: Sequence[Piece], chosen: Sequence[Piece]) -> list[list[Piece]]:
    """Neighbours together."""
    runs: list[list[Piece]] = []
    previous = None
    for index, piece in enumerate(parts):
        if piece not in chosen:
            continue
        if previous is not None and previous == index - 1:
            runs[-1].append(piece)
        else:
            runs.append([piece])
        previous = index
    return runs


def _words(parts: Sequence[Piece], run: Sequence[Piece]) -> str:
    """``r <= 1/3``, ``1/4 < r < 1/3``, ``r = 1/2``: what the interval itself says is left out."""
    first, last = run[0], run[-1]
    if len(run) == 1 and first.is_point:
        return f"r = {first.low}"
    low = f"{first.low} {'≤' if first.is_point else '<'} " if first != parts[0] else ""
    high = f" {'≤' if last.is_point else '<'} {last.high}" if last != parts[-1] else ""
    if low and not high:
        return f"r {'≥' if first.is_point else '>'} {first.low}"
    return f"{low}r{high}"


def _undecided(context: Context) -> Diagnostic:
    return Diagnostic(
        "R506",
        "this interval of richness falls into too many pieces to decide each of them",
        context.model.richness_place or context.model.name_place,
        help="declare a shorter interval, or one value of `r`",
        model=context.model.name,
    )
