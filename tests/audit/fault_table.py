# ruff: noqa: T201 - a script that reports
"""Every network of the zoo before ``richc audit`` and mup's coordinate check: who finds what.

    python tests/audit/fault_table.py                        # all; writes docs/audit-faults.md
    python tests/audit/fault_table.py --only 'GPT: .*rate'   # some; prints, and writes nothing
    python tests/audit/fault_table.py --keep FILE            # goes on where it was interrupted
    python tests/audit/fault_table.py --keep FILE --kept     # what FILE has; says what it lacks

Networks of packages that are not installed are left out, with the reason: ``pip install mup
transformers timm``.  Both columns of CPU time are of one process with one thread, one network after
the other; mup's is that of its rule alone (2 widths, 3 networks each, 2 rates).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, only this folder is there
os.environ.setdefault("OMP_NUM_THREADS", "1")

import richc  # noqa: E402 - after the path
from tests.audit.judging import Judged, judge  # noqa: E402
from tests.audit.zoo import CASES  # noqa: E402
from tests.audit.zoo.cases import Case  # noqa: E402

PAGE = ROOT / "docs" / "audit-faults.md"
COMMAND = "python tests/audit/fault_table.py"
PACKAGES = ("torch", "mup", "transformers", "timm")
INTRODUCTION = """\
# Faults that `richc audit` finds

Written by `{command}`, not by hand:
{versions}.

Each network is a factory in tests/audit/zoo. The truth about it follows from
[the theory](theory.md), not from a measurement; `×` says by what power of n a knob is too large.

- *Named*: the parameters, the knob and the power (within 1/4) of every fault, and nothing beside
  them. Where several things are wrong, a report may begin with those that cause others.
- *Nothing else*: one finding for a single fault.
- *mup's rule* is that of mup's own tests: every layer within a factor of 1.2 over 4 × in width,
  for 3 steps. It is given every chance; tests/audit/coordinates.py says how.
- CPU times are those of one run, with one thread.
"""
KEPT = """\
Rows were measured in several runs, of which CPU times are not alike.
"""


class Row(NamedTuple):
    """A network, and what both said of it."""

    case: Case
    found: Judged
    cpu: float
    #: None where mup is not installed, or another target is asked for than it knows.
    rule: str | None
    rule_is_right: bool
    rule_cpu: float

    def dumps(self) -> str:
        return json.dumps([self.case.label, list(self.found), *self[2:]])


def kept(path: Path | None) -> dict[str, Row]:
    """Rows of a run that was interrupted, by their labels."""
    if path is None or not path.exists():
        return {}
    cases = {case.label: case for case in CASES}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {
        label: Row(cases[label], Judged(*found), *rest)
        for label, found, *rest in rows
        if label in cases
    }


def row_of(case: Case, *, with_rule: bool) -> Row:
    began = time.process_time()
    report = richc.audit(case.make, target=case.target)
    cpu = time.process_time() - began
    found = judge(case, report)
    # mup's rule knows no other target.
    if not with_rule or case.target != "mup":
        return Row(case, found, cpu, None, False, 0.0)
    from tests.audit.coordinates import farthest

    began = time.process_time()
    rule = farthest(case.make)
    return Row(
        case, found, cpu, str(rule), rule.is_flat == case.is_right, time.process_time() - began
    )


def mark(is_right: bool | None) -> str:
    return {True: "✓", False: "✗", None: "?"}[is_right]


def summary(rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    yield (
        "networks",
        "",
        "verdict right",
        "undecided",
        "named",
        "nothing else",
        "mup's rule right",
        "CPU s, audit / mup",
    )
    names = dict.fromkeys(row.case.group for row in rows)
    for name, part in [
        *((name, [row for row in rows if row.case.group == name]) for name in names),
        ("all", list(rows)),
    ]:
        ruled = [row for row in part if row.rule is not None]
        yield (
            name,
            str(len(part)),
            str(sum(row.found.verdict is True for row in part)),
            str(sum(row.found.verdict is None for row in part)),
            str(sum(row.found.names for row in part)),
            str(sum(row.found.one for row in part)),
            f"{sum(row.rule_is_right for row in ruled)}" if ruled else "-",
            f"{sum(row.cpu for row in part):.1f} / {sum(row.rule_cpu for row in part):.1f}",
        )


def details(rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    yield "network", "what is true", "`richc audit`", "named", "mup's rule", "CPU s"
    for row in rows:
        yield (
            row.case.name,
            row.case.truth,
            f"{mark(row.found.verdict)} {row.found.said}",
            mark(row.found.names) if row.found.one or not row.found.names else "✓, and more",
            "-" if row.rule is None else f"{mark(row.rule_is_right)} {row.rule}",
            f"{row.cpu:.1f} / {row.rule_cpu:.1f}",
        )


def table(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
        if not number:
            yield "|---" * len(row) + "|"


def installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def page(
    rows: Sequence[Row], left_out: Sequence[tuple[Case, str]], *, is_kept: bool
) -> Iterator[str]:
    yield INTRODUCTION.format(command=COMMAND, versions=", ".join(map(installed, PACKAGES)))
    if is_kept:
        yield KEPT
    yield from table(summary(rows))
    for group in dict.fromkeys(row.case.group for row in rows):
        yield ""
        yield f"## {group}"
        yield ""
        yield from table(details([row for row in rows if row.case.group == group]))
    if left_out:
        yield ""
        yield "## Left out"
        yield ""
        yield from (f"- {case.label}: {reason}" for case, reason in left_out)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", default="", help="a pattern of `group: name`")
    parser.add_argument("--keep", type=Path, help="a file of rows, read before and added to")
    parser.add_argument("--kept", action="store_true", help="measure nothing")
    parser.add_argument("--no-rule", action="store_true", help="without mup")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    with_rule = installed("mup") != "no mup" and not options.no_rule
    chosen = [one for one in CASES if re.match(options.only, one.label)]
    left_out = [(one, one.missing) for one in chosen if one.missing]
    before, rows = kept(options.keep), []
    if options.kept:
        known = {one.label for one, _ in left_out} | before.keys()
        left_out += [(one, "not measured") for one in chosen if one.label not in known]
    for number, case in enumerate(chosen, start=1):
        if any(one is case for one, _ in left_out):
            continue
        row = before.get(case.label) or row_of(case, with_rule=with_rule)
        rows.append(row)
        if options.keep and case.label not in before:
            with options.keep.open("a", encoding="utf-8") as file:
                file.write(row.dumps() + "\n")
        marks = f"{mark(row.found.verdict)}{mark(row.found.names)}{mark(row.found.one)}"
        rule = "" if row.rule is None else f"; mup's rule {mark(row.rule_is_right)}"
        said = f"{number}/{len(chosen)} {marks} {case.label}: {row.found.said}"
        print(f"{said} ({row.cpu:.1f} s{rule})", file=sys.stderr, flush=True)
    if options.only:
        for line in table(summary(rows)):
            print(line)
    else:
        text = "\n".join(page(rows, left_out, is_kept=options.kept))
        PAGE.write_text(text + "\n", encoding="utf-8")
        print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
