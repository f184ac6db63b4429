"""A compiled network in Lightning: it is a module like any other, with an optimizer of its own.

    pip install lightning
    richc compile examples/digits_mup_adam.rich --module-only -o examples/elsewhere/digits.py
    python examples/elsewhere/lightning_loop.py 512

Checkpoints hold the width; weights of another one are refused.
"""

from __future__ import annotations

import sys
from typing import Any

import lightning
import torch
from data import digits
from digits import Digits
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

EPOCHS = 10


class Classifier(lightning.LightningModule):
    """The network, its loss and its optimizer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.save_hyperparameters()  # a checkpoint then says which width it is of
        self.net = Digits(width)

    def training_step(self, batch: list[Tensor]) -> Tensor:
        x, y = batch
        return cross_entropy(self.net(x), y)

    def test_step(self, batch: list[Tensor]) -> None:
        x, y = batch
        self.log("right", (self.net(x).argmax(1) == y).float().mean())

    def configure_optimizers(self) -> dict[str, Any]:
        """The network's own optimizer: one group per rate, all multiplied by one schedule."""
        optimizer = self.net.make_optimizer()
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def main(width: int) -> None:
    """Train, and print the share of test images that are recognised."""
    lightning.seed_everything(0, verbose=False)
    train, test = digits()
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = Classifier(width)
    trainer.fit(model, DataLoader(train, batch_size=64, shuffle=True))
    found = trainer.test(model, DataLoader(test, batch_size=len(test)), verbose=False)
    print(f"width {width}: {found[0]['right']:.1%} of the test images")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
