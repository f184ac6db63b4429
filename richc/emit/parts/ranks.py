"""Part: processes that train one network together."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import get_rank as rank
from torch.distributed import get_world_size as ranks
from torch.distributed.rendezvous import rendezvous

#: Also what other parts call them.
__all__ = ["gather", "processes", "rank", "ranks"]

# ---- emitted from here on ----


# ---- several processes ---------------------------------------------------------------------------
@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Join the processes that torchrun started, or be the only one; number 0 is heard meanwhile.

    The one that fails first has its say.  The others fail for lack of it, and end with code 1.
    """
    with contextlib.ExitStack() as stack:
        if os.environ.get("RANK", "0") != "0":
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        if dist.is_initialized():
            yield
            return
        alone = "tcp://localhost:0?rank=0&world_size=1"
        store, number, count = next(rendezvous("env://" if "RANK" in os.environ else alone))
        if torch.cuda.is_available():
            local = int(os.environ.get("LOCAL_RANK", "0"))
            torch.cuda.set_device(local % torch.cuda.device_count())
        try:
            dist.init_process_group(store=store, rank=number, world_size=count)
            yield
        except BaseException:
            if store.compare_set("failed", "", str(number)) != str(number).encode():
                raise SystemExit(1) from None
            raise
        dist.destroy_process_group()


def gather(values: Tensor, rows: int) -> Tensor:
    """All processes' shares of ``rows`` rows, in order, on every one of them."""
    found = values.new_zeros(rows, *values.shape[1:])
    found.tensor_split(ranks())[rank()].copy_(values)
    dist.all_reduce(found)
    return found
