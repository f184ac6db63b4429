"""R603: Adafactor multiplies by RMS(W), so it never moves what starts at zero."""

from __future__ import annotations

import pytest

from tests.verdict.writing import ask

TEXT = """
model adafactor_net {
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n { %s }
  tanh
  out: dense -> 10 { %s }
  optimizer adafactor { %s }
}
"""


def test_a_zero_readout_never_moves() -> None:
    answer = ask(TEXT % ("", "std = 0", ""))

    warning = answer.only("R603")
    assert ("warning", "out") == (warning.severity, warning.layer)
    assert ("trivial", "inf") == (answer.model.regime, answer.model.layers[-1].C)


def test_a_floor_moves_it() -> None:
    """eps is the floor of RMS(W): here n^-1, what a read-out under μP starts at."""
    answer = ask(TEXT % ("", "std = 0, lr = 1, eps = n^-1", ""))

    assert "R603" not in answer.codes
    assert ("rich", "1") == (answer.model.regime, answer.model.layers[-1].C)


def test_a_floor_for_all_layers() -> None:
    assert "R603" not in ask(TEXT % ("", "std = 0, lr = 1", "eps = 1/n")).codes


def test_a_floor_of_zero_is_none() -> None:
    assert "R603" in ask(TEXT % ("", "std = 0", "eps = 0")).codes


def test_a_readout_below_the_floor_moves_with_the_floor() -> None:
    answer = ask(TEXT % ("", "std = n^-1, lr = 1, eps = 0.001", ""))

    assert ("1", "0") == (answer.model.layers[-1].A, answer.model.layers[-1].C)


def test_a_zero_bias_never_moves() -> None:
    answer = ask(TEXT % ("bias { std = 0, lr = 1 }", "", ""))

    warning = answer.only("R603")
    assert ("h1", True) == (warning.layer, "the bias of `h1`" in warning.message)


@pytest.mark.parametrize("bias", ["bias { std = 1 }", "bias { std = 1/8, lr = 1 }", ""])
def test_what_does_not_start_at_zero_moves(bias: str) -> None:
    assert "R603" not in ask(TEXT % (bias, "", "")).codes


def test_a_frozen_one_is_meant_to_stay() -> None:
    assert "R603" not in ask(TEXT % ("bias { std = 0, frozen }", "", "")).codes


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion"])
def test_other_optimizers_move_zeros(optimizer: str) -> None:
    text = (TEXT % ("bias", "std = 0", "")).replace("optimizer adafactor", f"optimizer {optimizer}")

    assert "R603" not in ask(text).codes
