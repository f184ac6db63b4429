from __future__ import annotations

import pytest

from tests.editor.client import Editor, Text

MODEL = """\
# 😀 a net
model net {
  width n = 256, base n0 = 64
  parameterization rich(r = 1/4), gauge = stp
  input 16
  embed: dense -> n { bias { std = 0 } }
  relu
  body[2]: dense -> n { lr = n^(2*r - 1) }
  relu
  head: dense -> 10
  optimizer sgd { lr = 0.1, momentum = 0.9 }
  loss cross_entropy
  train { precision = bf16, schedule = cosine }
  require regime lazy
}
"""
INTERVAL = """\
model net {
  width n = 256
  richness r = 1/4 in [0, 1/2]
  input 16
  embed: dense -> n { std = 1/4, lr = n^(4*r - 1/2) }
  relu
  head: dense -> 10 { std = n^(-1/2 - r), lr = 1 / n }
  optimizer sgd { lr = 0.1 }
}
"""
FAILS = MODEL.replace("2*r - 1", "2*r - 2")
BROKEN = """\
model net {
  width n = 256
  richness r = 1/2
  input 16
  embed: dense -> n { std = 1 / fan_in, lr = alpha * nonsense, bias { std = n^(-1), lr = 1 } }
  relu
  body: dense -> n { std = sqrt(2 / fan_in), lr = alpha^2 / fan_in }
  relu
  head: dense -> 10 { std = 1 / n, lr =
  optimizer sgd { lr = 0.1 }
}
"""


@pytest.fixture
def text(editor: Editor) -> Text:
    text = Text(editor, "file:///hover.rich", MODEL)
    text.open()
    return text


def shown(text: Text, place: int | str) -> str:
    found = text.hover(place)
    assert found is not None
    return found


def test_layer(text: Text) -> None:
    found = shown(text, "body")

    assert "| layer | a | b | c | A | C | h | Δh | Δf |" in found
    # In the STP gauge at r = 1/4: no multiplier, std n^-1/2, rate n^-1/2.
    row = "| body.0 … body.1 (hidden) | 0 | 1/2 | 1/2 | 1/2 | 1/2 | n^0 | n^-1/4 | n^0 |"
    assert row in found
    assert "std `sqrt(2 / n)` ~ `n^-1/2`" in found
    assert "~ `n^(2*r - 1) = n^-1/2`" in found
    assert "at r = 1/4" in found
    assert "`net` passes: r = 1/4, STP gauge: lazy in the limit, Δh ~ n^-1/4" in found


def test_layer_with_a_bias(text: Text) -> None:
    found = shown(text, "embed")

    assert "dense 16 -> n, then relu" in found
    assert "bias scale `1` ~ `n^0`, std `0` ~ `0`" in found


def test_values_of_a_layer(text: Text) -> None:
    """The whole rate, and the epsilon that a layer gets where nobody writes one."""
    text.set(MODEL.replace("optimizer sgd { lr = 0.1, momentum = 0.9 }", "optimizer adam"))
    found = shown(text, "head")

    assert "eps `1e-8` ~ `n^0`" in found
    assert (
        "at n = 256, r = 1/4, with the whole rate: scale 1, std 0.0441941738, lr 0.00025" in found
    )
    assert "eps 1e-08" in found


def test_layer_that_fails(text: Text) -> None:
    text.set(FAILS)
    found = shown(text, "body")

    assert "`net` fails: partial (D2 fails)" in found or "`net` fails: " in found
    # An earlier update is what counts: its share of the output's change is too small.
    assert "| n^-1 |" in found


def test_model(text: Text) -> None:
    found = shown(text, "net {")

    assert "passes: r = 1/4, STP gauge" in found
    assert "D0 holds, D1 holds, D2 holds, D3 holds" in found


def test_model_for_an_interval(text: Text) -> None:
    """At r = 1/4 all hold, at the ends of the interval not."""
    text.set(INTERVAL)

    assert "D0 violated, D1 violated, D2 violated, D3 violated" in shown(text, "net {")


def test_attribute(text: Text) -> None:
    found = shown(text, "lr = n^(2")

    assert "Learning rate" in found
    assert "`n^(2*r - 1) = n^-1/2`" in found


def test_attribute_of_a_bias(text: Text) -> None:
    assert "Here `0` ~ `0`" in shown(text, "std = 0")


def test_option(text: Text) -> None:
    assert "Here `0.1` ~ `n^0`" in shown(text, "lr = 0.1")
    assert "From 0 to below 1" in shown(text, "momentum")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("width n", "the symbol that goes to infinity"),
        ("base n0", "the width at which the hyperparameters were tuned"),
        ("parameterization", "come from"),
        ("rich(", "the richness given"),
        ("gauge =", "shared out"),
        ("stp", "No multipliers"),
        ("dense -> 10", "fully connected"),
        ("relu", "max(x, 0)"),
        ("optimizer", "decides the exponents"),
        ("sgd", "Stochastic gradient descent"),
        ("loss", "minimises"),
        ("cross_entropy", "Softmax cross-entropy"),
        ("train", "by default"),
        ("precision", "`bf16`"),
        ("bf16", "bfloat16"),
        ("cosine", "half a cosine"),
        ("require", "an assertion"),
        ("regime", "`lazy`"),
        ("lazy", "0 ≤ r < 1/2"),
        ("n^(2", "the width, 256 here"),
        ("n0 = 64", "the base width, 64"),
        ("model net", "one network"),
        ("r - 1", "richness exponent"),
    ],
)
def test_words(text: Text, place: str, words: str) -> None:
    found = shown(text, place)

    assert words in found
    assert found == shown(text, text.text.index(place) + 1)


@pytest.mark.parametrize("place", ["a net", "😀", "{", "256", "= 64"])
def test_nothing_to_say(text: Text, place: str) -> None:
    assert text.hover(place) is None


def test_page_of_a_finding(text: Text) -> None:
    text.set(FAILS)

    found = shown(text, text.text.index("2*r - 2") + 4)

    assert "**R401 negligible-update** (D3): " in found


def test_hole(text: Text) -> None:
    text.set(MODEL.replace("n^(2*r - 1)", "n^?"))

    found = shown(text, "?")

    assert "infers this exponent" in found
    assert "R503" in found


def test_a_model_with_errors(text: Text) -> None:
    text.set(BROKEN)

    body = shown(text, "body")
    assert "- std ~ `n^-1/2`" in body
    assert "- lr ~ `n^(2*r - 1) = n^0`" in body
    assert "errors are mended" in body
    assert "- bias std ~ `n^-1`" in shown(text, "embed")
    assert "errors are mended" in shown(text, "net {")
    assert "Here ~ `n^(2*r - 1) = n^0`" in shown(text, "lr = alpha^2 / fan")
    assert "Stochastic" in shown(text, "sgd")
    assert "Multiplier" in shown(text.__class__(text.editor, *_opened(text)), "scale")


def _opened(text: Text) -> tuple[str, str]:
    """A second text, which breaks off in the middle of a word."""
    other = Text(text.editor, "file:///half.rich", "model a {\n  l: dense -> n { scale")
    other.open()
    return other.uri, other.text


DEEP = """\
model deep {
  width n = 512, base n0 = 64
  depth L = 24, base L0 = 4
  input 784
  embed: dense -> n { std = 1 / sqrt(fan_in), lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm1: rmsnorm { gain { lr = 1, optimizer = adamw } }
      up: dense -> 4*n { std = 1 / sqrt(fan_in), lr = 1 }
      gelu
      down: dense -> n { std = L^(-1/2) / sqrt(fan_in), lr = 1 }
    }
  }
  layernorm
  head: dense -> 10 { std = sqrt(n0) / n, lr = n0 / n, optimizer = adamw }
  optimizer muon { lr = 0.02, shape_factor = spectral }
  optimizer adamw { lr = 1e-3 }
}
"""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("depth", "number of repeated blocks"),
        ("L = 24", "the depth, 24 here"),
        ("L0 / L", "the base depth, 4"),
        ("blocks", "**`blocks`**: `NAME: repeat COUNT"),
        ("repeat", "with weights of its own"),
        ("mlp", "**`mlp`**: `NAME: residual {"),
        ("residual", "skip · h + scale · branch(h)"),
        ("scale", "branch multiplier"),
        ("norm1", "**`blocks.mlp.norm1`**: rmsnorm"),
        ("rmsnorm", "divides a representation by its RMS"),
        ("gain", "trained factor"),
        ("lr = 1, optimizer", "Here `1` ~ `n^0`"),
        ("optimizer = adamw } }", "trains this"),
        ("muon {", "Orthogonalised"),
        ("up:", "**`blocks.mlp.up`**: dense n -> 4*n, then gelu"),
        ("down:", "| blocks.mlp.down (branch-last) | 0 | (1/2, 1/2) | 0 |"),
        ("std = L", "~ `n^-1/2 L^-1/2`"),
        ("layernorm", "takes the mean away"),
        ("lr = 0.02", "Here `0.02`"),
        ("lr = 1e-3", "Here `0.001`"),
    ],
)
def test_in_a_deep_network(text: Text, place: str, words: str) -> None:
    text.set(DEEP)

    assert words in shown(text, place)


TOKENS = """\
model deep {
  width n = 64
  input tokens 100
  embed: embedding -> n { std = 1, lr = 1 }
  mlp: residual {
    skip = 1
    rmsnorm
    up: dense -> n { std = 1 / sqrt(fan_in), lr = 1 / n }
  }
  rmsnorm
  head: dense -> 100 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 1e-3 }
}
"""


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("tokens", "an example is one of so many tokens"),
        ("embed:", "**`embed`**: embedding of 100 tokens -> n"),
        ("embedding", "a row for each token"),
        ("skip", "What the stream is multiplied by"),
    ],
)
def test_in_a_network_of_tokens(text: Text, place: str, words: str) -> None:
    text.set(TOKENS)

    assert words in shown(text, place)
