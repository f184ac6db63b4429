"""``Exponent`` is a Fraction that is quick: every operation gives what Fraction gives."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.algebra.exponent import Exponent, exact
from richc.algebra.sizes import ZERO_SIZE, Size

OPERATIONS: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    max,
]
FRACTIONS = st.fractions(max_denominator=12) | st.fractions()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
@given(left=FRACTIONS, right=FRACTIONS)
def test_operations(operation: Callable[[Any, Any], Any], left: Fraction, right: Fraction) -> None:
    expected = operation(left, right)

    for one, other in (
        (exact(left), exact(right)),
        (exact(left), right),
        (left, exact(right)),
    ):
        found = operation(one, other)
        assert (found, type(found) is bool) == (expected, type(expected) is bool)
        assert str(found) == str(expected)
    whole = right.numerator
    assert operation(exact(left), whole) == operation(left, whole)
    assert operation(whole, exact(left)) == operation(whole, left)


@given(value=FRACTIONS)
def test_it_is_its_fraction(value: Fraction) -> None:
    found = exact(value)

    assert type(found) is type(-found) is type(found + found) is Exponent
    assert (found, hash(found), bool(found), -found) == (value, hash(value), bool(value), -value)
    assert (found.numerator, found.denominator) == (value.numerator, value.denominator)
    assert {value: 1}[found] == 1


def test_beside_zero_sizes_and_other_things() -> None:
    one: Size = Exponent(1)
    zero: Size = ZERO_SIZE

    assert [one + zero, zero + one, max(one, zero)] == [zero, zero, one]
    assert one != zero
    assert one != "1"
    with pytest.raises(TypeError):
        operator.lt(one, "1")
