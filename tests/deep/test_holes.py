"""Holes among blocks: what is taken out of a network that passes is found again, or told.

What the solver says is held to ``check`` alone: networks with what it found written in, and all
exponents of a grid, which know nothing of how it finds them.
"""

from __future__ import annotations

import random
import re
from fractions import Fraction
from itertools import product

import pytest

import richc
from richc.report import schema
from tests.deep import generate, writing

POWER = re.compile(r"\b([nL])\^\(([^)]*)\)")
HALVES = [Fraction(count, 2) for count in range(-4, 3)]


def asked(text: str) -> schema.File:
    (file,) = richc.check(text).files
    return file


def passes(file: schema.File) -> bool:
    (model,) = file.models
    return model.verdict == "pass" and not any(d.severity == "error" for d in file.diagnostics)


def punched(text: str, places: list[int]) -> str:
    """With holes for the powers of these numbers."""
    count = iter(range(len(text)))
    return POWER.sub(lambda m: f"{m[1]}^?" if next(count) in places else m[0], text)


def filled(text: str, values: tuple[Fraction, ...]) -> str:
    """With exponents in the place of holes."""
    found = iter(values)
    return re.sub(r"\?", lambda _: f"({next(found)})", text)


@pytest.mark.parametrize("start", [0, 20])
def test_what_is_taken_out_is_found_again(start: int) -> None:
    count = 0
    for number in range(start, start + 20):
        spec = generate.spec(number)
        text = writing.text(spec.network, style=writing.Style(is_full=True))
        before = asked(text)
        if not passes(before) or before.models[0].richness is None:
            continue
        pick = random.Random(number)
        powers = POWER.findall(text)
        places = [at for at in range(len(powers)) if pick.random() < 0.25] or [0]
        holed = punched(text, places)
        taken = [Fraction(powers[at][1]) for at in places]

        after = asked(holed)

        count += 1
        errors = [d for d in after.diagnostics if d.severity == "error"]
        if errors:
            assert ["R504"] == [d.code for d in errors], holed
            continue
        assert passes(after), holed
        assert after.models[0].richness is not None
        assert passes(asked(richc.fix(holed))), holed
        said = [d for d in after.diagnostics if d.code == "R503"]
        values = [exponent(d) for d in said]
        others = [d for d, a, b in zip(said, values, taken, strict=True) if a != b]
        # Another answer than the one that was taken out is one of several.
        assert not others or any(is_choice(d) for d in others), holed
    assert count > 3


def exponent(found: schema.Diagnostic) -> Fraction:
    """What is said of a hole."""
    return Fraction(found.edits[0].text.strip("()"))


def is_choice(found: schema.Diagnostic) -> bool:
    """Whether the reason of an answer says that there are others."""
    words = ("a smaller one would do as well", "D4", "its stream", "any joint limit")
    return any(word in note for note in found.notes for word in words)


BLOCKS = """\
model net {
  width n = 256
  depth L = 16
  input 64
  embed: dense -> n { std = n^(0), lr = n^(0) * L^(0) }
  blocks: repeat L {
    mlp: residual {
      scale = n^(0) * L^(-1)
      rmsnorm
      up: dense -> n { std = n^(-1/2) * L^(0), lr = n^(-1) * L^(0) }
      relu
      down: dense -> n { std = n^(-1/2) * L^(0), lr = n^(-1) * L^(0) }
    }
  }
  layernorm
  head: dense -> 10 { std = n^(-1) * L^(0), lr = n^(-1) * L^(0), bias { std = 0, lr = n^(0) } }
  optimizer adam { lr = 1e-3 }
  require mup
}
"""
SGD = re.sub(
    r"(embed|up|down): (.*)lr = n\^\([^)]*\) \* L\^\(0\)", r"\1: \2lr = n^(#\1) * L^(1)", BLOCKS
)
SGD = SGD.replace("#embed", "1").replace("#up", "0").replace("#down", "0").replace("adam", "sgd")
SGD = SGD.replace("n^(1) * L^(1)", "n^(1) * L^(0)")
FIXED = re.sub(r" \* L\^\([^)]*\)", "", BLOCKS.replace("  depth L = 16\n", ""))
FIXED = FIXED.replace("repeat L", "repeat 3")
#: With a multiplier that no rates go with, and blocks that need not learn inside.
WRONG = BLOCKS.replace(
    "n^(-1/2) * L^(0), lr = n^(-1) * L^(0)", "n^(-1/2) * L^(0), lr = n^(-1) * L^(-1/2)", 1
)
LAZY = WRONG.replace("require mup", "require mup\n  require depth(1/2)")


@pytest.mark.nightly(by_day=2)
@pytest.mark.parametrize("name", ["BLOCKS", "SGD", "FIXED", "WRONG", "LAZY"])
def test_all_exponents_of_a_grid(name: str) -> None:
    """One or two holes, and each pair of halves written in their place."""
    text = {"BLOCKS": BLOCKS, "SGD": SGD, "FIXED": FIXED, "WRONG": WRONG, "LAZY": LAZY}[name]
    pick = random.Random(name)
    count = len(POWER.findall(text))
    for _ in range(2):
        holed = punched(text, sorted(pick.sample(range(count), pick.choice([1, 2, 2]))))
        grid = product(HALVES, repeat=holed.count("?"))
        right = {values for values in grid if passes(asked(filled(holed, values)))}
        file = asked(holed)
        codes = [d.code for d in file.diagnostics if d.severity == "error"]
        said = [d for d in file.diagnostics if d.code == "R503"]
        if said:
            answer = tuple(exponent(d) for d in said)
            assert not codes, holed
            assert answer in right or not set(answer) <= set(HALVES), holed
            for other in right - {answer}:
                differ = [d for d, a, b in zip(said, answer, other, strict=True) if a != b]
                assert any(is_choice(d) for d in differ), (holed, other)
        elif codes == ["R504"]:
            assert len(right) > 1, holed
        else:
            assert ["R505"] == codes, holed
            assert not right, holed


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "muon"])
def test_one_formula_for_every_richness(optimizer: str) -> None:
    """Written in r where a richness is declared, and for a whole interval."""
    shape = ", shape_factor = spectral" if optimizer == "muon" else ""
    text = BLOCKS.replace("{ lr = 1e-3 }", f"{{ lr = 1e-3{shape} }}").replace("adam", optimizer)
    text = text.replace(", bias { std = 0, lr = n^(0) }", "").replace("  require mup\n", "")
    text = re.sub(r"lr = n\^\([^)]*\) \* L\^\([^)]*\)", "lr = n^? * L^?", text)
    text = text.replace("std = n^(-1) * L^(0)", "std = n^(-1/2 - r)")

    for richness in ("1/4", "1/2", "1/4 in [0, 1/2]"):
        mended = richc.fix(text.replace("  input", f"  richness r = {richness}\n  input", 1))

        assert "?" not in mended
        assert passes(asked(mended)), mended
        if optimizer == "adam":
            assert "n^(r - 3/2) * L^0" in mended


def test_what_contradicts_itself_is_named() -> None:
    text = BLOCKS.replace("std = n^(0), lr = n^(0)", "std = n^(0), lr = n^?")
    text = text.replace("lr = n^(-1) * L^(0), bias", "lr = n^(-1) * L^(1/2), bias")

    (found,) = asked(text).diagnostics

    assert "R505" == found.code
    assert found.message.startswith("no exponents fit: `lr` of `head` rules them out")


def test_a_network_that_constants_decide_gives_its_reason() -> None:
    holed = punched(BLOCKS, [8])
    chain = re.sub(r"    mlp: residual \{\n.*\n.*\n", "", holed)
    chain = chain.replace("    }\n  }\n", "    relu\n  }\n")
    for text, reason in (
        (holed.replace("rmsnorm\n", "skip = 1/2\n      rmsnorm\n", 1), "a skip other than one"),
        (chain, "without a skip constants decide"),
    ):
        (found,) = asked(text).diagnostics

        assert found.code == "R505"
        assert found.message.startswith("this network is not decided")
        assert reason in found.message


def test_where_a_branch_is_to_go() -> None:
    """Nothing decides between CompleteP and Depth-μP but what the file asks for."""
    text = punched(BLOCKS.replace("n^(0) * L^(-1)", "L^(-1)"), [3, 7, 11])

    assert "scale = L^-1" in richc.fix(text)
    lazy = richc.fix(text.replace("require mup", "require mup\n  require depth(1/2)"))
    assert "scale = L^(-1/2)" in lazy
    assert passes(asked(lazy))


@pytest.mark.parametrize("point", ["completep", "depth(1/2)"])
@pytest.mark.parametrize("skip", ["0", "1/4", "1/2"])
def test_branches_before_a_norm_are_small_beside_what_the_skip_makes(skip: str, point: str) -> None:
    """norm(s h + M B) is norm(h + M / s B)."""
    text = punched(BLOCKS.replace("n^(0) * L^(-1)", "L^(-1)"), [3])
    text = text.replace("scale =", f"skip = L^({skip}), scale =").replace("rmsnorm\n", "", 1)
    text = text.replace("    }\n  }\n  layernorm\n", "    }\n    layernorm\n  }\n")
    text = text.replace("lr = n^(-1) * L^(0) }", "lr = n^? * L^? }")
    power = Fraction(skip) - (Fraction(1) if point == "completep" else Fraction(1, 2))

    mended = richc.fix(text.replace("require mup", f"require mup\n  require {point}"))

    written = re.search(r"scale = L\^\(?([^)\s]*)", mended)
    assert written is not None
    assert power == Fraction(written[1])
    (model,) = asked(mended).models
    assert (model.verdict, model.depth_point) == (
        "pass",
        "completep" if point == "completep" else "depth-mup",
    )


def test_two_powers_of_one_value_are_told_apart() -> None:
    """In JSON and in a log there is no caret to point at the one that is meant."""
    holed = punched(BLOCKS.replace("n^(0) * L^(-1)", "L^(-1)"), [6, 7])

    said = [d.message for d in asked(holed).diagnostics if d.code == "R503"]

    assert [message.partition(": = ")[0] for message in said] == [
        "`lr` of `blocks.mlp.up`, in n: the exponent is -1",
        "`lr` of `blocks.mlp.up`, in L: the exponent is 0",
    ]
