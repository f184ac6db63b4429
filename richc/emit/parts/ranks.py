"""Part: processes that train one network together."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

# ---- emitted from here on ----

# ---- several processes ---------------------------------------------------------------------------


def ranks() -> int:
    """How many processes train together: 1 without torchrun."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process.  Number 0 prints, logs and saves."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Join the processes that torchrun started, if it did; number 0 is heard meanwhile.

    The one that fails first has its say.  The others fail for lack of it, and end with code 1.
    """
    with contextlib.ExitStack() as stack:
        if os.environ.get("RANK", "0") != "0":
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        if dist.is_initialized() or "RANK" not in os.environ:
            yield
            return
        store, number, count = next(rendezvous("env://"))
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            dist.init_process_group(backend, store=store, rank=number, world_size=count)
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
    if dist.is_initialized():
        dist.all_reduce(found)
    return found


def mean(value: Tensor) -> Tensor:
    """The mean over all processes."""
    if dist.is_initialized():
        dist.all_reduce(value)
    return value / ranks()


# keep if ckpt
def most(value: Tensor) -> dist.Work | None:
    """Begin to make it the largest of all processes, in place; what is returned waits for it."""
    are_several = dist.is_initialized()
    return dist.all_reduce(value, dist.ReduceOp.MAX, async_op=True) if are_several else None


# end
