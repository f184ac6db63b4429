"""The tables of docs/theory.md are what richc computes with, its headings what the code cites."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import pytest

import richc
from richc.algebra.joint import Joint
from richc.algebra.sizes import Size
from richc.calculus.nearest import scale
from richc.calculus.ops import Gain, Linear, Parameter
from richc.calculus.residual import Residual
from richc.optimizers import law
from richc.pipeline import analyse
from richc.report import schema
from richc.words import OPTIMIZERS
from tests.calculus import test_family
from tests.verdict.reference import HALF, Knobs, Number
from tests.verdict.writing import ask, model

PAGE = Path(__file__).parents[2] / "docs" / "theory.md"

#: Row by row, column by column: the first cell of a row is its name.
Table = dict[str, dict[str, str]]

#: Of the columns for weights; the read-in's, hidden's and read-out's fans that grow with n.
SIDES = {"read-in": (False, True), "hidden": (True, True), "read-out": (True, False)}
RICHNESSES = [Fraction(0), Fraction(1, 4), Fraction(1, 3), HALF]


def table(name: str) -> Table:
    """The table that follows its marker."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- table: {name} -->\n((?:\|.*\n)+)", text)
    assert found is not None, name
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()
    )
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def linear(formula: str) -> dict[str, Fraction]:
    """``1/2 - 2r`` as the coefficient of each letter; that of "" is the constant."""
    assert re.fullmatch(r"(?:[+-]? ?(?:\d+(?:/\d+)?)?(?:[A-Za-zακθρ]|1_L)? ?)+", formula), formula
    found: dict[str, Fraction] = {}
    for sign, number, letter in re.findall(
        r"([+-]?) ?(\d+(?:/\d+)?(?!_))?([A-Za-zακθρ]|1_L)?", formula
    ):
        if number or letter:
            value = Fraction(number or 1) * (-1 if sign == "-" else 1)
            found[letter] = found.get(letter, Fraction(0)) + value
    return found


def value(formula: str, one: Fraction = Fraction(1), /, **letters: Size | Number) -> Fraction:
    """What a formula comes to; every letter stands for a number here, not for a zero's exponent.

    ``one`` is what plain numbers count.
    """
    total = Fraction(0)
    for letter, factor in linear(formula).items():
        size = letters[letter] if letter else one
        assert isinstance(size, Fraction)
        total += factor * size
    return total


def family(optimizer: str) -> str:
    """The name of an optimizer's row in all tables."""
    (found,) = (
        n for n, row in table("invariants").items() if f"`{optimizer}`" in row["optimizers"]
    )
    return found


def kappas(shape: str | None) -> Mapping[str, str]:
    """Muon's shape factor in every column; 0 for the others."""
    rows = table("shape factors")
    return rows[f"`{shape}`"] if shape else dict.fromkeys(rows["`none`"], "0")


FAMILIES = [
    *((name, None) for name in OPTIMIZERS if name != "muon"),
    *(("muon", shape) for shape in ("none", "original", "match_rms_adamw", "spectral")),
]


def columns(layers: int) -> list[str]:
    return ["read-in", *["hidden"] * (layers - 2), "read-out"]


def random_layers(seed: int, *, with_biases: bool = False) -> list[Knobs]:
    """Any exponents; inits are such that representations are of order one where they may be."""
    pick = random.Random(seed)

    def quarter() -> Fraction:
        return Fraction(pick.randint(-8, 8), 4)

    def tensor(bias: Knobs | None) -> Knobs:
        return Knobs(quarter(), quarter(), quarter(), bias)

    count = pick.randint(2, 4)
    return [tensor(tensor(None) if with_biases else None) for _ in range(count)]


# ---- the parser itself ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("0", {"": Fraction(0)}),
        ("-C", {"C": Fraction(-1)}),
        ("1/2 - r", {"": HALF, "r": Fraction(-1)}),
        ("-2U + 2ρ + 1_L", {"U": Fraction(-2), "ρ": Fraction(2), "1_L": Fraction(1)}),
        (
            "1 + 2x - C + g",
            {"": Fraction(1), "x": Fraction(2), "C": Fraction(-1), "g": Fraction(1)},
        ),
    ],
)
def test_formulas_are_read(formula: str, expected: dict[str, Fraction]) -> None:
    assert expected == linear(formula)


# ---- gauge invariants -------------------------------------------------------------------------


def test_every_optimizer_has_one_row() -> None:
    named = [word for row in table("invariants").values() for word in row["optimizers"].split(", ")]

    assert sorted(f"`{name}`" for name in OPTIMIZERS) == sorted(named)
    for name in ("updates", "the read-out's update"):
        assert list(table("invariants")) == list(table(name)), name


@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_invariants(optimizer: str, shape: str | None) -> None:
    row = table("invariants")[family(optimizer)]
    for seed in range(10):
        layers = random_layers(seed)
        answer = ask(model("m", optimizer, shape, layers))
        for at, layer, column in zip(
            answer.model.layers, layers, columns(len(layers)), strict=True
        ):
            kappa = Fraction(kappas(shape)[column])
            letters = {"a": Fraction(at.a), "b": Fraction(at.b), "c": Fraction(at.c), "κ": kappa}
            assert (layer.a, layer.b, layer.c) == (letters["a"], letters["b"], letters["c"])
            assert str(value(row["A"], **letters)) == at.A
            assert str(value(row["C"], **letters)) == at.C


@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_gauge_moves_change_nothing_else(optimizer: str, shape: str | None) -> None:
    moves = table("invariants")[family(optimizer)]["gauge move"].split(", ")
    for seed in range(5):
        layers = random_layers(seed)
        pick = random.Random(seed)
        moved = []
        for layer in layers:
            theta = Fraction(pick.randint(-4, 4), 4)
            letters = {"a": layer.a, "b": layer.b, "c": layer.c, "θ": theta}
            a, b, c = (value(move, **letters) for move in moves)
            moved.append(Knobs(a, b, c))

        before, after = (ask(model("m", optimizer, shape, one)) for one in (layers, moved))
        assert before.judgement() == after.judgement()


# ---- the calculus -----------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_updates(optimizer: str, shape: str | None) -> None:
    """Each layer's own update, from what reaches it; in both phases, of weights and of biases."""
    row = table("updates")[family(optimizer)]
    of_weights = dict(zip(SIDES, list(row.values())[:3], strict=True))
    for seed in range(10):
        layers = random_layers(seed, with_biases=True)
        (found,) = analyse(model("m", optimizer, shape, layers)).models
        rates = [(-stage.weight.rate, stage.bias) for stage in found.context.network.stages]
        for phase in found.verdict.flow:
            for at, column, (rate, bias) in zip(phase, columns(len(layers)), rates, strict=True):
                assert bias is not None
                letters = {"x": at.source, "g": at.gradient, "C": rate}
                assert value(of_weights[column], **letters) == at.own
                of_bias = row["bias of f" if column == "read-out" else "bias of h_l"]
                assert value(of_bias, **letters | {"C": -bias.rate}) == at.bias_own


@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_the_two_phases_of_the_read_out(optimizer: str, shape: str | None) -> None:
    """The last representation's gradient: the read-out's init, and then init plus update."""
    (update,) = table("the read-out's update")[family(optimizer)].values()
    for seed in range(10):
        layers = random_layers(seed)
        (found,) = analyse(model("m", optimizer, shape, layers)).models
        readout = found.context.network.stages[-1].weight
        first, later = found.verdict.flow
        entries = value(update, x=later[-1].source, C=-readout.rate)

        assert readout.init == first[-2].gradient
        assert max(readout.init, entries) == later[-2].gradient


# ---- the richness scale -----------------------------------------------------------------------


@pytest.mark.parametrize("richness", RICHNESSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_richness_scale(optimizer: str, richness: Fraction) -> None:
    rows = table("the richness scale")
    inits, rates = rows["A"], rows[f"C, {family(optimizer)}"]
    for layers in (2, 3, 5):
        roles = columns(layers)
        found = scale(law(optimizer).step, [SIDES[role] for role in roles], richness)
        expected = [
            (-value(inits[role], r=richness), -value(rates[role], r=richness)) for role in roles
        ]
        assert expected == [(weight.init, weight.rate) for weight in found]


@pytest.mark.parametrize("richness", RICHNESSES)
@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_sizes_on_the_scale(optimizer: str, shape: str | None, richness: Fraction) -> None:
    """As the table has it, weights and biases, a model passes with that richness."""
    rows = table("the richness scale")
    layers = []
    for role in columns(4):
        a, rate = (
            value(rows[f"{row}"][role], r=richness) for row in ("A", f"C, {family(optimizer)}")
        )
        of_bias = value(rows[f"C of a bias, {family(optimizer)}"][role], r=richness)
        beside = "bias of the output" if role == "read-out" else "bias of a representation"
        kappa, bias_kappa = (Fraction(kappas(shape)[column]) for column in (role, beside))
        # In the gauge without multipliers; biases of order one are off the scale.
        follows = a if optimizer == "adafactor" else Fraction(0)
        bias_init = Fraction(1)
        bias_rate = of_bias + bias_kappa - (bias_init if optimizer == "adafactor" else 0)
        bias = Knobs(Fraction(0), bias_init, bias_rate)
        layers.append(Knobs(Fraction(0), a, rate + kappa - follows, bias))

    answer = ask(model("m", optimizer, shape, layers)).model

    assert ("pass", str(richness)) == (answer.verdict, answer.richness)
    *hidden, output = answer.layers
    assert {str(richness - HALF)} == {layer.dh for layer in hidden}
    assert (str(-richness), "0") == (output.h, output.dh)


def test_values_in_the_gauge_without_multipliers() -> None:
    """The cells, as they stand, are the attributes that richc infers."""
    rows = table("values in the STP gauge")
    cells = [(rows["variance at init"][role], rows["rate"][role]) for role in SIDES]
    given = [f"{{ var = {var}, lr = {lr} }}".replace("/ d", "/ 64") for var, lr in cells]
    text = """\
model m {{
  width n = 256
  richness r = 1/3, gamma = 2
  {0}
  input 64
  embed: dense -> n {1}
  linear
  body: dense -> n {2}
  linear
  head: dense -> 10 {3}
  optimizer sgd {{ lr = 0.1 }}
}}
"""
    written = text.format("", *given)
    inferred = text.format("parameterization rich, gauge = stp", "", "", "")

    assert "identical" == richc.equivalence(written, inferred).status


# ---- gauges -----------------------------------------------------------------------------------


def _sgd(gauge: str, richness: Fraction) -> list[Knobs]:
    row = next(row for name, row in table("named gauges").items() if name.startswith(f"`{gauge}`"))
    a, b, c = ([value(cell, r=richness) for cell in row[knob].split(", ")] for knob in "abc")
    return [Knobs(a[role], b[role], c[role]) for role in (0, 1, 1, 2)]


@pytest.mark.parametrize("richness", RICHNESSES)
@pytest.mark.parametrize("gauge", ["stp", "mup", "rescaling"])
def test_named_gauges(gauge: str, richness: Fraction) -> None:
    answer = ask(model("m", "sgd", None, _sgd(gauge, richness))).model

    assert str(richness) == answer.richness
    assert gauge in answer.gauges
    points = {r[4:]: cell.strip("`") for r, cell in table("named points")[f"`{gauge}`"].items()}
    assert points.get(str(richness)) == answer.point


def _inferred(optimizer: str, shape: str | None, gauge: str, richness: str) -> schema.Report:
    options = f"shape_factor = {shape}" if shape else ""
    return richc.check(f"""\
model m {{
  width n = 256
  richness r = {richness}
  parameterization rich, gauge = {gauge}
  input 64
  embed: dense -> n
  linear
  body: dense -> n
  linear
  head: dense -> 10
  optimizer {optimizer} {{ {options} }}
}}
""")


@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_which_gauges_meet(optimizer: str, shape: str | None) -> None:
    """As the page says below its tables."""
    meeting: dict[tuple[str, str | None], tuple[str, set[str]]] = {
        ("sgd", None): ("0", {"mup", "rescaling"}),
        ("muon", "none"): ("0", {"mup", "rescaling"}),
        ("muon", "spectral"): ("1/2", {"stp", "mup"}),
        ("muon", "match_rms_adamw"): ("1/2", {"mup", "rescaling"}),
    }
    at, together = meeting.get((optimizer, shape), ("", set()))
    for richness in ("0", "1/2"):
        for gauge in ("stp", "mup", "rescaling"):
            (file,) = _inferred(optimizer, shape, gauge, richness).files
            if (optimizer, gauge) == ("adafactor", "mup"):
                assert ["R501"] == [d.code for d in file.diagnostics]
                continue
            expected = together if richness == at and gauge in together else {gauge}
            assert expected == set(file.models[0].gauges)


# ---- stacks -----------------------------------------------------------------------------------

STACKS = {"sgd": "SGD", "adam": "entrywise", "muon": "Muon (`none`)"}


@pytest.mark.parametrize("name", STACKS.values())
def test_a_stack_of_fixed_depth_with_branches_of_order_one_is_the_scale(name: str) -> None:
    """The exponents of n: with L fixed and rho = 0, blocks are hidden layers."""
    stacks, plain = table("stacks"), table("the richness scale")
    rows = {
        "read-in": ["read-in"],
        "hidden": ["in a branch, not last", "last of a branch, with its multiplier"],
        "read-out": ["read-out"],
    }
    for richness in RICHNESSES:
        sizes = {"U": richness - HALF, "ρ": Fraction(0), "1_L": Fraction(0)}
        for role, stacked in rows.items():
            for row in stacked:
                for column in ("A", f"C, {name}"):
                    expected = value(plain[column.partition(" (")[0]][role], r=richness)
                    assert expected == value(stacks[row][column], **sizes), (row, column)


@pytest.mark.parametrize("optimizer", STACKS)
def test_the_family_of_stacks(optimizer: str) -> None:
    """The page's rows are those of tests/calculus/test_family.py, which the calculus passes."""
    for change in (Joint(0, 0), Joint(Fraction(-1, 4), 0), Joint(Fraction(-1, 2), 0)):
        for rho in (Joint(0, Fraction(-1, 2)), Joint(0, Fraction(-3, 4)), Joint(0, -1)):
            point = test_family.Point(optimizer, change, rho, rho, 2, Joint(0, 0))
            expected: dict[str, Parameter] = {}
            for row, cells in table("stacks").items():
                letters = {"U": change, "ρ": rho, "1_L": test_family.L}
                init, rate = (
                    -value(cells[column], test_family.N, **letters) if cells[column] else None
                    for column in ("A", f"C, {STACKS[optimizer]}")
                )
                # A gain's init is one.
                if rate is not None:
                    expected[row] = Parameter(Joint(0, 0) if init is None else init, rate)

            (_, embed), (_, block), _, (_, readout) = test_family.network(point)
            assert isinstance(block, Residual)
            _, (_, gain), (_, inner), _, (_, last) = block.branches[0].ops
            assert isinstance(gain, Gain)
            found = {
                "read-in": embed,
                "in a branch, not last": inner,
                "last of a branch, with its multiplier": last,
                "read-out": readout,
            }
            for row, op in found.items():
                assert isinstance(op, Linear)
                assert expected[row] == op.weight, row
            if optimizer != "muon":
                assert expected["gain or bias in a branch, before its last weight"] == gain.gain


# ---- citations --------------------------------------------------------------------------------


def citations(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Where docs/NAME.md is named, with the heading that follows in quotes."""
    for folder in ("richc", "tests", "grammar", "examples"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".md", ".lark") and path != Path(__file__):
                text = re.sub(r"\s*\n\s*#?:?\s*", " ", path.read_text(encoding="utf-8"))
                for name, heading in re.findall(r'(docs/\w+\.md)(?:, "([^"]+)")?', text):
                    yield path, name, heading


def test_what_is_cited_is_there(root: Path) -> None:
    found = list(citations(root))
    headings = {
        str(page.relative_to(root)): re.findall(
            r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
        for page in (root / "docs").glob("*.md")
    }

    assert found
    assert [] == [
        (str(path), name, heading)
        for path, name, heading in found
        if name not in headings or (heading and heading not in headings[name])
    ]


def test_theory_is_cited_by_page_and_heading(root: Path) -> None:
    """Not by a number, of which the next edit makes another one."""
    vague = re.compile(r"(?<!docs/)(?<!\]\()theory\.md|\btheory[,:]? section", re.IGNORECASE)
    for folder in ("richc", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            text = " ".join(path.read_text(encoding="utf-8").split())
            assert path == Path(__file__) or vague.search(text) is None, path
