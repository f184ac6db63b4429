"""What richc compiles is audited as the file is checked, and comes back as the same file.

The specs are those of tests/strategies.py, by number.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

import richc
from richc.torchfront.factory import Factory
from richc.torchfront.structure import Unsaid
from richc.torchfront.written import written
from tests.audit.compiling import factory_of
from tests.measured.test_random_specs import measurable, spec_of

#: Cheap ones: μP, r = 1/4 with a bias, NTP, r = 1/8; and one that violates D1, D0.
CHEAP = (79, 70, 50, 81, 44, 115)
#: Optimizers whose every number comes back.
EXACT = {"sgd", "adam", "adamw", "lion", "signsgd"}
#: Compiling is cheap, training is not.
NIGHTLY = 40


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("--random-specs")
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(count))
    if "audited" in metafunc.fixturenames:
        numbers = CHEAP if count < NIGHTLY else range(NIGHTLY)
        metafunc.parametrize("audited", numbers)


def said(factory: Factory) -> str | None:
    """The .rich file; None where a rate is no power that can be told at these widths."""
    try:
        return written(factory, (64, 128, 256))
    except Unsaid as reason:
        if not re.search("the factor of Muon|is no power of the width", str(reason)):
            raise
        return None


def test_a_compiled_chain_comes_back(number: int, tmp_path: Path) -> None:
    spec = spec_of(number)
    factory = Factory(f"{factory_of(spec.text, tmp_path, f'chain{number}')}:make")

    found = said(factory)

    if found is None:
        assert spec.optimizer[0] == "muon"
        return
    # PyTorch has two of Muon's shape factors, and numbers that are not short have 17 digits.
    exact = {"identical"} if spec.optimizer[0] in EXACT else {"identical", "same_up_to_constants"}
    assert richc.equivalence(spec.text, found).status in exact


@pytest.mark.nightly(by_day=2)
@pytest.mark.slow
def test_an_audit_agrees_with_the_check(audited: int, tmp_path: Path) -> None:
    spec = spec_of(audited)
    text = measurable(spec)
    model = richc.check(text).files[0].models[0]
    if all(layer.weight.c == float("inf") for layer in spec.layers[:-1]):
        pytest.skip("nothing hidden trains: an audit judges updates")
    target = "mup" if model.richness is None else f"rich({model.richness})"

    report = richc.audit(f"{factory_of(text, tmp_path, f'audited{audited}')}:make", target=target)

    if model.richness is None:
        assert report.verdict in {"fail", "undecided"}, report.findings
    else:
        assert report.verdict in {"pass", "undecided"}, report.findings
        if report.verdict == "pass":
            assert report.richness == pytest.approx(float(Fraction(model.richness)), abs=1 / 6)
