"""R704: which rates are taken for those of a plain network, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from richc.diagnostics import Diagnostic
from richc.pipeline import analyse

MODEL = """\
model net {{
  width {n} = {width}{base}
  {parameterization}
  input 64
  embed: dense -> {n} {{ {embed} }}
  relu
  body[2]: dense -> {n} {{ {body} }}
  relu
  head: dense -> 10 {{ {head} }}
  optimizer {optimizer}
}}
"""


def text(
    optimizer: str = "adam",
    parameterization: str = "parameterization mup",
    *,
    n: str = "n",
    width: int = 256,
    base: str = "",
    embed: str = "",
    body: str = "",
    head: str = "",
) -> str:
    return MODEL.format(**locals())


def found(text: str) -> list[Diagnostic]:
    return [d for d in analyse(text).diagnostics if d.code == "R704"]


#: A rate that is reported, and the next that is not.
LIMITS = [
    ("sgd {{ lr = {} }}", "0.3", "0.31"),
    ("sgd {{ lr = {}, momentum = 0.9 }}", "0.03", "0.031"),
    ("adam {{ lr = {} }}", "3e-3", "3.1e-3"),
    ("adamw {{ lr = {} }}", "3e-3", "3.1e-3"),
    ("lion {{ lr = {} }}", "3e-4", "3.1e-4"),
    ("signsgd {{ lr = {} }}", "3e-3", "3.1e-3"),
    ("signsgd {{ lr = {}, momentum = 0.9 }}", "3e-3", "3.1e-3"),
    ("adafactor {{ lr = {} }}", "1e-2", "1.1e-2"),
]


@pytest.mark.parametrize(
    "preset", ["mup", "ntp", "rich(r = 1/4)", "mup, gauge = rescaling", "ntp, gauge = rescaling"]
)
@pytest.mark.parametrize(("optimizer", "low", "high"), LIMITS)
def test_limits(optimizer: str, low: str, high: str, preset: str) -> None:
    parameterization = f"parameterization {preset}"

    assert 1 == len(found(text(optimizer.format(low), parameterization)))
    assert [] == found(text(optimizer.format(high), parameterization))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "lion", "signsgd", "adafactor"])
def test_the_default_rate_is_an_everyday_one(optimizer: str) -> None:
    (diagnostic,) = found(text(optimizer))

    assert diagnostic.span.start == text(optimizer).index("optimizer")


@pytest.mark.parametrize("optimizer", ["sgd", "sgd { momentum = 0.5 }", "adam", "lion"])
@pytest.mark.parametrize("preset", ["mup", "ntp", "rich(r = 1/4)"])
def test_every_gauge_is_told_the_same(optimizer: str, preset: str) -> None:
    told = {
        (d.message, d.label, d.help)
        for gauge in ("stp", "mup", "rescaling")
        for d in found(text(optimizer, f"parameterization {preset}, gauge = {gauge}"))
    }

    assert 1 == len(told)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adafactor"])
def test_no_width_is_wide_enough(optimizer: str) -> None:
    """Under μP networks of all widths are slowed down alike."""
    assert [1, 1, 1] == [len(found(text(optimizer, width=n))) for n in (16, 256, 16384)]


def silent() -> Iterator[tuple[str, str]]:
    yield "a base width", text(base=", base n0 = 64")
    yield "rates as they are", text(parameterization="parameterization standard")
    yield (
        "a gamma",
        text(
            parameterization="richness r = 1/2, gamma = 8\n  parameterization rich",
        ),
    )
    yield "a rate of its own", text(body="lr = 1 / n")
    yield "a multiplier of its own", text(head="scale = 3 / n")
    yield "a rate that depends on n", text("adam { lr = 1e-3 * sqrt(n) }")
    yield "muon", text("muon { shape_factor = spectral }")
    yield (
        "all written",
        text(
            parameterization="",
            embed="var = 1 / fan_in, lr = 1",
            body="var = 2 / fan_in, lr = 64 / n",
            head="std = 1 / n, lr = 64 / n",
        ),
    )
    yield (
        "some layer learns faster",
        text(
            "sgd",
            parameterization="",
            embed="var = 1 / fan_in, lr = n",
            body="var = 2 / fan_in, lr = 1",
            head="std = 1 / n, lr = 1 / n",
        ),
    )
    yield "nothing trains", text(embed="frozen", body="frozen", head="frozen, bias")


@pytest.mark.parametrize("spec", [pytest.param(t, id=name) for name, t in silent()])
def test_own_units_are_left_alone(spec: str) -> None:
    assert [] == found(spec)


def test_a_bare_power_of_the_width_is_read_at_one() -> None:
    spec = text(
        parameterization="",
        embed="var = 1 / fan_in, lr = 1",
        body="var = 2 / fan_in, lr = 1 / n",
        head="std = 1 / n, lr = 1 / n",
    )

    (diagnostic,) = found(spec)

    assert "learns at 3.9e-06" in diagnostic.message


def test_a_std_is_no_unit() -> None:
    assert 1 == len(found(text(body="var = 2 / fan_in", head="std = 0")))


def test_a_gamma_of_one_is_none() -> None:
    spec = text(parameterization="richness r = 1/2, gamma = 1\n  parameterization rich")

    assert 1 == len(found(spec))


def test_the_slowest_that_trains_is_named() -> None:
    (all_train,) = found(text())
    (frozen,) = found(text(body="frozen"))

    assert ("body.0", "head") == (all_train.layer, frozen.layer)
    # 1e-3 / 256.
    assert "`head` learns at 3.9e-06" in frozen.message


@pytest.mark.parametrize(("n", "width"), [("n", 256), ("N", 48), ("width_", 16)])
def test_the_help_helps(n: str, width: int) -> None:
    before = text(n=n, width=width)
    (diagnostic,) = found(before)

    assert diagnostic.help is not None
    _, wanted, _ = diagnostic.help.split("`")
    after = before.replace(f"width {n} = {width}", wanted)

    assert before != after
    assert () == analyse(after).diagnostics


def test_an_interval_has_it_once() -> None:
    spec = text(
        parameterization="richness r = 1/2 in [1/4, 1/2]\n  parameterization rich",
    )

    assert 1 == len(found(spec))
