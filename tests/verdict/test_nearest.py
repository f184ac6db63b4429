"""One fault in one layer of what is otherwise on the richness scale is named."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from richc.optimizers import law
from richc.rules.nearest import INIT, RATE, Change, scale, single_change
from richc.scaling.sizes import ZERO_SIZE, Size
from tests.verdict import reference
from tests.verdict.reference import HALF, KAPPA, Knobs
from tests.verdict.writing import ask, layer_names, model

ZERO = Fraction(0)
QUARTER = Fraction(1, 4)

FAMILIES = [("sgd", None), ("adam", None), ("muon", "spectral"), ("adafactor", None)]
RATE_FAULTS = [HALF, -HALF, Fraction(1), Fraction(-1)]
STD_FAULTS = [HALF, -HALF]


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


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_a_requirement_names_the_layer_at_fault(
    optimizer: str, shape: str | None, depth: int
) -> None:
    right = at_point(optimizer, shape, depth=depth)
    names = layer_names(len(right))
    for at in range(len(right)):
        for attribute, factors in (("lr", RATE_FAULTS), ("std", STD_FAULTS)):
            for factor in factors:
                layers = spoilt(right, at, attribute, factor)
                text = require(model("net", optimizer, shape, layers), "mup")

                answer = ask(text)

                small = (at, attribute, factor) == (depth, "std", -HALF)
                if small and optimizer != "adafactor":
                    # A read-out that starts smaller than its own update.
                    assert "pass" == answer.model.verdict
                    continue
                found = answer.only("R502")
                (edit,) = found.edits
                assert names[at] == found.layer, text
                wanted = right[at].b if attribute == "std" else right[at].c
                if edit.text == "var":  # Twice the exponent that it should have.
                    assert found.help is not None
                    assert found.help.startswith("use `var`: ")
                else:
                    assert f"use n^{-Fraction(wanted)}: `{attribute} = {edit.text}`" == found.help
                line, span = text.split("\n")[edit.span.line - 1], edit.span
                new = line[: span.column - 1] + edit.text + line[span.end_column - 1 :]
                assert "mup" == ask(text.replace(line, new)).model.equivalent_to


@pytest.mark.parametrize("shape", KAPPA)
@pytest.mark.parametrize(
    ("claim", "richness"), [("ntp", ZERO), ("rich(r = 1/4)", QUARTER), ("mup", HALF)]
)
def test_every_point_and_shape_factor(shape: str, claim: str, richness: Fraction) -> None:
    right = at_point("muon", shape, richness)
    for at, attribute in [(0, "lr"), (1, "std"), (2, "std"), (2, "lr")]:
        text = model("net", "muon", shape, spoilt(right, at, attribute, HALF))

        found = ask(require(text, claim)).only("R502")

        assert layer_names(3)[at] == found.layer
        help = found.help or ""
        assert f"`{attribute} =" in help or help.startswith(f"use `var`: `{attribute}`")


def test_in_any_gauge() -> None:
    pairs = reference.scale("sgd", 2, HALF)
    right = reference.knobs("sgd", None, pairs, [-HALF, ZERO, QUARTER])

    found = ask(require(model("net", "sgd", None, spoilt(right, 2, "std", HALF)), "mup")).only(
        "R502"
    )

    assert ("out", "use n^-3/4: `std = 1 / n^(3/4)`") == (found.layer, found.help)


def test_another_point_is_no_fault() -> None:
    """From one point to another all layers change."""
    found = ask(require(model("net", "sgd", None, at_point("sgd", None, ZERO)), "mup")).only("R502")

    assert (None, None, []) == (found.layer, found.help, found.edits)


def test_two_faults_have_no_single_mend() -> None:
    layers = spoilt(spoilt(at_point("sgd", None), 2, "std", HALF), 1, "lr", HALF)

    found = ask(require(model("net", "sgd", None, layers), "mup")).only("R502")

    assert (None, None, []) == (found.layer, found.help, found.edits)


TEXT = """
model net {{
  width n = 256
  {declared}
  input 16
  embed: dense -> n {{ std = 1, lr = n {bias} }}
  tanh
  body[2]: dense -> n {{ {std}, lr = {rate} }}
  tanh
  head: dense -> 10 {{ std = {head}, lr = 1 / n }}
  optimizer sgd
  {claim}
}}
"""
RIGHT = {
    "declared": "",
    "bias": "",
    "std": "std = 1 / sqrt(n)",
    "rate": "1",
    "head": "1 / n",
    "claim": "",
}


def written(**changes: str) -> str:
    return TEXT.format(**{**RIGHT, **changes})


@pytest.mark.parametrize(
    ("changes", "help"),
    [
        ({"rate": "1 / n"}, "use n^0: `lr = 1`"),
        ({"std": "var = 3"}, "use n^-1: `var = 3 / n`"),
    ],
)
def test_layers_of_one_statement_change_together(changes: dict[str, str], help: str) -> None:
    found = ask(written(claim="require mup", **changes)).only("R502")

    assert ("body", help) == (found.layer, found.help)


def test_one_layer_of_a_statement_has_no_edit() -> None:
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
    found = ask(text).only("R502")

    assert ("body.0", "`std` of `body.0` should be ~ n^0", []) == (
        found.layer,
        found.help,
        found.edits,
    )


def test_what_is_inferred_has_no_edit() -> None:
    text = """
model net {
  width n = 256
  parameterization mup
  input 16
  embed: dense -> n
  tanh
  head: dense -> 10 { scale = sqrt(n), lr = n^-2 }
  optimizer sgd
  require mup
}
"""
    found = ask(text).only("R502")

    assert ("head", "`std` of `head` should be ~ n^-3/2", []) == (
        found.layer,
        found.help,
        found.edits,
    )


@pytest.mark.parametrize("bias", ["std = 0, lr = n^2", "std = n, lr = n"])
def test_a_fault_in_a_bias_as_well(bias: str) -> None:
    text = written(claim="require mup", head="n^(-1/2)", bias=f", bias {{ {bias} }}")

    assert None is ask(text).only("R502").layer


def test_every_claim_of_a_point_is_mended() -> None:
    found = ask(written(claim="require ntp\n require mup\n require mup", head="n^(-1/2)"))

    assert [None, "head", "head"] == [d.layer for d in found.diagnostics if d.code == "R502"]


NOTE = "one change makes this μP (r = 1/2): `std` of `head` ~ n^-1"


@pytest.mark.parametrize("claim", ["", "require regime rich", "require gauge stp"])
@pytest.mark.parametrize("declared", ["", "richness r = 1/2"])
def test_a_note_names_the_layer_at_fault(declared: str, claim: str) -> None:
    answer = ask(written(declared=declared, claim=claim, head="n^(-1/2)"))

    assert [NOTE] == [note for note in answer.notes if "one change" in note]
    first = next(d for d in answer.diagnostics if d.desideratum is not None)
    assert NOTE in first.notes


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": "n"},  # a help says it already
        {"std": "std = 1"},
        {"head": "1"},  # the help for the same attribute goes less far
        {"head": "n^(-1/2)", "claim": "require mup"},  # R502 says it
        {"head": "n^(-1/2)", "claim": "require ntp"},
        {"head": "n^(-1/2)", "declared": "richness r = 1/4"},  # two changes away
        {"head": "n^(-1/2)", "rate": "n"},
        {"rate": "1 / n^2", "head": "n^(-1/2)"},
    ],
)
def test_no_note(changes: dict[str, str]) -> None:
    answer = ask(written(**changes))

    assert ("fail", []) == (
        answer.model.verdict,
        [note for note in answer.notes if "one change" in note],
    )


@pytest.mark.parametrize("factor", STD_FAULTS)
def test_a_note_for_adafactor(factor: Fraction) -> None:
    """The rate follows the std, so a wrong std spoils two invariants of the layer."""
    answer = ask(
        model("net", "adafactor", None, spoilt(at_point("adafactor", None), 2, "std", factor))
    )

    assert [True] == ["`std` of `out` ~ n^-1" in note for note in answer.notes if "one ch" in note]


def test_what_is_recognised_as_a_whole_needs_no_note() -> None:
    """Standard parameterization: it is one std away from spectral Muon's μP."""
    layers = spoilt(at_point("muon", "spectral"), 2, "std", HALF)

    notes = ask(model("sp", "muon", "spectral", layers)).notes

    assert [True] == ["standard parameterization (SP)" in note for note in notes]


# The calculus itself, on plain exponents.

OPTIMIZERS = ["sgd", "adam", "adafactor", "muon"]


def sides(depth: int) -> list[tuple[bool, bool]]:
    return [(False, True), *[(True, True)] * (depth - 1), (True, False)]


def sizes(optimizer: str, depth: int, richness: Fraction) -> tuple[list[Size], list[Size]]:
    pairs = reference.scale(optimizer, depth, richness)
    return [-init for init, _ in pairs], [-rate for _, rate in pairs]


@pytest.mark.parametrize("richness", [ZERO, Fraction(1, 3), HALF])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_scale_is_that_of_the_theory(optimizer: str, richness: Fraction) -> None:
    for depth in (1, 2, 5):
        found = scale(law(optimizer).step, sides(depth), richness)

        inits, rates = sizes(optimizer, depth, richness)
        assert list(zip(inits, rates, strict=True)) == [tuple(weight) for weight in found]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_single_change_is_undone(optimizer: str, *, known: bool) -> None:
    """With two hidden layers or more, the rest says which point it was."""
    pick = random.Random(f"{optimizer} {known}")
    for _ in range(200):
        depth = pick.randint(1 if known else 2, 6)
        richness = pick.choice([ZERO, QUARTER, Fraction(1, 3)])
        inits, rates = sizes(optimizer, depth, richness)
        at = pick.randrange(depth + 1)
        knob = pick.choice([INIT, RATE])
        factor = Fraction(pick.choice([-6, -4, -3, -1, 1, 2, 5]), 6)
        if knob == INIT:
            inits[at] += factor
        if knob == RATE or optimizer == "adafactor":
            rates[at] += factor

        found = single_change(
            inits, rates, law(optimizer), sides(depth), richness if known else None
        )

        assert Change(at, knob, -factor, richness, (at,)) == found


def test_nothing_to_change() -> None:
    assert None is single_change(*sizes("sgd", 2, QUARTER), law("sgd"), sides(2))


def test_two_equal_changes_are_none() -> None:
    """Half way between two points: under Adam init and rate are as far from either."""
    inits, rates = sizes("adam", 1, ZERO)
    rates[0] += QUARTER

    assert None is single_change(inits, rates, law("adam"), sides(1))


def test_the_smaller_of_two_changes() -> None:
    """Under SGD the richness moves the read-in's rate twice as fast as the read-out's init."""
    inits, rates = sizes("sgd", 1, ZERO)
    rates[0] += HALF

    found = single_change(inits, rates, law("sgd"), sides(1))

    assert Change(1, INIT, -QUARTER, QUARTER, (1,)) == found


def test_a_small_readout_is_no_fault() -> None:
    inits, rates = sizes("sgd", 2, HALF)
    inits[-1], rates[1] = ZERO_SIZE, rates[1] + 1

    found = single_change(inits, rates, law("sgd"), sides(2))

    assert Change(1, RATE, Fraction(-1), HALF, (1,)) == found


def test_what_does_not_move_has_no_power_to_change() -> None:
    inits, rates = sizes("sgd", 2, HALF)
    rates[0] = ZERO_SIZE

    assert None is single_change(inits, rates, law("sgd"), sides(2))


def test_groups_change_as_one() -> None:
    inits, rates = sizes("sgd", 4, HALF)
    for at in (1, 2, 3):
        rates[at] += 1
    groups = ["first", "body", "body", "body", "out"]

    found = single_change(inits, rates, law("sgd"), sides(4), HALF, groups)

    assert Change(1, RATE, Fraction(-1), HALF, (1, 2, 3)) == found
    rates[2] += 1
    assert None is single_change(inits, rates, law("sgd"), sides(4), HALF, groups)
