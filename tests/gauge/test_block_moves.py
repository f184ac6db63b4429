"""``richc gauge`` on networks with blocks: every matrix and bias in another gauge, nothing else."""

from __future__ import annotations

import pytest

from richc.algebra.monomial import DEPTH, WIDTH
from richc.fixing.gauge.rewrite import UnknownLayer
from richc.gauge.equivalence import IDENTICAL, compare
from richc.pipeline import ModelResult, analyse
from richc.syntax.formatter import format_text
from tests.deep import generate, reading, reference, writing
from tests.gauge.plain import GAUGES
from tests.gauge.rewriting import attempt, move, refusal

TEXT = """\
model net {
  width n = 32, base n0 = 16
  depth L = 4, base L0 = 2
  input 8
  embed: dense -> n { std = 0.25, lr = n / n0 } # reads
  relu
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm: rmsnorm { gain { lr = n * L / (n0 * L0) }, bias { std = 0, lr = n * L / (n0 * L0) } }
      up[2]: dense -> n { std = sqrt(2 / n), lr = L / L0, bias { std = 0, lr = n * L / (n0 * L0) } }
      relu
      down: dense -> n { std = 1 / sqrt(n), lr = L / L0 }
    }
  }
  rmsnorm
  head: dense -> 3 { std = 1 / n, lr = n0 / n }
  optimizer sgd { lr = 0.1 }
}
"""


def one(text: str) -> ModelResult:
    (found,) = analyse(text).models
    return found


@pytest.mark.parametrize("start", [0, 10, 20])
def test_a_moved_network_is_the_same_to_an_outside_reader(start: int) -> None:
    """To the checker, and to the reference, which shares no code with the mover."""
    for number in range(start, start + 10):
        spec = generate.spec(number)
        text = format_text(writing.text(spec.network, "net", spec.style))
        target = GAUGES[number % len(GAUGES)]
        moved = attempt(text, target)
        if moved.refusals:
            # A std of zero is no other in any gauge.
            assert {d.code for d in moved.refusals} == {"R501"}, number
            assert target == "rescaling", number
            assert " std = 0" in text, number
            continue

        assert moved.text == format_text(moved.text), number
        seen = reference.judge(reading.read(moved.text))
        assert spec.expected.desiderata == seen.desiderata, moved.text
        before, after = one(text), one(moved.text)
        assert compare(before.spec, after.spec, rescaling=False).status == IDENTICAL, number
        assert before.verdict.statuses == after.verdict.statuses, number
        knob = {"stp": "scale", "mup": "lr", "rescaling": "std"}[target]
        for layer in after.spec.layers:
            if layer.kind.is_norm or (target == "mup" and layer.weight.frozen):
                continue
            value = getattr(layer.weight, knob)
            powers = [value.exponent(symbol).const for symbol in (WIDTH, DEPTH)]
            assert powers == [0, 0], f"{number}: {layer.name} {moved.text}"


PRESET = """\
model net {{
  width n = 32{base}
  depth L = 4{base_depth}
  parameterization {point}, depth = {alpha}{gauge}

  input 8
  embed: dense -> n # reads
  blocks: repeat L {{
    a: residual {{
      layernorm {{ gain, bias }}
      up: dense -> 2*n {{ bias }}
      gelu
      down: dense -> n {inside}
    }}
    b: residual {{
      tanh
      only: dense -> n
    }}
  }}
  rmsnorm
  head: dense -> 3 {{ bias }}

  optimizer {optimizer} {{ lr = 0.01, weight_decay = 0.1 }}
  {other}
}}
"""


@pytest.mark.parametrize(
    ("optimizer", "has_base", "point", "alpha"),
    [
        ("sgd", True, "mup", "1"),
        ("sgd", False, "rich(r = 1/4)", "1/2"),
        ("adamw", False, "mup", "3/4"),
        ("lion", True, "ntp", "1/2"),
        ("muon with adam", True, "mup", "1/2"),
        ("muon with adamw", False, "rich(r = 1/4)", "1"),
    ],
)
def test_what_is_inferred_stays_unwritten(
    optimizer: str, has_base: bool, point: str, alpha: str
) -> None:
    name, _, outside = optimizer.partition(" with ")
    words = {
        "base": ", base n0 = 16" if has_base else "",
        "base_depth": ", base L0 = 2" if has_base else "",
        "point": point,
        "alpha": alpha,
        "optimizer": outside or name,
        "other": "optimizer muon { lr = 0.02, shape_factor = spectral }" if outside else "",
        "inside": "{ optimizer = muon }" if outside else "{ }",
    }
    texts = [PRESET.format(**words, gauge=f", gauge = {gauge}") for gauge in GAUGES]
    texts[0] = PRESET.format(**words, gauge="")

    for text, gauge, wanted in zip(
        texts, (*GAUGES[1:], GAUGES[0]), (*texts[1:], texts[0]), strict=True
    ):
        moved = move(text, gauge)
        assert wanted == moved
        found = one(moved)
        assert gauge in found.verdict.gauges
        assert found.verdict.regime in ("rich", "lazy")


def test_powers_of_the_depth_move_too() -> None:
    moved = move(TEXT, "mup")

    assert "embed: dense -> n { std = sqrt(n0 / n) / 4, lr = 1, scale = sqrt(n / n0) }" in moved
    assert "down: dense -> n { std = sqrt(L0 / (n * L)), lr = 1, scale = sqrt(L / L0) }" in moved
    bias = "bias { std = 0, lr = 1, scale = sqrt(n * L / (n0 * L0)) }"
    assert f"norm: rmsnorm {{ gain {{ lr = n * L / (n0 * L0) }}, {bias} }}" in moved
    assert "scale = L0 / L\n" in moved
    assert TEXT == move(moved, "stp")
    assert "mup" in one(moved).verdict.gauges
    assert "stp" in one(TEXT).verdict.gauges


def test_a_condition_names_a_layer_by_its_blocks() -> None:
    moved = move(TEXT, "blocks.mlp.down.a=1/2,blocks.mlp.norm.bias.a=-1")

    changed = {line.strip() for line in moved.splitlines()} - {
        line.strip() for line in TEXT.splitlines()
    }
    assert changed == {
        (
            "norm: rmsnorm { gain { lr = n * L / (n0 * L0) }, "
            "bias { std = 0, lr = n0 * L / (n * L0), scale = n / n0 } }"
        ),
        "down: dense -> n { std = 1 / sqrt(n0), lr = n * L / (n0 * L0), scale = sqrt(n0 / n) }",
    }


@pytest.mark.parametrize("target", ["down.a=1", "blocks.mlp.norm.a=1", "blocks.mlp.down.bias.a=0"])
def test_there_is_no_such_layer(target: str) -> None:
    with pytest.raises(UnknownLayer):
        attempt(TEXT, target)


def test_one_of_two_optimizers_has_no_such_gauge() -> None:
    text = TEXT.replace(
        "down: dense -> n { std = 1 / sqrt(n), lr = L / L0 }",
        "down: dense -> n { std = 1 / sqrt(n), lr = 1 / n, optimizer = adafactor }",
    ).replace("{ lr = 0.1 }\n", "{ lr = 0.1 }\n  optimizer adafactor { lr = 0.01 }\n")

    found, place = refusal(text, "mup")

    assert ("R501", "1 / n") == (found.code, place)
    assert "Adafactor's gauge move leaves every learning rate alone" in found.message
    assert "scale = " in move(text, "rescaling")
