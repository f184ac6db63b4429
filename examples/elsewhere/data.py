"""The digits as two data sets, for the examples of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset, TensorDataset, random_split

FILE = Path(__file__).parents[1] / "digits.csv.gz"


def digits() -> tuple[Dataset, Dataset]:
    """1,438 images to train on and 359 to test with; pixels between -1 and 1."""
    table = torch.from_numpy(np.loadtxt(FILE, delimiter=",", skiprows=1, dtype=np.float32))
    images, labels = table[:, :64] / 8 - 1, table[:, 64].long()
    train, test = random_split(
        TensorDataset(images, labels), [0.8, 0.2], torch.Generator().manual_seed(0)
    )
    return train, test
