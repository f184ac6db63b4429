# ruff: noqa: T201 - the emitted program talks to its user
"""Part: whole states of a run in a folder, from which it goes on as if nothing had happened."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import threading
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

# keep if ranks
from torch.distributed import Work

# end
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_model_state_dict, get_optimizer_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_tensors
from torch.distributed.checkpoint.state_dict_saver import save as save_tensors

from richc.emit.parts.ckpt_storage import FolderReader, FolderWriter
from richc.emit.parts.ranks import most, one_voice, rank
from richc.emit.parts.table import DataError
from richc.emit.parts.trainer import Trainer

MODEL = "model"
COMPILER = "richc"
SPEC = ""
RATES: dict[str, str] = {}

# ---- emitted from here on ----


# Of a group, what a state may differ in: how it is computed, and what the schedule made of it.
NO_KNOBS = ("name", "params", "initial_lr", "foreach", "fused", "capturable", "differentiable")


class Checkpoints:
    """States of a run as ``step-00000100``, ... in a folder, each complete; the newest are kept.

    A first SIGTERM or SIGINT is noted in ``stop``, for the loop to save and to end by itself; a
    second one ends the program at once.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder: Path | None = options.checkpoint
        self.every, self.keep, self.last = options.every, options.keep, options.steps
        self.stop = self.saved = 0
        # keep if ranks
        self.noted = self.answer = torch.tensor(0)
        self.asked: Work | None = None
        # end
        self.before: dict[int, Any] = {}

    # keep if ranks
    @one_voice()
    # end
    def begin(self, trainer: Trainer, resume: bool) -> None:
        """Go on from the newest, if there is one.  Raises DataError where that would be wrong."""
        if self.folder is None:
            return
        found = self.complete()
        if found and not resume:
            raise DataError(f"--checkpoint {self.folder}: holds a run; go on with it by --resume")
        if found:
            restore(trainer, found[-1])
            self.saved = trainer.taken
            print(f"going on from step {trainer.taken}", file=sys.stderr)
        # Only the main thread of a program may ask for signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self.note)

    def end(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before.clear()

    def note(self, number: int, _: FrameType | None) -> None:
        # keep if ranks
        self.noted = torch.tensor(number)
        # end
        # keep if not ranks
        self.stop = number
        # end
        self.end()

    # keep if ranks
    def agree(self) -> None:
        """After each step: a signal to one process stops all, at the same step, the next but one.

        Nothing waits: what is asked after a step is answered after the following one.
        """
        if self.folder is None:
            return
        if self.asked is not None:
            self.asked.wait()
        self.stop = int(self.answer)
        self.answer = self.noted.clone()
        self.asked = most(self.answer)

    # end
    def complete(self) -> list[Path]:
        """What there is, oldest first."""
        found = self.folder.glob("step-*") if self.folder is not None else ()
        by_step = {int(p.name[5:]): p for p in found if p.name[5:].isdecimal()}
        return [by_step[step] for step in sorted(by_step)]

    def is_due(self, step: int) -> bool:
        return self.folder is not None and (
            step % self.every == 0 or step == self.last or self.stop != 0
        )

    def save(self, trainer: Trainer) -> None:
        """Write a state, then let go of the oldest.  Raises DataError."""
        if self.folder is None or self.saved == trainer.taken:
            return
        path = self.folder / f"step-{trainer.taken:08}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with warnings.catch_warnings():
                # That this is a single process is no news.
                warnings.filterwarnings("ignore", "torch.distributed is disabled")
                writer = FolderWriter(path, values_of(trainer))
                save_tensors(tensors_of(trainer), storage_writer=writer)
            self.prune()
        except (OSError, CheckpointException) as error:
            raise DataError(f"--checkpoint {path}: {reason(error)}") from None
        self.saved = trainer.taken

    def prune(self) -> None:
        """Let go of all but the newest."""
        # keep if ranks
        if rank():
            return
        # end
        for old in self.complete()[: -self.keep]:
            # Hidden first, so that what is seen is complete.
            hidden = old.replace(old.with_name(f".{old.name}.old"))
            shutil.rmtree(hidden, ignore_errors=True)


def reason(error: BaseException) -> str:
    """What went wrong first, where torch hands on what went wrong in each process."""
    if isinstance(error, CheckpointException):
        error = next(iter(error.failures.values()))[0]
    return str(getattr(error, "strerror", None) or error)


def tensors_of(trainer: Trainer) -> dict[str, Tensor]:
    """Every tensor of a run's state by name; loading fills them in place, but for ``rng``."""
    # Where no step has been taken yet, torch takes an empty one; gradients would keep it from it.
    trainer.optimizer.zero_grad()
    weights: dict[str, Any] = get_model_state_dict(trainer.model)
    states: Any = get_optimizer_state_dict(trainer.model, trainer.optimizer)["state"]
    found: dict[str, Tensor] = {f"model.{name}": weight for name, weight in weights.items()}
    for name, state in states.items():
        found |= {f"optimizer.{name}.{k}": v for k, v in state.items() if isinstance(v, Tensor)}
    found["rng.cpu"] = torch.get_rng_state()
    found["rng.data"] = trainer.batches.begun
    if trainer.device.type == "cuda":
        found["rng.cuda"] = torch.cuda.get_rng_state(trainer.device)
    return found


def values_of(trainer: Trainer) -> dict[str, Any]:
    """All else of a run's state, and what a state must have in common with those it fits."""
    batches, scheduler = trainer.batches, trainer.scheduler
    return {
        "format": 1,
        "model": MODEL,
        "compiler": COMPILER,
        "spec": SPEC,
        "rates": RATES,
        "groups": groups_of(trainer),
        "order": {"rows": len(batches.x), "batch": batches.size, "seed": trainer.options.seed},
        # keep if stream
        "window": trainer.options.window,
        # end
        "taken": trainer.taken,
        "taken_of_epoch": batches.taken,
        "scheduled": trainer.taken if scheduler is None else scheduler.last_epoch,
        "scaler": trainer.scaler.state_dict(),
    }


def groups_of(trainer: Trainer) -> dict[str, Any]:
    """Per group of the optimizer: names and shapes of its parameters, and all of its knobs."""
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    found = {}
    for group in trainer.optimizer.param_groups:
        knobs = {k: v for k, v in group.items() if k not in NO_KNOBS}
        knobs["lr"] = group.get("initial_lr", group["lr"])
        shapes = {names[parameter]: list(parameter.shape) for parameter in group["params"]}
        found[group["name"]] = {"shapes": shapes, **knobs}
    return dict(json.loads(json.dumps(found, default=float)))


def restore(trainer: Trainer, path: Path) -> None:
    """Put a run into the state that a folder holds.  Raises DataError where that does not fit."""
    reader = FolderReader(path)
    known, here, tensors = reader.values, values_of(trainer), tensors_of(trainer)
    try:
        for what in ("format", "rates", "groups", "order", "spec"):
            compare(what, known[what], here[what])
        # keep if stream
        compare("window", known["window"], here["window"])
        # end
        shapes = reader.shapes()
        if ("rng.cuda" in shapes) != ("rng.cuda" in tensors):
            # On another kind of device the run goes on, if not bit by bit.
            shapes.pop("rng.cuda", None), tensors.pop("rng.cuda", None)
        compare("tensors", shapes, {name: list(tensors[name].shape) for name in sorted(tensors)})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.distributed is disabled")
            load_tensors(tensors, storage_reader=reader)
        trainer.taken = int(known["taken"])
        trainer.batches.go_to(tensors["rng.data"], int(known["taken_of_epoch"]))
        if known["scaler"] and trainer.scaler.is_enabled():
            trainer.scaler.load_state_dict(known["scaler"])
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, OSError, CheckpointException) as error:
        raise DataError(f"{path}: damaged ({reason(error)})") from None
    torch.set_rng_state(tensors["rng.cpu"])
    if "rng.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["rng.cuda"], trainer.device)
    if (scheduler := trainer.scheduler) is not None:
        scheduler.last_epoch = int(known["scheduled"])
        rules = zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
        for group, (rate, rule) in zip(trainer.optimizer.param_groups, rules, strict=True):
            group["lr"] = rate * rule(scheduler.last_epoch)


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
