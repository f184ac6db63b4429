"""Mends of an audit that are made to a running model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from richc.torchfront.mending import AttentionMend


@pytest.mark.parametrize("needs_weights", [True, False])
def test_logits_of_torchs_own_attention_are_multiplied(needs_weights: bool) -> None:
    torch.manual_seed(0)
    model = nn.MultiheadAttention(16, 2, batch_first=True)
    x = torch.randn(3, 5, 16)
    with AttentionMend({"here": 0.25}, lambda: "here"):
        mended, _ = model(x, x, x, need_weights=needs_weights)
    mended.square().sum().backward()
    gradient = model.in_proj_weight.grad
    assert gradient is not None
    model.zero_grad()
    unchanged, _ = model(x, x, x, need_weights=needs_weights)

    with torch.no_grad():  # queries are the first third of what is projected
        model.in_proj_weight[:16] *= 0.25
        model.in_proj_bias[:16] *= 0.25
    wanted, _ = model(x, x, x, need_weights=needs_weights)
    wanted.square().sum().backward()
    found = model.in_proj_weight.grad
    assert found is not None

    torch.testing.assert_close(wanted, mended)
    torch.testing.assert_close(torch.cat([found[:16] * 0.25, found[16:]]), gradient)
    assert not torch.allclose(unchanged, mended)
