"""R701 in parts: second moments of activations, what is reported, and what the edits do."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.algebra import gaussian
from richc.algebra.formula import rich_formula
from richc.algebra.gaussian import second_moment, slope_moment
from richc.diagnostics import Diagnostic
from richc.pipeline import ModelResult, analyse
from richc.rules import signal

#: From mpmath's quadrature at 30 digits, for q = 0.0009, 0.01, 1, 9, 100, 10000.
SIZES = (0.0009, 0.01, 1.0, 9.0, 100.0, 10000.0)
MOMENTS = {
    "tanh": (
        0.000898384117494747,
        0.00980546875553241,
        0.394294490397841,
        0.745166707993423,
        0.920536863430517,
        0.992021482480513,
    ),
    "gelu": (
        0.000225386167243455,
        0.0025469634945775,
        0.425221482570299,
        4.44545657963141,
        49.9814827300228,
        4999.99812458294,
    ),
    "silu": (
        0.000225151761195304,
        0.00251859528155875,
        0.355775519817352,
        4.24940998777987,
        49.877173107472,
        4999.98688438545,
    ),
    "softplus": (
        0.48083399244832,
        0.484688391054289,
        0.9212459088593,
        4.75965552577085,
        50.0936170272516,
        5000.00958862263,
    ),
    "sigmoid": (
        0.250056224703623,
        0.250621896935814,
        0.293379035858093,
        0.385162095226089,
        0.460740439890636,
        0.496011233203164,
    ),
    "elu": (
        0.000879146938818985,
        0.00928223765840247,
        0.644945417492924,
        4.82175141761332,
        50.4408842274456,
        5000.49401661358,
    ),
    "erf": (
        0.00114385726376053,
        0.0124835406411158,
        0.46455905439754,
        0.792536465955468,
        0.936470225719422,
        0.993633934901166,
    ),
}

ACTIVATIONS = [*MOMENTS, "relu", "leaky_relu", "linear"]

#: The rates are as they should be: nothing else is reported.
MODEL = """\
model net {{
  width n = {width}, base n0 = 64
  input {inputs}
  embed: dense -> n {{ {embed}, lr = n / n0 }}
  {activation}
  body[{count}]: dense -> n {{ {body}, lr = 1 }}
  {activation}
  head: dense -> 10 {{ std = sqrt(n0) / n, lr = n0 / n }}
  optimizer sgd {{ lr = 0.01 }}
}}
"""


def text(
    activation: str = "relu",
    count: int = 9,
    *,
    body: str = "var = 1 / fan_in",
    embed: str = "var = 1 / fan_in",
    inputs: int = 64,
    width: int = 256,
) -> str:
    return MODEL.format(
        activation=activation, count=count, body=body, embed=embed, inputs=inputs, width=width
    )


def found(text: str) -> list[Diagnostic]:
    diagnostics = analyse(text).diagnostics
    # Ninety-nine layers are many, too.
    assert {d.code for d in diagnostics} <= {"R701", "R706"}
    return [d for d in diagnostics if d.code == "R701"]


def sizes(model: ModelResult) -> list[float]:
    """log2 of the mean squares of all representations."""
    return [passed.size for passed in signal.forward(model.context)[:-1]]


@pytest.mark.parametrize("activation", MOMENTS)
def test_moments(activation: str) -> None:
    actual = [second_moment(activation, 0.0, q) for q in SIZES]

    assert list(MOMENTS[activation]) == pytest.approx(actual, rel=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(st.floats(-60, 60), st.floats(0, 1))
def test_moments_are_positive_and_grow(activation: str, bits: float, slope: float) -> None:
    low, high = (second_moment(activation, slope, 2.0 ** (bits + more)) for more in (0, 1))

    assert 0 < low < math.inf
    # Rounding, and one step where sums end and limits begin.
    assert low <= high * (1.02 if bits > 12 else 1 + 1e-5)


def test_moments_of_slopes() -> None:
    """Of erf in closed form; of the rest at zero, and far from it where they have a slope."""
    for q in SIZES:
        exact = 4 / math.pi / math.sqrt(1 + 4 * q)
        assert exact == pytest.approx(slope_moment("erf", 0.0, q), rel=1e-6)
    at_zero = {"tanh": 1, "gelu": 1 / 4, "silu": 1 / 4, "softplus": 1 / 4, "sigmoid": 1 / 16}
    for name, value in at_zero.items():
        assert value == pytest.approx(slope_moment(name, 0.0, 0.0), rel=1e-6)
    for name in ("gelu", "silu", "softplus", "elu"):
        assert slope_moment(name, 0.0, 1e4) == pytest.approx(1 / 2, abs=0.01)
    assert slope_moment("leaky_relu", 0.5, 3.0) == 0.625


def test_closed_forms() -> None:
    assert 3.0 == second_moment("linear", 0.0, 3.0)
    assert 1.5 == second_moment("relu", 0.0, 3.0)
    assert 3.75 == second_moment("leaky_relu", 0.5, 6.0)


@pytest.mark.parametrize(
    ("activation", "count", "body", "layer"),
    [
        ("relu", 6, "var = 1 / fan_in", None),
        ("relu", 7, "var = 1 / fan_in", "body.6"),
        ("relu", 99, "var = 2 / fan_in", None),
        ("relu", 6, "var = 4 / fan_in", None),
        ("relu", 7, "var = 4 / fan_in", "body.6"),
        ("gelu", 4, "std = 1 / sqrt(n)", None),
        ("gelu", 5, "std = 1 / sqrt(n)", "body.4"),
        ("silu", 4, "std = 1 / sqrt(n)", "body.3"),
        ("tanh", 400, "std = 1 / sqrt(n)", None),
        ("tanh", 9, "var = 1 / (2 * n)", "body.4"),
        ("tanh", 99, "std = 5/3 / sqrt(n)", None),
        ("erf", 99, "std = 2 / sqrt(n)", None),
        ("softplus", 99, "std = 1 / sqrt(n)", None),
        ("sigmoid", 99, "std = 1 / sqrt(n)", None),
        ("elu", 8, "std = 1 / sqrt(n)", None),
        ("linear", 99, "std = 1 / sqrt(n)", None),
        ("leaky_relu(0.5)", 9, "var = 1 / fan_in", None),
        ("leaky_relu(0.5)", 10, "var = 1 / fan_in", "body.9"),
        ("leaky_relu(0.5)", 99, "var = 1.6 / fan_in", None),
    ],
)
def test_where_it_leaves(activation: str, count: int, body: str, layer: str | None) -> None:
    diagnostics = found(text(activation, count, body=body))

    assert [f"`{layer}`" in d.message for d in diagnostics] == ([True] if layer else [])


@pytest.mark.parametrize(
    ("activation", "count", "std", "last", "per_layer"),
    [
        ("silu", 12, "2", "36", "1.3"),
        ("gelu", 20, "1.3", "0.00057", "0.69"),
        ("silu", 24, "1.4", "0.00036", "0.72"),
        ("elu", 24, "1.55", "18", "1.1"),
    ],
)
def test_the_last_layer_counts_and_not_what_a_variance_of_one_would_do(
    activation: str, count: int, std: str, last: str, per_layer: str
) -> None:
    """Each of these layers nearly keeps a variance of 1; what it is given is another one."""
    spec = text(activation, count, body=f"std = {std} * n^(-1/2)", embed="std = 1/4", inputs=16)

    (diagnostic,) = found(spec)

    assert f"`body.{count - 1}`, starts at about {last}" in diagnostic.notes[1]
    assert f"each layer multiplies the RMS by {per_layer}, on average" == diagnostic.label


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "leaky_relu(0.25)", "linear"])
@pytest.mark.parametrize(
    "body",
    [
        "var = 1/10 / fan_in",
        "std = 1/4 / sqrt(n)",
        "var = 8 / fan_in",
        "std = 3 * n^(-1/2)",
        "scale = 1/4, var = 0.75 / n",
    ],
)
def test_the_edit_mends_it(activation: str, body: str) -> None:
    before = text(activation, body=body)
    (diagnostic,) = found(before)
    (edit,) = diagnostic.edits

    after = before[: edit.span.start] + edit.text + before[edit.span.end :]

    assert diagnostic.help is not None
    assert edit.text in diagnostic.help
    assert [] == found(after)
    (model,) = analyse(after).models
    # Ten layers on, all is within a hundredth of where it began.
    assert max(map(abs, sizes(model))) < 0.05


def test_both_ends_of_a_cause_are_mended_together() -> None:
    first = "body[4]: dense -> n { var = 1 / fan_in, lr = 1 }\n  relu\n  more"
    before = text(count=5).replace("body", first)
    (diagnostic,) = found(before)

    assert ["2 / fan_in"] * 2 == [edit.text for edit in diagnostic.edits]
    assert 1 == len(diagnostic.labels)


@pytest.mark.parametrize(("inputs", "std", "wanted"), [(784, "1", "1 / 28"), (1000, "2", None)])
def test_a_read_in_that_forgets_its_inputs(inputs: int, std: str, wanted: str | None) -> None:
    (diagnostic,) = found(text("tanh", 1, embed=f"std = {std}", inputs=inputs))

    assert "embed" == diagnostic.layer
    (edit,) = diagnostic.edits
    assert edit.text == (wanted or "0.03162")


def test_biases_count() -> None:
    small = "var = 1 / fan_in, bias { std = 1, lr = n / n0 }"

    assert [] == found(text(body=small))


INFERRED = """\
model net {{
  width n = 256, base n0 = 64
  parameterization {parameterization}
  input 64
  embed: dense -> n
  {activation}
  body[{count}]: dense -> n {block}
  {activation}
  head: dense -> 10
  optimizer adam
}}
"""


def test_a_multiplier_beside_an_inferred_std() -> None:
    spec = INFERRED.format(
        parameterization="mup", activation="gelu", count=9, block="{ scale = 1/2 }"
    )
    (diagnostic,) = found(spec)

    assert () == diagnostic.edits
    assert "multiply the scale of `body` by 2: h keeps its size" == diagnostic.help
    assert [] == found(spec.replace("scale = 1/2", "scale = 1"))


@pytest.mark.parametrize("parameterization", ["mup", "ntp", "mup, gauge = mup", "ntp, gauge = mup"])
@pytest.mark.parametrize("activation", [*MOMENTS, "relu", "leaky_relu(0.25)", "linear"])
def test_what_richc_infers_it_does_not_report(activation: str, parameterization: str) -> None:
    spec = INFERRED.format(
        parameterization=parameterization, activation=activation, count=30, block=""
    )

    assert [] == found(spec)


@pytest.mark.parametrize("activation", sorted({*MOMENTS} - {"tanh"}))
def test_inferred_gains_are_rounded_moments(activation: str) -> None:
    """Two decimals of the variance, away from where the sum's error would decide them."""
    spec = INFERRED.format(parameterization="mup", activation=activation, count=1, block="")
    (model,) = analyse(spec).models
    exact = 1 / MOMENTS[activation][SIZES.index(1.0)]
    tensor = model.spec.layers[1].weight

    assert f"sqrt({exact:.2f} / n)" == rich_formula(tensor.std)
    assert abs(exact * 100 % 1 - 0.5) > 0.01


def test_a_size_that_grows_with_the_width_is_not_this_rules() -> None:
    codes = {d.code for d in analyse(text(body="std = 1")).diagnostics}

    assert "R101" in codes
    assert "R701" not in codes


def test_an_interval_has_it_once() -> None:
    spec = text().replace("input", "richness r = 1/2 in [1/4, 1/2]\n  input")
    (diagnostic,) = (d for d in analyse(spec).diagnostics if d.code == "R701")

    assert diagnostic.edits
    assert not any("for r" in note for note in diagnostic.notes)


def test_thousands_of_layers_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What depends on the activation is computed once for many layers."""
    (model,) = analyse(text("tanh", 9000, body="std = 1 / sqrt(n)")).models
    seen: list[float] = []

    def moment(name: str, slope: float, q: float) -> float:
        seen.append(q)
        return second_moment(name, slope, q)

    monkeypatch.setattr(gaussian, "second_moment", moment)
    signal._moment.cache_clear()
    found = sizes(model)

    assert len(found) == 9001
    assert len(seen) < 1000
    # As 1/(2 x depth), for tanh(x)^2 is x^2 - 2/3 x^4, whose mean is q - 2 q^2.
    assert found[-1] == pytest.approx(-math.log2(2 * 9000), abs=0.01)


def test_examples_are_silent() -> None:
    for path in (Path(__file__).parents[2] / "examples").glob("*.rich"):
        codes = {d.code for d in analyse(path.read_text(encoding="utf-8")).diagnostics}

        assert not any(code.startswith("R7") for code in codes), path
