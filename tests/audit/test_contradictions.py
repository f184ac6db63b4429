"""Findings that contradict each other are never both reported."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch

import richc
from richc.torchfront.faults import AuditFault, Mend, listed, turned
from tests.audit.factories import WIDTHS, Mlp, batch, groups, loss


class Cubed(torch.optim.SGD):
    """Every entry moves by the cube of its group's rate."""

    def step(self, closure: Any = None) -> Any:
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.sub_(parameter.grad.sign(), alpha=group["lr"] ** 3)


def cubed(n: int) -> dict[str, Any]:
    """The rate of the hidden matrix has the power 0, for -1/3."""
    model, (x, y) = Mlp(n), batch()
    optimizer = Cubed(groups(model, n), lr=1.0)
    for group in optimizer.param_groups:
        group["lr"] = 0.1 * (group["lr"] / 1e-3) ** (1 / 3)
        if group["params"][0] is model.body.weight:
            group["lr"] = 0.1
    return {"model": model, "optimizer": optimizer, "batch": x, "loss": loss(y)}


def test_a_mend_that_goes_too_far_is_no_second_finding() -> None:
    report = richc.audit(cubed, widths=WIDTHS, seeds=4)

    found = [(f.code, f.parameters, f.excess) for f in report.findings]
    assert found == [("A301", ["body.weight"], "1")]
    assert report.mended is False


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["0.weight", "2.weight", "4.weight"], "`*.weight` (3 parameters)"),
        (["2.weight", "4.weight"], "`{2,4}.weight` (2 parameters)"),
        (["2.weight", "b.1.c.0.x", "b.3.c.0.x"], "`2.weight`, `b.{1,3}.c.0.x` (3 parameters)"),
        (["b.1.c.0.x", "b.2.c.1.x"], "`b.1.c.0.x`, `b.2.c.1.x` (2 parameters)"),
    ],
)
def test_parameters_that_are_named_are_told_from_others(names: list[str], said: str) -> None:
    others = ["0.weight", "2.weight", "4.weight", "head.weight"]
    others += [f"b.{i}.c.{j}.x" for i in range(4) for j in range(2)]

    assert rates(Fraction(1), *names).among(others).message == f"the update of {said} is too large"


def rates(excess: Fraction, *names: str) -> AuditFault:
    size = "large" if excess > 0 else "small"
    mends = tuple(Mend(name, "lr", excess) for name in names)
    message = f"the update of {listed(names)} is too {size}"
    return AuditFault("A301", "error", names, "lr", excess, message, mends=mends)


def test_what_is_left_of_findings_of_one_knob_off_to_both_sides() -> None:
    first, half = rates(Fraction(1), "a.weight", "b.weight"), Fraction(1, 2)
    both = turned([first], [rates(-half, "b.weight", "c.weight"), rates(half, "a.weight")])

    assert both == {("b.weight", "lr")}
    left = first.without(both)
    assert left is not None
    assert (left.parameters, left.message) == (
        ("a.weight",),
        "the update of `a.weight` is too large",
    )
    assert [one.name for one in left.mends] == ["a.weight"]
    assert rates(half, "b.weight").without(both) is None
