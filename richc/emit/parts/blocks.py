"""Part: the classes of residuals and repeats; the model says which."""

from __future__ import annotations

import math
from typing import Any

import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

# ---- emitted from here on ----


# fill classes
class Block(nn.Module):
    """``x + branch(x)``, for the x of a stream."""

    def __init__(self, n: int, **factory: Any) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(n)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * F.relu(x)


# end
