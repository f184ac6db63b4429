"""Part: a network whose tensors are divided among the processes."""

from __future__ import annotations

import argparse

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from richc.emit.parts.dense import Dense
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import ranks

# ---- emitted from here on ----


def shard(options: argparse.Namespace, device: torch.device) -> Network:
    """The network, each layer's rows divided among the processes, with one process's values.

    One layer at a time is whole: every process draws it on the CPU, and keeps its rows.  There are
    as many copies of the network as ``--shard-over`` goes into the number of processes.
    """
    each = options.shard_over or ranks()
    if ranks() % each:
        raise ValueError(f"--shard-over {each}: does not divide {ranks()} processes")
    names = ("copies", "shards")
    mesh = init_device_mesh(device.type, (ranks() // each, each), mesh_dim_names=names)
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    kind = kinds.get(options.precision)  # of products; averages and updates are in fp32
    policy = MixedPrecisionPolicy(kind, torch.float32, cast_forward_inputs=False)
    model = Network(options.width, options.richness, options.gamma, device="meta")
    for layer in [layer for layer in model.modules() if isinstance(layer, Dense)]:
        layer.to_empty(device="cpu").reset_parameters()
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    return model
