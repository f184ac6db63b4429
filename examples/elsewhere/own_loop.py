"""A compiled network in a training loop of one's own, at any width.

    richc compile examples/digits_mup_adam.rich --module-only -o examples/elsewhere/digits.py
    python examples/elsewhere/own_loop.py 512

Rates differ between parameter groups, so a schedule must multiply them (as LambdaLR and
CosineAnnealingLR do), not set them all to one value (as OneCycleLR does with one max_lr).
"""

from __future__ import annotations

import sys

import torch
from data import digits
from digits import Digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

EPOCHS = 10


def main(width: int) -> None:
    """Train, and print the share of test images that are recognised."""
    torch.manual_seed(0)
    train, test = digits()
    device = "cuda" if torch.cuda.is_available() else "cpu"

    model = Digits(width).to(device)
    optimizer = model.make_optimizer()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)

    for _ in range(EPOCHS):
        for x, y in DataLoader(train, batch_size=64, shuffle=True):
            loss = cross_entropy(model(x.to(device)), y.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()

    x, y = next(iter(DataLoader(test, batch_size=len(test))))
    with torch.no_grad():
        right = (model(x.to(device)).argmax(1) == y.to(device)).float().mean()
    print(f"width {width}: {right:.1%} of the test images")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
