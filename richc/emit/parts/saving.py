"""Part: weights to disk, whole or not at all."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from richc.emit.parts.ranks import rank
from richc.emit.parts.readers import SAFE_TYPES
from richc.emit.parts.shards import whole_state

# ---- emitted from here on ----


def save_weights(model: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Weights and metadata as .safetensors, or as a dictionary for torch.load as .pt.

    The file appears complete, under its name, or not at all.  Raises OSError.
    """
    # keep if fsdp
    state = whole_state(model)
    # end
    # keep if not fsdp
    state = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    # end
    # keep if ranks
    if rank():
        return
    # end
    # A name that nobody can foresee, and lay a link at.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            if path.suffix == ".pt":
                torch.save({"model": state, "metadata": metadata}, file)
                file.flush()
                os.fsync(file.fileno())
            else:
                write_safetensors(file, state, metadata)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_safetensors(
    file: BinaryIO, tensors: Mapping[str, Tensor], metadata: dict[str, str]
) -> None:
    """A length, a JSON header and raw little-endian data, on the disk when this returns."""
    names = {dtype: name for name, dtype in SAFE_TYPES.items()}
    header: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        about = {"dtype": names[tensor.dtype], "shape": list(tensor.shape)}
        header[name] = {**about, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        content = tensor.detach().cpu().contiguous()
        file.write(ctypes.string_at(content.data_ptr(), content.nbytes))
    file.flush()
    os.fsync(file.fileno())
