"""Part: a network whose tensors are divided among the processes."""

from __future__ import annotations

import argparse
import copy

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from richc.emit.parts.dense import Dense
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import rank, ranks
from richc.emit.parts.table import DataError

# ---- emitted from here on ----

# ---- a divided network ---------------------------------------------------------------------------


def shard(options: argparse.Namespace, device: torch.device) -> Network:
    """The network, each layer's rows divided among the processes, with one process's values.

    It is built on the meta device, so that no process ever holds all of it.  One layer at a time
    is whole: every process draws it on the CPU, as one process would, and keeps its rows.  So the
    start takes as long as without sharding, and memory for a few times the largest layer.
    Gradients are averaged, and weights updated, in fp32.
    """
    if not dist.is_initialized():
        return Network(options.width, options.richness, options.gamma).to(device)
    model = Network(options.width, options.richness, options.gamma, device="meta")
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    policy = MixedPrecisionPolicy(
        kinds.get(options.precision), torch.float32, cast_forward_inputs=False
    )
    mesh = make_mesh(options, device)
    for layer in model.modules():
        if isinstance(layer, Dense):
            drawn = copy.deepcopy(layer).to_empty(device="cpu")
            drawn.reset_parameters()
            fully_shard(layer, mesh=mesh, mp_policy=policy)
            layer.to_empty(device=device)
            for mine, whole in zip(layer.parameters(), drawn.parameters(), strict=True):
                put(mine, whole)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model


def make_mesh(options: argparse.Namespace, device: torch.device) -> DeviceMesh:
    """All processes in a row, or rows of ``--shard-over`` with a copy of the network each."""
    each = options.shard_over or ranks()
    if ranks() % each:
        raise DataError(f"--shard-over {each}: does not divide {ranks()} processes")
    if each == ranks():
        return init_device_mesh(device.type, (each,))
    names = ("copies", "shards")
    return init_device_mesh(device.type, (ranks() // each, each), mesh_dim_names=names)


@torch.no_grad()
def put(mine: Tensor, whole: Tensor) -> None:
    """Fill a tensor from a whole one: all of it, or the rows that this process has."""
    if isinstance(mine, DTensor):
        # Every process has the whole, so that none has to send.
        whole = distribute_tensor(
            whole.detach().to(mine.device), mine.device_mesh, mine.placements, src_data_rank=None
        )
    mine.copy_(whole)


def whole(tensor: Tensor) -> Tensor:
    """All rows of a tensor that is divided, on every process at once; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_state(model: nn.Module) -> dict[str, Tensor]:
    """All of a network's tensors on process 0's CPU; the others take part and get none."""
    state = {}
    for name, tensor in model.state_dict().items():
        found = whole(tensor.detach())
        if rank() == 0:
            state[name] = found.cpu().contiguous()
    return state
