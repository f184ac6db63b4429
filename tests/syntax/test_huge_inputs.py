"""Inputs that nobody writes by hand: one clear message, in seconds, in little memory.

The files are made here and checked in a process of their own, with a generous limit on time; what
it took of memory is what the system counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

MODEL = """model net {{
  width n = {width}
  richness r = {richness}
  input {input}
  h1{repeat}: dense -> {dim} {{ std = {std}, lr = {lr} }}
  tanh
  out: dense -> 10 {{ std = 1 / n, lr = 1 / n }}
  optimizer sgd {{ lr = 0.1 }}{more}
}}
"""

PLAIN = {
    "width": "256",
    "richness": "1/2",
    "input": "16",
    "repeat": "",
    "dim": "n",
    "std": "1",
    "lr": "n",
    "more": "",
}


def model(**changed: str) -> Callable[[], bytes]:
    return lambda: MODEL.format(**{**PLAIN, **changed}).encode()


def repeated(part: bytes, times: int) -> Callable[[], bytes]:
    return lambda: part * times


DIGITS = "7" * 100_000

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc"
)

#: Name -> (bytes, exit code, codes on standard output).
INPUTS: dict[str, tuple[Callable[[], bytes], int, list[str]]] = {
    "10 MB of brackets": (repeated(b"(", 10_000_000), 2, ["R006"]),
    "10 MB of braces": (repeated(b"{", 10_000_000), 2, ["R006"]),
    "brackets": (repeated(b"(", 400_000), 1, ["R003"]),
    "closing brackets": (repeated(b")", 400_000), 1, ["R001"]),
    "closing braces": (repeated(b"}", 400_000), 1, ["R001"]),
    "stars": (repeated(b"*", 400_000), 1, ["R001"]),
    "quotes": (repeated(b'"', 400_000), 1, ["R001"]),
    "strange letters": (repeated("ä".encode(), 200_000), 1, ["R001"]),
    "one long name": (repeated(b"a", 400_000), 1, ["R001"]),
    "digits": (repeated(b"1", 400_000), 1, ["R001"]),
    "newlines": (repeated(b"\n", 400_000), 1, ["R002"]),
    "words": (repeated(b"model ", 70_000), 1, ["R007", "R012"]),
    "headers": (repeated(b"model a {\n", 40_000), 1, ["R001", "R007", "R013"]),
    "empty models": (repeated(b"model a {}\n", 40_000), 1, ["R007", "R013", "R014"]),
    "statements": (
        lambda: b"model a {\n" + b"width n = 1\n" * 35_000 + b"}\n",
        1,
        ["R007", "R013"],
    ),
    "bad statements": (
        lambda: b"model a {\n" + b"width = 1\n" * 40_000 + b"}\n",
        1,
        ["R001", "R007"],
    ),
    "a comment": (lambda: b"# " + b"x" * 400_000 + b"\n", 1, ["R002"]),
    "nested blocks": (
        lambda: b"model a {\n h1: dense -> n " + b"{ bias " * 100 + b"}" * 101,
        1,
        ["R003"],
    ),
    "nested roots": (model(std="sqrt(" * 5000 + "n" + ")" * 5000), 1, ["R003"]),
    "many signs": (model(std="n^(" + "-" * 100_000 + "1)"), 1, ["R024"]),
    "many negations": (model(std="-" * 100_000 + "1"), 1, ["R024"]),
    "many factors": (model(std=" * ".join(["n"] * 100_000)), 1, ["R024"]),
    "many divisions": (model(std=" / ".join(["n"] * 100_000)), 1, ["R024"]),
    "many terms": (model(std=" + ".join(["1"] * 100_000)), 1, ["R024"]),
    "many terms in an exponent": (model(std=f"n^({' + '.join(['1/7'] * 50_000)})"), 1, ["R024"]),
    "many primes": (
        model(std=" * ".join(f"{i}^(1/{i})" for i in range(2, 20_000))),
        1,
        ["R024"],
    ),
    "growing denominators": (
        model(std=f"n^({' + '.join(f'1/{i}' for i in range(1, 3000))})"),
        1,
        ["R024"],
    ),
    "denominators that add up": (
        model(
            lr=" }\n  tanh\n".join(
                [
                    "n",
                    *(
                        f"  x{i}: dense -> n {{ std = n^(1/{10**36 + i}), lr = 1"
                        for i in range(2000)
                    ),
                ]
            )
        ),
        1,
        ["R024"],
    ),
    "100,000 digits in a coefficient": (model(std=DIGITS), 1, ["R024"]),
    "100,000 digits in an exponent": (model(std=f"n^{DIGITS}"), 1, ["R024"]),
    "100,000 digits in a denominator": (model(std=f"n^(1/{DIGITS})"), 1, ["R024"]),
    "100,000 decimals": (model(std=f"0.{DIGITS}"), 1, ["R024"]),
    "100,000 digits in a decimal exponent": (model(std=f"1e{DIGITS}"), 1, ["R024"]),
    "100,000 digits for the width": (model(width=DIGITS), 1, ["R024"]),
    "100,000 digits for the input": (model(input=DIGITS), 1, ["R024"]),
    "100,000 digits for a dimension": (model(dim=DIGITS), 1, ["R024"]),
    "100,000 digits for a repeat": (model(repeat=f"[{DIGITS}]"), 1, ["R024"]),
    "100,000 digits for the richness": (model(richness=DIGITS), 1, ["R024"]),
    "a million repeats": (model(repeat="[1000000]"), 1, ["R026"]),
    "10^18 repeats": (model(repeat="[1e18]"), 1, ["R017"]),
    "10,000 layers": (model(repeat="[9999]", lr="1"), 1, ["R101"]),
    "a tower of powers": (model(std="((((2^1000)^1000)^1000)^1000)"), 1, ["R024"]),
    "a tower of roots": (model(std="(" * 40 + "2" + "^(1/1000))" * 40), 1, ["R024"]),
    "huge powers of a huge number": (model(std=f"({'9' * 40}^(999/1000))^999"), 1, ["R024"]),
    "a huge prime": (model(std="170141183460469231731687303715884105727 / 1e38"), 0, []),
    "a name of 100,000 letters": (model(std="m" * 100_000), 1, ["R010"]),
    "other files": (
        model(lr="1", more='\n  require equivalent "huge.rich"' * 10_000),
        1,
        ["R024"],
    ),
    "options": (
        model(more="\n  train { " + ", ".join(["seed = 1"] * 40_000) + " }"),
        1,
        ["R024"],
    ),
}


#: ``richc``, which leaves its peak memory in the file named first.  The system's own count for a
#: child process would begin with the memory of the process that started it.
PROGRAM = """
import atexit, re, sys
from richc.__main__ import main
target = sys.argv.pop(1)
def note():
    with open("/proc/self/status") as status, open(target, "w") as file:
        file.write(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1])
atexit.register(note)
main()
"""


class Run(NamedTuple):
    exit: int
    output: str
    errors: str
    #: Peak memory, in mebibytes.
    memory: float


def check(path: Path, *options: str) -> Run:
    """``richc check`` in a process of its own, and what it took."""
    peak = path.with_suffix(".peak")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(peak), "check", *options, str(path)],
        capture_output=True,
        text=True,
        # Far more than it needs, on any machine: it is hanging that is tested.
        timeout=120,
    )
    return Run(done.returncode, done.stdout, done.stderr, int(peak.read_text()) / 2**10)


@pytest.mark.parametrize("name", INPUTS)
def test_it_is_refused_clearly(name: str, tmp_path: Path) -> None:
    make, code, codes = INPUTS[name]
    path = tmp_path / "huge.rich"
    path.write_bytes(make())

    run = check(path, "--format", "concise")

    assert (code, "") == (run.exit, run.errors)
    assert codes == sorted({line.split(": ")[1].split()[0] for line in run.output.splitlines()})
    # Nobody reads more than a screenful of findings, or a finding of more than a few lines.
    assert len(run.output.splitlines()) <= 300
    assert max(map(len, run.output.splitlines()), default=0) <= 500
    assert run.memory <= 500
