# ruff: noqa: T201 - a script that reports
"""How the time of a check grows, and where it goes.

``python tests/benchmarks/check_scaling.py`` checks 1,000 generated files of 12 layers in one
process and shows files a second and the profile; then 10, 100 and 1,000 layers in a file, written
out, as one repeat, and all different; then 10, 100 and 1,000 files.  Growth is linear where the
last column stays the same.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from richc.cli.inputs import sources
from richc.pipeline import analyse_source
from richc.report import Options, renderer
from richc.syntax.source import Source

FILES = 1000
LAYERS = 12


def model(layers: int, pick: random.Random, kind: str = "random") -> str:
    """A three-part network; ``random`` mixes optimizers, attributes and activations."""
    optimizer = pick.choice(["sgd", "adam", "adamw { weight_decay = 0.1 }", "lion"])
    activation = pick.choice(["relu", "tanh", "gelu"])
    rate = "alpha^2" if optimizer == "sgd" else "1"
    lines = [
        "# Generated for the benchmark.",
        f"model net{layers} {{",
        f"  width n = {pick.choice([256, 1024])}, base n0 = 64",
        f"  richness r = {pick.choice(['0', '1/4', '1/2'])}",
        f"  parameterization rich, gauge = {pick.choice(['stp', 'mup', 'rescaling'])}",
        "  input 64",
    ]
    if kind == "repeat":
        lines += [f"  body[{layers - 1}]: dense -> n", f"  {activation}"]
    else:
        for index in range(layers - 1):
            written = kind == "different" or pick.random() < 0.3
            change = f"{index + 1}" if kind == "different" else f"{pick.randint(1, 9)}"
            block = (
                f" {{ std = sqrt({change} / fan_in), lr = {change} * {rate} / fan_in }}"
                if written
                else ""
            )
            lines += [f"  layer{index}: dense -> n{block}", f"  {activation}"]
    lines += ["  head: dense -> 10", f"  optimizer {optimizer}", "  loss cross_entropy", "}", ""]
    return "\n".join(lines)


def check(paths: list[str]) -> int:
    """As the command does it, output thrown away; the number of findings."""
    found = 0

    def results() -> object:
        nonlocal found
        for item in sources(paths, "<stdin>"):
            assert isinstance(item, Source)
            result = analyse_source(item)
            found += len(result.diagnostics)
            yield result

    for _ in renderer("text")(results(), Options()):  # type: ignore[arg-type]
        pass
    return found


def seconds(run: Callable[[], object], repeats: int) -> float:
    """CPU time of the fastest of some runs."""
    best = float("inf")
    for _ in range(repeats):
        before = time.process_time()
        run()
        best = min(best, time.process_time() - before)
    return best


def write(folder: Path, count: int, layers: int, kind: str = "random") -> list[str]:
    # One seed for all sizes: the same optimizer and gauge, and the same blocks at the beginning.
    pick = random.Random(1)
    paths = []
    for index in range(count):
        path = folder / f"{kind}_{layers}_{index:04}.rich"
        path.write_text(model(layers, pick, kind), encoding="utf-8")
        paths.append(str(path))
    return paths


def show_growth(title: str, unit: str, rows: dict[int, float]) -> None:
    print(f"\n{title}")
    for size, taken in rows.items():
        print(f"  {size:>6,} {unit}  {taken * 1e3:10.2f} ms  {taken / size * 1e6:8.1f} µs each")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many = write(folder, FILES, LAYERS)
        check(many[:10])  # Imports, tables.
        taken = seconds(lambda: check(many), 3)
        print(f"{FILES:,} files of {LAYERS} layers: {taken:.2f} s, {FILES / taken:,.0f} files/s")

        for kind in ("random", "different", "repeat"):
            rows = {}
            for layers in (10, 100, 1000):
                paths = write(folder, 1, layers, kind)
                rows[layers] = seconds(lambda paths=paths: check(paths), 5)  # type: ignore[misc]
            show_growth(f"one file, layers: {kind}", "layers", rows)

        rows = {count: seconds(lambda c=count: check(many[:c]), 3) for count in (10, 100, 1000)}  # type: ignore[misc]
        show_growth(f"files of {LAYERS} layers", "files ", rows)

        profile = cProfile.Profile()
        profile.runcall(check, many)
        text = io.StringIO()
        pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(25)
        print("\nprofile, by time in the function itself")
        print("\n".join(text.getvalue().splitlines()[4:]))


if __name__ == "__main__":
    main()
