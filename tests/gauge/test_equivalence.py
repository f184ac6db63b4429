"""Whether two models train alike: what is said of which pairs, in text and JSON."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import richc
from richc.algebra.monomial import Affine, Monomial, is_one, number
from richc.cli.main import cli
from richc.gauge.equivalence import Equivalence, compare
from richc.pipeline import analyse
from richc.report.equivalence_schema import Equivalence as Report
from tests.gauge.rewriting import model, move

ADAM = "adam { lr = 1e-3, eps = 1e-8, weight_decay = 0.1 }"
LAYERS = (
    "a: dense -> n { std = 1/4, lr = alpha / sqrt(n), bias { std = 0, lr = alpha / sqrt(n) } }",
    "b: dense -> n { std = sqrt(2 / n), lr = alpha / n^(3/2) }",
    "c: dense -> 2 { std = 1 / (alpha * sqrt(n)), lr = 1 / n }",
)
TEXT = model(*LAYERS, optimizer=ADAM)
#: The weights of TEXT alone, and relu: positively homogeneous.
PLAIN = TEXT.replace(", bias { std = 0, lr = alpha / sqrt(n) }", "").replace("tanh", "relu")


def compared(first: str, second: str) -> Equivalence:
    one, other = (analyse(text).models[0].spec for text in (first, second))
    return compare(one, other)


def run(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["equiv", "--color", "never", *map(str, arguments)], input=text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.rich").write_text(TEXT, encoding="utf-8")
    return tmp_path


def test_the_map(folder: Path) -> None:
    (folder / "b.rich").write_text(move(TEXT, "mup"), encoding="utf-8")

    result = run("a.rich", "b.rich")

    assert result.exit_code == 0
    assert (
        """\
= a.rich and b.rich are identical: one network in two gauges
    layer    M times t        θ
    a        alpha / sqrt(n)  0
    a, bias  alpha / sqrt(n)  0
    b        alpha / n^(3/2)  1
    c        1 / n            1
"""
        == result.stdout
    )


def test_a_file_and_itself(folder: Path) -> None:
    assert folder.exists()
    result = run("a.rich", "-", text=TEXT)

    assert (0, "= a.rich and <stdin> are identical: one network in one gauge\n") == (
        result.exit_code,
        result.stdout,
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sqrt(2 / n)", "sqrt(1 / n)", "`b`: in the second, the initial size M s is 1 / sqrt(2)"),
        ("lr = 1e-3", "lr = 2e-3", "the rate η M is 2 times the first's"),
        ("weight_decay = 0.1", "weight_decay = 0.3", "the decay λ / M² is 3 times the first's"),
        ("eps = 1e-8", "eps = 1e-9", "the epsilon ε / M is 0.1 times the first's"),
        ("eps = 1e-8", "eps = 1e-8, betas = (0, 0)", "betas: (0.9, 0.999) against (0, 0)"),
        ("std = 1/4,", "std = 1/4, dist = uniform,", "`a`: dist: normal against uniform"),
        ("r = 1/2", "r = 1/2, gamma = 3", "`a`: in the second, the rate η M is 3 times"),
    ],
)  # fmt: skip
def test_constants(old: str, new: str, words: str, folder: Path) -> None:
    (folder / "b.rich").write_text(TEXT.replace(old, new), encoding="utf-8")

    result = run("a.rich", "b.rich")
    strict = run("a.rich", "b.rich", "--strict")

    assert [0, 1] == [result.exit_code, strict.exit_code]
    assert result.stdout == strict.stdout
    assert result.stdout.startswith("≈ a.rich and b.rich are the same up to constants\n")
    assert words in result.stdout


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("alpha / n^(3/2)", "alpha / n", "the rate η M is n^(1/2) times the first's: its weight"),
        ("std = sqrt(2 / n)", "std = 2 / n", "n^(-1/2) times the first's: its initial weights are"),
        ("std = sqrt(2 / n)", "std = 0", "`b`: the initial size M s is zero in the second only"),
        ("= 0.1", "= 0.1 / n", "beside the gradient, its decayed weights are n times smaller"),
        ("eps = 1e-8", "eps = 1e-8 * n", "beside the gradient, its epsilon is n times larger"),
        ("adam {", "adamw {", "the optimizers differ: adam against adamw"),
        ("tanh", "gelu", "`a`: the activations differ: tanh against gelu"),
        ("-> 2", "-> 3", "`c`: the sizes differ: 2 against 3"),
        ("input 16", "input 17", "the input dimensions differ: 16 against 17"),
        ("b: dense -> n", "b[2]: dense -> n", "the depths differ: 3 layers against 4"),
        ("sqrt(2 / n),", "sqrt(2 / n), frozen,", "`b`: frozen in the second only"),
        ("sqrt(2 / n),", "sqrt(2 / n), bias { std = 0, lr = 1 },", "only the second has a bias"),
        ("  optimizer", "  loss mse\n  optimizer", "the losses differ: cross_entropy against mse"),
    ],
)
def test_differences(old: str, new: str, words: str, folder: Path) -> None:
    (folder / "b.rich").write_text(TEXT.replace(old, new), encoding="utf-8")

    result = run("a.rich", "b.rich")

    assert result.exit_code == 1
    first, *others = result.stdout.splitlines()
    assert "≠ a.rich and b.rich are different" == first
    assert words in others[0]
    assert "    a.rich: μP (r = 1/2), STP gauge: features learn" in others
    assert any(line.startswith("    b.rich: ") for line in others)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tanh", "leaky_relu(1)"),
        ("-> n { std = sqrt", "-> n { bias { std = 0, frozen }, std = sqrt"),
        ("eps = 1e-8", "eps = 1e-8, betas = (0.9, 0.999), amsgrad = false"),
        ("alpha", "n^r"),
        ("alpha", "n^(1/2)"),
        ("n = 64", "m = 64"),
        ("n = 64", "n = 128"),
        ("n = 64", "n = 64, base n0 = 1"),
        ("  optimizer", "  train { steps = 10 }\n  optimizer"),
        ("1/4", "sqrt(0.0625)"),
    ],
)
def test_what_makes_no_difference(old: str, new: str) -> None:
    first = TEXT.replace("tanh", "linear") if old == "tanh" else TEXT
    second = TEXT.replace(old, new)
    if new.startswith("m"):
        second = second.replace("(n)", "(m)").replace("n^", "m^").replace("/ n", "/ m")
        second = second.replace("-> n", "-> m")

    assert compared(first, second).status == "identical"


def test_notes() -> None:
    found = compared(TEXT, TEXT.replace("n = 64", "n = 65\n  train { steps = 10 }"))

    assert found.status == "identical"
    assert ["64 and 65" in found.notes[0], "steps" in found.notes[1]] == [True, True]


def test_all_std_alike_trains_as_mup_where_layers_can_be_rescaled(folder: Path) -> None:
    """Off the scale, as a function on it: docs/theory.md, "Where a naive checker is wrong"."""
    mup = model(
        "a: dense -> n { std = 1, lr = n }",
        "b: dense -> n { std = n^(-1/2), lr = 1 }",
        "c: dense -> 2 { std = 1 / n, lr = 1 / n }",
    )
    alike = model(*(f"{layer} {{ std = n^(-1/2), lr = 1 }}" for layer in (
        "a: dense -> n", "b: dense -> n", "c: dense -> 2"
    )))  # fmt: skip
    (folder / "mup.rich").write_text(mup.replace("tanh", "relu"), encoding="utf-8")
    (folder / "alike.rich").write_text(alike.replace("tanh", "relu"), encoding="utf-8")

    result = run("mup.rich", "alike.rich")

    assert result.exit_code == 0
    assert (
        """\
= mup.rich and alike.rich are identical: one network, rescaled
    layers are rescaled against each other (V to u V, the product of all u is 1), which
    positively homogeneous activations without biases do not see
    layer  M times t  θ  u
    a      1          0  1 / sqrt(n)
    b      1          0  1
    c      1          0  sqrt(n)
"""
        == result.stdout
    )
    assert compared(mup, alike).status == "different"


def test_a_rescaling_that_leaves_a_constant_over() -> None:
    second = PLAIN.replace("1/4", "3/4")

    assert compared(PLAIN, second).status == "same_up_to_constants"


def test_large_numbers_that_share_factors() -> None:
    square = Monomial(((1018081, Affine(Fraction(1))),))

    assert is_one(square.over(number(1009).power(Affine(Fraction(2)))))
    assert not is_one(square.over(number(1009).power(Affine(Fraction(3)))))
    assert not is_one(number(2))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["a.rich"], "B is missing"),
        (["-", "-"], "only one of the two"),
        (["a.rich", "none.rich"], "No such file"),
        (["a.rich", "a.rich::b"], "there is no model `b`"),
        (["a.rich", "two.rich"], "choose one (as in two.rich::NAME)"),
        (["a.rich", "broken.rich"], "error[R010]"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str, folder: Path) -> None:
    (folder / "two.rich").write_text(TEXT + TEXT.replace("net", "other"), encoding="utf-8")
    (folder / "broken.rich").write_text(TEXT.replace("alpha", "alfa"), encoding="utf-8")

    result = run(*arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert reason in result.stderr


def test_one_of_several_models(folder: Path) -> None:
    (folder / "two.rich").write_text(
        TEXT.replace("1e-3", "1") + TEXT.replace("net", "other"), encoding="utf-8"
    )

    assert "= a.rich and two.rich::other are identical" in run("a.rich", "two.rich::other").stdout


def test_json_and_python(folder: Path) -> None:
    other = TEXT.replace("sqrt(2 / n)", "2 / n")
    (folder / "b.rich").write_text(other, encoding="utf-8")

    result = run("a.rich", "b.rich", "--format", "json")
    told = Report.model_validate_json(result.stdout)

    assert result.exit_code == 1
    assert ("different", "-1/2") == (told.status, told.differences[0].power)
    by_api = richc.equivalence(TEXT, other)
    assert told == by_api.model_copy(update={"first": told.first, "second": told.second})
    with pytest.raises(richc.RichError, match="R010"):
        richc.equivalence(TEXT, TEXT.replace("alpha", "alfa"))


def test_schema() -> None:
    schema = json.loads(CliRunner().invoke(cli, ["schema", "equivalence"]).stdout)

    assert set(schema["required"]) >= {"richc", "status", "first", "second", "moves"}
