"""The text that ``richc init`` writes: a model for some data, with comments on what to change."""

from __future__ import annotations

import re
from typing import NamedTuple

from richc.optimizers import law
from richc.spec.names import refusal
from richc.syntax.formatter import layout
from richc.syntax.parser import parse
from richc.syntax.source import Source, printable
from richc.words import counted

WIDTH, BASE = 256, 64
#: Blocks at which the rate is meant to be tuned.
BASE_DEPTH = 4


class Start(NamedTuple):
    """What the file is about."""

    name: str
    rows: int
    inputs: int
    outputs: int
    loss: str
    #: As the file has it: relative to its folder.
    data: str
    target: str | None
    optimizer: str
    #: Residual blocks; None for a chain of dense layers.
    depth: int | None


def model_name(stem: str) -> str:
    """A model's name that is as near as may be to a file's: ``my data-2`` becomes ``my_data_2``."""
    name = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower()
    name = name if name[:1].isalpha() else f"model_{name}".rstrip("_")
    name = name[:60]
    return f"{name}_model" if refusal(name) or _is_reserved(name) else name


def _is_reserved(name: str) -> bool:
    return bool(parse(Source("", f"model {name} {{\n  width n = 2\n}}\n"))[1])


def starting_text(start: Start, command: str, train: str, check: str) -> str:
    """The file, in the one layout.

    ``command`` made it; ``train`` and ``check`` are the commands that come next.
    """
    classes = start.loss == "cross_entropy"
    label = "" if start.target is None else f" `{start.target}`"
    kind = f"{start.outputs} classes" if classes else counted(start.outputs, "number")
    sizes = f"{counted(start.rows, 'row')} of {counted(start.inputs, 'input')}"
    head = [
        f"{sizes}, and the label{label}: {kind}.  Begun by `{command}`.",
        "",
        f"  {check}    does it train the same way at every width?",
        f"  {train}    trains it",
        "",
        "The data decides `input`, `head` and `loss`; the rest is yours to change, as the comments",
        "say.  `richc explain WORD` tells what a word means.",
    ]
    about = "# one for each class" if classes else "# one for each number"
    other = "mse is for numbers" if classes else "cross_entropy is for classes"
    train_line = [f'data = "{start.data}"']
    train_line += [] if start.target is None else [f"target = {_target(start.target)}"]
    train_line += ["steps = 1000", f"batch = {min(128, max(1, start.rows // 8))}"]
    tuned = "--width 64" if start.depth is None else f"--width 64 --depth {BASE_DEPTH}"
    lines = [
        *(f"# {printable(line)}".rstrip() for line in head),
        f"model {start.name} {{",
        f"  width n = {WIDTH}, base n0 = {BASE}  # change n: the rate, tuned at n0, stays good",
        *(
            []
            if start.depth is None
            else [
                f"  depth L = {start.depth}, base L0 = {BASE_DEPTH}  # blocks: the same of L and L0"
            ]
        ),
        "  parameterization mup  # init and rate of every layer; or ntp: lazy",
        "",
        f"  input {start.inputs}  # columns besides the label",
        *_layers(start.depth),
        f"  head: dense -> {start.outputs}  {about}",
        "",
        f"  # The rate is a guess. Try others where it is cheap: {train} {tuned} --lr 1e-2",
        f"  optimizer {start.optimizer} {{ {law(start.optimizer).start} }}",
        f"  loss {start.loss}  # {other}",
        f"  train {{ {', '.join(train_line)} }}",
        "",
        "  require mup  # the check fails if an edit breaks it",
        *([] if start.depth is None else ["  require completep  # and so in the depth"]),
        "}",
        "",
    ]
    source = Source(start.name, "\n".join(lines))
    file, problems = parse(source)
    assert not problems, problems
    return layout(source, file)


def _layers(depth: int | None) -> list[str]:
    if depth is None:
        return [
            "  embed: dense -> n",
            "  relu  # or gelu, silu, tanh ...",
            "  body[2]: dense -> n  # or more of them",
            "  relu",
        ]
    return [
        "  embed: dense -> n",
        "  blocks: repeat L {",
        "    mlp: residual {  # h <- h + (L0 / L) * branch(h)",
        "      rmsnorm",
        "      up: dense -> 4*n",
        "      gelu  # or relu, silu, tanh ...",
        "      down: dense -> n",
        "    }",
        "  }",
        "  rmsnorm",
    ]


def _target(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) else f'"{name}"'
