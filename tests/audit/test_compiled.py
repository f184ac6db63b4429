"""What richc compiles is audited as the file is checked, and comes back as the same file.

The specs are those of tests/strategies.py, by number.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import richc
from richc.torchfront.chains import Unsaid
from richc.torchfront.factory import Factory
from richc.torchfront.written import written
from tests.audit.test_rich import FACTORY
from tests.measured.test_random_specs import measurable, spec_of

#: Cheap ones: μP, r = 1/4 with a bias, NTP, r = 1/8; and one that violates D1, D0.
CHEAP = (79, 70, 50, 81, 44, 115)
#: Of what --rich has words for.
SAID = {"sgd", "adam", "adamw", "lion", "signsgd"}
#: Compiling is cheap, training is not.
NIGHTLY = 40


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    count = metafunc.config.getoption("--random-specs")
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(count))
    if "audited" in metafunc.fixturenames:
        numbers = CHEAP if count < NIGHTLY else range(NIGHTLY)
        metafunc.parametrize("audited", numbers)


def factory_of(text: str, folder: Path, name: str) -> Path:
    """A factory of the program that a text compiles to, with its faults."""
    program = richc.compile(text, allow_violations=True)
    (net,) = (
        line.split()[1].partition("(")[0]
        for line in program.splitlines()
        if line.startswith("class ") and "nn.Module" in line and "Dense" not in line
    )
    (folder / f"{name}.py").write_text(program, encoding="utf-8")
    path = folder / f"{name}_factory.py"
    path.write_text(FACTORY.format(module=name, net=net), encoding="utf-8")
    return path


def test_a_compiled_chain_comes_back(number: int, tmp_path: Path) -> None:
    spec = spec_of(number)
    factory = Factory(f"{factory_of(spec.text, tmp_path, f'chain{number}')}:make")

    if spec.optimizer[0] in SAID:
        found = written(factory, (64, 128, 256))

        assert "identical" == richc.equivalence(spec.text, found).status
    else:
        with pytest.raises(Unsaid, match=f"the optimizer (?i:{spec.optimizer[0]})"):
            written(factory, (64, 128, 256))


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
