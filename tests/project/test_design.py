"""docs/design.md has a line for every room, a subject for all codes, and JSON's keys and words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from richc.report.schema import Report
from richc.rules.pages import ALL
from tests.project.test_structure import ROOMS

PAGE = Path(__file__).parents[2] / "docs" / "design.md"

SCHEMA = Report.model_json_schema()
OBJECTS: dict[str, Any] = {"Report": SCHEMA, **SCHEMA["$defs"]}


def table(name: str) -> dict[str, str]:
    """The first two columns of the table behind its marker."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- table: {name} -->\n\|.*\n\|.*\n((?:\|.*\n)+)", text)
    assert found is not None, name
    rows = ([cell.strip() for cell in line.split("|")[1:3]] for line in found[1].splitlines())
    return {first.strip("`"): second for first, second in rows}


def test_every_room_has_a_line() -> None:
    assert list(ROOMS) == list(table("rooms"))


def _subject(group: str) -> tuple[bool, str]:
    return group[0] == "A", group


def test_every_group_of_codes_has_a_subject() -> None:
    assert sorted({code[:2] for code in ALL}, key=_subject) == list(table("codes"))


def test_keys_of_json() -> None:
    keys = {name: list(fields["properties"]) for name, fields in OBJECTS.items()}

    assert keys == {name: cell.split(", ") for name, cell in table("json").items()}


def words(field: dict[str, Any]) -> list[str]:
    """What a field may be, where it is one of a few words."""
    found = list(field.get("enum", ()))
    parts = [*field.get("anyOf", ()), *([field["items"]] if "items" in field else ())]
    for part in parts:
        found += ["null"] if part.get("type") == "null" else words(part)
    return found


@pytest.mark.parametrize("name", OBJECTS)
def test_words_of_json(name: str) -> None:
    """Every field of a few words is in the table, once for fields that are alike."""
    expected = table("json words")
    for key, field in OBJECTS[name]["properties"].items():
        found = words(field)
        if set(found) - {"null"}:
            like = "Desiderata.D0" if name == "Desiderata" and key != "D4" else f"{name}.{key}"
            assert found == expected[like].split(", ")


def test_the_table_of_words_has_no_others() -> None:
    fields = {f"{name}.{key}" for name, one in OBJECTS.items() for key in one["properties"]}

    assert set(table("json words")) <= fields
