"""What a factory has made, ready to be measured."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature

import torch

from richc.torchfront.adapters import cast
from richc.torchfront.factory import Made, guarded

#: Steps of a scheduler before rates are read: behind a short warm-up.
_SCHEDULED = 10


def prepare(made: Made, dtype: torch.dtype) -> Made:
    """In train mode, in another precision, without decay, at the rates of the schedule."""
    made.model.train()
    made.model.to(dtype)
    rates = scheduled(made)
    for (_, group), rate in zip(made.groups, rates, strict=True):
        group["lr"] = rate
        if "weight_decay" in group:
            group["weight_decay"] = 0.0
    return made._replace(
        positional=cast(made.positional, dtype), named=cast(dict(made.named), dtype)
    )


def scheduled(made: Made) -> list[float]:
    """Every group's rate after some steps of the scheduler, relative to which nothing changes.

    Those of the groups where there is no scheduler, or where it has stopped the training by then.
    """
    groups = [group for _, group in made.groups]
    rates = [float(group.get("initial_lr", group["lr"])) for group in groups]
    several = made.scheduler if isinstance(made.scheduler, list | tuple) else [made.scheduler]
    schedulers = [one for one in several if hasattr(one, "step")]
    if not schedulers:
        return rates
    for _ in range(_SCHEDULED):
        for one in schedulers:
            with guarded("the scheduler raised"):
                one.step(*([1.0] if "metrics" in signature(one.step).parameters else []))
    after = [float(group["lr"]) for group in groups]
    return after if all(after) else rates


@contextmanager
def quiet() -> Iterator[None]:
    """Compiled models run as they are written; warnings of the user's code are not richc's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.compiler.set_stance("force_eager"):
            yield
