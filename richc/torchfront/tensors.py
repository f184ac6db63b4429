"""Tensors as memory: which storage they show, and what operations make of their entries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

#: Products of matrices, and which argument says how many terms an entry sums over.
PRODUCTS = {"matmul": 1, "mm": 1, "addmm": 2, "bmm": 1, "baddbmm": 2, "mv": 0, "addmv": 1, "dot": 0}
SCALES = {"mul", "div", "mul_", "div_"}
SOFT = {"_softmax", "_safe_softmax", "_log_softmax"}
ATTENTION = {
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
}
#: They leave scores of attention what they are.
KEEPS = {"mul", "div", "add", "sub", "masked_fill", "where", "_to_copy", "clone", "tanh", "add_"}
KEEPS |= {"mul_", "div_", "masked_fill_", "neg", "cat", "_unsafe_view", "expand"}
#: They leave a parameter's entries what they are, elsewhere or beside those of others.
ENTRIES = {"_to_copy", "clone", "copy_", "cat", "stack", "index", "index_select", "repeat"}
ENTRIES |= {"_unsafe_view", "add", "add_", "sub", "sub_", "neg", "constant_pad_nd"}

_LARGE = 1000.0


class Carried(NamedTuple):
    """Memory that depends on parameters alone, and what it holds with one of them moved."""

    owner: Tensor
    moved: dict[tuple[str, str], Tensor]
    #: The number that multiplies it; not a number where its entries are no longer the parameter's.
    factor: float

    def view(self, name: tuple[str, str], tensor: Tensor) -> Tensor:
        """The part of a moved parameter that a view of it shows."""
        offset = tensor.storage_offset() - self.owner.storage_offset()
        return self.moved[name].as_strided(tensor.shape, tensor.stride(), offset)


def rms(tensor: Tensor) -> float:
    """The root mean square of the entries."""
    if not tensor.numel():
        return 0.0
    return float(torch.linalg.vector_norm(tensor.detach())) / math.sqrt(tensor.numel())


def memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata  # type: ignore[no-any-return]


def number_in(value: Tensor) -> float | None:
    try:
        return float(value)
    except RuntimeError:  # without data
        return None


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from tensors_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors_in(one)


def mapped(value: Any, put: Any) -> Any:
    if isinstance(value, Tensor):
        return put(value)
    if isinstance(value, tuple | list):
        return type(value)(mapped(one, put) for one in value)
    if isinstance(value, dict):
        return {key: mapped(one, put) for key, one in value.items()}
    return value


def laid_out_as(like: Tensor, value: Tensor) -> Tensor:
    """A value with the memory layout of another."""
    if value.stride() == like.stride():
        return value.detach()
    return torch.empty_strided(
        like.shape, like.stride(), dtype=value.dtype, device=value.device
    ).copy_(value)


def enlarged(out: Any) -> Any:
    """So much that a small branch beside it, or what it is added to, cannot hide it."""
    if isinstance(out, Tensor):
        return out * _LARGE
    return (out[0] * _LARGE, *out[1:])


def centred(values: Tensor, kept: Tensor | None) -> Tensor:
    """Less the mean of each row, which a soft-max takes no notice of; 0 for what is not kept."""
    if kept is None:
        return values - values.mean(-1, keepdim=True)
    zeroed = values.masked_fill(~kept, 0.0)
    mean = zeroed.sum(-1, keepdim=True) / kept.sum(-1, keepdim=True).clamp(min=1)
    return (zeroed - mean).masked_fill(~kept, 0.0)


def terms(op: str, args: tuple[Any, ...]) -> int:
    if op == "convolution":
        weight = args[1]
        return int(weight[0].numel())
    if op in PRODUCTS:
        tensor = args[PRODUCTS[op]]
        return int(tensor.shape[-2] if tensor.ndim > 1 else tensor.shape[-1])
    return 1
