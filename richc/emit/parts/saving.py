"""Part: weights to disk, whole or not at all."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
from pathlib import Path

import torch
from torch import nn

# ---- emitted from here on ----


def save_weights(model: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Weights and metadata as .safetensors, or as a dictionary for torch.load as .pt.

    The file appears complete, under its name, or not at all.  Raises OSError.
    """
    state = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    # A name that nobody can foresee, and lay a link at.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            if path.suffix == ".pt":
                torch.save({"model": state, "metadata": metadata}, file)
            else:
                header: dict[str, object] = {"__metadata__": metadata}
                offset = 0
                for name, tensor in state.items():
                    end = offset + tensor.nbytes
                    shape = list(tensor.shape)
                    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
                    offset = end
                text = json.dumps(header).encode()
                text += b" " * (-len(text) % 8)
                file.write(len(text).to_bytes(8, "little") + text)
                for tensor in state.values():
                    file.write(ctypes.string_at(tensor.data_ptr(), tensor.nbytes))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
