# ruff: noqa: T201 - a script that reports
"""One fault in the depth of a network, and who finds it: ``richc check``, and ``richc verify``.

    python tests/deep/fault_table.py              # what check says, some seconds
    python tests/deep/fault_table.py --write      # ... into docs/depth-faults.md
    python tests/deep/fault_table.py --verify     # and what verify measures, 90 minutes of CPU
    python tests/deep/fault_table.py --verify --only WORDS    # ... of the networks with these words

The last goes on where it was stopped: what the page says already is kept, but for what is wrong.

Every network is a pre-norm residual MLP (relu, two layers a block, gains and biases) in CompleteP,
written out relative to n0 and L0, with a single rate, std, multiplier or norm that is off by a
power of L / L0.  Not every such thing is a fault: whether it is says the reference (reference.py),
which shares no code with the checker.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import richc
from tests.deep import reading, reference

PAGE = Path(__file__).parents[2] / "docs" / "depth-faults.md"

MODEL = """\
model net {{
  width n = 128, base n0 = 64
  depth L = 8, base L0 = 4
  input 64
  embed: dense -> n {{ std = 1 / 8, lr = {embed} }}
  blocks: repeat L {{
    mlp: residual {{
      scale = {branch}
      norm: rmsnorm {{ gain {{ lr = {gain} }} }}
      up: dense -> n {{ std = sqrt(2 / n), lr = {up}{matrix}, bias {{ std = 0, lr = {bias} }} }}
      relu
      down: dense -> n {{ std = {std}, lr = {down}{matrix} }}
    }}
  }}
  {final}
  head: dense -> 10 {{ std = 1 / n, lr = {head} }}
{optimizers}
  loss cross_entropy
  require mup
  require completep
}}
"""

#: The rates of CompleteP: SGD's grow with L, Adam's and Muon's do not.
KNOBS = {
    "sgd": {
        "embed": "n / n0",
        "gain": "n / n0 * (L / L0)",
        "bias": "n / n0 * (L / L0)",
        "up": "L / L0",
        "down": "L / L0",
        "final": "n / n0",
        "head": "n0 / n",
        "matrix": "",
        "optimizers": "  optimizer sgd { lr = 0.1 }",
    },
    "adam": {
        "embed": "1",
        "gain": "1",
        "bias": "1",
        "up": "n0 / n",
        "down": "n0 / n",
        "final": "1",
        "head": "n0 / n",
        "matrix": "",
        "optimizers": "  optimizer adam { lr = 1e-3 }",
    },
    "muon with adamw": {
        "embed": "1",
        "gain": "1",
        "bias": "1",
        "up": "1",
        "down": "1",
        "final": "1",
        "head": "n0 / n",
        "matrix": ", optimizer = muon",
        "optimizers": "  optimizer adamw { lr = 1e-3 }\n"
        "  optimizer muon { lr = 0.02, shape_factor = spectral }",
    },
}
SHARED = {"branch": "L0 / L", "std": "n^(-1/2)"}

#: What a report calls the family in which a knob stands.
FAMILIES = {
    "embed": "embed",
    "branch": "blocks.mlp",
    "gain": "blocks.mlp.norm.gain",
    "up": "blocks.mlp.up",
    "bias": "blocks.mlp.up",
    "down": "blocks.mlp.down",
    "std": "blocks.mlp.down",
    "final": "final.gain",
    "head": "head",
}
WORDS = {"branch": "branch multiplier", "std": "`down` std", "final": "final gain's rate"}

INSIDE = ("gain", "up", "bias", "down")

HALVES, ALL = ("1/2", "-1/2"), ("1/2", "-1/2", "1", "-1")
FAULTS = {
    **dict.fromkeys(("embed", "up", "down", "head"), ALL),
    **dict.fromkeys(("branch", "gain", "bias", "std", "final"), HALVES),
}


class Case(NamedTuple):
    optimizer: str
    label: str
    #: As a report calls it.
    family: str
    text: str

    @property
    def expected(self) -> reference.Expected:
        return reference.judge(reading.read(self.text))


def written(optimizer: str, **faults: str) -> str:
    knobs = {**SHARED, **KNOBS[optimizer]}
    for name, power in faults.items():
        knobs[name] += f" * (L / L0)^({power})"
    knobs["final"] = f"final: rmsnorm {{ gain {{ lr = {knobs['final']} }} }}"
    return MODEL.format(**knobs)


def cases() -> Iterator[Case]:
    for optimizer in KNOBS:
        yield Case(optimizer, "none", "", written(optimizer))
        for name, powers in FAULTS.items():
            for power in powers:
                label = f"{WORDS.get(name, f'`{name}` rate')} × L^{power}"
                yield Case(optimizer, label, FAMILIES[name], written(optimizer, **{name: power}))
        yield Case(optimizer, "no final norm", "", without_final(written(optimizer)))
        # A stream that grows as L^(1/2), with rates to match: only a norm may read it.
        power = "-1" if optimizer == "sgd" else "-1/2"
        grown = written(optimizer, branch="1", **dict.fromkeys(INSIDE, power))
        yield Case(optimizer, "branches of order one", "blocks.mlp.up", grown)
        yield Case(optimizer, "the same, no final norm", "blocks.mlp", without_final(grown))


def without_final(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if "final:" not in line)


class Cell(NamedTuple):
    """What one command says: in words, whether it complains, and of which layers."""

    words: str
    #: None where it gave no answer.
    finds: bool | None
    blamed: tuple[str, ...] = ()

    def mark(self, case: Case, expected: str, *, names: bool = True) -> str:
        """✓, (✓) or ✗ and the words; without ``names`` it is not asked who is blamed."""
        if self.finds is None:
            return f"? {self.words}"
        if self.finds != bool(expected):
            return f"✗ {self.words}"
        if not expected or not case.family or not names:
            return f"✓ {self.words}"
        # A gain stands in its norm, a layer in its block.
        within = [_is_within(layer, case.family) for layer in self.blamed]
        mark = "✗" if not any(within) else "✓" if all(within) else "(✓)"
        return f"{mark} {self.words}"


def _is_within(layer: str, family: str) -> bool:
    return f"{layer}.".startswith(f"{family}.") or f"{family}.".startswith(f"{layer}.")


def by_check(case: Case) -> Cell:
    (file,) = richc.check(case.text).files
    assert len(file.models) == 1, [d.message for d in file.diagnostics]
    found = [d for d in file.diagnostics if d.severity != "info"]
    codes = " ".join(dict.fromkeys(d.code for d in found))
    layers = tuple(dict.fromkeys(d.layer for d in found if d.layer))
    blamed = ", ".join(f"`{layer}`" for layer in layers)
    words = f"{codes}: {blamed or 'the whole'}" if found else "passes"
    return Cell(words, bool(found), layers)


def by_verify(case: Case) -> Cell:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.rich"
        path.write_text(case.text, encoding="utf-8")
        command = [sys.executable, "-m", "richc", "verify", str(path), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 4):
        return Cell(f"no answer ({done.returncode})", finds=None)
    if done.returncode == 0:
        return Cell("passes", finds=False)
    return Cell("fails", finds=True) if done.returncode == 1 else Cell("undecided", finds=None)


def broken(expected: reference.Expected) -> str:
    names = [name for name, status in expected.desiderata.items() if status != reference.HOLDS]
    if expected.explodes and reference.NOT_EVALUATED not in expected.desiderata.values():
        # Beside what explodes others are small without being at fault.
        names = [name for name in names if name in ("D0", "D1")]
    return " ".join(names)


def rows() -> Iterator[tuple[str, ...]]:
    """A row a network, without what is trained."""
    for case in cases():
        expected = broken(case.expected)
        mark = by_check(case).mark(case, expected)
        yield case.optimizer, case.label, expected or "nothing", mark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verify", action="store_true", help="train what is not trained yet")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--only", metavar="WORDS", help="of optimizer and label, e.g. 'adam embed'")
    options = parser.parse_args()
    words = (options.only or "").split()
    table = list(rows())
    for row in table:
        if is_meant(words, row[:2]):
            print(_row(row))
    wrong = sum("✗" in row[3] for row in table)
    print(f"{len(table)} networks, {wrong} with a wrong answer", file=sys.stderr)
    trained = known()
    if options.write:
        write(table, trained)
    if options.verify:
        # Of each optimizer in turn; what was wrong before comes first.
        of_all = [[c for c in cases() if c.optimizer == name] for name in KNOBS]
        turns = [case for turn in zip(*of_all, strict=True) for case in turn]
        for case in sorted(turns, key=lambda case: "✗" not in trained.get(case[:2], "")):
            if is_meant(words, case[:2]) and trained.get(case[:2], "✗").startswith("✗"):
                cell = by_verify(case).mark(case, broken(case.expected), names=False)
                trained[case[:2]] = cell
                print(_row([*case[:2], cell]), flush=True)
                write(table, trained)


def is_meant(words: Sequence[str], row: Sequence[str]) -> bool:
    return all(word in " ".join(row) for word in words)


def known() -> dict[tuple[str, str], str]:
    """What the page says of what was trained, by optimizer and by what is off."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    return {(row[0], row[1]): row[4] for row in cells[2:] if len(row) > 4 and row[4]}


def write(table: Sequence[tuple[str, ...]], trained: Mapping[tuple[str, str], str]) -> None:
    heads = ("optimizer", "what is off", "breaks", "check", "verify")
    lines = [_row(heads), _row(["---"] * len(heads))]
    lines += [_row([*row, trained.get((row[0], row[1]), "")]) for row in table]
    wrong = sum(cell.startswith("✗") for cell in trained.values())
    undecided = sum(cell.startswith("?") for cell in trained.values())
    about = TRAINED.format(trained=len(trained), all=len(table), wrong=wrong, open=undecided)
    PAGE.write_text("\n".join([INTRODUCTION, about, *lines, ""]), encoding="utf-8")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


INTRODUCTION = """\
# One fault in the depth

A residual MLP in CompleteP, written out relative to a base width and depth, with one thing that is
off by a power of `L / L0`: what breaks, and what `richc check` and `richc verify` say of it. A ✓
means that right is told from wrong, and that what is off is named and nothing else; (✓) that it is
named among others. What breaks says an implementation of the theory that shares no code with the
checker. Not everything that is off is a fault: a gain or bias that learns more slowly may as well
be absent, a last layer that starts smaller is woken by its own update, and a stable stream needs no
final norm.

`python tests/deep/fault_table.py --write` writes this page; with `--verify` it trains what is not
trained yet, too.
"""

TRAINED = """\
`richc verify`, with its default widths and depths, trained {trained} of the {all} networks; the
other cells of its column are empty. A ✓ there says that training was called right or wrong as it
is, a ✗ that it was not ({wrong} times), a ? that it was left undecided ({open} times). A cell is
kept when another is trained, so that they are of several days and versions.
"""


if __name__ == "__main__":
    main()
