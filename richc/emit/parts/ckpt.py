"""Part: whole states of a run in a folder, from which it goes on as if nothing had happened."""

import hashlib
import importlib
import itertools
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor  # keep if fsdp

from richc.emit.parts.data import refused_for
from richc.emit.parts.training import Trainer, gather, rank, ranks

SPEC = ""

# ---- emitted from here on ----


class Checkpoints:
    """States of a run as ``step-00000100``, ... in a folder of its own, each complete.

    The first SIGTERM or SIGINT has the loop save and ``stop``; the second ends the program.
    """

    def __init__(self, trainer: Trainer) -> None:
        """Go on from the newest, if there is one.  Raises ValueError where that would be wrong."""
        self.trainer, self.options = trainer, trainer.options
        self.folder, self.noted, self.stop = self.options.checkpoint, 0, 0
        if self.folder is None:
            return
        with refused_for(f"--checkpoint {self.folder}"):
            self.format = importlib.import_module("safetensors.torch")  # missed here, not later
            self.claim()  # keep if not ranks
            if rank() == 0:  # keep if ranks
                self.claim()
            if states := self.states():
                if not self.options.resume:
                    raise ValueError("holds a run; go on with it by --resume")
                restore(trainer, states[-1])
                print(f"going on from step {trainer.taken}", file=sys.stderr)
            if threading.current_thread() is threading.main_thread():  # others must not
                for number in (signal.SIGTERM, signal.SIGINT):
                    trainer.undo.callback(signal.signal, number, signal.signal(number, self.note))

    def claim(self) -> None:
        """Have the folder alone, and clear what killed runs left there.  Raises ValueError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            import fcntl

            lock = os.open(self.folder, os.O_RDONLY)
            self.trainer.undo.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError("another run keeps its states there") from None
            except OSError:
                pass  # some file systems of clusters have no locks
        for left in self.folder.glob(".step-*"):
            shutil.rmtree(left, ignore_errors=True)

    def note(self, number: int, _: Any) -> None:
        self.noted = number
        signal.signal(number, signal.SIG_DFL)

    def states(self) -> list[Path]:
        """What there is, oldest first."""
        return sorted(self.folder.glob("step-*"), key=lambda path: int(path.name[5:]))

    def is_due(self, step: int) -> bool:
        """Whether to save: regularly, at the end, and before the run stops for a signal."""
        if self.folder is None:
            return False
        self.stop = self.noted  # keep if not ranks
        # Of any process, so that all stop at one step.  # keep if ranks
        self.stop = int(gather(torch.tensor([self.noted]), ranks()).max())  # keep if ranks
        return step % self.options.every == 0 or step == self.options.steps or self.stop != 0

    def save(self) -> None:
        """Write a state, which appears complete or not at all; then let go of the oldest."""
        with refused_for(f"--checkpoint {self.folder}"):
            path, tensors = self.folder / f"step-{self.trainer.taken:08}", tensors_of(self.trainer)
            draft = path.with_name(f".{path.name}")
            draft.mkdir(exist_ok=True)
            write(draft / "00000.safetensors", self.format.save(tensors))  # keep if not ranks
            holders = 1  # of one copy  # keep if ddp
            holders = self.options.shard_over or ranks()  # of one copy, together  # keep if fsdp
            # keep if fsdp
            tensors = {k: v.to_local() if isinstance(v, DTensor) else v for k, v in tensors.items()}
            # end
            if rank() < holders:  # keep if ranks
                write(draft / f"{rank():05}.safetensors", self.format.save(tensors))
            dist.barrier()  # keep if ranks
            if rank():  # keep if ranks
                return
            write(draft / "state.json", json.dumps(common(self.trainer, draft), indent=1).encode())
            draft.replace(path)
            for old in self.states()[: -self.options.keep]:  # hidden first: what is seen is whole
                shutil.rmtree(old.replace(old.with_name(f".{old.name}")), ignore_errors=True)


def write(path: Path, content: bytes) -> None:
    """Write a file, and wait until it is on the disk."""
    path.write_bytes(content)
    with path.open("r+b") as file:
        os.fsync(file)


def tensors_of(trainer: Trainer) -> dict[str, Tensor]:
    """All that changes in training, by name."""
    found = {f"model.{name}": weight for name, weight in trainer.model.state_dict().items()}
    for name, parameter in trainer.model.named_parameters():
        state = trainer.optimizer.state.get(parameter, {})
        found |= {f"optimizer.{name}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    scaler = trainer.scaler.state_dict()  # keep if options
    found |= {f"scaler.{k}": torch.tensor(v) for k, v in scaler.items()}  # keep if options
    found["scheduled"] = torch.tensor(trainer.scheduler.last_epoch)  # keep if options
    found |= {"rng.data": trainer.begun, "rng.cpu": torch.get_rng_state()}
    if trainer.device.type == "cuda":
        found["rng.cuda"] = torch.cuda.get_rng_state(trainer.device)
    return found


def common(trainer: Trainer, folder: Path) -> list[str]:
    """What the state in a folder and a run that goes on from it must have in common, as lines."""
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    found = ["format is 4", f"state is {folder.name.lstrip('.')}"]
    # Of a group, but for how it is computed, and what the schedule made of its rate.
    others = {"name", "params", "initial_lr", "foreach", "fused", "capturable", "differentiable"}
    for group in trainer.optimizer.param_groups:
        knobs = {names[parameter]: list(parameter.shape) for parameter in group["params"]}
        knobs |= {k: group[k] for k in group if k not in others}
        knobs["lr"] = group["initial_lr"]  # keep if options
        found += [f"groups {group['name']!r} {k!r} is {v}" for k, v in knobs.items()]
    order = f"{len(trainer.x)} rows in batches of {trainer.size}, seed {trainer.options.seed}"
    order = f"{order}, window {trainer.options.window}"  # keep if stream
    found += [f"order is of {order}", f"spec is {SPEC}"]
    for path in sorted(folder.glob("*.safetensors")):
        found.append(f"{path.name} is {hashlib.sha256(np.memmap(path, mode='r').data).hexdigest()}")
    return found


def restore(trainer: Trainer, path: Path) -> None:
    """Go on from the state in a folder.  Raises ValueError where that is not a state of the run."""
    with refused_for(f"{path.name}: damaged, or not of this model"):
        if not all(each.is_file() for each in path.iterdir()):
            raise ValueError("it holds more than files")
        ours, saved = common(trainer, path), json.loads((path / "state.json").read_bytes())
        for there, here in itertools.zip_longest(saved, ours, fillvalue="nothing"):
            if there != here:
                raise ValueError(f"{there} there, but {here} here")
        opened: Any = importlib.import_module("safetensors").safe_open
        files = [opened(each, "pt") for each in sorted(path.glob("*.safetensors"))]
        trainer.taken = int(path.name[5:])
        scheduled = int(files[0].get_tensor("scheduled"))  # keep if options
        if not 0 <= scheduled <= trainer.taken:  # keep if options
            raise ValueError("there is no such schedule")
        for parameter in trainer.model.parameters():  # a step makes the state that is filled below
            parameter.grad = torch.zeros_like(parameter)
        trainer.optimizer.step()
        trainer.scheduler.last_epoch = scheduled - 1  # keep if options
        trainer.scheduler.step()  # keep if options
        if scheduled == 0:  # all steps overflowed  # keep if options
            trainer.optimizer.state.clear()
        tensors, names = tensors_of(trainer), files[0].keys()
        for name, tensor in tensors.items():
            if name not in names and name.startswith(("rng.cuda", "scaler.")):
                continue  # it goes on from another device or precision, if not bit by bit
            parts = [file.get_tensor(name) for file in files]
            whole = parts[0] if parts[0].shape == tensor.shape else torch.cat(parts)  # by rows
            if isinstance(tensor, DTensor):  # every process has the whole  # keep if fsdp
                whole, where = whole.to(tensor.device), (tensor.device_mesh, tensor.placements)
                whole = distribute_tensor(whole, *where, src_data_rank=None)
            tensor.copy_(whole)
        trainer.generator.set_state(tensors["rng.data"])
        trainer.shuffle((trainer.taken - 1) % (len(trainer.x) // trainer.size) + 1)
        torch.set_rng_state(tensors["rng.cpu"])
        if trainer.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["rng.cuda"], trainer.device)
        scaler = trainer.scaler.state_dict()  # keep if options
        scaler = {k: tensors[f"scaler.{k}"].item() for k in scaler}  # keep if options
        trainer.scaler.load_state_dict(scaler)  # keep if options
