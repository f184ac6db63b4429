"""What the playground makes of a text, without a browser: sliders are edits, output is richc's."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from docs.playground import glue
from richc.pipeline import analyse
from tests import strategies
from tests.fix.texts import values
from tests.strategies import Written

SGD = """\
model digits {
  width n = 256, base n0 = 64
  richness r = 1/2
  input 64
  embed: dense -> n { var = 1 / fan_in, lr = alpha^2 }
  relu
  body[2]: dense -> n { var = 2 / fan_in, lr = alpha^2 * n0 / n }
  relu
  head: dense -> 10 { var = 1 / (alpha^2 * fan_in), lr = n0 / n }
  optimizer sgd { lr = 0.1 }
}
"""
INFERRED = """\
model small {
  width n = 256, base n0 = 64
  parameterization mup
  input 8
  h1: dense -> n
  tanh
  out: dense -> 2
  optimizer adam
}
"""
PLAIN = """\
model plain {
  width n = 256, base n0 = 64
  input 8
  h1: dense -> n { std = 1, lr = n / n0 }
  tanh
  out: dense -> 2 { std = n0 / n, lr = n0 / n }
  optimizer sgd { lr = 0.1 }
}
"""
#: With residual blocks, a depth and two optimizers.
STACK = (Path(__file__).parents[2] / "examples/resmlp_muon_adamw.rich").read_text("utf-8")


def state(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(glue.state(text))
    return found


def sliders(text: str) -> dict[str, str | None]:
    return {knob["key"]: knob["exponent"] for knob in state(text)["model"]["knobs"]}


def move(text: str, what: str, to: str) -> str:
    """The text with a slider moved; it must not be refused."""
    moved = json.loads(glue.move(text, analyse(text).names[0], what, to))
    assert "" == moved["refused"]
    new: str = moved["text"]
    return new


def refusal(text: str, what: str, to: str) -> str:
    moved = json.loads(glue.move(text, analyse(text).names[0], what, to))
    assert text == moved["text"]
    why: str = moved["refused"]
    return why


@settings(max_examples=15)
@given(spec=strategies.written(), data=st.data())
def test_a_slider_moves_its_exponent_alone_and_no_value_at_the_base(
    spec: Written, data: st.DataObject
) -> None:
    text = spec.text
    note(text)
    before = {knob["key"]: knob for knob in state(text)["model"]["knobs"]}
    movable = [key for key, knob in before.items() if not knob["fixed"]]
    assume(movable)
    what = data.draw(st.sampled_from(movable))
    to = str(Fraction(data.draw(st.integers(-16, 16)), 8))

    after = move(text, what, to)

    note(after)
    now = {knob["key"]: knob for knob in state(after)["model"]["knobs"]}
    # One is written for the other where that is all that has to change.
    words = before[what]["attribute"], now[what]["attribute"]
    times = {("std", "var"): Fraction(2), ("var", "std"): Fraction(1, 2)}.get(words, Fraction(1))
    moved = {"attribute": words[1], "exponent": str(Fraction(to) * times)}
    assert before | {what: before[what] | moved} == now
    assert values(text) == values(after)
    assert after == move(after, what, moved["exponent"])


def test_a_slider_breaks_and_mends() -> None:
    broken = move(SGD, "body.lr.n", "-1")

    assert "lr = alpha^2 * (n0 / n)^2" in broken
    assert ["R401"] == [p["code"] for p in state(broken)["problems"]]
    assert not state(broken)["model"]["passes"]
    assert SGD == move(broken, "body.lr.n", "0")
    assert state(SGD)["model"]["sentence"].startswith("μP (r = 1/2)")


def test_sliders_of_depth_move_a_branch() -> None:
    moved = move(STACK, "blocks.mlp.scale.L", "-1/2")

    assert "scale = sqrt(L0 / L)" in moved
    assert sliders(STACK) | {"blocks.mlp.scale.L": "-1/2"} == sliders(moved)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SGD, "richness r = 1/4"),
        (INFERRED, "parameterization rich(r = 1/4)"),
        (PLAIN, "std = (n0 / n)^(3/4)"),
    ],
)
def test_richness_is_written_where_the_text_declares_it_and_else_in_exponents(
    text: str, words: str
) -> None:
    moved = move(text, "richness", "1/4")

    assert words in moved
    assert "1/4" == state(moved)["model"]["richness"]
    assert state(moved)["model"]["passes"]
    assert text == move(moved, "richness", "1/2")


@pytest.mark.parametrize("gauge", ["mup", "rescaling"])
@pytest.mark.parametrize("text", [SGD, INFERRED, PLAIN, STACK])
def test_gauges_are_those_of_the_command(text: str, gauge: str, tmp_path: Path) -> None:
    (tmp_path / "model.rich").write_text(text, "utf-8")
    command = [sys.executable, "-m", "richc", "gauge", "--to", gauge, "model.rich"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    moved = move(text, "gauge", gauge)

    assert (tmp_path / "model.rich").read_text("utf-8") == moved
    assert state(moved)["model"]["gauges"][gauge]["is"]


def test_what_cannot_move_says_why() -> None:
    held = PLAIN.replace("}\n}", "}\n  require mup\n}")
    zero = SGD.replace("var = 1 / (alpha^2 * fan_in)", "std = 0")
    hole = SGD.replace("lr = n0 / n", "lr = n^?")

    assert "`require mup`" in refusal(held, "richness", "1/4")
    assert "it is zero" in refusal(zero, "head.std.n", "-1")
    assert "a hole" in refusal(hole, "head.lr.n", "-1")


def test_problems_are_where_javascript_counts_them() -> None:
    text = SGD.replace("model digits", "# \U0001d45b is wide\nmodel digits").replace(
        "relu", "rellu"
    )

    first = state(text)["problems"][0]

    assert ("R0", 7, "rellu") == (
        first["code"][:2],
        first["line"],
        text.encode("utf-16-le")[2 * first["start"] : 2 * first["end"]].decode("utf-16-le"),
    )


@pytest.mark.parametrize("command", glue.COMMANDS)
@pytest.mark.parametrize("text", [SGD, SGD.replace("alpha^2 * n0", "n0"), "model {"])
def test_output_is_that_of_the_command_line(
    command: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    shown = json.loads(glue.run(text, command))

    asked = [sys.executable, "-m", "richc", *glue.COMMANDS[command], "model.rich"]
    done = subprocess.run(asked, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout + done.stderr) == (shown["code"], shown["output"])


def test_it_needs_click_and_the_standard_library(tmp_path: Path) -> None:
    """Also for what it is asked: in the browser there is nothing else."""
    script = (
        "import sys; from pathlib import Path; known = set(sys.modules)\n"
        "from docs.playground import glue\n"
        f"text = {SGD!r}\n"
        "for command in glue.COMMANDS: glue.run(text, command)\n"
        "glue.state(text); glue.move(text, 'digits', 'gauge', 'mup')\n"
        "glue.move(text, 'digits', 'body.lr.n', '1')\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - known}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert ["click", "docs", "richc"] == done.stdout.split()
