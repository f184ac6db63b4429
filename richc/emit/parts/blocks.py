"""Part: the class of a residual or of a repeat; the program has one of each."""

import math
from typing import Any

import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

# ---- emitted from here on ----


class Block(nn.Module):  # fill class
    """``x + scale * branch(x)``, for the x of a stream."""  # fill block

    def __init__(self, n: int, **factory: Any) -> None:  # fill constructor
        super().__init__()
        self.scale = 1 / math.sqrt(n)  # fill inside

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * F.relu(x)  # fill through

    # fill shown
