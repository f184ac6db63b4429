"""What there is to say of holes: their values, what is still free, what contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from richc.algebra.monomial import NO_POWER, Affine
from richc.diagnostics import Diagnostic, Label, Span
from richc.inference.givens import Given, Use
from richc.inference.linear import RICHNESS, LinearForm, Range, affine

#: Unknowns are called by these letters, in order; the width, the richness and a, b, c have theirs.
_LETTERS = "xyzuvw"

#: Names in one sentence; labels and notes have them all.
_MOST_LISTED = 6


class Open(NamedTuple):
    """A hole, and its exponent in terms of what is free."""

    place: Span
    use: Use
    expression: LinearForm
    #: Whether a smaller exponent would do as well.
    is_bound: bool


class Freedom(NamedTuple):
    """Something that may be chosen: a hole, or the richness (no place)."""

    place: Span | None
    range: Range


class Party(NamedTuple):
    """One side of a conflict, and which power of n the others want there."""

    given: Given
    wanted: Affine | None
    #: The same of L.
    depth: Affine = NO_POWER


def undetermined(
    holes: Sequence[Open],
    free: Mapping[str, Freedom],
    bounds: Sequence[LinearForm],
    uses: Mapping[Span, Use],
) -> Diagnostic:
    """Several exponents would do: the general solution, and how to choose one.

    ``bounds`` are what is free together: expressions that are at most zero.
    """
    names = _names(free)
    open_holes = [hole for hole in holes if set(hole.expression.terms) & set(free)]
    notes = []
    for hole in open_holes:
        where = _bounds(hole.expression, free, names)
        smaller = ", or smaller" if hole.is_bound else ""
        notes.append(f"{_of(hole.use)} = {formula(hole.expression, names)}{where}{smaller}")
    for name, freedom in free.items():
        if freedom.place is not None:
            notes.append(
                f"{names[name]} is the exponent that you choose for "
                f"{_of(uses[freedom.place])}{_stated(', ', names[name], freedom.range)}"
            )
    notes += [f"{formula(row, names)} ≤ 0" for row in bounds if names.keys() >= set(row.terms)]
    what = _listed([_free(freedom, uses) for freedom in free.values()])
    verb = "is" if len(free) == 1 else "are"
    count = len(open_holes)
    first, *others = open_holes
    return Diagnostic(
        "R504",
        f"{'this exponent is' if count == 1 else f'{count} exponents are'} not determined: "
        f"{what} {verb} free",
        first.place,
        label=f"= {formula(first.expression, names)}",
        layer=first.use.layer,
        labels=tuple(Label(h.place, f"= {formula(h.expression, names)}") for h in others),
        notes=tuple(notes),
        help=_pin(free, uses),
    )


def not_of_the_width(place: Span) -> Diagnostic:
    return Diagnostic(
        "R025",
        "a hole is the exponent of the width, and its base is a plain number here",
        place,
        help="write `n^?`, or `(n / n0)^?` with a base width",
    )


def decides_nothing(place: Span) -> Diagnostic:
    """A hole that no value of the model has left in it."""
    return Diagnostic(
        "R025",
        "nothing depends on this hole, so nothing can decide it",
        place,
        help="write an exponent, or leave the value out: zero times any power is zero, and what "
        "every layer says for itself is never taken from the optimizer",
    )


def shared(places: Sequence[Span], uses: Mapping[Span, Use]) -> Diagnostic:
    """Layers that share a hole need different exponents, whatever else is written."""
    first, *others = places
    of_layers = all(uses[place].layer is not None for place in places)
    return Diagnostic(
        "R505",
        f"the layers of `{uses[first].layer}` need different exponents"
        if of_layers
        else "no one exponent fits all layers",
        first,
        label=_of(uses[first]),
        layer=uses[first].layer,
        labels=tuple(Label(place, _of(uses[place])) for place in others),
        help="write them as statements of their own, or in terms of `fan_in`"
        if of_layers
        else "write it on each layer: `eps = ...`, `decay = ...`, `lr = ...`",
    )


def undecided(places: Sequence[Span], reasons: Sequence[str]) -> Diagnostic:
    """No exponents would do, because none decide the network."""
    return Diagnostic(
        "R505",
        "this network is not decided whatever its exponents are, so nothing decides its holes",
        places[0],
        label=reasons[0],
        labels=tuple(Label(place, "") for place in places[1:]),
        notes=tuple(reasons[1:]),
        help="write exponents in their place: the check then says what is left undecided (R902), "
        "and `richc verify` measures it",
    )


def unsolvable(parties: Sequence[Party], reasons: Sequence[str] = ()) -> Diagnostic:
    """No exponents would do, because of these statements.

    ``reasons``: why some exponents leave a network that is not decided.
    """
    first_party, *other_parties = parties
    whole = len(parties)
    message = (
        f"no exponents fit: {first_party.given.shown} rules them out"
        if whole == 1
        else f"no exponents fit: {_listed([p.given.shown for p in parties])} contradict each other"
    )
    return Diagnostic(
        "R505",
        message,
        first_party.given.place,
        label=_wish(first_party),
        labels=tuple(Label(p.given.place, _wish(p)) for p in other_parties),
        notes=(_outcome(parties), *(f"others are not decided: {reason}" for reason in reasons)),
    )


def _outcome(parties: Sequence[Party]) -> str:
    if len(parties) > 1:
        return "change any one of them, and the rest can be solved"
    if parties[0].given.attribute in ("richness", "require"):
        return "D0 to D3 can hold for r from 0 to 1/2 only"
    return "D0 to D3 cannot hold whatever the holes are"


def too_many_cases(place: Span, *, of_blocks: bool) -> Diagnostic:
    message = "too many biases and floors could each be what gives a layer its size"
    advice = "write out the init stds of the biases, or `eps` where it is a floor"
    if of_blocks:
        message = "too many sizes of the blocks could each be the larger of two"
        advice = "write out some of the exponents; where none are left to find, the check is exact"
    return Diagnostic(
        "R505",
        f"{message}: this is not decided",
        place,
        help=advice,
    )


def formula(expression: LinearForm, names: Mapping[str, str]) -> str:
    """``-1/2 - r + x``: the constant first, then the richness, then what is free."""
    order = sorted(expression.terms, key=lambda n: (n != RICHNESS, names.get(n, n)))
    parts = [(expression.terms[name], names.get(name, name)) for name in order]
    if expression.const or not parts:
        parts.insert(0, (expression.const, ""))
    text = ""
    for factor, name in parts:
        size = str(abs(factor))
        if name:
            size = name if abs(factor) == 1 else f"{size}*{name}"
        sign = "-" if factor < 0 else "+"
        text += f" {sign} {size}" if text else size if factor >= 0 else f"-{size}"
    return text


def _names(free: Mapping[str, Freedom]) -> dict[str, str]:
    names: dict[str, str] = {RICHNESS: RICHNESS}
    count = 0
    for name in free:
        if name != RICHNESS:
            letter = _LETTERS[count] if count < len(_LETTERS) else f"x{count}"
            names[name] = letter
            count += 1
    return names


def _of(use: Use) -> str:
    return f"`{use.attribute}` of {use.subject}"


def _free(freedom: Freedom, uses: Mapping[Span, Use]) -> str:
    if freedom.place is None:
        return "the richness"
    return _of(uses[freedom.place])


def _listed(words: Sequence[str]) -> str:
    if len(words) > _MOST_LISTED:
        return f"{', '.join(words[: _MOST_LISTED - 1])} and {len(words) - _MOST_LISTED + 1} others"
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _bounds(expression: LinearForm, free: Mapping[str, Freedom], names: Mapping[str, str]) -> str:
    if RICHNESS not in expression.terms or RICHNESS not in free:
        return ""
    return _stated(" for ", names[RICHNESS], free[RICHNESS].range)


def _stated(lead: str, name: str, found: Range) -> str:
    """A range behind ``lead``; empty for one without ends."""
    if found.low is not None and found.high is not None:
        return f"{lead}{found.low} ≤ {name} ≤ {found.high}"
    if found.high is not None:
        return f"{lead}{name} ≤ {found.high}"
    return "" if found.low is None else f"{lead}{name} ≥ {found.low}"


def _pin(free: Mapping[str, Freedom], uses: Mapping[Span, Use]) -> str:
    advice = []
    if RICHNESS in free:
        advice.append("pin the richness, for example `richness r = 1/2`")
    chosen = [_of(uses[f.place]) for f in free.values() if f.place is not None]
    if chosen:
        advice.append(f"write an exponent for {_listed(chosen)}")
    return "; ".join(advice)


def _wish(party: Party) -> str:
    """``~ n^-1, and should be ~ n^(2*r)``: what is written, and what the others ask for."""
    given, wanted = party.given, party.wanted
    if given.name == RICHNESS:
        return "" if wanted is None or wanted.slope else f"the others need r = {wanted.const}"
    if given.written is None:
        return "" if wanted is None else f"should be ~ {_power(wanted, party.depth)}"
    written = f"~ {_power(given.written, given.depth)}"
    return written if wanted is None else f"{written}; should be ~ {_power(wanted, party.depth)}"


def _power(width: Affine, depth: Affine) -> str:
    def power(symbol: str, exponent: Affine) -> str:
        text = formula(affine(exponent), {})
        return f"{symbol}^({text})" if exponent.slope else f"{symbol}^{text}"

    return power("n", width) if depth.is_zero else f"{power('n', width)} {power('L', depth)}"
