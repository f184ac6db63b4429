"""``richc audit`` before the zoo: what it says is true, and it names what is wrong.

The whole table is that of ``python tests/audit/fault_table.py``; here is what CI has the time for.
"""

from __future__ import annotations

import pytest

import richc
from tests.audit.judgements import correct, gaps, mended, reseeded
from tests.audit.judging import Judged, judge
from tests.audit.zoo import CASES
from tests.audit.zoo.cases import Case

pytestmark = [
    pytest.mark.measured,
    pytest.mark.nightly,
    # torch.compile imports what torch itself calls out of date.
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning"),
]

SMALL = ("MLP, Adam", "MLP, SGD", "optimizers", "schedulers", "unusual networks", "rarer layers")
#: A fault of each knob, and one that a single name caused.
LARGE = (
    "GPT: attention by 1/√d",
    "GPT: no read-out multiplier",
    "GPT: one matrix missed",
    "GPT: hidden std not scaled",
    "GPT: biases' rate by 1/n",
    "nn.TransformerEncoder: 4 heads, by 1/√d",
    "convolutions: ResNet, a shortcut missed",
)
MENDED = (
    "MLP, Adam: hidden rate × n^+1/2",
    "MLP, SGD: read_out std × n^+1/2",
    "optimizers: wrapped, AdamW's head rate not scaled",
)


def chosen(names: tuple[str, ...]) -> list[Case]:
    found = [case for case in CASES if case.label in names]
    assert len(found) == len(names)
    return found


def judged(cases: list[Case]) -> dict[str, Judged]:
    return {case.label: judge(case, richc.audit(case.make, target=case.target)) for case in cases}


def test_small_networks_are_judged_as_the_theory_judges_them() -> None:
    found = judged([case for case in CASES if case.group in SMALL])

    assert {name: one.said for name, one in found.items() if one.verdict is False} == {}
    assert len([name for name, one in found.items() if one.verdict is None]) <= 2
    assert sum(one.names for one in found.values()) >= 0.95 * len(found)
    assert sum(one.one for one in found.values()) >= 0.9 * len(found)


def test_larger_networks_are_blamed_for_what_is_wrong() -> None:
    found = judged(chosen(LARGE))

    assert {name: one.said for name, one in found.items() if not one.one} == {}


def test_correct_networks_pass_and_are_measured_as_they_are_read() -> None:
    reports = {case.label: richc.audit(case.make) for case in correct()}
    apart = [gap for case in correct() for gap in gaps(case, reports[case.label])]

    assert {name: one.findings for name, one in reports.items() if one.verdict == "fail"} == {}
    assert sum(one.verdict == "pass" and not one.open for one in reports.values()) >= 9
    assert len(apart) >= 80
    assert sum(gap.size <= 1 / 8 for gap in apart) >= 0.95 * len(apart)


def test_scatter_at_init_is_no_fault_of_a_rate() -> None:
    """Draws whose attention starts smaller in wide networks, by a power of 0.15."""
    (case,) = chosen(("GPT: μP, tied",))

    report = richc.audit(reseeded(case.make, 10))

    assert (report.verdict, report.findings) == ("pass", [])


@pytest.mark.parametrize("name", MENDED)
def test_what_a_report_proposes_mends_the_network(name: str) -> None:
    (case,) = chosen((name,))
    report = richc.audit(case.make, fix=True)

    assert (report.verdict, report.mended) == ("fail", True)
    assert richc.audit(mended(case.make, report)).verdict == "pass"
