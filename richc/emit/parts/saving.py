"""Part: weights to disk, whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from richc.emit.parts.ranks import rank
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
            else:
                from safetensors.torch import save

                file.write(save(state, metadata))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


# keep if ckpt
def write_safetensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """On the disk when this returns.  Raises OSError."""
    from safetensors.torch import save

    with path.open("wb") as file:
        file.write(save(dict(tensors)))
        file.flush()
        os.fsync(file.fileno())


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file.  Raises OSError, and ValueError for what is no such file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise ValueError(f"not a safetensors file: {error}") from None


def sync(folder: Path) -> None:
    """Have the disk know which files a folder holds; only POSIX lets a program ask for it."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        os.fsync(number)
        os.close(number)


# end
