"""Deep networks as the parser reads them: bodies, soft words, and mistakes inside of bodies."""

from __future__ import annotations

import pytest

from richc.syntax import tree
from richc.syntax.parser import parse
from richc.syntax.source import Source

DEEP = """\
model resmlp {
  width n = 512, base n0 = 64
  depth L = 24, base L0 = 4
  input tokens 50257
  embed: embedding -> n { std = 1, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm1: rmsnorm { gain { lr = 1, optimizer = adamw } }
      up: dense -> 4*n { std = 1, lr = 1, optimizer = muon }
      gelu
      down: dense -> n { std = 1, lr = 1 }
    }
    rmsnorm
  }
  layernorm { eps = 1e-6 }
  head: dense -> 10 { std = 1, lr = 1 }
  optimizer adamw { lr = 1e-3 }
  optimizer muon { lr = 0.02, shape_factor = spectral }
}
"""


def outline(nodes: tuple[tree.Statement | tree.Item, ...]) -> str:
    """Statements by their kinds and names, bodies in braces."""
    return " ".join(_shown(node) for node in nodes)


def _shown(node: tree.Statement | tree.Item) -> str:
    match node:
        case tree.Repeat():
            return (
                f"{node.name.text}*{getattr(node.times, 'text', '?')}{{{outline(node.statements)}}}"
            )
        case tree.Residual():
            return f"{node.name.text}{{{outline(node.parts)}}}"
        case tree.Layer():
            return f"{node.name.text}:{node.kind.text}"
        case tree.Norm():
            return f"{node.name.text}:{node.kind.text}" if node.name else node.kind.text
        case tree.Activation():
            return node.preset.name.text
        case tree.Option():
            return f"{node.name.text}="
    return type(node).__name__.lower()


def read(text: str) -> tuple[str, bool, list[tuple[int, str]]]:
    """The outline, whether it is complete, and (line, message) of each mistake."""
    source = Source("deep.rich", text)
    file, found = parse(source)
    (model,) = file.models
    places = [(source.position(d.span.start).line, d.message) for d in found]
    return outline(model.statements), not model.incomplete, places


def statements(body: str) -> str:
    shown, complete, found = read(f"model m {{\n{body}\n}}\n")
    assert (True, []) == (complete, found)
    return shown


WHOLE = (
    "width depth input embed:embedding "
    "blocks*L{mlp{scale= norm1:rmsnorm up:dense gelu down:dense} rmsnorm} "
    "layernorm head:dense optimizer optimizer"
)


def test_the_whole() -> None:
    assert (WHOLE, True, []) == read(DEEP)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("b: residual { scale = 1, d: dense -> n, relu }", "b{scale= d:dense relu}"),
        ("b: residual\n{\n\n relu,\n\n tanh\n , gelu,\n}", "b{relu tanh gelu}"),
        ("b: residual {}", "b{}"),
        ("b: repeat 4 { }", "b*4{}"),
        ("b: repeat 2*L { r: residual { s: repeat 2 { relu } } }", "b*?{r{s*2{relu}}}"),
        ("rmsnorm {\n}\nx: layernorm\nlayernorm", "rmsnorm x:layernorm layernorm"),
        ("b: residual { optimizer = muon\n relu }", "b{optimizer= relu}"),
    ],
)
def test_bodies(body: str, expected: str) -> None:
    assert expected == statements(body)


@pytest.mark.parametrize("word", ["depth", "repeat", "residual", "tokens", "rmsnorm", "layernorm"])
def test_words_are_names_elsewhere(word: str) -> None:
    text = (
        f"width {word} = 4, base {word} = 2\ninput {word}\n{word}: dense -> 2*{word} "
        f"{{ std = 1 / {word}, {word} = 1 }}\n{word}[2]: dense -> {word}\n"
        f"x: {word} -> {word}\nloss {word}\nrequire {word}"
    )

    shown = statements(text)

    assert f"width input {word}:dense {word}:dense x:{word} loss require" == shown


def test_a_depth_symbol_may_have_any_name() -> None:
    assert "depth x*residual{}" == statements(
        "depth depth = 2, base base = 1\nx: repeat residual {}"
    )


@pytest.mark.parametrize(
    ("before", "after", "line", "lost"),
    [
        ("scale = L0 / L", "scale = = L0", 8, "scale= "),
        ("gelu", "gelu relu", 11, "gelu "),
        ("gelu", "gelu(", 11, "gelu "),
        ("gelu", "gelu;", 11, "gelu "),
        ("gelu", "loss mse", 11, "gelu "),
        ("gelu", "width n = 4\n", 11, "gelu "),
        ("gelu", "gelu,,", 11, ""),
        ("up: dense -> 4*n {", "up: dense 4*n {", 10, "up:dense "),
        ("optimizer = muon }", "optimizer = muon", 10, "up:dense gelu "),
        ("gain { lr = 1", "gain { lr = (1", 9, "norm1:rmsnorm "),
        ("    rmsnorm\n", "    rmsnorm relu\n", 14, " rmsnorm"),
        ("    }\n    rm", "    } relu\n    rm", 13, ""),
        ("    }\n    rm", "    }\n    }\n    rm", 16, "?"),
        ("mlp: residual {", "mlp residual {", 7, "?"),
        ("mlp: residual {", "mlp: resblock {", 7, "?"),
        ("mlp: residual {", "mlp: resblock(n) {", 7, "?"),
        ("mlp: residual {", "mlp: resblock -> n {", 7, "?"),
        ("mlp: residual {", "mlp: residual -> n {", 7, "?"),
        ("mlp: residual {", "mlp: {", 7, "?"),
        ("mlp: residual {", "mlp: 3*x + {", 7, "?"),
        ("mlp: residual {", "sublayer {", 7, "?"),
        ("mlp: residual {", "x = x + {", 7, "?"),
        ("mlp: residual {", "h -> h + {", 7, "?"),
        ("mlp: residual {", "nn.Sequential {", 7, "?"),
        ("blocks: repeat L {", "for i in range(L) {", 6, "?"),
        ("blocks: repeat L {", "blocks: scan(L) {", 6, "?"),
        ("blocks: repeat L {", "block x12 {", 6, "?"),
        ("blocks: repeat L {", "blocks: repeat n = L {", 6, "?"),
    ],
)
def test_one_mistake_in_a_body(before: str, after: str, line: int, lost: str) -> None:
    """It is reported once, at its line, and what stands beside it is kept."""
    assert DEEP.count(before) == 1

    shown, complete, found = read(DEEP.replace(before, after))

    assert [line] == [at for at, _ in found]
    assert not complete
    if lost != "?":
        assert WHOLE.replace(lost, "", 1) == shown
    assert shown.startswith("width depth input embed:embedding ")
    assert shown.endswith("layernorm head:dense optimizer optimizer")


def test_mistakes_under_a_bad_head_are_found_as_well() -> None:
    text = DEEP.replace("blocks: repeat", "blocks repeat").replace("gelu", "gelu(")

    assert [6, 11] == [line for line, _ in read(text)[2]]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("    }\n    rmsnorm\n  }\n", "    }\n    rmsnorm\n", [6]),
        ("    }\n    rmsnorm\n  }\n", "", [6, 7]),
    ],
)
def test_a_body_that_is_not_closed_ends_where_a_word_of_the_model_stands(
    before: str, after: str, lines: list[int]
) -> None:
    shown, complete, found = read(DEEP.replace(before, after))

    assert [(line, "this `{` is never closed") for line in lines] == found
    assert not complete
    assert shown.endswith("} optimizer optimizer")
