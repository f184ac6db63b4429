"""What ``richc transfer`` would have found, made up: no training in these tests."""

from __future__ import annotations

import math
from pathlib import Path

from richc.lab.sweep import grid, optimum
from richc.lab.sweep.runs import LR, Job, Point, Run
from richc.lab.sweep.transfer import Transfer, predict
from richc.pipeline import analyse
from richc.report.transfer_schema import TransferReport, report

WIDTHS = (64, 128, 256, 512)


def made_up(
    text: str, *, parameter: str = LR, drift: float = 0.0, diverges: bool = False
) -> TransferReport:
    """A sweep of the first model of a text, whose best value goes as n^drift."""
    result = analyse(text).models[0]
    spec = result.spec
    values = grid.values(parameter, 0.1 if parameter == LR else 1.0, None)
    middle = grid.coordinate(parameter, values[len(values) // 2])
    runs = []
    for n in WIDTHS:
        best = middle + drift * math.log2(n / WIDTHS[0])
        for value in values:
            for seed in range(2):
                away = grid.coordinate(parameter, value) - best - 0.05 * (seed - 0.5)
                loss = 1e-2 * 2.0 ** (away * away / 4)
                lost = diverges and away > 2
                runs.append(Run(Point(n, value, seed), None if lost else loss, loss, 0.9, 0.8))
    job = Job(
        "", spec, Path("digits.csv.gz"), None, parameter, None, 10, 32, "constant", 0.0, "fp32",
        "cpu",
    )  # fmt: skip
    measured = optimum.measure(runs, parameter, spec.loss, spec.layers[-1].fan_out.factor)
    return report(
        "net.rich", Transfer(result, job, tuple(runs), measured, predict(result, job), 0, 1.5)
    )


def swept(text: str, target: Path, *, drift: float = 0.0) -> Path:
    """Write one as JSON."""
    target.write_text(made_up(text, drift=drift).model_dump_json(), encoding="utf-8")
    return target
