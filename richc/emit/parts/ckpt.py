# ruff: noqa: T201 - the emitted program talks to its user
"""Part: whole states of a run in a folder, from which it goes on as if nothing had happened."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed.checkpoint.hf_storage as hf
from torch import Tensor

# keep if ranks
from torch.distributed import Work

# end
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_model_state_dict, get_optimizer_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_tensors
from torch.distributed.checkpoint.state_dict_saver import save as save_tensors

from richc.emit.parts.data import DataError, refused_for
from richc.emit.parts.ranks import gather, most, rank, ranks
from richc.emit.parts.trainer import Trainer

MODEL = "model"
COMPILER = "richc"
SPEC = ""
RATES: dict[str, str] = {}

# ---- emitted from here on ----

# ---- checkpoints ---------------------------------------------------------------------------------

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Of a group, what a state may differ in: how it is computed, and what the schedule made of it.
NO_KNOBS = ("name", "params", "initial_lr", "foreach", "fused", "capturable", "differentiable")


class Checkpoints:
    """States of a run as ``step-00000100``, ... in a folder, each complete; the newest are kept.

    A first SIGTERM or SIGINT is noted in ``stop``, for the loop to save and to end by itself; a
    second one ends the program.  The folder is this run's alone, by a lock that ends with it.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, options.checkpoint
        self.stop = self.saved = 0
        self.undo = contextlib.ExitStack()
        # keep if ranks
        self.noted = self.answer = torch.tensor(0)
        self.asked: Work | None = None
        # end

    def begin(self, trainer: Trainer, resume: bool) -> None:
        """Go on from the newest, if there is one.  Raises DataError where that would be wrong."""
        if self.folder is None:
            return
        # That this is a single process is no news.
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        with refused_for(f"--checkpoint {self.folder}"), self.undo:
            importlib.import_module("safetensors.torch")  # torch asks for it at the first state
            self.claim()
            found = self.complete()
            if found and not resume:
                raise DataError("holds a run; go on with it by --resume")
            if found:
                restore(trainer, found[-1])
                self.saved = trainer.taken
                print(f"going on from step {trainer.taken}", file=sys.stderr)
            # Only the main thread of a program may ask for signals.
            is_main = threading.current_thread() is threading.main_thread()
            for number in SIGNALS if is_main else ():
                self.undo.callback(signal.signal, number, signal.signal(number, self.note))
            self.undo = self.undo.pop_all()

    def claim(self) -> None:
        """Have the folder alone, and clear what killed runs left there.  Raises DataError."""
        # keep if ranks
        if rank():
            return
        # end
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            import fcntl

            lock = os.open(self.folder, os.O_RDONLY)
            self.undo.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataError("another run keeps its states there") from None
            except OSError:
                pass  # some file systems of clusters have no locks
        for left in self.folder.glob(".step-*"):
            shutil.rmtree(left, ignore_errors=True)

    def end(self) -> None:
        self.undo.close()

    def note(self, number: int, _: FrameType | None) -> None:
        # keep if ranks
        self.noted = torch.tensor(number)
        # end
        # keep if not ranks
        self.stop = number
        # end
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    # keep if ranks
    def agree(self) -> None:
        """After each step: a signal to one process stops all, at the same step, the next but one.

        Nothing waits: what is asked after a step is answered after the following one.
        """
        if self.asked is not None:
            self.asked.wait()
        self.stop, self.answer = int(self.answer), self.noted.clone()
        self.asked = most(self.answer) if self.folder is not None else None

    # end
    def complete(self) -> list[Path]:
        """What there is, oldest first."""
        found = [path for path in self.folder.glob("step-*") if path.name[5:].isdecimal()]
        return sorted(found, key=lambda path: int(path.name[5:]))

    def is_due(self, step: int) -> bool:
        is_now = step % self.options.every == 0 or step == self.options.steps or self.stop != 0
        return self.folder is not None and is_now

    def save(self, trainer: Trainer) -> None:
        """Write a state, then let go of the oldest.  Raises DataError."""
        if self.saved == trainer.taken:
            return
        with refused_for(f"--checkpoint {self.folder}"):
            write_state(trainer, self.folder / f"step-{trainer.taken:08}")
            self.saved = trainer.taken
            # keep if ranks
            if rank():
                return
            # end
            for old in self.complete()[: -self.options.keep]:
                # Hidden first, so that what is seen is complete.
                shutil.rmtree(old.replace(old.with_name(f".{old.name}.old")), ignore_errors=True)


def tensors_of(trainer: Trainer) -> dict[str, Tensor]:
    """Every tensor of a run's state by name; loading fills them in place, but for ``rng``."""
    # Where no step has been taken yet, torch takes an empty one; gradients would keep it from it.
    trainer.optimizer.zero_grad()
    weights: dict[str, Any] = get_model_state_dict(trainer.model)
    states: Any = get_optimizer_state_dict(trainer.model, trainer.optimizer)["state"]
    found: dict[str, Tensor] = {f"model.{name}": weight for name, weight in weights.items()}
    for name, state in states.items():
        found |= {f"optimizer.{name}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    found |= {"rng.cpu": torch.get_rng_state(), "rng.data": trainer.batches.begun}
    if trainer.device.type == "cuda":
        found["rng.cuda"] = torch.cuda.get_rng_state(trainer.device)
    return found


def values_of(trainer: Trainer, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """All else of a run's state, and first what it must have in common with those it fits."""
    batches, options = trainer.batches, trainer.options
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    groups = {}
    for group in trainer.optimizer.param_groups:
        knobs = {k: v for k, v in group.items() if k not in NO_KNOBS}
        knobs["lr"] = group.get("initial_lr", group["lr"])
        shapes = {names[parameter]: list(parameter.shape) for parameter in group["params"]}
        groups[group["name"]] = {"shapes": shapes, **knobs}
    values = {
        "format": 2,
        "rates": RATES,
        "groups": groups,
        "order": {"rows": len(batches.x), "batch": batches.size, "seed": options.seed},
        "spec": SPEC,
        "window": vars(options).get("window"),
        "tensors": {name: list(tensors[name].shape) for name in sorted(tensors)},
        "model": MODEL,
        "compiler": COMPILER,
        "scaler": trainer.scaler.state_dict(),
        "taken": trainer.taken,
        "taken_of_epoch": batches.taken,
        "scheduled": trainer.scheduler.last_epoch,
    }
    return dict(json.loads(json.dumps(values, default=float)))


def write_state(trainer: Trainer, path: Path) -> None:
    """Tensors as .safetensors, a file a process; all else, and checksums, as ``state.json``.

    The folder appears complete, under its name, or not at all.
    """
    draft, tensors = path.with_name(f".{path.name}.draft"), tensors_of(trainer)
    values = values_of(trainer, tensors)
    writer = hf.HuggingFaceStorageWriter(str(draft), save_distributed=True)
    run_torchs(save_tensors, tensors, storage_writer=writer)
    # keep if ranks
    number = rank()
    # end
    # keep if not ranks
    number = 0
    # end
    own = draft / f"{number:05}.safetensors"
    for written in draft.glob(f"shard-{number + 1:05}-*"):
        written.replace(own)
    sums = torch.tensor([list(checksum(own))], dtype=torch.uint8)
    # keep if ranks
    sums = gather(sums, ranks())
    if rank():
        return
    # end
    values["files"] = {f"{i:05}.safetensors": bytes(s).hex() for i, s in enumerate(sums.tolist())}
    with (draft / "state.json").open("w", encoding="utf-8") as file:
        json.dump(sealed(values), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    sync(draft)
    draft.replace(path)
    sync(path.parent)


def run_torchs(function: Callable[..., object], *arguments: Any, **named: Any) -> None:
    """Raises what went wrong first, where torch hands on what went wrong in each process."""
    try:
        function(*arguments, **named)
    except CheckpointException as error:
        raise next(iter(error.failures.values()))[0] from None


def sync(folder: Path) -> None:
    """Have the disk know which files a folder holds; only POSIX lets a program ask for it."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        os.fsync(number)
        os.close(number)


def checksum(path: Path) -> bytes:
    """SHA-256 of a file; of nothing where a process had nothing to write."""
    with path.open("rb") if path.exists() else io.BytesIO() as file:
        return hashlib.file_digest(file, "sha256").digest()


def sealed(values: dict[str, Any]) -> dict[str, Any]:
    """With a checksum of all else at the end."""
    rest = {key: value for key, value in values.items() if key != "sum"}
    return rest | {"sum": hashlib.sha256(json.dumps(rest).encode()).hexdigest()}


def restore(trainer: Trainer, path: Path) -> None:
    """Put a run into the state that a folder holds.  Raises DataError where that does not fit."""
    tensors = tensors_of(trainer)
    here = values_of(trainer, tensors)
    try:
        known = json.loads((path / "state.json").read_bytes())
        there = known | {"tensors": dict(known["tensors"])}
        if ("rng.cuda" in there["tensors"]) != ("rng.cuda" in tensors):
            # On another kind of device the run goes on, if not bit by bit.
            for found in (there["tensors"], here["tensors"], tensors):
                found.pop("rng.cuda", None)
        for what in ("format", "rates", "groups", "order", "spec", "window", "tensors"):
            compare(what, there.get(what), here[what])
        check_state(known, path, len(trainer.batches.chosen))
        # torch's other reader would unpickle a file of metadata; this one reads headers.
        reader = hf.HuggingFaceStorageReader(str(path))
        run_torchs(load_tensors, tensors, storage_reader=reader)
        trainer.taken = known["taken"]
        trainer.batches.go_to(tensors["rng.data"], known["taken_of_epoch"])
        if known["scaler"] and trainer.scaler.is_enabled():
            trainer.scaler.load_state_dict(known["scaler"])
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None
    except Exception as error:  # noqa: BLE001 - whatever damage leads to
        raise DataError(f"{path.name}: damaged ({error})") from None
    torch.set_rng_state(tensors["rng.cpu"])
    if "rng.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng.cuda"], trainer.device)
    scheduler, groups = trainer.scheduler, trainer.optimizer.param_groups
    scheduler.last_epoch = known["scheduled"]
    for group, rate, rule in zip(groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True):
        group["lr"] = rate * rule(scheduler.last_epoch)


def check_state(known: dict[str, Any], path: Path, batches: int) -> None:
    """Raises ValueError where a state is not what was written, or could not have been."""
    steps = [known[what] for what in ("taken", "taken_of_epoch", "scheduled")]
    is_known = all(type(step) is int for step in steps) and path.name == f"step-{steps[0]:08}"
    if not (is_known and 0 <= steps[1] <= batches and 0 <= steps[2] <= steps[0]):
        raise ValueError("state.json: no such step")
    if known != sealed(known):
        raise ValueError("state.json: another checksum than what was written")
    files = known["files"]
    if not {file.name for file in path.glob("*.safetensors")} <= files.keys():
        raise ValueError("more .safetensors than were written")
    names = list(files)
    # keep if ranks
    names = names[rank() :: ranks()]
    # end
    for name in names:
        if checksum(path / name).hex() != files[name]:
            raise ValueError(f"{name}: another checksum than what was written")


def compare(what: str, there: Any, here: Any) -> None:
    """Raises DataError that names the first difference."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in [*here, *there]:
            if key not in there or key not in here:
                where = "here" if key in here else "in the checkpoint"
                raise DataError(f"not of this model: {what} {key!r} is only {where}")
            compare(f"{what} {key!r}", there[key], here[key])
        if list(there) != list(here):
            raise DataError(f"not of this model: {what} are in another order")
    elif there != here:
        raise DataError(f"not of this model: {what} is {there!r} there and {here!r} here")
