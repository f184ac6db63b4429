"""What ``richc explain`` prints, whole: ``golden/*.rich`` as text.

``RICHC_UPDATE_GOLDEN=1 pytest tests/explain`` writes the files anew; their diff is then what to
review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli
from richc.pipeline import analyse
from tests.explain.reading import check

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.rich"))
#: The same, with --layer.
LAYERS = [("deep", "mid.5"), ("sp", "head"), ("sp", "body"), ("homogeneous", "h1")]


def explained(name: str, *arguments: str) -> str:
    run = CliRunner().invoke(cli, ["explain", "--color", "never", f"{name}.rich", *arguments])
    assert run.exit_code == 0, run.output
    return run.stdout


def compare(path: Path, actual: str) -> None:
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    expected = path.read_text(encoding="utf-8")

    assert expected == actual


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)

    compare(GOLDEN / f"{name}.txt", explained(name))


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_golden_of_a_layer(name: str, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)

    compare(GOLDEN / f"{name}--{layer}.txt", explained(name, "--layer", layer))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_fits_a_terminal(path: Path) -> None:
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 100


# Sums are written out for chains.
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("blocks")])
def test_every_sum_adds_up(name: str) -> None:
    (model,) = analyse((GOLDEN / f"{name}.rich").read_text(encoding="utf-8")).models

    assert check((GOLDEN / f"{name}.txt").read_text(encoding="utf-8"), model.spec.richness) >= 8


def test_a_deep_model_is_as_long_as_a_shallow_one() -> None:
    deep, shallow = (
        (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").count("\n")
        for name in ("deep", "mup_base")
    )

    assert deep <= shallow + 25


def test_the_examples_explain(examples: Path) -> None:
    for path in sorted(examples.glob("*.rich")):
        run = CliRunner().invoke(cli, ["explain", str(path)])
        assert run.exit_code == 0, run.output
        (model,) = analyse(path.read_text(encoding="utf-8")).models
        assert model.sentence in " ".join(run.stdout.split())
        # Sums are written out for chains.
        if model.spec.is_chain:
            assert check(run.stdout, model.spec.richness) >= 20
