"""Part: where the data lives, and the batches drawn from it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from richc.emit.parts.data import Split
from richc.emit.parts.ranks import share
from richc.emit.parts.stream import arrange

# ---- emitted from here on ----


# keep if not stream
def place(data: Split, device: torch.device, where: str) -> Split:
    """On the device, if ``where`` says so or half of its free memory holds the data."""
    if where == "auto" and device.type == "cuda":
        room = torch.cuda.mem_get_info(device)[0] // 2
        where = "device" if sum(part.nbytes for part in data) <= room else "host"
    return data if where == "host" else Split(*(part.to(device) for part in data))


# end
class Batches:
    """Shuffled full batches for ever; what is left over at the end of an epoch is dropped."""

    def __init__(self, x: Any, y: Tensor, size: int, seed: int, device: torch.device) -> None:
        self.x, self.y, self.size, self.device = x, y, min(size, len(x)), device
        self.generator = torch.Generator().manual_seed(seed)
        self.shuffle()

    def shuffle(self) -> None:
        """Begin an epoch."""
        # keep if ckpt
        self.begun = self.generator.get_state()
        # end
        order = torch.randperm(len(self.x), generator=self.generator).to(self.x.device)
        # keep if stream
        self.chosen = arrange(self.x, order, self.size, self.generator)
        # end
        # keep if not stream
        self.chosen = order[: len(order) - len(order) % self.size].split(self.size)
        # end
        self.taken = 0

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.taken == len(self.chosen):
            self.shuffle()
        rows = self.chosen[self.taken]
        # keep if ranks
        rows = share(rows)
        # end
        self.taken += 1
        return self.fetch(self.x, rows), self.fetch(self.y, rows)

    # keep if ckpt
    def go_to(self, begun: Tensor, taken: int) -> None:
        """The order of the epoch that began in a state of the generator, ``taken`` batches on."""
        self.generator.set_state(begun)
        self.shuffle()
        self.taken = taken

    # end
    def fetch(self, values: Any, rows: Tensor) -> Tensor:
        """Rows on the device; from the host through pinned memory, so that nothing waits."""
        # keep if stream
        if values is self.x:
            coming = self.chosen[self.taken] if self.taken < len(self.chosen) else rows[:0]
            # keep if ranks
            coming = share(coming)
            # end
            found = values.ahead(rows, coming)
        else:
            found = values[rows]
        # end
        # keep if not stream
        found = values[rows]
        # end
        if self.device.type == "cuda" and not found.is_cuda:
            found = found.pin_memory()
        on_device: Tensor = found.to(self.device, non_blocking=True)
        return on_device
