"""Models back to texts: exact, explicit, and as a person would write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from richc.algebra.monomial import ONE, number, symbol
from richc.pipeline import analyse
from richc.spec.printer import print_model, print_models
from tests.spec.content import content, models, nameless

_TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("../examples", "spec/examples", "check/golden")
    for path in (_TESTS / folder).glob("*.rich")
)


def printed(text: str) -> str:
    return print_models(models(text))


def written(stack: str, head: str = "width n = 64", optimizer: str = "sgd { lr = 0.1 }") -> str:
    lines = [*head.splitlines(), "input 16", *stack.splitlines(), f"optimizer {optimizer}"]
    return "\n".join(["model net {", *(f"  {line}" for line in lines), "}", ""])


def layers_of(text: str) -> list[str]:
    """The lines of layers and activations."""
    lines = [line.strip() for line in text.splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("input "))
    end = next(i for i, line in enumerate(lines) if line.startswith("optimizer "))
    return lines[start + 1 : end]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_survive(path: Path) -> None:
    # Some golden files hold broken models beside whole ones.
    found = [model.spec for model in analyse(path.read_text(encoding="utf-8")).models]

    text = print_models(found)

    assert [content(model) for model in found] == [content(model) for model in models(text)]
    assert text == printed(text)


def test_nothing_is_left_to_infer() -> None:
    text = """
model digits {
  width n = 256, base n0 = 64
  parameterization mup
  input 64
  embed: dense -> n { bias }
  relu
  body[2]: dense -> n { dist = orthogonal }
  relu
  head: dense -> 10 { frozen }
  optimizer adamw { lr = 1e-3, betas = (0.9, 1/3), amsgrad = true }
  train { data = "some data.csv", target = digit, steps = 10 }
  require rich(r = 1/2)
  require regime rich
}
"""

    assert """\
model digits {
  width n = 256, base n0 = 64
  richness r = 1/2, gamma = 1
  input 64
  embed: dense -> n {
    scale = 1
    std = 1 / 8
    lr = alpha / sqrt(n / n0)
    eps = 1e-8 / (n / n0)^(r + 1/2)
    bias { scale = 1, std = 0, lr = alpha / sqrt(n / n0), eps = 1e-8 / (n / n0)^(r + 1/2) }
  }
  relu
  body[2]: dense -> n {
    scale = 1
    std = sqrt(2 / n)
    lr = alpha / (n / n0)^(3/2)
    eps = 1e-8 / (n / n0)^(r + 1/2)
    dist = orthogonal
  }
  relu
  head: dense -> 10 { scale = 1, std = 1 / (alpha * sqrt(n)), lr = n0 / n, eps = 1e-8, frozen }
  optimizer adamw { lr = 0.001, amsgrad = true, betas = (0.9, 1/3) }
  loss cross_entropy
  train { data = "some data.csv", target = "digit", steps = 10 }
  require rich(r = 1/2)
  require regime rich
}
""" == printed(text)


def test_words_for_the_width() -> None:
    text = written(
        "a: dense -> 3*base { std = base^(-1/3), lr = 1 }\n"
        "tanh\n"
        "b: dense -> 1 { std = 0, lr = in }",
        "width base = 64, base in = 2\nrichness r = -1/3, gamma = 1e-3",
    )

    assert """\
model net {
  width base = 64, base in = 2
  richness r = -1/3, gamma = 0.001
  input 16
  a: dense -> 3*base { scale = 1, std = base^(-1/3), lr = 1 }
  tanh
  b: dense -> 1 { scale = 1, std = 0, lr = in }
  optimizer sgd { lr = 0.1 }
  loss mse
}
""" == printed(text)


def test_biases_that_follow_their_layers_fan_in() -> None:
    text = written(
        "a[2]: dense -> n { std = 1, lr = 1, bias { std = 1 / layer_fan_in, lr = 1 / fan_out } }\n"
        "tanh\n"
        "b: dense -> 10 { std = 0, lr = 1 }"
    )
    first, second, _ = models(text)[0].layers

    assert first.bias is not None
    assert second.bias is not None
    assert (number(Fraction(1, 16)), ONE.over(symbol("n"))) == (first.bias.std, second.bias.std)
    assert "bias { scale = 1, std = 1 / layer_fan_in, lr = 1 / n }" in printed(text)
    assert [content(m) for m in models(text)] == [content(m) for m in models(printed(text))]


def test_frozen_and_zero_rates_are_told_apart() -> None:
    text = written("""\
a: dense -> n { std = 1, frozen, bias { std = 0, lr = 2 } }
tanh
b: dense -> n { std = 1, lr = 3, frozen, bias { std = 0, frozen } }
tanh
c: dense -> 2 { std = 1, lr = 0 }""")

    assert [
        "a: dense -> n { scale = 1, std = 1, lr = 0, bias { scale = 1, std = 0, lr = 2 } }",
        "tanh",
        "b: dense -> n { scale = 1, std = 1, lr = 3, frozen, bias { scale = 1, std = 0, lr = 0 } }",
        "tanh",
        "c: dense -> 2 { scale = 1, std = 1, lr = 0 }",
    ] == layers_of(printed(text))


def test_decay_is_what_each_layer_has() -> None:
    text = written(
        "a: dense -> n\ntanh\nb: dense -> 2 { bias }",
        "width n = 64\nparameterization ntp",
        "adamw { weight_decay = 0.01 }",
    )

    assert [
        "a: dense -> n {",
        "scale = 1",
        "std = 0.25",
        "lr = alpha / sqrt(n)",
        "decay = 0.01 * sqrt(n) / alpha",
        "eps = 1e-8 / n^(r + 1/2)",
        "}",
        "tanh",
        "b: dense -> 2 {",
        "scale = 1",
        "std = 1 / (alpha * sqrt(n))",
        "lr = 1 / n",
        "decay = 0.01 * n",
        "eps = 1e-8",
        "bias { scale = 1, std = 0, lr = 1, decay = 0.01, eps = 1e-8 }",
        "}",
    ] == layers_of(printed(text))


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        pytest.param(
            "a[3]: dense -> n { var = 2 / fan_in, lr = n / fan_in^2 }",
            "a[3]: dense -> n { scale = 1, std = sqrt(2 / fan_in), lr = n / fan_in^2 }",
            id="read-in",
        ),
        pytest.param(
            "z: dense -> 4*n { std = 1, lr = 1 }\n"
            "tanh\n"
            "a[2]: dense -> n { std = fan_in^(-1/3), lr = fan_out / fan_in }",
            "a[2]: dense -> n { scale = 1, std = fan_in^(-1/3), lr = n / fan_in }",
            id="another width",
        ),
        pytest.param(
            "a[1]: dense -> n { var = 2 / fan_in, lr = 1 }",
            "a[1]: dense -> n { scale = 1, std = 1 / sqrt(8), lr = 1 }",
            id="only one",
        ),
    ],
)
def test_repeats_that_differ_by_their_fan_in_stay_repeats(stack: str, expected: str) -> None:
    text = written(f"{stack}\nrelu\nhead: dense -> 2 {{ std = 0, lr = 1 }}")

    assert expected == layers_of(printed(text))[-3]
    assert [*map(content, models(text))] == [*map(content, models(printed(text)))]


def test_repeats_that_inference_made_unequal_are_taken_apart() -> None:
    text = written(
        "a[4]: dense -> n\nrelu\na_0: dense -> 2", "width n = 64, base n0 = 8\nparameterization mup"
    )
    (before,) = models(text)
    (after,) = models(printed(text))

    assert [
        "a__0: dense -> n { scale = 1, std = 0.25, lr = alpha^2 }",
        "relu",
        "a_1[3]: dense -> n { scale = 1, std = sqrt(2 / n), lr = alpha^2 / (n / n0) }",
        "relu",
        "a_0: dense -> 2 { scale = 1, std = 1 / (alpha * sqrt(n)), lr = n0 / n }",
    ] == layers_of(printed(text))
    assert nameless(content(before)) == nameless(content(after))


@pytest.mark.parametrize(
    "std",
    [
        "3^60 * 7^60 / 1e100",
        "sqrt(3^60 * 7^61) * 1e-60",
        "1e39 + 7",
        "(1e39 + 7)^(-3/2)",
        "123456789012345678901234567890123456789 / 1e38",
        "0.00012345678901234567890123456789012345",
        "1009 * 1013 * sqrt(2)",
        "2^(1/1000) * 1e-300",
        "n^(12345678901234567890/98765432109876543211)",
        "n^(r/3 - 7/5) * gamma^(1 - r)",
    ],
)
def test_values_survive(std: str) -> None:
    text = written(
        f"a: dense -> n {{ std = {std}, lr = 1 }}\ntanh\nb: dense -> 2 {{ std = 1, lr = 1 }}",
        "width n = 64\nrichness r = 1/3, gamma = 2/7",
    )
    (model,) = models(text)

    assert content(model) == content(models(print_model(model))[0])
