"""Part: classification by cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from richc.emit.parts.labels import number_classes
from richc.emit.parts.readers import Labels

OUTPUTS = 10

# ---- emitted from here on ----

SCORE = "accuracy"


def encode(labels: Labels) -> Tensor:
    """Class numbers (rows,) of labels that are integers or words.  Raises DataError."""
    return number_classes(labels, OUTPUTS)


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy, in fp32 at least whatever the forward pass ran in."""
    precise = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    return F.cross_entropy(precise, targets)


def score(outputs: Tensor, targets: Tensor) -> float:
    """The share of examples whose largest output is the right one."""
    return (outputs.argmax(1) == targets).double().mean().item()
