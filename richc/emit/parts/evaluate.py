"""Part: loss and score over many examples."""

from __future__ import annotations

import torch
from torch import Tensor

from richc.emit.parts.cross_entropy import loss_of, score
from richc.emit.parts.network import Network

# ---- emitted from here on ----


# keep if options
def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=kind, enabled=precision != "fp32")


# end
@torch.no_grad()
def evaluate(model: Network, x: Tensor, y: Tensor, precision: str) -> tuple[float, float]:
    """Loss and score over all of ``x``, in pieces."""
    # keep if options
    device = next(model.parameters()).device
    with autocast(device, precision):
        starts = range(0, len(x), 4096)
        outputs = torch.cat([model(x[i : i + 4096].to(device)).float() for i in starts])
    y = y.to(device)
    # end
    # keep if not options
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
        outputs = torch.cat([model(piece).float() for piece in x.split(4096)])
    # end
    return loss_of(outputs, y).item(), score(outputs, y)
