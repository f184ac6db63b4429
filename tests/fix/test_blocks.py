"""Networks with blocks that fail, and chains with two optimizers: what they are told to change."""

from __future__ import annotations

import re

import pytest

import richc
from richc.diagnostics import SLUGS
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
ERRORS = {code for code in SLUGS if "R1" <= code < "R6"}
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
        assert help.endswith(": `net` becomes μP (r = 1/2), CompleteP (branches ~ L^-1)")


def test_a_power_of_the_width_in_a_rate() -> None:
    for optimizer in fault_table.KNOBS:
        right = fault_table.written(optimizer)
        text = re.sub(r"(down: .*lr = [^,} ]+)", r"\1 * sqrt(n / n0)", right)

        assert asked(richc.fix(text)).models == asked(right).models


WRITTEN = """\
model net {
  width n = 256
  depth L = 16
  input 64
  embed: dense -> n { std = 1 / 8, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      rmsnorm
      up: dense -> n { std = 1 / sqrt(n), lr = 1 / n }
      relu
      down: dense -> n { std = 1 / sqrt(n), lr = 1 / n }
    }
  }
  head: dense -> 10 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 1e-3 }
}
"""


def test_a_multiplier_that_is_missing_is_written() -> None:
    mended = WRITTEN.replace("16\n", "16, base L0 = 16\n").replace(
        "      rmsnorm", "      scale = L0 / L\n      rmsnorm"
    )

    assert mended == richc.fix(WRITTEN) == richc.fix(mended)


def test_the_declared_depth_where_no_base_may_be_declared() -> None:
    """With one, what is inferred for the other layers would have other values."""
    text = WRITTEN.replace("  input", "  parameterization mup\n  input").replace(
        "      rms", "      scale = 1\n      rms"
    )
    text = re.sub(r"(up|down|head|embed): dense -> (\w+) \{.*\}", r"\1: dense -> \2", text)

    mended = richc.fix(text)

    assert mended == text.replace("scale = 1\n", "scale = 16 / L\n")


@pytest.mark.parametrize("claim", ["", "  require depth(1/2)\n", "  require completep\n"])
def test_where_the_depth_is_to_go(claim: str) -> None:
    """Depth-μP passes, unless all of it is required to learn."""
    text = WRITTEN.replace("      rms", "      scale = sqrt(1 / L)\n      rms")
    text = text.replace("1 / n }\n      ", "1 / (n * sqrt(L)) }\n      ")
    text = text.replace("1 / n }\n    }", "1 / (n * sqrt(L)) }\n    }")
    text = text.replace("}\n}\n", f"}}\n{claim}}}\n")

    mended = richc.fix(text)

    assert (mended != text) == ("completep" in claim)
    assert "pass" == asked(mended).models[0].verdict
    assert at_base(mended) == at_base(text)


MIXED = """\
model net {
  width n = 256, base n0 = 64
  input 64
  embed: dense -> n { std = 1 / 8, lr = 1 }
  tanh
  body[2]: dense -> n { std = 1 / sqrt(n), lr = 1, optimizer = muon,
    bias { std = 0, lr = 1, optimizer = adamw } }
  tanh
  more: dense -> n { std = 1 / sqrt(n), lr = 1, optimizer = muon }
  tanh
  head: dense -> 10 { std = sqrt(n0) / n, lr = n0 / n }
  optimizer adamw { lr = 1e-3 }
  optimizer muon { lr = 0.02, shape_factor = spectral }
}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "shown"),
    [
        ("lr = 1, optimizer = muon", "lr = n0 / n, optimizer = muon", "`lr = 1`"),
        ("std = 0, lr = 1", "std = 0, lr = n / n0", "`bias { lr = 1 }`"),
        ("lr = n0 / n }", "lr = 1 }", "`lr = n0 / n`"),
        ("lr = 0.02", "lr = 0.02 * n / n0", "`optimizer muon { lr = 0.02 }`"),
    ],
)
def test_chains_with_two_optimizers(right: str, wrong: str, shown: str) -> None:
    text = MIXED.replace(right, wrong, 1)

    found = [d for d in asked(text).diagnostics if d.severity == "error"]

    assert MIXED == richc.fix(text)
    assert all(shown in (d.help or "") and apply(text, d.edits) == MIXED for d in found)
    assert found


def test_holes_of_two_optimizers() -> None:
    """Each is filled by the law of the optimizer that trains it."""
    text = re.sub(r"lr = 1,? ", lambda found: found[0].replace("1", "(n / n0)^?"), MIXED)

    assert 4 == text.count("?")
    assert asked(MIXED).models == asked(richc.fix(text)).models


@pytest.mark.parametrize("hole", ["n^?", "n^? * L^?"])
def test_holes_among_blocks(hole: str) -> None:
    """Both symbols' exponents are found, or the one that is asked for."""
    text = WRITTEN.replace("      rms", "      scale = 1 / L\n      rms")
    holed = text.replace("lr = 1 / n }\n  opt", f"lr = {hole} }}\n  opt")

    assert asked(text).models == asked(richc.fix(holed)).models


@pytest.mark.parametrize("depth", ["1", "1/2"])
def test_a_declared_depth_decides_where_a_branch_goes(depth: str) -> None:
    """What takes the fewest edits is Depth-μP here."""
    text = WRITTEN.replace("  input", f"  parameterization mup, depth = {depth}\n  input")
    text = text.replace("      rms", "      scale = sqrt(1 / L)\n      rms")
    text = text.replace("1 / n }\n      relu", "1 / (n * sqrt(L)) }\n      relu")

    mended = fix(Source("net.rich", text))

    assert mended.result.models[0].passes
    (exponent,) = {model.verdict.depth_exponent for model in mended.result.models}
    assert depth == str(exponent)


@pytest.mark.parametrize("power", ["L^(-1/2)", "L^(1/2)", "L^-1", "n^(-1/2)"])
def test_a_rate_of_the_optimizer_that_is_wrong_for_all_is_one_change(power: str) -> None:
    """Among norms without gains, which have no rate."""
    text = WRITTEN.replace("      rms", "      scale = 1 / L\n      rms")
    text = text.replace("  head", "  rmsnorm\n  head")
    text = re.sub(r"optimizer (\w+) \{ lr = (\S+)", rf"optimizer \1 {{ lr = \2 * {power}", text)

    mended = fix(Source("net.rich", text)).result

    assert mended.models[0].passes
    changed = [
        old
        for old, new in zip(text.splitlines(), mended.source.text.splitlines(), strict=True)
        if old != new and "base" not in new
    ]
    assert [line.strip().split()[0] for line in changed] == ["optimizer"]


ROOT = "sqrt(L / L0)"
DEEPNORM = """\
model net {
  width n = 128, base n0 = 64
  depth L = 8, base L0 = 4
  input 64
  embed: dense -> n { std = 1 / 8, lr = n / n0 }
  blocks: repeat L {
    mlp: residual {
      skip = (L / L0)^(1/4)
      up: dense -> n { std = sqrt(2 / n) * (L / L0)^(-1/4), lr = 1 }
      relu
      down: dense -> n { std = (L / L0)^(-1/4) / sqrt(n), lr = 1 }
    }
    layernorm
  }
  head: dense -> 10 { std = 1 / n, lr = n0 / n }
  optimizer sgd { lr = 0.1 }
}
"""


def on_stream(stream: str, branch: str, init: str, rate: str) -> str:
    """A stream of this size, and in its branches the multiplier, init and rate of `down`."""
    text = WRITTEN.replace("= 256\n", "= 256, base n0 = 64\n").replace(
        "= 16\n", "= 16, base L0 = 4\n"
    )
    text = text.replace("std = 1 / 8, lr = 1 }", f"std = {stream} / 8, lr = {stream} }}")
    text = text.replace("      rms", f"      scale = {branch}\n      rms").replace(
        "  head", "  rmsnorm\n  head"
    )
    text = text.replace("lr = 1 / n }", "lr = n0 / n }")
    down = "down: dense -> n { std = 1 / sqrt(n), lr = n0 / n }"
    assert down in text
    return text.replace(down, f"down: dense -> n {{ std = {init}, lr = {rate} }}")


RIGHT_INIT, RIGHT_RATE = "1 / sqrt(n)", "n0 / n"
GPT2_ROOT = "sqrt(L0 / L)"
GPT2_INIT = "sqrt(L0 / L) / sqrt(n)"


@pytest.mark.parametrize(
    ("text", "edits"),
    [
        # A stream that norms alone read may be of any size: branches are measured beside it.
        (
            on_stream(ROOT, "sqrt(L0 / L)", RIGHT_INIT, f"n0 / n * {ROOT}"),
            [(f"lr = n0 / n * {ROOT}", "lr = n0 / n")],
        ),
        (
            on_stream(ROOT, "1", GPT2_INIT, RIGHT_RATE),
            [("/ sqrt(n), lr = n0 / n }\n    }", "/ sqrt(n), lr = n0 * sqrt(L0 / L) / n }\n    }")],
        ),
        (on_stream(ROOT, "1", RIGHT_INIT, RIGHT_RATE), [("scale = 1", "scale = sqrt(L0 / L)")]),
        # Its own size is wrong where all else is right beside one.
        (
            on_stream("1", "L0 / L", RIGHT_INIT, RIGHT_RATE).replace(
                "std = 1 /", f"std = {ROOT} /", 1
            ),
            [(f"std = {ROOT} / 8", "std = 1 / 8")],
        ),
        # Its rate is right beside the branches, and its init is not.
        (
            on_stream(ROOT, "1", GPT2_INIT, f"n0 / n * {GPT2_ROOT}").replace(
                f"std = {ROOT} /", f"std = {GPT2_ROOT} /", 1
            ),
            [(f"std = {GPT2_ROOT} / 8", f"std = {ROOT} / 8")],
        ),
        # Branches that start smaller than their updates: the multiplier mends the rate.
        (on_stream("1", "1", GPT2_INIT, RIGHT_RATE), [("scale = 1", "scale = L0 / L")]),
        (
            DEEPNORM,
            [
                (" * (L / L0)^(-1/4), lr", ", lr"),
                ("/ sqrt(n), lr = 1 }", "/ sqrt(n), lr = sqrt(L0 / L) }"),
            ],
        ),
    ],
)
def test_the_fewest_changes_beside_a_stream_of_any_size(
    text: str, edits: list[tuple[str, str]]
) -> None:
    mended = text
    for old, new in edits:
        assert mended.count(old) == 1
        mended = mended.replace(old, new)

    assert mended == richc.fix(text)
    (before, after) = (asked(each).models[0].verdict for each in (text, mended))
    assert (before, after) == ("fail", "pass")
    assert at_base(mended) == at_base(text)


def test_what_is_not_found_is_not_said_to_be_impossible() -> None:
    text = WRITTEN.replace("lr = 1 / n }\n    }", "frozen }\n    }")

    done = fix(Source("net.rich", text))

    assert done.left == (
        "`net` stays as it is: no change of exponents was found that makes it pass",
    )
    assert text == done.result.source.text


@pytest.mark.parametrize("start", [0, 40, 80])
def test_random_networks(start: int) -> None:
    """Whatever is offered does what it says."""
    mended = 0
    for number in range(start, start + 40):
        spec = generate.spec(number)
        text = writing.text(spec.network, style=spec.style)
        (before,) = analyse(text).models
        if before.passes or not before.verdict.is_decided:
            continue
        done = fix(Source("net.rich", text), codes=ERRORS)
        after = done.result
        if before.repair is None:
            assert text == after.source.text
            continue
        mended += 1
        assert after.models[0].passes, text
        assert "1/2" == str(after.models[0].verdict.richness)
        assert at_base(text) == at_base(after.source.text), text
        offered = {frozenset(d.edits) for d in before.diagnostics if d.is_error}
        assert {frozenset(before.repair.edits)} == offered
    assert mended > 15


KNOBS = """\
model deep {
  width n = 256, base n0 = 64
  depth L = 16
  input 64
  embed: dense -> n { std = 1/8, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = 1 / L
      rmsnorm { gain { lr = 1 } }
      up: dense -> n { std = sqrt(2 / n), lr = n0 / n }
      relu
      down: dense -> n { std = 1 / sqrt(n), lr = n0 / n, decay = 0.1 * n }
    }
  }
  rmsnorm
  head: dense -> 10 { std = 1 / n, lr = n0 / n }
  optimizer adamw { lr = 0.001, eps = 1e-8, weight_decay = 0.1 }
}
"""


def test_knobs_of_layers_in_blocks_are_kept_at_the_base() -> None:
    (before,) = richc.check(KNOBS).files
    found = [d for d in before.diagnostics if d.code in ("R601", "R602")]
    assert len(found) == 2
    assert all(d.edits for d in found)

    fixed = richc.fix(KNOBS)

    (after,) = richc.check(fixed).files
    assert [] == [d.code for d in after.diagnostics]
    assert "depth L = 16, base L0 = 16" in fixed
    assert "eps = 1e-8 * n0 * L0 / (n * L), decay = 0.1 * n / n0" in fixed
    (file,) = richc.check(fixed.replace("n = 256", "n = 64")).files
    for layer in file.models[0].layers:
        assert layer.values.eps == pytest.approx(1e-8), layer.name
        if layer.name != "blocks.mlp.down":  # Its own is right, and was left alone.
            assert layer.values.decay == pytest.approx(0.1), layer.name
