"""A compiled network in Hugging Face Accelerate: a loop of one's own, on any number of devices.

    pip install accelerate
    richc compile examples/digits_mup_adam.rich --module-only -o examples/elsewhere/digits.py
    accelerate launch examples/elsewhere/accelerate_loop.py 512

The optimizer is the network's own; `prepare` wraps it as it does any other.
"""

from __future__ import annotations

import sys

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from data import digits
from digits import Digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

EPOCHS = 10


def main(width: int) -> None:
    """Train, and print the share of test images that are recognised."""
    set_seed(0)
    accelerator = Accelerator()
    train, test = digits()

    model = Digits(width)
    optimizer = model.make_optimizer()
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, EPOCHS)
    model, optimizer, schedule, batches, held_out = accelerator.prepare(
        model,
        optimizer,
        schedule,
        DataLoader(train, batch_size=64, shuffle=True),
        DataLoader(test, batch_size=64),
    )

    for _ in range(EPOCHS):
        for x, y in batches:
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
        schedule.step()

    hits = []
    with torch.no_grad():
        for x, y in held_out:
            hits.append(accelerator.gather_for_metrics(model(x).argmax(1) == y))
    accelerator.print(f"width {width}: {torch.cat(hits).float().mean():.1%} of the test images")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
