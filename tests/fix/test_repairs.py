"""What a failing model is told to change: the same in the help, in the quick fix and by ``fix``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

import richc
from richc.fixing.fix import fix
from richc.report import schema
from richc.syntax.source import Source
from tests.fix.texts import apply, values
from tests.verdict import reference
from tests.verdict.reference import HALF, KAPPA, Knobs
from tests.verdict.writing import ask, layer_names, model

ZERO = Fraction(0)
QUARTER = Fraction(1, 4)

FAMILIES = [("sgd", None), ("adam", None), ("muon", "spectral"), ("adafactor", None)]
FAULTS = [("lr", x) for x in (HALF, -HALF, Fraction(1), Fraction(-1))]
FAULTS += [("std", x) for x in (HALF, -HALF)]


def at_point(
    optimizer: str, shape: str | None, richness: Fraction = HALF, depth: int = 2
) -> list[Knobs]:
    """A point of the scale, without multipliers."""
    pairs = reference.scale(optimizer, depth, richness)
    return reference.knobs(optimizer, shape, pairs, [ZERO] * (depth + 1))


def spoilt(layers: Sequence[Knobs], at: int, attribute: str, factor: Fraction) -> list[Knobs]:
    """One attribute times n^factor."""
    result = list(layers)
    knob = {"std": "b", "lr": "c"}[attribute]
    result[at] = replace(result[at], **{knob: getattr(result[at], knob) - factor})
    return result


def require(text: str, claim: str) -> str:
    return text.replace("\n}\n", f"\n  require {claim}\n}}\n")


def advised(text: str) -> schema.Diagnostic:
    """The error that is told what to do, of a file in which all errors are told the same."""
    found = [d for d in ask(text).diagnostics if d.severity == "error"]
    assert len({tuple(d.edits) for d in found}) == 1, [(d.code, d.edits) for d in found]
    assert apply(text, found[0].edits) == richc.fix(text) or not found[0].edits
    return next((d for d in found if d.code == "R502"), found[0])


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_one_fault_is_mended_where_it_is(optimizer: str, shape: str | None, depth: int) -> None:
    right = at_point(optimizer, shape, depth=depth)
    names = layer_names(len(right))
    for at in range(len(right)):
        for attribute, factor in FAULTS:
            text = model("net", optimizer, shape, spoilt(right, at, attribute, factor))
            text = require(text, "mup")
            if (at, attribute, factor) == (depth, "std", -HALF) and optimizer != "adafactor":
                # A read-out that starts smaller than its own update.
                assert "pass" == ask(text).model.verdict
                continue

            found = advised(text)

            assert names[at] == found.layer, text
            assert (found.help or "").startswith(f"use `{attribute} = "), text
            mended = apply(text, found.edits)
            assert "mup" == ask(mended).model.equivalent_to
            assert values(text) == values(mended)


@pytest.mark.parametrize("shape", KAPPA)
@pytest.mark.parametrize(
    ("claim", "richness"), [("ntp", ZERO), ("rich(r = 1/4)", QUARTER), ("mup", HALF)]
)
def test_every_point_and_shape_factor(shape: str, claim: str, richness: Fraction) -> None:
    right = at_point("muon", shape, richness)
    for at, attribute in [(0, "lr"), (1, "std"), (2, "std"), (2, "lr")]:
        text = model("net", "muon", shape, spoilt(right, at, attribute, HALF))

        found = advised(require(text, claim))

        assert layer_names(3)[at] == found.layer
        assert f"`{attribute} =" in (found.help or "")


def test_in_any_gauge() -> None:
    pairs = reference.scale("sgd", 2, HALF)
    right = reference.knobs("sgd", None, pairs, [-HALF, ZERO, QUARTER])
    text = require(model("net", "sgd", None, spoilt(right, 2, "std", HALF)), "mup")

    found = advised(text)

    assert "out" == found.layer
    assert "use `std = sqrt(n0) / n^(3/4)`" in (found.help or "")


TEXT = """
model net {{
  width n = 256{base}
  {declared}
  input 16
  embed: dense -> n {{ std = 1, lr = n {bias} }}
  tanh
  body[2]: dense -> n {{ {std}, lr = {rate} }}
  tanh
  head: dense -> 10 {{ {head}, lr = 1 / n }}
  optimizer {optimizer}
  {claim}
}}
"""
RIGHT = {
    "base": "",
    "declared": "",
    "bias": "",
    "std": "std = 1 / sqrt(n)",
    "rate": "1",
    "head": "std = 1 / n",
    "optimizer": "sgd { lr = 0.1 }",
    "claim": "",
}


def written(**changes: str) -> str:
    return TEXT.format(**{**RIGHT, **changes})


@pytest.mark.parametrize(
    ("changes", "help"),
    [
        ({"rate": "1 / n"}, "use `lr = 1 / n0` and `base n0 = 256`: `net` becomes μP (r = 1/2)"),
        ({"std": "var = 3"}, "use `var = 3 * n0 / n` and `base n0 = 256`: `net` becomes"),
        ({"head": "std = n^(-1/2)"}, "use `std = sqrt(n0) / n` on `head` and"),
        ({"rate": "1 / n", "base": ", base n0 = 64"}, "use `lr = 1 / n0`: `net` becomes"),
        ({"rate": "n0 / n", "base": ", base n0 = 64"}, "use `lr = 1`: `net` becomes"),
        ({"std": "std = sqrt(n0) / n", "base": ", base n0 = 64"}, "use `std = 1 / sqrt(n)`: "),
        # alpha would be another with a base width: the declared width stands there as a number.
        (
            {"declared": "richness r = 1/2", "rate": "alpha^2 / n^2"},
            "use `lr = alpha^2 / (n * 256)`: `net` becomes",
        ),
        ({"declared": "richness r = 0", "head": "std = 1 / alpha"}, "features will not learn"),
    ],
)
def test_the_value_at_the_base_width_stays(changes: dict[str, str], help: str) -> None:
    text = written(**changes)

    found = advised(text)

    assert help in (found.help or "")
    assert values(text) == values(apply(text, found.edits))


def test_a_read_out_that_starts_too_large_is_the_one_to_mend() -> None:
    """Its updates make everything below explode: two smaller rates would make it lazy."""
    found = ask(written(head="std = n^(-1/2)")).diagnostics

    assert {"use `std = sqrt(n0) / n` on `head`"} == {
        (d.help or "").split(" and ")[0] for d in found if d.severity == "error"
    }


@pytest.mark.parametrize(
    ("claim", "goal"),
    [
        ("", HALF),
        ("require mup", HALF),
        ("require regime rich", HALF),
        ("require ntp", ZERO),
        ("require regime lazy", None),
        ("require rich(r = 1/4)", QUARTER),
        ("richness r = 1/4", QUARTER),
        ("richness r = 3/4", HALF),
        ("richness r = 1/4\n require mup", HALF),
    ],
)
@pytest.mark.parametrize("base", ["", ", base n0 = 64"])
def test_a_model_goes_where_its_file_says(claim: str, goal: Fraction | None, base: str) -> None:
    text = written(base=base, claim=claim, rate="sqrt(n)", head="std = 1")

    mended = richc.fix(text)

    after = ask(mended)
    assert "pass" == after.model.verdict
    assert after.model.richness == str(goal) if goal is not None else after.model.regime == "lazy"
    assert values(text) == values(mended)
    assert mended == richc.fix(mended)


@pytest.mark.parametrize("gauge", ["stp", "mup", "rescaling"])
def test_a_required_gauge_is_kept_or_made(gauge: str) -> None:
    for changes in ({}, {"rate": "n"}, {"head": "std = 1, scale = 1 / sqrt(n)"}):
        text = written(claim=f"require gauge {gauge}", **changes)

        mended = richc.fix(text)

        after = ask(mended).model
        assert ("pass", "1/2") == (after.verdict, after.richness)
        assert gauge in after.gauges
        assert values(text) == values(mended)


def test_layers_that_differ_are_told_apart() -> None:
    """The std that the others need as well is no std for the read-in."""
    text = """
model net {
  width n = 256
  richness r = 1/2
  input 16
  body[3]: dense -> n { var = 1 / n, lr = alpha^2 / fan_in }
  tanh
  head: dense -> 10 { std = 1 / n, lr = 1 / n }
  optimizer sgd
  require mup
}
"""
    found = advised(text)

    assert not found.edits
    assert any("give `body.0` a statement of its own" in note for note in found.notes)
    assert text == richc.fix(text)


def test_what_is_written_over_an_inference_is_mended() -> None:
    text = """
model net {
  width n = 256, base n0 = 64
  parameterization mup
  input 16
  embed: dense -> n
  tanh
  head: dense -> 10 { scale = sqrt(n), lr = n^-2 }
  optimizer sgd
  require mup
}
"""
    mended = richc.fix(text)

    assert "mup" == ask(mended).model.equivalent_to
    assert values(text) == values(mended)


def test_contradicting_requirements_are_named() -> None:
    found = ask(written(claim="require ntp\n require mup", head="std = n^(-1/2)"))

    assert all(not d.edits for d in found.diagnostics)
    words = "`require ntp` and `require mup` contradict each other"
    assert all(words in d.notes for d in found.diagnostics if d.severity == "error")


@pytest.mark.parametrize(
    ("layers", "note"),
    [
        # The swap is right where the value at the base width is one, and only there.
        ({"std": "std = n0 / n"}, "`std` is written where `var` was meant"),
        ({"std": "std = 1 / n"}, None),
        ({"std": "var = sqrt(n0 / n)"}, "`var` is written where `std` was meant"),
        ({"std": "var = 1 / sqrt(n)"}, None),
        ({"std": "std = 1 / sqrt(fan_in) * sqrt(n0 / n)"}, "divided by the root of the width once"),
        ({"std": "std = (n0 / n)^(1/4)"}, "one square root too many"),
        ({"std": "std = n^(-1/4)"}, None),
    ],
)
def test_a_mistake_is_named_where_undoing_it_keeps_the_value(
    layers: dict[str, str], note: str | None
) -> None:
    text = written(base=", base n0 = 64", **layers)
    done = fix(Source("net.rich", text))

    notes = [note for step in done.steps for note in step.notes]
    assert "mup" == ask(done.result.source.text).model.equivalent_to
    assert values(text) == values(done.result.source.text)
    assert [True] * (note is not None) == [note is not None and note in n for n in notes]
