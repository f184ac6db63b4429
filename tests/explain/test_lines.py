"""A line that does not add up to what was judged is a bug, and never printed."""

from __future__ import annotations

from fractions import Fraction

import pytest

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.written import Line, Term, line
from richc.optimizers import law
from richc.optimizers.law import coefficients
from richc.report.derivation.formulas import formulas
from richc.words import OPTIMIZERS

HALF = Fraction(1, 2)
ZERO = Fraction(0)


def term(letter: str, size: Size, layer: int = 0, times: int = 1, *, inverse: bool = False) -> Term:
    return Term(letter, layer, size, Fraction(times), inverse)


def test_a_sum_is_held_to_its_value() -> None:
    terms = (term("q", ZERO), Term("", -1, HALF), term("A", -HALF, inverse=True))

    assert line("q", 1, terms, equals=ZERO).value == ZERO
    with pytest.raises(AssertionError, match=r"q_2 adds up to 0, not to 1/2"):
        line("q", 1, terms, equals=HALF)


def test_zero_absorbs() -> None:
    dead = (term("q", HALF), term("A", ZERO_SIZE, inverse=True))

    assert line("q", 1, dead, equals=ZERO_SIZE).value is ZERO_SIZE
    assert line("q", 1, dead, (term("A'", -HALF),), equals=-HALF).value == -HALF


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_law_is_a_product_of_powers(name: str) -> None:
    family = law(name)
    sizes = [Fraction(2), Fraction(-3), Fraction(5, 7)]
    for wide in (0, 1, 2):
        found = coefficients(lambda a, b, c, wide=wide: family.step(a, b, c, wide), 3)
        expected = found[0] + sum(p * s for p, s in zip(found[1:], sizes, strict=True))
        assert expected == family.step(sizes[0], sizes[1], sizes[2], wide)


def shown(*lines: Line) -> list[str]:
    names = [f"h.{index}" for index in range(20)]
    return [" ".join(text.split()) for text in formulas(lines, [*names, "out"])]


def chain(count: int, step: Fraction) -> list[Line]:
    lines: list[Line] = []
    for index in range(count):
        below = (lines[-1].term,) if lines else ()
        terms = (*below, term("A", step, index, inverse=True))
        lines.append(line("q", index, terms, equals=step * (index + 1)))
    return lines


def test_equal_lines_are_one() -> None:
    assert shown(*chain(4, ZERO)) == [
        "q_1 = -A_1 = 0 h.0",
        "q_l = q_{l-1} - A_l = 0 - 0 = 0 h.1 ... 3 (l = 2 ... 4)",
    ]


def test_long_sequences_are_shortened() -> None:
    assert shown(*chain(10, -HALF)) == [
        "q_1 = -A_1 = -1/2 h.0",
        "q_2 = q_1 - A_2 = -1/2 - 1/2 = -1 h.1",
        "q_3 = q_2 - A_3 = -1 - 1/2 = -3/2 h.2",
        "... 6 more in the same way",
        "q_10 = q_9 - A_10 = -9/2 - 1/2 = -5 h.9",
    ]


def test_signs_and_brackets() -> None:
    terms = (
        term("C", HALF, times=1, inverse=True),
        term("q", -HALF, times=2),
        term("κ", HALF, times=-1),
    )

    assert shown(line("u", 3, terms, equals=-Fraction(1))) == [
        "u_4 = -C_1 + 2 q_1 - κ_1 = -(-1/2) + 2*(-1/2) - 1/2 = -1 h.3"
    ]
    assert shown(line("C", 3, terms, equals=-Fraction(1), inverse=True)) == [
        "C_4 = C_1 - 2 q_1 + κ_1 = -1/2 - 2*(-1/2) + 1/2 = 1 h.3"
    ]
