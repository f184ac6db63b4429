"""Part: weights to disk, whole or not at all."""

from __future__ import annotations

import secrets
from pathlib import Path

import torch
from torch import nn

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
