"""Lines of a derivation as aligned text; equal neighbours are one line, in a general l."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import Affine
from richc.algebra.sizes import Size
from richc.calculus.written import Line, Sum, Term

WIDTH = 100
_INDENT = "    "
#: So many lines of one form are written out, even where their values differ.
_MOST = 8
#: The column of names where numbers stand below letters.
_LABELS_AT = 56


def number(size: Size, *, inverse: bool = False) -> str:
    """The exponent x of n^x, or that of n^-x where ``inverse``."""
    if not isinstance(size, Fraction):
        return "∞" if inverse else "-∞"
    return str(-size if inverse else size)


def affine(exponent: Affine, *, inverse: bool = False) -> str:
    """``1/2 - 2r``."""
    const, slope = exponent.times(Fraction(-1)) if inverse else exponent
    if not slope:
        return str(const)
    size = abs(slope)
    term = "r" if size == 1 else f"{size}r" if size.denominator == 1 else f"({size})r"
    if not const:
        return f"-{term}" if slope < 0 else term
    return f"{const} {'-' if slope < 0 else '+'} {term}"


class FormulaRow(NamedTuple):
    """The columns of a line."""

    left: str
    numbers: str = ""
    value: str = ""
    label: str = ""


class _SameSizes(NamedTuple):
    """Neighbours that say the same of their layers."""

    lines: list[Line]

    @property
    def first(self) -> Line:
        return self.lines[0]


def formulas(lines: Sequence[Line], names: Sequence[str]) -> list[str]:
    """Every line as ``letters = numbers = value`` with its layer's name, aligned.

    Where that is too wide, the numbers stand below the letters.
    """
    rows = [
        _row(item, names) if isinstance(item, _SameSizes) else FormulaRow(item)
        for item in _elided(_runs(lines, len(names) - 1))
    ]
    widths = [max(len(row[i]) for row in rows if row.value) for i in range(3)]
    total = len(_INDENT) + sum(widths) + 6 + max(len(row.label) for row in rows)
    shown = []
    for row in rows:
        if not row.value:
            shown.append(row.left)
        elif total <= WIDTH:
            shown.append("  ".join(f"{row[i]:<{w}}" for i, w in enumerate(widths) if w))
            shown[-1] += f"  {row.label}"
        else:
            left = row.left if row.numbers else f"{row.left} {row.value}"
            shown.append(f"{left:<{max(_LABELS_AT, widths[0])}}  {row.label}")
            if row.numbers:
                shown.append(f"{' ' * row.left.index('=')}{row.numbers} {row.value}")
    return [f"{_INDENT}{text}".rstrip() for text in shown]


def _runs(lines: Sequence[Line], last: int) -> list[_SameSizes]:
    """Equal neighbours; the read-out stands alone."""
    runs: list[_SameSizes] = []
    for one in lines:
        same = runs and _form(runs[-1].first, exact=True) == _form(one, exact=True)
        if same and one.layer < last:
            runs[-1].lines.append(one)
        else:
            runs.append(_SameSizes([one]))
    return runs


def _form(one: Line, *, exact: bool) -> tuple[object, ...]:
    """What equal lines share: the letters, counted from the line's layer, and the values."""
    sums = tuple(
        tuple(
            (
                term.letter,
                term.layer - one.layer if term.letter else 0,
                term.times,
                (term.size, term.in_r) if exact or not term.letter else None,
            )
            for term in terms
        )
        for terms in one.sums
    )
    return one.letter, one.reason, sums, one.value if exact else None


def _elided(runs: list[_SameSizes]) -> list[_SameSizes | str]:
    """Long sequences of one form and changing values, shortened to their ends."""
    shown: list[_SameSizes | str] = []
    start = 0
    while start < len(runs):
        form = _form(runs[start].first, exact=False)
        end = start
        while end < len(runs) and _form(runs[end].first, exact=False) == form:
            end += 1
        if end - start > _MOST:
            shown += runs[start : start + 2]
            shown.append(f"...  {end - start - 3} more in the same way")
            shown.append(runs[end - 1])
        else:
            shown += runs[start:end]
        start = end
    return shown


def _row(run: _SameSizes, names: Sequence[str]) -> FormulaRow:
    one = run.first
    is_general = len(run.lines) > 1
    letters = _letters(one, is_general=is_general)
    value = number(one.value, inverse=one.inverse)
    numbers, in_r = (_numbers(one), _in_r(one)) if letters else ("", "")
    values = [text for text in (in_r, value) if text]
    return FormulaRow(
        _name(one.term, one.layer, is_general=is_general) + (f" = {letters}" if letters else ""),
        f"= {numbers}" if numbers not in ("", *values) else "",
        " ".join(f"= {text}" for text in values),
        _label(run, names),
    )


def _label(run: _SameSizes, names: Sequence[str]) -> str:
    layers = sorted(one.layer for one in run.lines)
    label = span_name([names[layer] for layer in layers])
    if len(layers) > 1:
        label += f" (l = {span(layers)})"
    if run.first.is_of_bias:
        label = f"bias of {label}"
    return f"{label}: {run.first.reason}" if run.first.reason else label


def span(layers: Sequence[int]) -> str:
    """``2``, ``2, 3`` or ``2 ... 8``."""
    if len(layers) < 3:
        return ", ".join(str(layer + 1) for layer in layers)
    return f"{layers[0] + 1} ... {layers[-1] + 1}"


def span_name(names: Sequence[str]) -> str:
    """``embed``, ``embed, head``, ``body.0 ... 6`` or ``embed ... body.6``."""
    first, last = names[0], names[-1]
    if len(names) < 3:
        return ", ".join(names)
    statement, dot, position = last.rpartition(".")
    return f"{first} ... {position if dot and first.startswith(statement + dot) else last}"


def _name(term: Term, layer: int, *, is_general: bool) -> str:
    """``A_2``, or ``A_{l+1}`` beside a general l."""
    if term.letter.startswith("Δ"):
        return term.letter
    if not is_general:
        return f"{term.letter}_{term.layer + 1}"
    offset = term.layer - layer
    return f"{term.letter}_l" if not offset else f"{term.letter}_{{l{offset:+d}}}"


def _letters(one: Line, *, is_general: bool) -> str:
    def text(terms: Sum) -> str:
        return _joined(one, terms, lambda term: _name(term, one.layer, is_general=is_general), " ")

    return _largest(one, [text(terms) for terms in one.sums])


def _numbers(one: Line) -> str:
    def value(term: Term) -> str:
        exponent = term.in_r
        if exponent is not None and exponent.slope:
            return affine(exponent, inverse=term.inverse)
        return number(term.size, inverse=term.inverse)

    return _largest(one, [_joined(one, terms, value, "*") for terms in one.sums])


def _in_r(one: Line) -> str:
    """The sum with its r left in; empty where there is none."""
    if len(one.sums) != 1 or not isinstance(one.value, Fraction):
        return ""
    total = Affine(Fraction(0))
    for term in one.sums[0]:
        assert isinstance(term.size, Fraction)
        exponent = Affine(term.size) if term.in_r is None else term.in_r
        total = total.plus(exponent.times(term.times))
    return affine(total, inverse=one.inverse) if total.slope else ""


def _largest(one: Line, texts: Sequence[str]) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return f"{'min' if one.inverse else 'max'}({', '.join(texts)})"


def _joined(one: Line, terms: Sum, show: Callable[[Term], str], dot: str) -> str:
    text = ""
    for term in terms:
        times = term.times
        if not term.letter:
            size = term.size
            assert isinstance(size, Fraction)
            shown, times = str(abs(size)), Fraction(1 if size > 0 else -1)
            is_negative = (times < 0) != one.inverse
            factor = ""
        else:
            shown = show(term)
            is_negative = (times < 0) != (term.inverse != one.inverse)
            factor = "" if abs(times) == 1 else f"{abs(times)}{dot}"
        is_compound = " " in shown or shown.startswith("-")
        needs_brackets = is_compound and (text or is_negative or factor)
        shown = factor + (f"({shown})" if needs_brackets else shown)
        if text:
            text += f" {'-' if is_negative else '+'} {shown}"
        else:
            text = f"-{shown}" if is_negative and shown != "0" else shown
    return text
