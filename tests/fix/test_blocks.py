"""Networks with blocks that fail, and chains with two optimizers: what they are told to change."""

from __future__ import annotations

import re

import pytest

import richc
from richc.fixing.fix import fix
from richc.pipeline import analyse
from richc.report import schema
from richc.syntax.source import Source
from tests.deep import fault_table, generate, writing
from tests.fix.texts import apply

#: What fault_table.written multiplies by a power of L / L0, and what says so in a mended file.
FAULTS = [("up", "1/2"), ("up", "-1/2"), ("down", "1/2"), ("branch", "1/2"), ("head", "1/2")]
FAULTS += [
    ("branch", "-1/2"),
    ("embed", "-1"),
    ("gain", "1/2"),
    ("bias", "1/2"),
    ("std", "1/2"),
    ("final", "1/2"),
]
KEYS = {"branch": "scale", "std": "std"}


def asked(text: str) -> schema.File:
    (file,) = richc.check(text).files
    return file


def at_base(text: str) -> list[tuple[str, float | None]]:
    """Scale, std and rate of every tensor at the base width and depth."""
    for symbol in ("width n", "depth L"):
        base = re.search(rf"{symbol} = (\d+), base \w+ = (\d+)", text)
        if base is not None:
            text = text.replace(base[0], base[0].replace(base[1], base[2], 1))
    (model,) = asked(text).models
    return [
        (f"{layer.name} {knob}", float(f"{getattr(numbers, knob):.6g}"))
        for layer in model.layers
        for numbers in (layer.values, layer.bias_values)
        if numbers is not None
        for knob in ("scale", "std", "lr")
    ]


@pytest.mark.parametrize("optimizer", fault_table.KNOBS)
@pytest.mark.parametrize(("knob", "power"), FAULTS)
def test_one_fault_is_mended_where_it_is(optimizer: str, knob: str, power: str) -> None:
    right = fault_table.written(optimizer)
    text = fault_table.written(optimizer, **{knob: power})

    errors = [d for d in asked(text).diagnostics if d.severity == "error"]

    (edits,) = {tuple(d.edits) for d in errors}
    assert len(edits) == 1
    mended = apply(text, edits)
    assert mended == richc.fix(text) == richc.fix(mended)
    # Only the spelling may differ: `n * L / (n0 * L0)` is `n / n0 * (L / L0)`.
    assert asked(mended).models == asked(right).models
    assert at_base(mended) == at_base(text) == at_base(right)
    where = fault_table.FAMILIES[knob].removesuffix(".gain")
    for found in errors:
        help = found.help or ""
        assert f"{KEYS.get(knob, 'lr')} = " in help
        assert f"on `{where}`" in help or found.layer == where
        assert help.endswith(": `net` becomes μP (r = 1/2)")


def test_a_power_of_the_width_in_a_rate() -> None:
    for optimizer in fault_table.KNOBS:
        right = fault_table.written(optimizer)
        text = re.sub(r"(down: .*lr = [^,} ]+)", r"\1 * sqrt(n / n0)", right)

        assert asked(richc.fix(text)).models == asked(right).models
