"""Nothing in a specification becomes code, however it is spelt."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import pytest
import torch

import richc
from richc.emit import emit_program
from richc.spec.model import Train
from tests.emit.tables import Captured, Load, ReadModel

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
    "__import__('os').abort()",
    "%(prog)s %n %% {DATA} ${HOME} `id`",
    "/dev/stdin",
    "\N{ZERO WIDTH SPACE}\ufeff\u200f",
    "a\0b",
    "# keep if mse\n# end\n# ---- emitted from here on ----\nNetwork",
]


@pytest.mark.parametrize("text", STRINGS)
def test_strings(text: str, read_model: ReadModel) -> None:
    """As data, target, summary and violation: literals keep the value, prose stays prose."""
    model = read_model(MODEL)._replace(train=Train(data=text, target=text))

    source = emit_program(model, summary=text, violations=[text], richc_version="0.1.0")

    assert source.encode()
    tree = ast.parse(source)
    assert ast.get_docstring(tree)
    (values,) = (node.value for node in tree.body if _names_data(node))
    assert ast.literal_eval(values) == (text, text)
    plain = emit_program(
        model._replace(train=Train(data="x", target="x")), summary="", richc_version="0.1.0"
    )
    assert _shape(tree) == _shape(ast.parse(plain))
    assert all(c.isprintable() or c == "\n" for c in source)


def _names_data(node: ast.stmt) -> TypeGuard[ast.Assign]:
    """Whether it says what the data and the target are."""
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(DATA, TARGET)"


def _shape(tree: ast.Module) -> str:
    """The program without its docstring and what it says of data."""
    body = [node for node in tree.body[1:] if not _names_data(node)]
    return ast.dump(ast.Module(body, []))


@pytest.mark.parametrize(
    "name",
    "__init__ __class__ forward self.x state_dict train eval to modules T_destination parameters"
    " register_buffer make_optimizer alpha width print(1) import None".split(),
)
def test_names_that_the_front_end_refuses(name: str) -> None:
    for text in (MODEL.replace("a:", f"{name}:"), MODEL.replace("net", name)):
        with pytest.raises(richc.RichError):
            richc.compile(text, allow_violations=True)


@pytest.mark.parametrize(
    "names",
    [("super", "nn"), ("weight", "bias"), ("print", "sys"), ("math", "int"), ("main", "identity")],
)
@pytest.mark.parametrize("model", ["Exception", "Any", "Tensor", "object", "Network", "nn"])
def test_names_that_shadow(names: tuple[str, str], model: str) -> None:
    """Each is an attribute or a class of its own: the network works, and loads what it saved."""
    text = MODEL.replace("model net", f"model {model}").replace("a:", f"{names[0]}:")
    source = richc.compile(text.replace("b:", f"{names[1]}:"), allow_violations=True)
    module = ModuleType("program")
    exec(compile(source, "program.py", "exec"), module.__dict__)
    (network,) = (c for c in vars(module).values() if hasattr(c, "param_groups"))

    net = network()
    optimizer = net.make_optimizer()
    net(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    network().load_state_dict(net.state_dict())

    assert [g["name"] for g in optimizer.param_groups] == ["+".join(names)]


#: Import programs, one after the other, and end at the first thing that reaches beyond Python.
SPY = """
import argparse, ast, csv, ctypes, gzip, json, os, runpy, sys, zipfile
import torch, torch.nn.functional

# torch looks for a temporary folder when it makes its first optimizer.
torch.optim.SGD([torch.zeros(1)], lr=1.0)

def hook(event, arguments):
    reads = event == "open" and not set("wax+") & set(str(arguments[1] or ""))
    watched = event == "open" or event.startswith(("os.", "subprocess.", "socket.", "shutil."))
    if watched and not reads and event not in ("os.listdir", "os.scandir"):
        os.write(2, f"{event} {arguments}".encode())
        os._exit(9)

sys.dont_write_bytecode = True
sys.addaudithook(hook)
for path in sys.argv[1:]:
    module = runpy.run_path(path, run_name="program")
    if "Net" in module:
        module["Net"]().make_optimizer()
"""


def test_import_does_nothing(read_model: ReadModel, tmp_path: Path) -> None:
    """Importing a program writes no file, starts no process and talks to nobody."""
    paths = []
    for number, text in enumerate(STRINGS):
        model = read_model(MODEL)._replace(train=Train(data=text, target=text))
        paths.append(tmp_path / f"program_{number}.py")
        source = emit_program(model, summary=text, violations=[text], richc_version="0")
        paths[-1].write_text(source, encoding="utf-8")
    canary = tmp_path / "canary.py"
    canary.write_text("open('written', 'w')")

    run = subprocess.run(
        [sys.executable, "-c", SPY, *map(str, paths), str(canary)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    # The first to do anything is the last one.
    assert (9, "") == (run.returncode, run.stdout)
    assert run.stderr.startswith("open ('written', 'w'"), run.stderr
    assert {*paths, canary} == set(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["\x1b[31m.csv", "\u202e.csv", "a\nb.csv", "\x9b31m.csv"])
def test_terminals_obey_no_path(
    text: str, load: Load, read_model: ReadModel, capsys: Captured
) -> None:
    module = load(read_model(MODEL)._replace(train=Train(data=text)))

    assert module.main([]) == 2

    assert capsys.readouterr().err.rstrip("\n").isprintable()
    with pytest.raises(SystemExit):
        module.main(["--help"])
    assert "".join(capsys.readouterr().out.splitlines()).isprintable()


NAMES = ["n0 head", "n r", "lr F", "Network M", "torch math", "x layer"]

#: Run programs, one after the other, up to the first that fails.
RUN = """
import runpy, sys
data, *paths = sys.argv[1:]
for path in paths:
    code = runpy.run_path(path)["main"](["--data", data, "--steps", "3", "--quiet"])
    assert code == 0, path
"""


def test_words_of_the_program_as_layer_names(tmp_path: Path) -> None:
    """A layer may be called what the program calls something else."""
    paths = []
    for number, names in enumerate(NAMES):
        first, last = names.split()
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
        paths.append(tmp_path / f"program_{number}.py")
        paths[-1].write_text(richc.compile(text))
    data = tmp_path / "data.csv"
    data.write_text("".join(f"{i},{i * i % 7},{i % 3}\n" for i in range(40)))

    done = subprocess.run(
        [sys.executable, "-c", RUN, str(data), *map(str, paths)], capture_output=True, text=True
    )

    assert (0, "") == (done.returncode, done.stderr)
