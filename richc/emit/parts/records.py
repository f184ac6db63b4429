"""Part: what a run keeps of itself: whole states, a log, and the sizes of its layers."""

import argparse
import hashlib
import importlib
import itertools
import json
import os
import re
import shutil
import signal  # keep if ckpt
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor  # keep if fsdp
from torch.nn.modules.module import register_module_forward_hook

from richc.emit.parts.data import refused_for
from richc.emit.parts.layers import Dense
from richc.emit.parts.training import Trainer, autocast, gather, rank, ranks

MODEL, SPEC, WIDTH, DEPTH, RICHNESS = "model", "", 64, 4, 0.5
PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {}

# ---- emitted from here on ----


# keep if ckpt
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


# end
# keep if log
class Log:
    """Appends to a file: a line that tells of the run, then one every few steps."""

    def __init__(self, trainer: Trainer) -> None:
        options, begin = trainer.options, trainer.taken
        self.path, folder = options.log, options.tensorboard  # keep if not ranks
        # keep if ranks
        self.path, folder = [None if rank() else v for v in (options.log, options.tensorboard)]
        # end
        self.board: Any = None
        self.told = f"--tensorboard {folder}"
        with refused_for(f"--log {self.path}"):
            if self.path is not None and not prepare_log(self.path, begin, options):
                self.write({"run": MODEL, "options": vars(options)})
        with refused_for(self.told):
            if folder is not None:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(folder), purge_step=begin + 1)
                threading.excepthook = lambda _: None  # its thread's errors come at its next call
                trainer.undo.callback(self.close)

    def write(self, line: dict[str, Any]) -> None:
        if self.path is not None:
            with refused_for(f"--log {self.path}"), self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, default=str) + "\n")
        rest = list(line.items())[1:] if self.board is not None else []
        with refused_for(self.told):
            for name, value in rest:
                if isinstance(value, dict):
                    rest += [(f"{name}/{key}", inner) for key, inner in value.items()]
                elif value is not None:
                    self.board.add_scalar(name, value, line["step"])

    def close(self) -> None:
        with refused_for(self.told):
            self.board.close()


def prepare_log(path: Path, begin: int, options: argparse.Namespace) -> bool:
    # keep if ckpt
    """Cut off a torn line, and what a resumed run writes anew; whether the run began there."""
    # else
    """Cut off the line that a killed run has torn; whether the run began there."""
    # end
    if path.exists() and not path.is_file():
        raise ValueError("not a file")
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    told = [parse_line(line) for line in lines]
    runs = [i for i, line in enumerate(told) if "run" in line]
    is_ours = not lines or bool(runs)
    if lines and not told[-1] and not lines[-1].endswith(b"\n"):  # torn, when a run was killed
        torn, told = lines.pop()[:8], told[:-1]
        is_ours = b'{"run": '.startswith(torn) or b'{"step":'.startswith(torn)
    if not is_ours:
        raise ValueError("not a log of this program")
    # keep if ckpt
    before = told[runs[-1]]["options"] if runs else {}
    is_same = options.resume and before.get("checkpoint") == str(options.checkpoint)
    if is_same:  # steps behind ``begin``, the state's, are taken again and written again
        kept = runs[-1]
        while begin and kept < len(told) and told[kept].get("step", 0) <= begin:
            kept += 1
        if not all(told[kept:]):
            raise ValueError("lines that this run would write again are mixed with others")
        lines = lines[:kept]
    # end
    with path.open("ab") as file:
        file.truncate(len(b"".join(lines)))
        file.write(b"" if not lines or lines[-1].endswith(b"\n") else b"\n")
    y = is_same and begin > 0  # keep if ckpt
    y = False  # keep if not ckpt
    return y


def parse_line(line: bytes) -> dict[str, Any]:
    """A line with the ``options`` of a run, or with a ``step``; nothing of another's line."""
    try:
        found = json.loads(line)
        key, kind = ("options", dict) if "run" in found else ("step", int)
        return found if type(found[key]) is kind else {}
    except (LookupError, RecursionError, TypeError, ValueError):
        return {}


# end
# keep if monitor
class Monitor:
    """Every ``--monitor`` steps, for each layer, on a fixed batch of held-out examples:

    ``h``, the RMS of its output before the activation, beside what the initial weights make of
    standardised inputs in a wide network; ``dh``, the RMS of that output's change since step 0,
    beside that of a run of another width (``--monitor-like``, its log) times the specified power.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.options, self.like_width = trainer, trainer.options, WIDTH
        self.first = self.outputs() if self.options.monitor else {}
        self.like, path = dict[tuple[int, str], float](), self.options.monitor_like
        with refused_for(f"--monitor-like {path}"):
            text = path.read_text(encoding="utf-8") if path and path.is_file() else ""
            for line in text.splitlines():
                entry = json.loads(line)
                if "run" in entry:
                    self.like_width, self.like = int(entry["options"]["width"]), {}
                    depth = int(entry["options"]["depth"])  # keep if depth
                    if depth != self.options.depth:  # keep if depth
                        raise ValueError(f"a run of depth {depth}; only its width may be another")
                for name, row in entry.get("monitor", {}).items():
                    self.like[int(entry["step"]), name] = float(row["dh"])
            if path is not None and (not self.like or self.like_width < 1):
                raise ValueError("no log of a run with --monitor")

    @torch.no_grad()
    def outputs(self) -> dict[str, Tensor]:
        """Every layer's output on the probe."""
        model, found = self.trainer.model, dict[str, Tensor]()
        names = {layer: name for name, layer in model.named_modules() if isinstance(layer, Dense)}
        hook = register_module_forward_hook(
            lambda layer, _, y: found.update({names[layer]: y.float()} if layer in names else {})
        )
        with hook, autocast(self.trainer.device, self.options.precision):
            model(self.trainer.probe)
        return found

    def show(self, step: int) -> dict[str, dict[str, float | None]]:
        """Measure, and print the table."""
        rows, width = dict[str, dict[str, float | None]](), self.options.width
        known = PREDICTED if self.options.richness == RICHNESS else {}  # of this one alone
        known = known if self.options.depth == DEPTH else {}  # keep if depth
        table = [[f"step {step}", "h", "predicted", "dh", "predicted"]]
        for name, y in self.outputs().items():
            any_of = re.sub(r"\.\d+\.", ".*.", name)  # keep if blocks
            size, power, power_of_change = known.get(any_of, (None, None, None))  # keep if blocks
            size, power, power_of_change = known.get(name, (None, None, None))  # keep if not blocks
            h, dh = (v.double().square().mean().sqrt().item() for v in (y, y - self.first[name]))
            like_h = scaled(size, width / WIDTH, power)
            like_dh = scaled(self.like.get((step, name)), width / self.like_width, power_of_change)
            rows[name] = {"h": h, "h_predicted": like_h, "dh": dh, "dh_predicted": like_dh}
            table.append([name, *("-" if v is None else f"{v:.4g}" for v in rows[name].values())])
        for name, *cells in table if not self.options.quiet else ():
            shown = name.ljust(max(len(row[0]) for row in table))
            print(shown + "".join(f"{cell:>11}" for cell in cells), file=sys.stderr)
        return rows


def scaled(size: float | None, ratio: float, power: float | None) -> float | None:
    return None if size is None or power is None else size * ratio**power


# end
