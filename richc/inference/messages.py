"""What there is to say of holes: their values, what is still free, what contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from richc.diagnostics import ERROR, Diagnostic, Label, Span
from richc.inference.demands import Given, Use
from richc.inference.linear import RICHNESS, Linear, Range, affine
from richc.scaling.monomial import Affine

#: Unknowns are called by these letters, in order; the width, the richness and a, b, c have theirs.
_LETTERS = "xyzuvw"

#: Of one conflict; more than these are the same thing again.
_MAX_PARTIES = 20


class Open(NamedTuple):
    """A hole, and its exponent in terms of what is free."""

    place: Span
    use: Use
    expression: Linear


class Freedom(NamedTuple):
    """Something that may be chosen: a hole, or the richness (no place)."""

    place: Span | None
    range: Range


class Party(NamedTuple):
    """One side of a conflict, and by which power of n the others want it changed."""

    given: Given
    wanted: Affine | None


def undetermined(
    holes: Sequence[Open], free: Mapping[str, Freedom], uses: Mapping[Span, Use]
) -> Diagnostic:
    """Several exponents would do: the general solution, and how to choose one."""
    names = _names(free)
    open_holes = [hole for hole in holes if set(hole.expression.terms) & set(free)]
    notes = []
    for hole in open_holes:
        bounds = _bounds(hole.expression, free, names)
        notes.append(f"{_of(hole.use)} = {formula(hole.expression, names)}{bounds}")
    for name, freedom in free.items():
        if freedom.place is not None:
            notes.append(
                f"{names[name]} is the exponent that you choose for "
                f"{_of(uses[freedom.place])}{_stated(names[name], freedom.range)}"
            )
    what = _listed([_free(freedom, uses) for freedom in free.values()])
    verb = "is" if len(free) == 1 else "are"
    count = len(open_holes)
    first, *others = open_holes
    return Diagnostic(
        "R504",
        "undetermined-exponent",
        ERROR,
        f"{'this exponent is' if count == 1 else f'{count} exponents are'} not determined: "
        f"{what} {verb} free",
        first.place,
        label=f"= {formula(first.expression, names)}",
        layer=first.use.layer,
        labels=tuple(Label(h.place, f"= {formula(h.expression, names)}") for h in others),
        notes=tuple(notes),
        help=_pin(free, uses),
    )


def shared_by_layers(
    statement: str, places: Sequence[Span], uses: Mapping[Span, Use]
) -> Diagnostic:
    """The layers of one statement need different exponents, whatever else is written."""
    first, *others = places or sorted(uses)
    return Diagnostic(
        "R505",
        "unsolvable-exponents",
        ERROR,
        f"the layers of `{statement}` need different exponents",
        first,
        label=_of(uses[first]),
        layer=statement,
        labels=tuple(Label(place, _of(uses[place])) for place in others),
        help="write them as statements of their own, or in terms of `fan_in`",
    )


def shared_by_all(places: Sequence[Span], uses: Mapping[Span, Use]) -> Diagnostic:
    """Layers need different exponents of what the optimizer says for all."""
    first, *others = places
    return Diagnostic(
        "R505",
        "unsolvable-exponents",
        ERROR,
        "no one exponent fits all layers",
        first,
        label=_of(uses[first]),
        labels=tuple(Label(place, _of(uses[place])) for place in others),
        help="write it on each layer: `eps = ...`, `decay = ...`, `lr = ...`",
    )


def unsolvable(parties: Sequence[Party]) -> Diagnostic:
    """No exponents would do, because of these statements."""
    first_party, *other_parties = parties[:_MAX_PARTIES]
    whole = len(parties)
    message = (
        f"no exponents fit: {first_party.given.shown} rules them out"
        if whole == 1
        else f"no exponents fit: {_listed([p.given.shown for p in parties[:_MAX_PARTIES]])} "
        "contradict each other"
    )
    return Diagnostic(
        "R505",
        "unsolvable-exponents",
        ERROR,
        message,
        first_party.given.place,
        label=_wish(first_party),
        labels=tuple(Label(p.given.place, _wish(p)) for p in other_parties),
        notes=(
            "D0 to D3 cannot hold whatever the holes are"
            if whole == 1
            else "change any one of them, and the rest can be solved",
        ),
    )


def too_many_cases(place: Span) -> Diagnostic:
    return Diagnostic(
        "R505",
        "unsolvable-exponents",
        ERROR,
        "too many holes depend on each other here to decide them",
        place,
        help="write some of them out: the init stds of the biases, or Adafactor's `eps`",
    )


def formula(expression: Linear, names: Mapping[str, str]) -> str:
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
    if len(words) < 3:
        return " and ".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _bounds(expression: Linear, free: Mapping[str, Freedom], names: Mapping[str, str]) -> str:
    if RICHNESS not in expression.terms or RICHNESS not in free:
        return ""
    return _stated(names[RICHNESS], free[RICHNESS].range).replace(", ", " for ", 1)


def _stated(name: str, found: Range) -> str:
    if found.low is not None and found.high is not None:
        return f", {found.low} ≤ {name} ≤ {found.high}"
    if found.high is not None:
        return f", {name} ≤ {found.high}"
    return "" if found.low is None else f", {name} ≥ {found.low}"


def _pin(free: Mapping[str, Freedom], uses: Mapping[Span, Use]) -> str:
    advice = []
    if RICHNESS in free:
        advice.append("pin the richness, for example `richness r = 1/2`")
    chosen = [_of(uses[f.place]) for f in free.values() if f.place is not None]
    if chosen:
        advice.append(f"write an exponent for {_listed(chosen[:4])}")
    return "; ".join(advice)


def _wish(party: Party) -> str:
    """``~ n^-1, and should be ~ n^(2*r)``: what is written, and what the others ask for."""
    given, wanted = party.given, party.wanted
    if given.name == RICHNESS:
        return "" if wanted is None or wanted.slope else f"the others need r = {wanted.const}"
    if given.written is None:
        return "" if wanted is None else f"should be ~ {_power(wanted)}"
    written = f"~ {_power(given.written)}"
    return written if wanted is None else f"{written}; should be ~ {_power(wanted)}"


def _power(exponent: Affine) -> str:
    text = formula(affine(exponent), {})
    return f"n^({text})" if exponent.slope else f"n^{text}"
