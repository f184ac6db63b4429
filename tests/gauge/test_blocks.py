"""``richc equiv`` of networks with blocks: branches' multipliers, and the gauges of norms."""

from __future__ import annotations

import pytest

from richc.gauge.equivalence import CONSTANTS, DIFFERENT, IDENTICAL, Likeness, compare
from richc.pipeline import analyse
from richc.spec.model import Model

TEXT = """
model net {
  width n = 256, base n0 = 64
  depth L = 16, base L0 = 4
  input 64
  embed: dense -> n { std = 1/8, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      rmsnorm
      up: dense -> n { std = 1 / sqrt(n), lr = n0 / n }
      relu
      down: dense -> n { std = 1 / sqrt(n), lr = n0 / n }
    }
  }
  rmsnorm
  head: dense -> 10 { std = sqrt(n0) / n, lr = n0 / n }
  optimizer signsgd { lr = 0.001 }
}
"""

EMBED = "embed: dense -> n { std = 1/8, lr = 1 }"
DOWN = "down: dense -> n { std = 1 / sqrt(n), lr = n0 / n }"
KINDS = "the kinds differ: rmsnorm against layernorm"
STRONG = {"L0 / L": "7 * L0 / L", EMBED: EMBED.replace("1/8", "7/8")}


def model(text: str) -> Model:
    (found,) = analyse(text).models
    return found.spec


@pytest.mark.parametrize(
    ("changes", "likeness"),
    [
        ({}, IDENTICAL),
        # The multiplier moves into the last layer, and the rate with it.
        (
            {
                "scale = L0 / L": "",
                DOWN: "down: dense -> n { std = L0 / L / sqrt(n), lr = n0 / n * L0 / L }",
            },
            IDENTICAL,
        ),
        # The init alone moves.
        (
            {"scale = L0 / L": "", DOWN: DOWN.replace("1 / sqrt(n)", "L0 / L / sqrt(n)")},
            DIFFERENT,
        ),
        # All that writes to the stream, which only norms read, is larger: rates go along or not.
        ({**STRONG, EMBED: EMBED.replace("1/8, lr = 1", "7/8, lr = 7")}, IDENTICAL),
        (STRONG, CONSTANTS),
        ({"relu": "tanh"}, DIFFERENT),
        ({"repeat L": "repeat 4"}, DIFFERENT),
        ({"      rmsnorm\n": "      layernorm\n"}, DIFFERENT),
    ],
)
def test_likeness(changes: dict[str, str], likeness: Likeness) -> None:
    other = TEXT
    for old, new in changes.items():
        assert old in other
        other = other.replace(old, new)

    assert compare(model(TEXT), model(other)).status == likeness


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ("      rmsnorm\n", "      layernorm\n", "blocks.mlp.rmsnorm", KINDS),
        (
            "  rmsnorm\n  head",
            "  rmsnorm { gain { lr = 1 } }\n  head",
            "rmsnorm",
            "only the second has a gain here",
        ),
        ("  rmsnorm\n  head", "  head", None, "the numbers of norms differ: 2 against 1"),
        (
            "  rmsnorm\n  head",
            f"  extra: {DOWN[6:]}\n  relu\n  head",
            None,
            "the numbers of layers differ: 4 against 5, without norms",
        ),
    ],
)
def test_what_differs_is_named(old: str, new: str, at: str | None, words: str) -> None:
    assert old in TEXT

    found = compare(model(TEXT), model(TEXT.replace(old, new))).structure

    assert [(at, words)] == [*found]


def test_the_gain_that_does_not_train_is_named() -> None:
    trained = TEXT.replace("  rmsnorm\n  head", "  rmsnorm { gain { lr = 1 } }\n  head")
    frozen = trained.replace("lr = 1 } }\n  head", "frozen } }\n  head")

    (found,) = compare(model(trained), model(frozen)).structure

    assert ("rmsnorm", "the gain is frozen in the second only") == found
