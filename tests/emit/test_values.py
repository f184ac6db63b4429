"""The numbers that a report gives for a layer are those that its compiled program uses."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

import richc
from richc.pipeline import analyse
from richc.report.schema import Layer, Values
from tests import strategies
from tests.emit.gauge_training import imported

TEXT = """
model net {
  width n = 1024, base n0 = 64
  richness r = 1/4, gamma = 3
  input 49
  embed: dense -> n   { var = 1 / fan_in, lr = alpha^2, bias { scale = 2, std = 0, lr = 3 } }
  relu
  body[2]: dense -> n { scale = sqrt(n0 / n), std = sqrt(2 / n0), lr = n0 / n, eps = 32e-6 / n }
  relu
  head:  dense -> 10  { std = 1 / n, frozen }
  optimizer adamw { lr = 0.1 * (n / n0)^(-1/2), weight_decay = 0.01 }
}
"""


def layers(text: str) -> list[Layer]:
    (file,) = richc.check(text).files
    return file.models[0].layers


def test_numbers_of_a_file() -> None:
    embed, body, _, head = layers(TEXT)

    # alpha = 3 * 16^(1/4) = 6, and the optimizer's rate is 0.1 / 4; gradients shrink as n0 / n.
    assert Values(scale=1, std=1 / 7, lr=0.9, decay=0.01, eps=1e-8 / 16) == embed.values
    assert Values(scale=2, std=0, lr=0.075, decay=0.01, eps=2e-8 / 16) == embed.bias_values
    assert same(body.values.std, math.sqrt(2 / 64))
    assert Values(scale=1 / 4, std=body.values.std, lr=0.1 / 64, decay=0.01, eps=1e-6 / 32) == (
        body.values
    )
    assert (1 / 1024, 0, None) == (head.values.std, head.values.lr, head.bias_values)


@given(text=strategies.texts(), width=st.one_of(st.just(256), st.integers(1, 5000)))
def test_a_program_uses_them(text: str, width: int) -> None:
    text = text.replace("width n = 256", f"width n = {width}")
    note(text)
    spec = analyse(text).models[0].spec
    network = imported(spec).Net(device="meta")
    groups = {id(p): group for group in network.param_groups() for p in group["params"]}
    for layer in layers(text):
        dense = network.get_submodule(layer.name)
        tensors = [(dense.weight, layer.values, "")]
        if layer.bias_values is not None:
            tensors.append((dense.bias, layer.bias_values, "bias_"))
        for parameter, values, prefix in tensors:
            assert same(getattr(dense, f"{prefix}scale", 1.0), values.scale)
            assert same(getattr(dense, f"{prefix}std"), values.std)
            group = groups.get(id(parameter))
            if group is None:
                assert 0 == values.lr
            else:
                # torch.optim.Muon has other shape factors than the file: the program corrects both.
                factor = correction(spec.optimizer.option("shape_factor"), *parameter.shape[:2])
                assert same(group["lr"], values.lr / factor)
                assert same(group["weight_decay"], values.decay * factor)
                assert same(epsilon(group), values.eps)


def correction(shape_factor: object, fan_out: int, fan_in: int = 1) -> float:
    ratio = fan_out / fan_in
    of_torch = math.sqrt(max(1.0, ratio))
    return {"none": of_torch, "spectral": of_torch / math.sqrt(ratio)}.get(str(shape_factor), 1.0)


def epsilon(group: dict[str, Any]) -> float | None:
    """Of Adafactor the floor of RMS(W), where there is one."""
    found: float | tuple[float, float] | None = group.get("eps")
    return (found[1] or None) if isinstance(found, tuple) else found


def same(program: float | None, report: float | None) -> bool:
    if program is None or report is None:
        return program is report
    return math.isclose(program, report, rel_tol=1e-9)
