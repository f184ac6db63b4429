"""R202 speaks of deep networks where the power of L alone is too small."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import richc
from richc.cli.main import cli
from tests.stacks import residual_mlp

TEXT = residual_mlp("net", "mup", "adam { lr = FACTOR }")


@pytest.mark.parametrize(
    ("factor", "which"), [("1 / L", "deep"), ("1 / n", "wide"), ("1 / (n * L)", "wide")]
)
def test_which_networks_do_not_learn(factor: str, which: str) -> None:
    text = TEXT.replace("FACTOR", factor)

    (found,) = (d for d in richc.check(text).files[0].diagnostics if d.code == "R202")
    assert found.message.startswith(f"{which} networks do not learn")
    shown = CliRunner().invoke(cli, ["check", "-"], input=text).stdout
    assert f"{which} networks do not train" in shown


def test_no_note_says_that_nothing_is_evaluated_where_it_is() -> None:
    (file,) = richc.check(TEXT.replace("FACTOR", "1 / L")).files

    assert "violated" == file.models[0].desiderata.D2
    notes = [note for d in file.diagnostics for note in d.notes]
    assert [] == [note for note in notes if "not evaluated" in note]
