"""What ``richc check --format json`` says of texts, in the terms of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import richc
from tests.deep.network import NOTHING, Size
from tests.deep.reference import Expected, Family

QUANTITIES = ("A", "C", "h", "dh", "df")


class Said(NamedTuple):
    """Of one model: statuses, verdict, and exponents of n and L by layer and quantity."""

    desiderata: dict[str, str | None]
    verdict: str
    sizes: dict[tuple[str, str], tuple[str | None, str | None]]


def ask(text: str) -> list[Said]:
    """What is said of every model; what is wrong with the text itself is an error of the test."""
    (file,) = richc.check(text).files
    wrong = [f"{d.code} {d.message}" for d in file.diagnostics if d.code.startswith("R0")]
    assert [] == wrong, text
    return [_said(model.model_dump(by_alias=True)) for model in file.models]


def _said(model: dict[str, Any]) -> Said:
    sizes = {}
    for layer in model["layers"]:
        of_depth = layer.get("L") or {}
        for quantity in QUANTITIES:
            sizes[layer["name"], quantity] = (layer[quantity], of_depth.get(quantity))
    return Said(dict(model["desiderata"]), str(model["verdict"]), sizes)


def differences(expected: Expected, said: Said) -> Iterator[str]:
    """In words, what is said otherwise than expected; where something explodes only what does."""
    statuses = expected.desiderata
    # Beside what explodes others are small without being at fault.
    asked = ("D0", "D1") if expected.explodes and "not_evaluated" not in statuses.values() else None
    for name, status in statuses.items():
        if (asked is None or name in asked) and said.desiderata.get(name) != status:
            yield f"{name}: expected {status}, said {said.desiderata.get(name)}"
    if said.verdict != expected.verdict:
        yield f"verdict: expected {expected.verdict}, said {said.verdict}"
    for name, family in expected.families.items():
        if name.endswith(".gain") and family[0].drive == NOTHING:
            # A gain that is not trained need not be there.
            continue
        for quantity in QUANTITIES:
            sizes = {words(one, quantity) for one in family}
            # What explodes has no size of its own in the long run.
            first = {words(one, quantity) for one in expected.first[name]}
            if not expected.explodes or sizes == first:
                yield from _of_size(name, quantity, sizes, said)


def words(family: Family, quantity: str) -> tuple[str, str]:
    """Exponents of n and L as a report has them."""
    size: Size = getattr(family, {"A": "init", "C": "drive"}.get(quantity, quantity))
    sign = -1 if quantity in ("A", "C") else 1
    if size == NOTHING:
        return ("inf", "inf") if sign < 0 else ("-inf", "-inf")
    return str(Fraction(sign * size.n)), str(Fraction(sign * size.L))


def _of_size(name: str, quantity: str, sizes: set[tuple[str, str]], said: Said) -> Iterator[str]:
    """One entry for a fixed number of blocks, of which each may be of a size of its own."""
    if (name, quantity) not in said.sizes:
        yield f"{name}: no such layer"
        return
    width, depth = said.sizes[name, quantity]
    # Without a depth there are no exponents of L.
    if not any(width == n and depth in (None, L) for n, L in sizes):
        yield f"{name} {quantity}: expected {sorted(sizes)}, said {(width, depth)}"
