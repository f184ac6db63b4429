# ruff: noqa: T201 - a script that reports
"""What inference costs: a check of 100 layers with their exponents written, and with 100 holes.

``python tests/benchmarks/holes.py [--layers N] [--runs N]`` checks both texts in turn, in one
process, and compares the medians of CPU time.  The limit is 0.2 s for what the holes add.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

from richc.fixing.fix import fix
from richc.pipeline import analyse
from richc.syntax.source import Source

LIMIT = 0.2


def text(layers: int, *, holes: bool, biases: bool = False, readout: str = "n^(-1/2 - r)") -> str:
    """A deep network at r = 1/4 under SGD; its rates are written or left out."""

    def rate(exponent: str) -> str:
        return "n^?" if holes else f"n^({exponent})"

    lines = ["model deep {", "  width n = 256", "  richness r = 1/4", "  input 16"]
    for index in range(layers - 1):
        std, lr = ("n^(-1/2)", rate("2*r - 1")) if index else ("1", rate("2*r"))
        bias = f", bias {{ std = 0, lr = {rate('2*r')} }}" if biases else ""
        lines += [f"  h{index}: dense -> n {{ std = {std}, lr = {lr}{bias} }}", "  tanh"]
    lines.append(f"  out: dense -> 10 {{ std = {readout}, lr = {rate('-1')} }}")
    return "\n".join([*lines, "  optimizer sgd { lr = 0.1 }", "}", ""])


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    texts = {
        "written": text(arguments.layers, holes=False),
        "holes": text(arguments.layers, holes=True),
        "written, biases": text(arguments.layers, holes=False, biases=True),
        "holes, biases": text(arguments.layers, holes=True, biases=True),
        "a contradiction": text(arguments.layers, holes=True, readout="n^(-3/5 - r)"),
    }
    work: dict[str, Callable[[], object]] = {
        name: partial(analyse, source) for name, source in texts.items()
    }
    broken = texts["written"].replace("2*r - 1)", "2*r - 2)")
    work["fix of 99 layers"] = partial(fix, Source("deep.rich", broken))
    times: dict[str, list[float]] = {name: [] for name in work}
    for do in work.values():
        do()
    for _ in range(arguments.runs):
        for name, do in work.items():
            times[name].append(seconds(do))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<18} {median * 1000:7.1f} ms (fastest {min(times[name]) * 1000:.1f} ms)")
    for kind in ("", ", biases"):
        added = medians[f"holes{kind}"] - medians[f"written{kind}"]
        print(f"holes{kind} add {added * 1000:.1f} ms (limit {LIMIT * 1000:.0f} ms)")


if __name__ == "__main__":
    main()
