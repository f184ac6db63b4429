"""Part: labels as class numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from richc.emit.parts.readers import DataError, Labels

# ---- emitted from here on ----


def number_classes(labels: Labels, outputs: int) -> Tensor:
    """Class numbers (rows,): integers from 0 as they are, others in their sorted order.

    Raises DataError for other numbers, and where classes and outputs are not as many.
    """
    if isinstance(labels, Tensor):
        if labels.dim() != 1 or not torch.equal(labels, labels.round()):
            raise DataError("class labels must be integers or words, one a row")
        classes = labels.unique()
        if len(classes) > 1 and classes[0] >= 0 and classes[-1] < outputs:
            return labels.long()
        numbers, count = torch.searchsorted(classes, labels), len(classes)
    else:
        index = {word: i for i, word in enumerate(sorted(set(labels)))}
        numbers, count = torch.tensor([index[word] for word in labels]), len(index)
    if count != outputs:
        raise DataError(f"the labels hold {count} classes, but the model has {outputs} outputs")
    return numbers
