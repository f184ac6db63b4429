"""Part: processes that train one network together."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
from collections.abc import Callable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn

# keep if fsdp
from torch.distributed.fsdp import FSDPModule

# end
from torch.distributed.rendezvous import rendezvous

# keep if ddp
from torch.nn.parallel import DistributedDataParallel

# end
from richc.emit.parts.table import DataError

# ---- emitted from here on ----

# ---- several processes ---------------------------------------------------------------------------


def ranks() -> int:
    """How many processes train together: 1 without torchrun."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process.  Number 0 prints, logs and saves."""
    return dist.get_rank() if dist.is_initialized() else 0


def together(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Have ``run`` join the processes that torchrun started first, if it did, and take leave.

    The process that fails first has its say.  The others fail for lack of it, and return 1.
    """

    @functools.wraps(run)
    def joined(options: argparse.Namespace) -> int:
        has_torchrun = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
        if dist.is_initialized() or not has_torchrun:
            return run(options)
        store, number, count = next(rendezvous("env://"))
        try:
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            dist.init_process_group(backend, store=store, rank=number, world_size=count)
            code = run(options)
        except BaseException:
            if store.compare_set("failed", "", str(number)) != str(number).encode():
                return 1
            raise
        dist.destroy_process_group()
        return code

    return joined


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Only process 0 is heard here; as a decorator too."""
    with contextlib.ExitStack() as stack:
        if os.environ.get("RANK", "0") != "0":
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield


def own_device(device: torch.device) -> torch.device:
    """The device of this type that is this process's alone.  Raises DataError."""
    if not dist.is_initialized() or device.type == "cpu":
        return device
    if device.type != "cuda":
        raise DataError(f"--device {device.type}: one process only; several take cpu or cuda")
    local, known = int(os.environ.get("LOCAL_RANK", rank())), torch.cuda.device_count()
    if local >= known:
        raise DataError(f"--device cuda: there are {known} here, fewer than processes")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def share(values: Tensor) -> Tensor:
    """This process's rows; the first processes have one more where they do not divide."""
    return values.tensor_split(ranks())[rank()]


def gather(values: Tensor, rows: int) -> Tensor:
    """All processes' shares of ``rows`` rows, in order, on every one of them."""
    if not dist.is_initialized():
        return values
    lengths = [(rows + ranks() - 1 - number) // ranks() for number in range(ranks())]
    padded = values.new_zeros(lengths[0], *values.shape[1:])
    padded[: len(values)] = values
    found = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(found, padded)
    return torch.cat([part[:length] for part, length in zip(found, lengths, strict=True)])


def mean(value: Tensor) -> Tensor:
    """The mean over all processes, in place."""
    if dist.is_initialized():
        dist.all_reduce(value)
        value /= ranks()
    return value


# keep if ddp
def replicate(model: nn.Module, device: torch.device) -> nn.Module:
    """The same network, whose backward pass averages the gradients of all processes."""
    if not dist.is_initialized():
        return model
    # Every parameter has a gradient in every step, so that there is none to look for.
    return DistributedDataParallel(
        model,
        device_ids=[device] if device.type == "cuda" else None,
        gradient_as_bucket_view=True,
    )


# end
def exchange(network: nn.Module, options: argparse.Namespace, is_last: bool) -> None:
    """Have the coming backward pass average gradients, if it is that of a batch's last piece."""
    # keep if ddp
    if isinstance(network, DistributedDataParallel):
        network.require_backward_grad_sync = is_last
    # end
    # keep if fsdp
    if isinstance(network, FSDPModule):
        network.set_requires_gradient_sync(is_last or options.sync_pieces)
    # end
