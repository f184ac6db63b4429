# ruff: noqa: T201 - a script that reports
"""What ``richc check`` of one file costs, in units of a Python that does nothing.

``python tests/benchmarks/check_cpu.py [FILE] [--runs N]`` runs ``richc check FILE`` and
``python -c pass`` in turn, so that both see the same machine, and compares the medians of user and
system time.  The limit is 8.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tests" / "spec" / "examples" / "written_out.rich"
LIMIT = 8


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"exit code {process.returncode}: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default=str(EXAMPLE))
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "richc check": [sys.executable, "-m", "richc", "check", arguments.file],
    }
    for command in commands.values():
        cpu_seconds(command)  # Files into the cache, bytecode onto the disk.
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.runs):
        for name, command in commands.items():
            times[name].append(cpu_seconds(command))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        fastest = min(times[name])
        print(f"{name:<16} {median * 1000:6.1f} ms (fastest {fastest * 1000:.1f} ms)")
    ratio = medians["richc check"] / medians["python -c pass"]
    print(f"{'ratio':<16} {ratio:6.2f}    (limit {LIMIT})")


if __name__ == "__main__":
    main()
