# ruff: noqa: T201 - a script that reports
"""One fault a network, and who finds it: ``richc check``, ``richc verify``, and mup's test.

    python tests/benchmarks/fault_table.py                                          # some minutes
    python tests/benchmarks/fault_table.py --cases sgd --widths 64 128 256 512      # about one

Every network is 64 -> n -> n -> n -> 10 (relu), written out as μP, with a single rate or std that
is off by a power of n / n0, or a wrong parameterization as a whole; and correct ones beside them.
All three see the same network: what mup trains is the compiled program.

The rule is that of mup's own test suite (CoordCheckCase in mup/test/__main__.py of
github.com/microsoft/mup at 0518b39): between two widths that differ by 4 (the largest here), the
mean of |h| of every layer, before each of 3 steps, differs by a factor of less than 1.2.  It is
given every chance: means over several networks a width (the test draws one), and two learning
rates, the file's, which are mup's own defaults, and those that richc verify chose; either may find
a fault.  The suite's read-outs start at zero, so it is applied in two ways:

    zero read-out   as the suite does it; what is wrong with the read-out's init cannot be seen
    as it is        the network with its read-out; an output that shrinks is no fault there, as that
                    of a correct network shrinks with n^(-1/2), so outputs only must not grow
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import torch
from torch import nn

from richc.compilation import program as emit
from richc.lab.program import Program
from richc.lab.verify import BATCH, Verification, VerifySettings, verify
from richc.pipeline import ModelResult, analyse

#: For all but SGD, whose updates stay factored.
WIDTHS_OF_DENSE = (64, 128, 256, 512, 1024)
WIDTHS = (*WIDTHS_OF_DENSE, 2048, 4096)
NO_FAULT = "none"

#: mup's rule, and how often it draws networks here.
TOLERANCE, TEST_STEPS, TEST_SEEDS = 1.2, 3, 3

MODEL = """
model net {{
  width n = 256, base n0 = 64
  {parameterization}
  input 64
  embed: dense -> n {embed}
  relu
  body[2]: dense -> n {body}
  relu
  head: dense -> 10 {head}
  optimizer {optimizer}
  loss cross_entropy
  require mup
}}
"""
LAYERS = {"read-in": "embed", "hidden": "body", "read-out": "head"}
STDS = {"embed": "1 / 8", "body": "sqrt(2) * n^(-1/2)", "head": "1 / n"}
RATES = {
    "sgd": {"embed": "n / n0", "body": "1", "head": "n0 / n"},
    "adam": {"embed": "1", "body": "n0 / n", "head": "n0 / n"},
}
OPTIMIZERS = {"sgd": "sgd { lr = 0.1 }", "adam": "adam { lr = 1e-3 }"}


class Case(NamedTuple):
    """A network that should be μP, and what is wrong with it."""

    group: str
    label: str
    text: str
    #: The layer and knob at fault, and the power by which it is too large.
    fault: tuple[str, str, Fraction] | None = None
    #: It is μP all the same.
    is_right: bool = False


def written(optimizer: str, rates: dict[str, str], stds: dict[str, str]) -> str:
    layers = {name: f"{{ std = {stds[name]}, lr = {rates[name]} }}" for name in stds}
    return MODEL.format(parameterization="", optimizer=OPTIMIZERS[optimizer], **layers)


def inferred(parameterization: str, optimizer: str) -> str:
    return MODEL.format(
        parameterization=f"parameterization {parameterization}",
        optimizer=optimizer,
        **dict.fromkeys(STDS, ""),
    )


def faulty(optimizer: str) -> Iterator[Case]:
    """Every single fault under an optimizer, and what is wrong as a whole."""
    knobs = (("rate", ("1/2", "-1/2", "1", "-1")), ("std", ("1/2", "-1/2")))
    for knob, powers in knobs:
        for place, layer in LAYERS.items():
            for power in powers:
                tables = {"rate": dict(RATES[optimizer]), "std": dict(STDS)}
                tables[knob][layer] += f" * (n / n0)^({power})"
                # A read-out that starts smaller than its own update is μP in every later step.
                is_right = (knob, layer, power) == ("std", "head", "-1/2")
                yield Case(
                    optimizer,
                    f"{place} {knob} × n^{power}",
                    written(optimizer, tables["rate"], tables["std"]),
                    (layer, "init" if knob == "std" else "rate", Fraction(power)),
                    is_right,
                )
    other = "adam" if optimizer == "sgd" else "sgd"
    yield Case(optimizer, f"{other}'s rates", written(optimizer, RATES[other], STDS))
    spec = OPTIMIZERS[optimizer]
    yield Case(optimizer, "SP, one rate", inferred("standard", spec))
    yield Case(optimizer, "NTP, STP gauge", inferred("ntp, gauge = stp", spec))
    yield Case(optimizer, "NTP, rescaling gauge", inferred("ntp, gauge = rescaling", spec))


def correct() -> Iterator[Case]:
    for optimizer in OPTIMIZERS:
        text = written(optimizer, RATES[optimizer], STDS)
        yield Case(NO_FAULT, f"{optimizer}, written out", text, is_right=True)
    specs = {
        "sgd": "sgd { lr = 0.1 }",
        "momentum": "sgd { lr = 0.1, momentum = 0.9 }",
        "adam": "adam",
        "adamw": "adamw { weight_decay = 0.01 }",
        "lion": "lion",
        "signsgd": "signsgd",
        "adafactor": "adafactor",
        "muon": "muon { shape_factor = spectral }",
    }
    for name, spec in specs.items():
        # Adafactor's gauge move leaves rates alone: it has no μP gauge.
        gauges = ("stp", "rescaling") if name == "adafactor" else ("stp", "mup", "rescaling")
        for gauge in gauges:
            text = inferred(f"mup, gauge = {gauge}", spec)
            yield Case(NO_FAULT, f"{name}, {gauge} gauge", text, is_right=True)


class Cell(NamedTuple):
    """What one tool says: in words, and whether it is so."""

    words: str
    #: Whether it tells right from wrong.
    decides: bool
    #: Whether it names what is at fault.
    names: bool = False

    def __str__(self) -> str:
        return f"{'✓' if self.decides else '✗'} {self.words}"


def by_check(case: Case, result: ModelResult) -> Cell:
    errors = [d for d in result.diagnostics if d.is_error]
    blamed = next((d.layer for d in errors if d.code == "R502"), None)
    names = case.fault is not None and blamed == case.fault[0]
    if not errors:
        return Cell("μP", case.is_right, names)
    codes = " ".join(dict.fromkeys(d.code for d in errors))
    return Cell(f"{codes}: {f'`{blamed}`' if blamed else 'whole'}", not case.is_right, names)


def by_verify(case: Case, result: ModelResult, found: Verification) -> Cell:
    if found.passes:
        return Cell("μP", case.is_right)
    fault = found.fault
    names = fault is not None and case.fault == (fault.layer, fault.knob, fault.excess)
    said = [_unmet(found) if fault is None else f"`{fault.layer}` {fault.knob} × n^{fault.excess}"]
    for rows, words in ((found.disagreeing, "unlike richc check"), (found.open_rows, "undecided")):
        if rows:
            key = rows[0].key
            of = f"{key.quantity} of `{rows[0].layer}` at t = {key.step}"
            said.append(f"{len(rows)} {words} ({of})")
    # Where one thing is at fault, blaming another is wrong, and so is an explosion that is none.
    blames = names if fault is not None and case.fault is not None else fault is None
    explodes = (result.verdict.regime == "unstable") == (found.findings.regime == "unstable")
    told = bool(found.unmet) and blames and explodes and not found.disagreeing
    return Cell("; ".join(said), told and not case.is_right, names)


def _unmet(found: Verification) -> str:
    return "; ".join(found.unmet) or found.findings.regime


class Mup:
    """Its statistics of a compiled program, and its rule."""

    def __init__(self) -> None:
        self._module: Any = importlib.import_module("mup.coord_check")

    def __call__(
        self,
        case: Case,
        program: Program,
        widths: Sequence[int],
        rates: Sequence[float],
        *,
        from_zero: bool,
    ) -> Cell:
        pair = (max(widths) // 4, max(widths))
        found = [self._farthest(program, pair, rate, from_zero=from_zero) for rate in rates]
        ratio, layer, step = max(found, key=lambda one: abs(math.log(one[0])))
        if 1 / TOLERANCE < ratio < TOLERANCE:
            return Cell("flat", case.is_right)
        return Cell(f"`{layer}` × {ratio:.2g} at t = {step}", not case.is_right)

    def _farthest(
        self, program: Program, pair: tuple[int, int], rate: float, *, from_zero: bool
    ) -> tuple[float, str, int]:
        """The ratio between the widths that is farthest from 1, of which layer, and when."""
        batch = program.batch(BATCH, None, None)
        # get_coord_data knows the optimizer by name; this is what it calls.
        found = self._module._get_coord_data(
            {width: _maker(program, width, from_zero=from_zero) for width in pair},
            [(batch.x.float(), batch.y)],
            lambda model: _optimizer(model, rate),
            nsteps=TEST_STEPS,
            nseeds=TEST_SEEDS,
            cuda=False,
            show_progress=False,
            filter_module_by_name=lambda name: name.split(".")[0] in STDS and name != "body",
        )
        sizes = found.groupby(["t", "module", "width"])["l1"].mean()
        ratios: list[tuple[float, str, int]] = []
        for step, layer, width in sizes.index:
            if width == pair[1] and (step, layer) != (1, "head"):
                ratio = _ratio(sizes[step, layer, pair[1]], sizes[step, layer, pair[0]])
                may_shrink = layer == "head" and not from_zero
                ratios.append((max(1.0, ratio) if may_shrink else ratio, layer, step))
        return max(ratios, key=lambda one: abs(math.log(one[0])))


def _ratio(wide: float, narrow: float) -> float:
    """Of two sizes; what overflows or is not a number is as large as can be."""
    if wide == narrow:
        return 1.0
    ratio = wide / narrow if narrow else math.inf
    return ratio if 0 < ratio < math.inf else 1e30


def _maker(program: Program, width: int, *, from_zero: bool) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        model = program.network(width)
        model.reset_parameters()  # type: ignore[operator]
        if from_zero:
            nn.init.zeros_(model.head.weight)  # type: ignore[arg-type, union-attr]
        return model

    return make


def _optimizer(model: Any, rate: float) -> torch.optim.Optimizer:
    optimizer: torch.optim.Optimizer = model.make_optimizer()
    for group in optimizer.param_groups:
        group["lr"] *= rate
    return optimizer


def row_of(case: Case, chosen: tuple[int, ...] | None, seed: int, mup: Mup | None) -> list[Cell]:
    (result,) = analyse(case.text).models
    widths = chosen or (WIDTHS if result.spec.optimizer.name == "sgd" else WIDTHS_OF_DENSE)
    found = verify(result, VerifySettings(widths=widths, seed=seed))
    cells = [by_check(case, result), by_verify(case, result, found)]
    if mup is not None:
        program = Program(emit(result), result.spec)
        rates = list(dict.fromkeys((1.0, found.grids[0].rate)))
        cells += [mup(case, program, widths, rates, from_zero=zero) for zero in (True, False)]
    return cells


def table(rows: Sequence[Sequence[str]], style: str) -> Iterator[str]:
    """Lines of a Markdown table, or of columns."""
    if style == "markdown":
        for number, row in enumerate(rows):
            yield f"| {' | '.join(row)} |"
            if not number:
                yield "|---" * len(row) + "|"
        return
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(size) for cell, size in zip(row, sizes, strict=True)).rstrip()


def summary(found: Sequence[tuple[Case, list[Cell]]], heads: Sequence[str]) -> Iterator[str]:
    """How often each tool tells right from wrong, and names a single fault."""
    for place, head in enumerate(heads):
        cells = [(case, cells[place]) for case, cells in found]
        wrong = [cell for case, cell in cells if not case.is_right]
        right = [cell for case, cell in cells if case.is_right]
        single = [cell for case, cell in cells if case.fault and not case.is_right]
        yield (
            f"{head}: of {len(wrong)} faulty {sum(c.decides for c in wrong)} found, "
            f"of {len(single)} single faults {sum(c.names for c in single)} named; "
            f"of {len(right)} correct {sum(c.decides for c in right)} pass"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--widths", type=int, nargs="+", help="of every case")
    parser.add_argument("--format", choices=["markdown", "text"], default="markdown")
    groups = ["sgd", "adam", NO_FAULT]
    parser.add_argument("--cases", nargs="+", choices=groups, default=groups)
    parser.add_argument("--seed", type=int, default=0, help="of all that richc verify draws")
    options = parser.parse_args()
    widths = tuple(sorted(options.widths)) if options.widths else None
    if widths and (len(widths) < 2 or widths[0] < 1):
        parser.error("two widths are needed")
    # mup warns of what it does not know in newer versions of what it imports.
    warnings.filterwarnings("ignore")
    heads = ["richc check", "richc verify"]
    mup = None
    if importlib.util.find_spec("mup") is None:
        print("mup is not installed: pip install --no-deps mup; pip install numpy pandas pyyaml")
    else:
        mup = Mup()
        heads += ["mup's test, zero read-out", "mup's test, as it is"]
    cases = [c for c in (*faulty("sgd"), *faulty("adam"), *correct()) if c.group in options.cases]
    found = []
    for number, case in enumerate(cases, start=1):
        began = time.perf_counter()
        found.append((case, row_of(case, widths, options.seed, mup)))
        took = time.perf_counter() - began
        progress = f"{number}/{len(cases)} {case.group}: {case.label}: {took:.1f} s"
        print(progress, file=sys.stderr, flush=True)

    rows = [["optimizer", "fault", *heads]]
    for case, cells in found:
        label = f"{case.label} (still μP)" if case.is_right and case.fault else case.label
        rows.append([case.group, label, *map(str, cells)])
    for line in table(rows, options.format):
        print(line)
    print()
    for line in summary(found, heads):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
