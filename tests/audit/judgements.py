# ruff: noqa: T201 - a script that reports
"""What ``richc audit`` is judged by beside its fault table, one judgement a command.

    python tests/audit/judgements.py alarms --seeds 20  # correct networks that are called wrong
    python tests/audit/judgements.py reading            # read and measured exponents, how far apart
    python tests/audit/judgements.py mends              # --fix mends every single fault
    python tests/audit/judgements.py mends --rows=-12:  # the last twelve of them
    python tests/audit/judgements.py cpu                # CPU time beside mup's get_coord_data

``mends`` holds every fault of a rate or a std to two things: that the report says that all is right
once its changes are made, and that it is, when they are made here, to what the factory returns, and
that is audited as somebody else's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, only this folder is there
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402 - after the number of threads

import richc  # noqa: E402
from richc.report.audit_schema import AuditReport  # noqa: E402
from tests.audit.zoo import CASES  # noqa: E402
from tests.audit.zoo.building import BASE  # noqa: E402
from tests.audit.zoo.cases import INIT, LR, Case, Factory, Made  # noqa: E402

#: Ten that are right, one of each kind, made with torch alone.
CORRECT = (
    "MLP, Adam: μP",
    "MLP, SGD: μP",
    "MLP, SGD: μP, with momentum",
    "GPT: μP",
    "GPT: μP, heads of 16, by 1/√d",
    "GPT: μP, tied",
    "nn.TransformerEncoder: heads of 16",
    "convolutions: ResNet with BatchNorm",
    "optimizers: Muon and AdamW, wrapped",
    "unusual networks: MoE, experts as raw tensors",
)


def correct() -> list[Case]:
    named = {case.label: case for case in CASES}
    return [named[name] for name in CORRECT]


def single_faults() -> list[Case]:
    """Of rates and stds, which a factory's products can be rid of from outside."""
    return [
        case
        for case in CASES
        if case.is_single and case.faults[0].knob in {LR, INIT} and not case.missing
    ]


def reseeded(make: Factory, seed: int) -> Factory:
    """The same factory, drawing other weights than it would."""

    def made(width: int) -> Made:
        torch.manual_seed(torch.initial_seed() + 1_000_003 * seed)
        return make(width)

    return made


def alarms(cases: Sequence[Case], seeds: int) -> Iterator[tuple[str, int, AuditReport]]:
    """An audit of each network and seed."""
    for case in cases:
        for seed in range(1, seeds + 1):
            yield case.label, seed, richc.audit(reseeded(case.make, seed))


class Gap(NamedTuple):
    """A parameter whose own update was read and measured."""

    network: str
    parameter: str
    read: float
    measured: float

    @property
    def size(self) -> float:
        return abs(self.read - self.measured)


def gaps(case: Case, report: AuditReport) -> Iterator[Gap]:
    for parameter in report.parameters:
        read, measured = parameter.own.read, parameter.own.measured
        if read not in {None, "-inf"} and isinstance(measured, float):
            yield Gap(case.label, parameter.name, float(Fraction(str(read))), measured)


def mended(make: Factory, report: AuditReport) -> Factory:
    """The factory with its products changed as the report's errors say."""
    excess = {
        (str(one.knob), name): float(Fraction(str(one.excess)))
        for one in report.findings
        if one.severity == "error"
        for name in one.parameters
    }

    def made(width: int) -> Made:
        found = make(width)
        given = found["optimizer"] if isinstance(found["optimizer"], list) else [found["optimizer"]]
        parts = [part for one in given for part in getattr(one, "parts", [one])]
        for full, parameter in found["model"].named_parameters():
            name = full.removeprefix("_orig_mod.")
            with torch.no_grad():
                parameter.mul_((width / BASE) ** -excess.get((INIT, name), 0.0))
            factor = (width / BASE) ** -excess.get((LR, name), 0.0)
            if factor != 1:
                for part in parts:
                    _split(part, parameter, factor)
        return found

    return made


def _split(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, factor: float) -> None:
    """Give a parameter a group of its own, with its rate times a factor."""
    for group in list(optimizer.param_groups):
        if any(one is parameter for one in group["params"]):
            group["params"] = [one for one in group["params"] if one is not parameter]
            rest = {key: value for key, value in group.items() if key != "params"}
            optimizer.param_groups.append(
                {**rest, "params": [parameter], "lr": group["lr"] * factor}
            )
            if not group["params"]:
                optimizer.param_groups.remove(group)


def ratios(case: Case, seeds: int, rounds: int) -> Iterator[tuple[float, float]]:
    """CPU seconds of an audit and of mup's statistics, the same widths and networks, in turn."""
    from tests.audit.coordinates import statistics as by_mup

    widths: Sequence[int] = ()
    for _ in range(rounds + 1):
        began = time.process_time()
        report = richc.audit(case.make, seeds=seeds)
        audit, began = time.process_time() - began, time.process_time()
        widths = report.widths
        by_mup(case.make, widths, report.networks // len(widths))
        yield audit, time.process_time() - began


def say_alarms(seeds: int, only: str) -> bool:
    wrong = opened = count = 0
    for name, seed, report in alarms([case for case in correct() if only in case.label], seeds):
        count += 1
        wrong += report.verdict in {"fail", "refused"}
        opened += report.verdict == "undecided"
        assert not (report.verdict == "pass" and report.open), "right, with rows open"
        if report.verdict != "pass":
            said = "; ".join(one.message for one in report.findings) or str(report.reason)
            print(f"{name}, seed {seed}: {report.verdict}: {said}", flush=True)
        print(f"{count} {name}, seed {seed}", file=sys.stderr, flush=True)
    print(f"{count} audits of correct networks: {wrong} false alarms, {opened} undecided")
    return wrong * 100 <= count


def say_reading(only: str) -> bool:
    found: list[Gap] = []
    for case in CASES:
        if case.is_right and not case.missing and case.target == "mup" and only in case.label:
            report = richc.audit(case.make)
            mine = list(gaps(case, report))
            found += mine
            worst = max(mine, key=lambda one: one.size, default=None)
            far = "" if worst is None else f"; farthest {worst.parameter} {worst.size:.2f}"
            print(f"{case.label}: {len(mine)} of {len(report.parameters)} read{far}", flush=True)
    within = sum(one.size <= 1 / 8 for one in found)
    print(f"{within} of {len(found)} within 1/8 ({100 * within / max(1, len(found)):.1f} %)")
    return within >= 0.95 * len(found)


def say_mends(only: str, rows: slice) -> bool:
    good = count = 0
    for case in [case for case in single_faults() if only in case.label][rows]:
        report = richc.audit(case.make, target=case.target, fix=True)
        again = richc.audit(mended(case.make, report), target=case.target)
        count += 1
        good += bool(report.mended) and again.verdict == "pass"
        if not (report.mended and again.verdict == "pass"):
            print(f"{case.label}: mended {report.mended}, audited again {again.verdict}")
        print(f"{count} {case.label}", file=sys.stderr, flush=True)
    print(f"{good} of {count} single faults of rates and stds are mended")
    return good == count


def say_cpu(seeds: int, rounds: int, only: str) -> bool:
    worst = 0.0
    for case in correct():
        if only not in case.label:
            continue
        _, *pairs = ratios(case, seeds, rounds)  # the first of all imports and compiles
        audit, by_mup = (statistics.median(column) for column in zip(*pairs, strict=True))
        worst = max(worst, audit / by_mup)
        print(f"{case.label}: {audit:.2f} s, mup {by_mup:.2f} s: {audit / by_mup:.1f}", flush=True)
    print(
        f"at most {worst:.1f} times mup's get_coord_data ({rounds} rounds, {seeds} networks each)"
    )
    return worst <= 4


def sliced(text: str) -> slice:
    """``-12:``, ``10:20``."""
    first, last = text.split(":")
    return slice(int(first) if first else None, int(last) if last else None)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("judgement", choices=["alarms", "reading", "mends", "cpu"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a network's name")
    parser.add_argument("--rows", type=sliced, default=slice(None), help="of mends: FIRST:LAST")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    judgements = {
        "alarms": lambda: say_alarms(options.seeds, options.only),
        "reading": lambda: say_reading(options.only),
        "mends": lambda: say_mends(options.only, options.rows),
        "cpu": lambda: say_cpu(options.seeds, options.rounds, options.only),
    }
    return 0 if judgements[options.judgement]() else 1


if __name__ == "__main__":
    sys.exit(main())
