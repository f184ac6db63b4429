"""Part: steps of training, of one process or of several that train one network together."""

import argparse
import contextlib
import io
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor
from torch.distributed import get_rank as rank  # keep if ranks
from torch.distributed import get_world_size as ranks  # keep if ranks
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel as DDP  # noqa: N817 - as everybody calls it

from richc.emit.parts.layers import Dense
from richc.emit.parts.network import _Network, loss_of, score, sizes_of

#: Also what other parts call them.
__all__ = ["rank", "ranks"]

SCORE = "accuracy"

# ---- emitted from here on ----


# keep if ranks
@contextlib.contextmanager
def processes() -> Iterator[None]:
    """Join the processes that torchrun started, or be the only one; only the first one prints."""
    is_heard = os.environ.get("RANK", "0") == "0"
    out, err = (sys.stdout, sys.stderr) if is_heard else (io.StringIO(), io.StringIO())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if dist.is_initialized():  # by the caller, who also ends it
            yield
            return
        alone = "tcp://localhost:0?rank=0&world_size=1"
        store, number, count = next(rendezvous("env://" if "RANK" in os.environ else alone))
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        try:
            dist.init_process_group(store=store, rank=number, world_size=count)
            yield
        except BaseException:  # the others fail because the first one did, which says why
            if store.compare_set("failed", "", str(number)) != str(number).encode():
                raise SystemExit(1) from None
            raise
        dist.destroy_process_group()
        time.sleep(0.2)  # until gloo's threads are done, which abort when Python ends before them


def gather(values: Tensor, rows: int) -> Tensor:
    """The shares that all processes have of ``rows`` rows, in order, on each of them."""
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
    model = _Network(*sizes_of(options), device="meta")
    drawn: list[Any] = [part for part in model.modules() if hasattr(part, "reset_parameters")][1:]
    for part in drawn:  # all but the network itself; whole, and alike on every process
        part.to_empty(device="cpu", recurse=False).reset_parameters()
    fp32 = MixedPrecisionPolicy(cast_forward_inputs=False)  # of gains  # keep if norms
    for part in drawn[::-1]:  # what is inside of others comes first
        own = policy if isinstance(part, Dense) else fp32  # keep if norms
        fully_shard(part, mesh=mesh, mp_policy=own)  # keep if norms
        fully_shard(part, mesh=mesh, mp_policy=policy)  # keep if not norms
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model


def whole(tensor: Tensor) -> Tensor:  # keep if whole
    """All rows of a tensor that is divided, on every process at once; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


class Whole(torch.optim.Optimizer):  # keep if whole
    """An optimizer on tensors divided among processes: each is gathered, updated, divided again.

    What torch's own does has no counterpart on shards.  Here every process does all of it: a step
    costs no less than on one process, and the memory of four whole tensors, one layer's.
    """

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__(inner.param_groups, {})
        self.inner = inner

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for mine in [p for p in group["params"] if p.grad is not None]:
                full = whole(mine.detach())  # which is all that the inner optimizer has meanwhile
                full.grad = whole(mine.grad)
                self.inner.param_groups = [{**group, "params": [full]}]
                state = self.state.pop(mine, {})
                self.inner.state[full] = {name: whole(v) for name, v in state.items()}
                self.inner.step()
                # Every process has the whole, so that none has to send.
                state = self.inner.state.pop(full)
                self.state[mine] = {name: self.divided(v, mine) for name, v in state.items()}
                mine.copy_(self.divided(full, mine))
                del full, state  # before the next one is whole
        return loss

    @staticmethod
    def divided(value: Any, like: Tensor) -> Any:
        """As ``like`` is, if it is as large; a copy, so that nothing holds the whole."""
        if not isinstance(like, DTensor) or getattr(value, "shape", None) != like.shape:
            return value
        mesh, placements = like.device_mesh, like.placements
        return distribute_tensor(value, mesh, placements, src_data_rank=None).clone()


# end
# end
# keep if not features
def train(model: _Network, x: Tensor, y: Tensor, options: argparse.Namespace) -> None:
    """Train on shuffled full batches, and show the loss ten times."""
    optimizer = model.make_optimizer(options.lr)
    generator, batches = torch.Generator().manual_seed(options.seed), list[Tensor]()
    steps, size = options.steps, min(options.batch, len(x))
    for step in range(1, steps + 1):
        if not batches:  # an epoch begins; rows that make no full batch wait for the next one
            order = torch.randperm(len(x), generator=generator).to(x.device)
            batches = list(order[: len(x) - len(x) % size].split(size))
        rows = batches.pop(0)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            outputs = model(x[rows])
        loss = loss_of(outputs, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step * 10 // steps > (step - 1) * 10 // steps:
            if not loss.isfinite():
                raise FloatingPointError(f"the loss diverged (seen after step {step})")
            if not options.quiet:
                print(f"step {step}/{steps}  loss {loss.item():.4g}", file=sys.stderr)


# else
def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=precision != "fp32")


# end
@torch.no_grad()
def evaluate(model: _Network, x: Tensor, y: Tensor, precision: str) -> tuple[float, float]:
    """Loss and score over all of ``x``, in pieces."""
    # keep if features
    device, found = next(model.parameters()).device, list[Tensor]()
    with autocast(device, precision):
        for rows in torch.arange(len(x)).split(4096):
            found.append(model(x[rows].to(device)).float())  # keep if not ranks
            mine = rows.tensor_split(ranks())[rank()]  # keep if ranks
            found.append(gather(model(x[mine].to(device)).float(), len(rows)))  # keep if ranks
    outputs, y = torch.cat(found), y.to(device)
    # else
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
        outputs = torch.cat([model(piece).float() for piece in x.split(4096)])
    # end
    return loss_of(outputs, y).item(), score(outputs, y)


# keep if features
# keep if options
def share_of_rate(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """The factor on every group's rate, so that the ratios between layers stay as they are."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0 - done if schedule == "linear" else 1.0


# end
class Trainer:
    """All that training changes: weights, the optimizer's state and rates, the data's order."""

    def __init__(self, model: Any, x: Any, y: Tensor, options: argparse.Namespace) -> None:
        self.model, self.x, self.y, self.options = model, x, y, options
        self.device = next(model.parameters()).device
        self.size, self.taken = min(options.batch, len(x)), 0
        if self.size < ranks():  # keep if ranks
            raise ValueError(f"--batch: fewer examples than the {ranks()} processes")
        self.network: Any = model
        self.probe: Tensor  # that layers are measured on  # keep if monitor
        self.held_out: tuple[Any, Tensor]  # seen while it trains  # keep if options and not ranks
        self.undo = contextlib.ExitStack()  # what ends with training
        self.generator = torch.Generator().manual_seed(options.seed)
        self.shuffle()
        if options.compile:  # keep if options
            mode, is_whole = options.compile_mode, True  # keep if not fsdp
            mode, is_whole = options.compile_mode, False  # between gatherings  # keep if fsdp
            self.network = torch.compile(model, fullgraph=is_whole, mode=mode)
        self.network = DDP(self.network, gradient_as_bucket_view=True)  # keep if ddp
        self.optimizer = model.make_optimizer(options.lr)
        # keep if options
        steps, warmup = options.steps, options.warmup
        warmup = round(warmup * steps) if warmup < 1 else int(warmup)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: share_of_rate(options.schedule, step, steps, warmup)
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=options.precision == "fp16")
        # end

    def shuffle(self, taken: int = 0) -> None:
        """Begin an epoch, or go on behind its first batches; rows of no full one are left out."""
        self.begun = self.generator.get_state()
        order = torch.randperm(len(self.x), generator=self.generator)
        chosen = self.x.arrange(order, self.size, self.generator)  # keep if stream
        order = order[: len(order) - len(order) % self.size]  # keep if not stream
        chosen = order.to(self.x.device).split(self.size)  # keep if not stream
        self.left = list(chosen[taken:])
        self.left = [rows.tensor_split(ranks())[rank()] for rows in self.left]  # keep if ranks

    def batch(self) -> tuple[Tensor, Tensor]:
        """The next features and targets."""
        if not self.left:
            self.shuffle()
        rows = self.left.pop(0)
        x, y = self.x[rows].to("cpu"), self.y[rows]  # keep if stream
        x, y = self.x[rows], self.y[rows]  # keep if not stream
        if self.device.type == "cuda" and not x.is_cuda:
            x, y = x.pin_memory(), y.pin_memory()  # so that nothing waits for the copies
        return x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One step; the loss of its batch, the outputs and the targets, without waiting."""
        x, y = self.batch()
        rows = self.size / ranks()  # the mean over processes is the batch's  # keep if ranks
        rows = len(x)  # keep if options and not ranks
        # keep if not options
        self.optimizer.zero_grad()
        with autocast(self.device, self.options.precision):
            outputs = self.network(x)
        loss = loss_of(outputs, y)  # keep if not ranks
        loss = loss_of(outputs, y) * (len(x) / rows)  # keep if ranks
        loss.backward()
        self.optimizer.step()
        # else
        pieces, made = min(self.options.accumulate, int(rows)), list[Tensor]()
        loss = torch.zeros((), device=self.device)
        for p in self.model.parameters():  # a sum needs memory that no CUDA graph writes over
            p.grad = torch.zeros_like(p) if pieces > 1 and p.requires_grad else None
        for part_x, part_y in zip(x.tensor_split(pieces), y.tensor_split(pieces), strict=True):
            is_last = len(made) == pieces - 1  # keep if ranks
            self.network.require_backward_grad_sync = is_last  # keep if ddp
            is_last = is_last or self.options.sync_pieces  # keep if fsdp
            self.network.set_requires_gradient_sync(is_last)  # keep if fsdp
            with autocast(self.device, self.options.precision):
                found = self.network(part_x)
            part = loss_of(found, part_y) * (len(part_x) / rows)
            self.scaler.scale(part).backward()
            loss += part.detach()
            made.append(found.detach().clone())
        outputs, scale = torch.cat(made), self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # what overflowed in fp16 was skipped
            self.scheduler.step()
        # end
        loss = loss.detach()  # keep if not ranks
        loss = loss.detach() / ranks()  # keep if ranks
        dist.all_reduce(loss)  # keep if ranks
        self.taken += 1
        return loss, outputs.detach(), y


# end
