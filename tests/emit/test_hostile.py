"""Nothing in a specification becomes code, however it is spelt."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import richc
from richc.emit import emit_program
from richc.spec.model import Train
from tests.emit.tables import ReadModel

MODEL = """
model net {
  width n = 4
  input 2
  a: dense -> n { std = 1, lr = 1 }
  relu
  b: dense -> 1 { std = 1, lr = 1 }
  optimizer sgd { lr = 1 }
  loss mse
}
"""

STRINGS = [
    '"""\nraise SystemExit(7)\n"""',
    "'''\nraise SystemExit(7)",
    '\\"""; raise SystemExit(7)',
    "\\",
    '"',
    "{}{0}%s%(x)s",
    "line\nbreak\r\x00\x1b[31m\x85\u2028end",
    "\u202eright to left\u2066",
    "lone \ud800 surrogate",
    "𝕏 μ",
    "../../../etc/passwd",
    "-" * 500,
    "# Compiled by richc",
]


@pytest.mark.parametrize("text", STRINGS)
def test_strings(text: str, read_model: ReadModel) -> None:
    """As data, target, summary and violation: literals keep the value, prose stays prose."""
    model = read_model(MODEL)._replace(train=Train(data=text, target=text))

    source = emit_program(model, summary=text, violations=[text], richc_version="0.1.0")

    assert source.encode()
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    values = {
        node.target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }
    assert (values["DATA"], values["TARGET"]) == (text, text)
    plain = emit_program(
        model._replace(train=Train(data="x", target="x")), summary="", richc_version="0.1.0"
    )
    assert _shape(tree) == _shape(ast.parse(plain))
    assert all(c.isprintable() or c == "\n" for c in source)


def _shape(tree: ast.Module) -> str:
    """The program without its docstring and its constants' values."""
    body = [node for node in tree.body[1:] if not isinstance(node, ast.AnnAssign)]
    return ast.dump(ast.Module(body, []))


@pytest.mark.parametrize(
    "name", ["a b", "a;b", "a.b", "a\nb", "lambda", "forward", "é", "_a", "1a", ""]
)
def test_names(name: str, read_model: ReadModel) -> None:
    """The front end refuses them; so does the emitter, should they ever come from elsewhere."""
    model = read_model(MODEL)
    layer = model.layers[0]._replace(name=name, statement=name)

    with pytest.raises(ValueError, match=r"identifier|cannot be a name"):
        emit_program(
            model._replace(layers=(layer, model.layers[1])), summary="", richc_version="0.1.0"
        )


@pytest.mark.parametrize("name", ["a b", "a;b", "a\nb", "é", "1a", ""])
def test_model_names(name: str, read_model: ReadModel) -> None:
    with pytest.raises(ValueError, match="identifier"):
        emit_program(read_model(MODEL)._replace(name=name), summary="", richc_version="0.1.0")


@pytest.mark.parametrize(
    "names",
    [("n0", "head"), ("n", "r"), ("lr", "F"), ("Network", "M"), ("torch", "math"), ("x", "layer")],
)
def test_words_of_the_program_as_layer_names(names: tuple[str, str], tmp_path: Path) -> None:
    """A layer may be called what the program calls something else."""
    first, last = names
    text = f"""
model m {{
  width n = 4
  parameterization mup
  input 2
  {first}[2]: dense -> n
  relu
  {last}: dense -> 1
  optimizer sgd {{ lr = 0.1 }}
}}
"""
    program = tmp_path / "program.py"
    program.write_text(richc.compile(text))
    data = tmp_path / "data.csv"
    data.write_text("".join(f"{i},{i * i % 7},{i % 3}\n" for i in range(40)))

    done = subprocess.run(
        [sys.executable, str(program), "--data", str(data), "--steps", "3", "--quiet"],
        capture_output=True,
        text=True,
    )

    assert (0, "") == (done.returncode, done.stderr)
