"""Networks whose verdicts were measured, as texts: the checker, and the reference beside it.

truth.json holds published and made networks with what is expected of them and the exponents that
training was compared with, corners what an adversary found.  The first line of a corner says what
must hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deep import convert, reading, reference, writing
from tests.deep.asking import ask, differences
from tests.deep.network import Size

CORNERS = sorted(Path(__file__).with_name("corners").glob("*.rich"))
NORMS = ("rmsnorm", "layernorm")


def header(text: str) -> dict[str, str]:
    _, _, words = text.splitlines()[0].partition("expect: ")
    return dict(pair.split() for pair in words.split(", "))


def test_what_the_language_cannot_say() -> None:
    found = {case["id"]: convert.why_not(case["net"]) for case in convert.CASES}

    assert 53 == len(found)
    attention, looped = "attention", "looped blocks"
    assert {key: word for key, word in found.items() if word} == {
        **dict.fromkeys((64, 66, 67, 68, 78), attention),
        **dict.fromkeys((69, 70), looped),
    }


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("case", convert.sayable(), ids=lambda case: str(case["id"]))
def test_measured_networks(case: dict[str, Any], norm: str) -> None:
    network = convert.network(case["net"], norm)
    text = writing.text(network)

    (said,) = ask(text)

    asked = {name: said.desiderata.get(name) for name in case["expect"]}
    assert case["expect"] == asked, text
    assert [] == list(differences(reference.judge(network), said)), text


@pytest.mark.parametrize("path", CORNERS, ids=lambda path: path.stem)
def test_corners(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    (said,) = ask(text)

    asked = {name: said.desiderata.get(name) for name in header(text)}
    assert header(text) == asked
    assert [] == list(differences(reference.judge(reading.read(text)), said))


class TestReference:
    """The reference is held to the same truth."""

    @pytest.mark.parametrize("norm", NORMS)
    @pytest.mark.parametrize("case", convert.sayable(), ids=lambda case: str(case["id"]))
    def test_measured_networks(self, case: dict[str, Any], norm: str) -> None:
        found = reference.judge(convert.network(case["net"], norm))

        asked = {name: found.desiderata.get(name) for name in case["expect"]}
        assert case["expect"] == asked
        assert not found.unclear

    def test_measured_exponents(self) -> None:
        compared = 0
        for case in convert.sayable():
            for phase, phases in (("q", 1), ("1", 1), ("later", reference.PHASES)):
                families = reference.judge(convert.network(case["net"]), phases=phases).families
                by_name = {name.rpartition(".")[2]: found for name, found in families.items()}
                by_name |= {".".join(n.split(".")[-2:]): f for n, f in families.items()}
                for key, predicted in case["predicted"].items():
                    step, _, rest = key.partition(":")
                    quantity, _, name = rest.partition(":") if step != "q" else ("q", "", rest)
                    in_phase = step == phase or (phase == "later" and step not in ("q", "1"))
                    # The reference has the whole of a layer with its bias: `pos` is one of `emb`.
                    is_merged = name == "emb" and case["id"] == 82
                    if in_phase and name in by_name and quantity in "qUt" and not is_merged:
                        (found,) = set(by_name[name])
                        size = {"q": found.h, "U": found.dh, "t": found.df}[quantity]
                        compared += sum(value is not None for value in predicted)
                        assert self._agree(size, predicted), (case["id"], key, size, predicted)
        assert compared > 1200

    @staticmethod
    def _agree(size: Size, predicted: list[float | None]) -> bool:
        pairs = zip(size, predicted, strict=True)
        return all(value is None or float(exponent) == value for exponent, value in pairs)

    @pytest.mark.parametrize("path", CORNERS, ids=lambda path: path.stem)
    def test_corners(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")

        found = reference.judge(reading.read(text))

        assert header(text) == {name: found.desiderata.get(name) for name in header(text)}
