# ruff: noqa: T201 - the emitted program talks to its user
"""Part: a run from the data to the last line, of a program with features."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

# keep if fsdp
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

# end
from richc.emit.parts.data import load, place, refused_for
from richc.emit.parts.evaluate import evaluate
from richc.emit.parts.network import Network
from richc.emit.parts.parse import parse
from richc.emit.parts.ranks import processes, rank
from richc.emit.parts.shards import shard
from richc.emit.parts.stream import portion
from richc.emit.parts.trainer import Batches, Trainer
from richc.emit.parts.training import train

MODEL = "model"
COMPILER = "richc"
SCORE = "accuracy"


# ---- emitted from here on ----


def save_weights(model: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Weights and metadata, as .safetensors or for torch.load as .pt: the whole file or none."""
    # keep if fsdp
    whole = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(model, options=whole)
    # end
    # keep if not fsdp
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    # end
    # keep if ranks
    if rank():
        return
    # end
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        if path.suffix == ".pt":
            torch.save({"model": state, "metadata": metadata}, draft)
        else:
            draft.write_bytes(importlib.import_module("safetensors.torch").save(state, metadata))
        draft.replace(path)


# keep if ranks
@processes()
# end
def run(options: argparse.Namespace) -> int:
    """Load, train, report and save; returns 0, or 1 if the loss diverged."""
    with refused_for(f"--device {options.device} is not available"):
        device = torch.empty(0, device=options.device).device
    path = options.save
    if path and not (path.suffix in (".pt", ".safetensors") and path.parent.is_dir()):
        raise ValueError(f"--save {path}: no .safetensors or .pt in a folder that exists")
    # keep if ckpt
    if options.resume and options.checkpoint is None:
        raise ValueError("--resume: from which folder? name it with --checkpoint")
    # end
    # keep if not has_data
    if options.data is None:
        raise ValueError("which data? name a file with --data")
    # end
    # keep if options
    if options.tf32:
        torch.set_float32_matmul_precision("high")
    # end
    # keep if stream
    train_x, train_y, test_x, test_y = load(options)
    # end
    # keep if not stream and not options
    train_x, train_y, test_x, test_y = (part.to(device) for part in load(options))
    # end
    # keep if not stream and options
    train_x, train_y, test_x, test_y = place(load(options), device, options.data_on)
    # end
    torch.manual_seed(options.seed)
    with refused_for("the network"):
        # keep if fsdp
        model = shard(options, device)
        # end
        # keep if not fsdp
        # Drawn on the CPU, so that a seed means the same network on every device.
        model = Network(options.width, options.richness, options.gamma).to(device)
        # end
        batches = Batches(train_x, train_y, options.batch, options.seed, device)
        trainer = Trainer(model, batches, options)
    code = train(trainer, test_x, options)
    # keep if ckpt
    if code > 1:  # a signal's
        return code
    # end
    # keep if stream
    train_x, train_y = portion(train_x, train_y, options.report_rows)
    test_x, test_y = portion(test_x, test_y, options.report_rows)
    # end
    loss, known = evaluate(model, train_x, train_y, options.precision)
    held_out, unseen = evaluate(model, test_x, test_y, options.precision)
    shown = f"train loss {loss:.6g} {SCORE} {known:.4f}"
    print(f"{shown}  held-out loss {held_out:.6g} {SCORE} {unseen:.4f}", flush=True)
    if not math.isfinite(loss):
        print(f"error: the loss diverged (seen after step {trainer.taken})", file=sys.stderr)
    if path is not None:
        told = {"model": MODEL, "compiler": COMPILER, "steps": str(trainer.taken)}
        told |= {key: str(vars(options)[key]) for key in ("width", "richness", "gamma", "seed")}
        with refused_for(f"--save {path}"):
            save_weights(model, path, told)
    return code or int(not math.isfinite(loss))


def main(argv: list[str] | None = None) -> int:
    """The command line; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    try:
        return run(parse(argv))
    except KeyboardInterrupt:
        line, code = "interrupted", 130
    except torch.OutOfMemoryError:
        line, code = "error: out of memory: use a smaller --width or --batch", 1
    except (OSError, ValueError) as error:
        line, code = f"error: {error}", 2
    print("".join(c if c.isprintable() else "?" for c in line.split("\n")[0]), file=sys.stderr)
    return code
