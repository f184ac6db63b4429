"""Part: where the data lives, and the batches drawn from it."""

from __future__ import annotations

import torch
from torch import Tensor

from richc.emit.parts.ranks import share
from richc.emit.parts.split import Split
from richc.emit.parts.stream import Ahead, arrange

# ---- emitted from here on ----


# keep if not stream
def place(data: Split, device: torch.device, where: str) -> Split:
    """The data on the device: if ``where`` says so, or by itself where half the memory holds it."""
    if where == "auto" and device.type == "cuda":
        room = torch.cuda.mem_get_info(device)[0] // 2
        where = "device" if sum(part.nbytes for part in data) <= room else "host"
    return data if where == "host" else Split(*(part.to(device) for part in data))


# end
class Batches:
    """Shuffled full batches for ever; what is left over at the end of an epoch is dropped."""

    def __init__(self, x: Tensor, y: Tensor, size: int, seed: int, device: torch.device) -> None:
        self.x, self.y, self.size, self.device = x, y, min(size, len(x)), device
        self.is_here = x.device.type == device.type
        self.generator = torch.Generator().manual_seed(seed)
        # keep if stream
        self.ahead = Ahead()
        # end
        self.shuffle()

    def shuffle(self) -> None:
        """Begin an epoch."""
        rows = len(self.x)
        # keep if ckpt
        self.begun = self.generator.get_state()
        # end
        order = torch.randperm(rows, generator=self.generator).to(self.x.device)
        # keep if stream
        self.chosen = arrange(self.x, order, self.size, self.generator)
        # end
        # keep if not stream
        self.chosen = order[: rows - rows % self.size].split(self.size)
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
    def fetch(self, values: Tensor, rows: Tensor) -> Tensor:
        """Rows on the device; from the host through pinned memory, so that nothing waits."""
        # keep if stream
        if values is self.x:
            coming = self.chosen[self.taken] if self.taken < len(self.chosen) else rows[:0]
            # keep if ranks
            coming = share(coming)
            # end
            found = self.ahead.read(values, rows, coming)
            found = found.pin_memory() if self.device.type == "cuda" else found
            return found.to(self.device, non_blocking=True)
        # end
        if self.is_here or self.device.type != "cuda":
            return values[rows] if self.is_here else values[rows].to(self.device)
        pinned = torch.empty((len(rows), *values.shape[1:]), dtype=values.dtype, pin_memory=True)
        torch.index_select(values, 0, rows, out=pinned)
        return pinned.to(self.device, non_blocking=True)
