"""Linear systems of holes, held against the vertices of the polytopes that they describe."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from richc.inference.linear import RICHNESS, LinearForm, Range, System, unknown
from richc.inference.unknown import GAP, Path, Unknown, paths

NAMES = ("x", "y", RICHNESS)
SMALL = st.integers(-3, 3).map(Fraction)
ROW = st.tuples(SMALL, st.tuples(SMALL, SMALL, SMALL))
#: const + terms <= 0, one coefficient for each name.
Row = tuple[Fraction, tuple[Fraction, ...]]
#: Every unknown from -2 to 2, so that there are vertices.
BOX: list[Row] = [
    (Fraction(-2), tuple(Fraction(sign * (at == one)) for at in range(3)))
    for one in range(3)
    for sign in (1, -1)
]


def form(row: Row) -> LinearForm:
    return LinearForm(row[0], {n: c for n, c in zip(NAMES, row[1], strict=True) if c})


def system(rows: Sequence[Row], universal: tuple[Fraction, Fraction] | None = None) -> System:
    found = System(lambda _: 0, universal)
    for row in rows:
        found.bound(form(row))
    return found


def solved(rows: Sequence[Row]) -> tuple[Fraction, ...] | None:
    """Where all of the rows are zero, by Cramer's rule; None where that is no one point."""

    def determinant(m: Sequence[Sequence[Fraction]]) -> Fraction:
        if not m:
            return Fraction(1)
        parts = ([[*r[:at], *r[at + 1 :]] for r in m[1:]] for at in range(len(m)))
        signed = zip(m[0], parts, strict=True)
        return sum(
            ((-1) ** at * c * determinant(p) for at, (c, p) in enumerate(signed)), Fraction(0)
        )

    matrix = [row[1] for row in rows]
    whole = determinant(matrix)
    if not whole:
        return None
    columns = range(len(matrix))
    return tuple(
        determinant([[-r[0] if c == at else r[1][c] for c in columns] for r in rows]) / whole
        for at in columns
    )


def corners(rows: Sequence[Row]) -> list[tuple[Fraction, ...]]:
    points = (solved(some) for some in combinations(rows, len(rows[0][1])))
    return [
        p
        for p in points
        if p is not None
        and all(const + sum(c * x for c, x in zip(cs, p, strict=True)) <= 0 for const, cs in rows)
    ]


@settings(max_examples=60)
@given(st.lists(ROW, max_size=4))
def test_ranges_end_at_corners(rows: list[Row]) -> None:
    points = corners([*BOX, *rows])
    if not all(system([]).bound(form(row)) for row in rows):
        assert not points
        return
    asked = system([*BOX, *rows])

    assert asked.is_feasible() == bool(points)
    if points:
        expected = {
            n: Range(min(x), max(x)) for n, x in zip(NAMES, zip(*points, strict=True), strict=True)
        }
        assert expected == asked.ranges(NAMES)
        assert expected == {name: asked.within(name) for name in NAMES}


@settings(max_examples=60)
@given(st.lists(ROW, max_size=3), SMALL, SMALL)
def test_for_all_of_an_interval_both_ends_count(
    rows: list[Row], one: Fraction, other: Fraction
) -> None:
    """Rows are linear in r: what holds at both ends holds between."""
    ends = sorted((one / 2, other / 2))
    everything = [*BOX[:4], *rows]
    if not all(system([]).bound(form(row)) for row in rows):
        return
    at_ends = [corners([(const + cs[2] * end, cs[:2]) for const, cs in everything]) for end in ends]

    asked = system(everything, (ends[0], ends[1]))

    assert asked.is_feasible() == all(at_ends)
    if all(at_ends):
        for at, name in enumerate(("x", "y")):
            low = max(min(p[at] for p in points) for points in at_ends)
            high = min(max(p[at] for p in points) for points in at_ends)
            assert Range(low, high) == asked.ranges([name])[name]


def test_every_comparison_of_a_sum_of_unknowns_follows_one_sign() -> None:
    """One question, whatever operator asks it: on each path the answers are of one sign."""
    base = System(lambda _: 0)
    gap = unknown(GAP)
    base.bound(gap.times(Fraction(-1)))
    base.bound(gap.shifted(Fraction(-1)))

    def asked(path: Path) -> tuple[bool, ...]:
        x, one = Unknown(unknown("x"), path), Fraction(1)
        return x < one, x <= one, x == one, x >= one, x > one

    found = {answers for _, answers in paths(base, asked, limit=10)}

    assert found == {
        (True, True, False, False, False),
        (False, True, True, True, False),
        (False, False, False, True, True),
    }
