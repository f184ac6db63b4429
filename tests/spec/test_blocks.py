"""What is wrong inside of a block is said once."""

from __future__ import annotations

import pytest

from richc.pipeline import analyse

TEXT = """
model net {
  width n = 256, base n0 = 64
  depth L = 8, base L0 = 2
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
  optimizer adam { lr = 1e-3 }
}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scale = L0 / L", "scale = -1", "a scaling expression is positive"),
        ("scale = L0 / L", "skip = 0", "`skip` cannot be 0"),
        ("scale = L0 / L", "skip = 1 - 5/L", "a sum of different powers of the depth has no"),
        ("repeat L", "repeat n", "the number of blocks is the depth's symbol or an integer"),
        ("repeat L", "repeat 2*L", "the number of blocks is the depth's symbol or an integer"),
        ("rmsnorm", "a: rmsnorm { gain { lr = 1 / fan_in } }", "a norm's gain and bias have no"),
    ],
)
def test_a_mistake_in_a_block_is_one_finding(old: str, new: str, said: str) -> None:
    """Not that its repeat is empty without it."""
    (found,) = analyse(TEXT.replace(old, new, 1)).diagnostics

    assert found.message.startswith(said)


@pytest.mark.parametrize(
    ("attribute", "words"), [("scale", "remove the residual"), ("skip", "without `residual`")]
)
def test_a_residual_times_zero_says_what_to_write_instead(attribute: str, words: str) -> None:
    text = (
        "model net {\n width n = 8\n input 8\n embed: dense -> n\n r: residual {\n"
        f"  {attribute} = 0\n  up: dense -> n\n }}\n"
        " head: dense -> 4\n optimizer sgd { lr = 1 }\n}\n"
    )
    (found,) = (d for d in analyse(text).diagnostics if d.code == "R022")
    assert words in (found.help or "")
