"""Part: regression by mean squared error."""

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

# ---- emitted from here on ----


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error, in fp32 at least whatever the forward pass ran in."""
    precise = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    return F.mse_loss(precise, targets.to(precise.dtype))


def score(outputs: Tensor, targets: Tensor) -> float:
    """R^2, the share of the targets' variance that the outputs explain."""
    residual = (outputs.double() - targets.double()).square().sum()
    total = (targets.double() - targets.double().mean(0)).square().sum()
    return (1.0 - residual / total).item()
