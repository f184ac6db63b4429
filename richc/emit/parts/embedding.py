"""Part: the layer that looks indices up."""

from typing import Any

import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from richc.emit.parts.dense import Dense

# ---- emitted from here on ----


class Embedding(Dense):
    """A dense layer without a bias, of one-hot inputs that are given as indices."""

    # keep if not columns
    def __init__(self, entries: int, fan_out: int, **options: Any) -> None:
        super().__init__(fan_out, entries, **options)  # W is (entries, fan_out): rows are read

    # end
    def forward(self, x: Tensor) -> Tensor:
        y = F.embedding(x, self.weight.T)  # keep if columns
        y = F.embedding(x, self.weight)  # keep if not columns
        y = y if self.scale == 1.0 else self.scale * y  # keep if scale
        return y
