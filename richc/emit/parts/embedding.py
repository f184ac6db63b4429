"""Part: the layer that looks indices up."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from richc.emit.parts.dense import Dense

# ---- emitted from here on ----


class Embedding(Dense):
    # keep if scale
    """``scale * W[x]`` for indices x; W is (entries, fan_out), its entries start at ``std``."""

    # end
    # keep if not scale
    """``W[x]`` for indices x; W is (entries, fan_out), its entries start at ``std``."""

    # end
    def __init__(self, entries: int, fan_out: int, **options: Any) -> None:
        super().__init__(fan_out, entries, **options)  # a row for each index

    def forward(self, x: Tensor) -> Tensor:
        y = F.embedding(x, self.weight)
        # keep if scale
        y = y if self.scale == 1.0 else self.scale * y
        # end
        return y
