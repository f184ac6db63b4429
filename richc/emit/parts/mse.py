"""Part: regression by mean squared error."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor

from richc.emit.parts.labels import number_classes
from richc.emit.parts.readers import DataError, Labels


def standardise(values: Tensor, train: Tensor) -> Tensor:
    raise NotImplementedError


OUTPUTS = 1

# ---- emitted from here on ----

SCORE = "R^2"


def encode(labels: Labels) -> Tensor:
    """Targets (rows, outputs), or classes as one-hot booleans where there is one label a row.

    Raises DataError.
    """
    if isinstance(labels, Tensor):
        given = labels[0].numel()
        if given == OUTPUTS:
            return labels.reshape(len(labels), OUTPUTS)
        if given > 1:
            raise DataError(f"{given} targets a row, but the model has {OUTPUTS} outputs")
    if OUTPUTS == 1:
        raise DataError("the labels are words, but the model has one output")
    return F.one_hot(number_classes(labels, OUTPUTS), OUTPUTS).bool()


def scale_targets(targets: Tensor, train: Tensor) -> Tensor:
    """Regression targets standardised over the training rows; one-hot classes are 0 and 1."""
    return targets.float() if targets.dtype == torch.bool else standardise(targets, train)


def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error, in fp32 at least whatever the forward pass ran in."""
    precise = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    return F.mse_loss(precise, targets.to(precise.dtype))


def score(outputs: Tensor, targets: Tensor) -> float:
    """R^2, the share of the targets' variance that the outputs explain."""
    residual = (outputs.double() - targets.double()).square().sum()
    total = (targets.double() - targets.double().mean(0)).square().sum()
    return (1.0 - residual / total).item()
