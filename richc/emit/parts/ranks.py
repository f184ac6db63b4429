"""Part: processes that train one network together, each with a copy or with a share of it."""

import argparse
import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import get_rank as rank
from torch.distributed import get_world_size as ranks
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor, distribute_tensor

from richc.emit.parts.dense import Dense
from richc.emit.parts.network import _Network
from richc.emit.parts.shifted import Shifted

#: Also what other parts call them.
__all__ = ["gather", "processes", "rank", "ranks"]

# ---- emitted from here on ----


# ---- several processes ---------------------------------------------------------------------------
@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Join the processes that torchrun started, or be the only one; of all only number 0 prints."""
    is_heard = os.environ.get("RANK", "0") == "0"
    out, err = (sys.stdout, sys.stderr) if is_heard else (io.StringIO(), io.StringIO())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if dist.is_initialized():  # by who calls this
            yield
            return
        alone = "tcp://localhost:0?rank=0&world_size=1"
        store, number, count = next(rendezvous("env://" if "RANK" in os.environ else alone))
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        try:
            dist.init_process_group(store=store, rank=number, world_size=count)
            yield
        except BaseException:  # the others fail for lack of the first, which alone says why
            if store.compare_set("failed", "", str(number)) != str(number).encode():
                raise SystemExit(1) from None
            raise
        dist.destroy_process_group()
        time.sleep(0.2)  # gloo's threads let go of tensors by Python's lock; at its exit they abort


def gather(values: Tensor, rows: int) -> Tensor:
    """All processes' shares of ``rows`` rows, in order, on every one of them."""
    found = values.new_zeros(rows, *values.shape[1:])
    found.tensor_split(ranks())[rank()].copy_(values)
    dist.all_reduce(found)
    return found


# keep if fsdp
def shard(options: argparse.Namespace, device: torch.device) -> _Network:
    """The network, its rows divided among processes: as many copies as ``--shard-over`` makes."""
    k = options.shard_over or ranks()
    if ranks() % k:
        raise ValueError(f"--shard-over {k}: does not divide {ranks()} processes")
    mesh = init_device_mesh(device.type, (ranks() // k, k), mesh_dim_names=("copies", "shards"))
    # Of products: averages and updates are in fp32.
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(options.precision)
    policy = MixedPrecisionPolicy(kind, torch.float32, cast_forward_inputs=False)
    # keep if not depth
    model = _Network(options.width, options.richness, options.gamma, device="meta")
    # else
    sizes = (options.width, options.depth, options.richness, options.gamma)
    model = _Network(*sizes, device="meta")
    # end
    # keep if not norms
    for layer in [layer for layer in model.modules() if isinstance(layer, Dense)]:
        layer.to_empty(device="cpu").reset_parameters()  # whole, and alike on every process
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    # else
    norms: tuple[Any, ...] = (nn.LayerNorm, nn.RMSNorm)  # keep if not shifted
    norms = (nn.LayerNorm, nn.RMSNorm, Shifted)  # keep if shifted
    drawn: list[Any] = [part for part in model.modules() if isinstance(part, (Dense, *norms))]
    for part in drawn:  # whole, and alike on every process
        part.to_empty(device="cpu", recurse=False).reset_parameters()
    for part in drawn[::-1]:  # gains stay in fp32
        fp32 = MixedPrecisionPolicy(cast_forward_inputs=False)
        fully_shard(part, mesh=mesh, mp_policy=policy if isinstance(part, Dense) else fp32)
    # end
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model


# keep if whole
def whole(tensor: Tensor) -> Tensor:
    """All rows of a tensor that is divided, on every process at once; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


class Whole(torch.optim.Optimizer):
    """An optimizer on tensors divided among processes: each is gathered, updated, divided again.

    What torch's own does has no counterpart on shards.  Here every process does all of it: a step
    costs no less than on one process, and the memory of four whole tensors, one layer's.
    """

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__(inner.param_groups, {})
        self.inner = inner

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for mine in group["params"]:
                if mine.grad is not None:
                    self.step_one(group, mine)
        return loss

    def step_one(self, group: dict[str, Any], mine: Tensor) -> None:
        """The step of one tensor, which is all that the inner optimizer has meanwhile."""
        full, state = whole(mine.detach()), self.state.pop(mine, {})
        full.grad = None if mine.grad is None else whole(mine.grad)
        self.inner.param_groups = [{**group, "params": [full]}]
        self.inner.state[full] = {
            k: whole(v) if torch.is_tensor(v) else v for k, v in state.items()
        }
        self.inner.step()
        # Every process has the whole, so that none has to send.
        kept = {name: self.divided(v, mine) for name, v in self.inner.state.pop(full).items()}
        self.state[mine] = kept
        mine.copy_(self.divided(full, mine))

    @staticmethod
    def divided(value: Any, like: Tensor) -> Any:
        """As ``like`` is, if it is as large; a copy, so that nothing holds the whole."""
        if not isinstance(like, DTensor) or getattr(value, "shape", None) != like.shape:
            return value
        mesh, placements = like.device_mesh, like.placements
        return distribute_tensor(value, mesh, placements, src_data_rank=None).clone()


# end
# end
