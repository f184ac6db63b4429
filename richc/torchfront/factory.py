"""The factory of a project, and what it makes, in one shape whatever was returned."""

from __future__ import annotations

import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from richc.torchfront.adapters import PARTS, batch_of, own_loss, unpacked

#: As many as NumPy has.
_SEEDS = 2**32
#: Folders whose frames say nothing to who wrote the factory.
_OWN = str(Path(__file__).parents[1])
_TORCH = str(Path(torch.__file__).parent)


class Refusal(Exception):
    """It cannot be audited; the message is one line, or a traceback of the user's own frames."""


class Made(NamedTuple):
    """What one call of the factory made."""

    model: nn.Module
    #: Whatever has ``step`` and ``zero_grad``: one, several, or a wrapper around several.
    steppers: tuple[Any, ...]
    #: The optimizers inside of these, whose groups hold the parameters.
    optimizers: tuple[Optimizer, ...]
    #: The arguments of the model.
    positional: tuple[Any, ...]
    named: Mapping[str, Any]
    #: Of the model's output, a scalar.
    loss: Callable[[Any], Any]
    scheduler: Any

    @property
    def groups(self) -> Iterator[tuple[Optimizer, dict[str, Any]]]:
        return ((o, group) for o in self.optimizers for group in o.param_groups)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Those that can be trained, by name; a tied one once."""
        named = self.model.named_parameters()
        return {plain(name): p for name, p in named if p.requires_grad}

    def call(self) -> Any:
        return self.model(*self.positional, **self.named)

    def zero_grad(self) -> None:
        self.model.zero_grad(set_to_none=True)

    def step(self) -> None:
        for stepper in self.steppers:
            stepper.step()


def plain(name: str) -> str:
    """A parameter's name without what compiling adds to it."""
    return name.replace("_orig_mod.", "")


class Factory:
    """A callable, or the name of one: ``package.module:make`` or ``path/file.py:make``."""

    def __init__(self, make: Callable[[int], Any] | str) -> None:
        if isinstance(make, str):
            self.name, self._make = make, _load(make)
        else:
            module = getattr(make, "__module__", None) or "<module>"
            self.name = f"{module}:{getattr(make, '__qualname__', repr(make))}"
            self._make = make

    def __call__(self, width: int, seed: int = 0) -> Made:
        """A network of this width.  Raises Refusal."""
        with _seeded(width * 1_000_003 + seed), guarded(f"{self.name} raised at width {width}"):
            made = self._make(width)
        return normalised(made)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's, NumPy's and torch's generators start here.

    What a factory seeds itself, as scripts do, it seeds with its own number and this one: with the
    same number always, all networks of a width would be one.
    """
    places: list[Any] = [random, torch.random, torch]
    if "numpy" in sys.modules:
        places.append(sys.modules["numpy"].random)
    kept = [
        (place, name, getattr(place, name))
        for place in places
        for name in ("seed", "manual_seed")
        if (place, name) not in ((torch, "seed"), (torch.random, "seed")) and hasattr(place, name)
    ]

    def moved(seeds: Callable[..., Any], number: Any = 0, *others: Any) -> Any:
        if not isinstance(number, int | Tensor):
            return seeds(number, *others)
        return seeds((int(number) + seed) % _SEEDS, *others)

    try:
        for place, name, seeds in kept:
            setattr(place, name, partial(moved, seeds))
            getattr(place, name)(0)
        yield
    finally:
        for place, name, seeds in kept:
            setattr(place, name, seeds)


def normalised(made: Any) -> Made:
    """What a factory returned.  Raises Refusal where something is missing."""
    odd = [str(key) for key in made if key not in PARTS] if isinstance(made, Mapping) else []
    if odd:
        raise Refusal(
            f"the factory returns {', '.join(map(repr, odd))}: its keys are {', '.join(PARTS)}"
        )
    parts = unpacked(made)
    model = parts.get("model")
    if not isinstance(model, nn.Module):
        raise Refusal(
            "the factory returns no model: it should return dict(model=…, optimizer=…, batch=…, "
            "loss=…), or these as a tuple"
        )
    _refuse_shards(model)
    if parts.get("optimizer") is None:
        raise Refusal("the factory returns no optimizer")
    given = parts["optimizer"]
    steppers = tuple(given) if isinstance(given, list | tuple) else (given,)
    optimizers = tuple(dict.fromkeys(o for s in steppers for o in _inside(s)))
    if not optimizers:
        raise Refusal(f"{type(given).__name__} is no torch.optim.Optimizer, and holds none")
    for optimizer in optimizers:
        if isinstance(optimizer, torch.optim.LBFGS):
            raise Refusal("LBFGS steps through a closure: only optimizers that step by themselves")
    if "batch" not in parts:
        raise Refusal("the factory returns no batch")
    loss = own_loss if parts.get("loss") is None else parts["loss"]
    if not callable(loss):
        raise Refusal(f"the loss is a {type(loss).__name__}, and no function of the model's output")
    positional, named = batch_of(model, parts["batch"])
    return Made(
        model,
        steppers,
        optimizers,
        positional,
        named,
        loss,
        parts.get("scheduler"),
    )


def _inside(stepper: Any) -> Iterator[Optimizer]:
    """A stepper, if it is an optimizer with groups of its own, else those that it wraps."""
    held = list(vars(stepper).values()) if hasattr(stepper, "__dict__") else []
    parts = [p for v in held for p in (v if isinstance(v, list | tuple) else [v])]
    parts += [p for v in held if isinstance(v, dict) for p in v.values()]
    wrapped = [p for p in parts if isinstance(p, Optimizer) and p is not stepper]
    if wrapped:
        for part in wrapped:
            yield from _inside(part)
    elif isinstance(stepper, Optimizer):
        yield stepper


def _refuse_shards(model: nn.Module) -> None:
    sharded = any(
        type(module).__name__ in ("FullyShardedDataParallel", "FSDPModule")
        or "fsdp" in type(module).__module__
        for module in model.modules()
    )
    if sharded or any(type(p.data).__name__ == "DTensor" for p in model.parameters()):
        raise Refusal("FSDP and DTensor: audit the unwrapped factory in one process")


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Errors of the user's code become a refusal that shows the user's own frames."""
    try:
        yield
    except Refusal:
        raise
    # Scripts that parse arguments end the process where these are not theirs.
    except (Exception, SystemExit) as error:
        raise Refusal(f"{what}: {own_frames(error)}") from error


def own_frames(error: BaseException) -> str:
    """An error with the frames of the user's code: without richc's and torch's."""
    found = [f for f in traceback.extract_tb(error.__traceback__) if is_own(f.filename)]
    kept = [f for f in found if "site-packages" not in f.filename] or found
    said = "".join(traceback.format_exception_only(error)).strip()
    return "\n".join(
        [said.splitlines()[0], *(line.rstrip() for line in traceback.format_list(kept))]
    )


def is_own(path: str) -> bool:
    """Whether a file is the user's."""
    return not path.startswith((_OWN, _TORCH, "<frozen")) and "torch/_" not in path


def own_line(frame: FrameType | None) -> tuple[str, int] | None:
    """File and line of the user's code that leads here, the nearest."""
    while frame is not None:
        if is_own(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def _load(name: str) -> Callable[[int], Any]:
    """The function of a name.  Raises Refusal."""
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise Refusal(f"{name!r} names no factory: package.module:make, or path/file.py:make")
    with _no_bytecode():
        module = _from_file(where) if where.endswith(".py") else _from_path(where)
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise Refusal(f"there is no function {attribute!r} in {where}")
    return found  # type: ignore[no-any-return]


@contextmanager
def _no_bytecode() -> Iterator[None]:
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _from_file(where: str) -> Any:
    path = Path(where)
    if not path.is_file():
        raise Refusal(f"there is no file {where}")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # Its classes are looked up there, by dataclasses for one.
    sys.modules.setdefault(path.stem, module)
    with guarded(f"{where} cannot be imported"):
        spec.loader.exec_module(module)
    return module


def _from_path(where: str) -> Any:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with guarded(f"{where} cannot be imported"):
        return import_module(where)
