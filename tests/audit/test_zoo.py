"""The zoo is what it says: each fault is in what its factory makes, and nothing else is."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch

from tests.audit.zoo import CASES
from tests.audit.zoo.cases import INIT, LR, Case, Made

NARROW, WIDE = 64, 256
#: Of a parameter group, what a fault may change.
VARIED = {"params", "lr", "initial_lr"}
HERE = [case for case in CASES if not case.missing]
CHANGED = [
    case
    for case in HERE
    if case.target == "mup" and {one.knob for one in case.faults} <= {LR, INIT}
]
FAULTY = [case for case in CHANGED if case.faults]


def knobs(case: Case, width: int) -> dict[tuple[str, str], float]:
    """Rate and RMS of each parameter, by the knob and its name."""
    torch.manual_seed(1)
    made = case.make(width)
    optimizers = parts(made)
    rates = {
        id(parameter): group["lr"]
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    found = {}
    for name, parameter in made["model"].named_parameters():
        found[LR, name] = rates.get(id(parameter), 0.0)
        found[INIT, name] = float(parameter.detach().square().mean().sqrt())
    return found


def kind(case: Case) -> tuple[object, ...]:
    """What a faulty network and a right one have in common."""
    made = case.make(NARROW)
    names = tuple(name for name, _ in made["model"].named_parameters())
    options = [
        (type(part), [(k, str(v)) for k, v in part.param_groups[0].items() if k not in VARIED])
        for part in parts(made)
    ]
    return (case.group, names, str(options))


def parts(made: Made) -> list[Any]:
    optimizers = made["optimizer"] if isinstance(made["optimizer"], list) else [made["optimizer"]]
    return [part for one in optimizers for part in getattr(one, "parts", [one])]


def siblings() -> dict[tuple[object, ...], Case]:
    return {kind(case): case for case in reversed(CHANGED) if case.is_right}


def test_the_zoo_is_as_large_as_it_says() -> None:
    counts = Counter(case.group for case in CASES)

    assert counts["MLP, Adam"] + counts["mup library"] >= 24
    assert counts["MLP, SGD"] >= 21
    assert counts["GPT"] == 19
    assert len({case.label for case in CASES}) == len(CASES)
    assert sum(case.is_right for case in CASES) >= 30


@pytest.mark.slow
# torch.compile imports what torch itself calls out of date.
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")
def test_a_fault_is_in_what_its_factory_makes_and_nothing_else_is() -> None:
    right = siblings()
    compared = 0
    for case in FAULTY:
        sibling = right.get(kind(case))
        if sibling is None:
            continue
        compared += 1
        faulty = [knobs(case, width) for width in (NARROW, WIDE)]
        sound = [knobs(sibling, width) for width in (NARROW, WIDE)]
        names = [name for knob, name in faulty[0] if knob == LR]
        for key, value in faulty[0].items():
            true = sum(
                float(one.excess)
                for one in case.faults
                if one.knob == key[0] and key[1] in one.matches(names)
            )
            if not value:
                continue
            off = faulty[1][key] / value / (sound[1][key] / sound[0][key])
            assert math.log(off, WIDE / NARROW) == pytest.approx(true, abs=0.1), (case.label, key)

    assert compared >= 60
