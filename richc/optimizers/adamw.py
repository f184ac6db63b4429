"""AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101): Adam with decoupled weight decay."""

from __future__ import annotations

from typing import final

from richc.optimizers.adam import Adam
from richc.optimizers.law import Spelling


@final
class AdamW(Adam):
    name = "adamw"
    title = "AdamW"
    about = "Adam with decoupled weight decay."
    decay_is_normalised = False
    without_decay = "adam"
    start = "lr = 2e-3, weight_decay = 1e-2"
    torch = Spelling("torch.optim.AdamW", is_fused=True)


LAW = AdamW()
