"""Part: schedules that keep the ratios between layers, and a check for those that do not."""

from __future__ import annotations

import math

import torch

from richc.emit.parts.network import Network

# ---- emitted from here on ----


def share_of_rate(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """The factor on every group's rate, so that the ratios between layers stay as they are.

    It rises over ``warmup`` steps to 1; the schedule takes what is left of the ``steps``.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0 - done if schedule == "linear" else 1.0


def make_schedule(
    optimizer: torch.optim.Optimizer, schedule: str, steps: int, warmup: int = 0
) -> torch.optim.lr_scheduler.LambdaLR:
    """One factor for all groups, as a scheduler of torch."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: share_of_rate(schedule, step, steps, warmup)
    )


def check_ratios(model: Network, optimizer: torch.optim.Optimizer) -> None:
    """Raises ValueError unless the groups' rates are to each other as the specification says.

    For a loop of your own, after each ``scheduler.step()``.  What gives all groups one rate (a
    single ``max_lr`` of OneCycleLR, CyclicLR) or one floor (``eta_min`` of CosineAnnealingLR,
    ``min_lr`` and ``eps`` of ReduceLROnPlateau) fails: such a run does not scale with the width.
    """
    wanted = {group["name"]: group["lr"] for group in model.param_groups()}
    rates = {str(group.get("name")): float(group["lr"]) for group in optimizer.param_groups}
    if wanted.keys() != rates.keys():
        raise ValueError(f"the groups are {', '.join(rates)}, not {', '.join(wanted)}")
    shares = {name: rates[name] / wanted[name] for name in wanted}
    low, high = min(shares, key=lambda k: shares[k]), max(shares, key=lambda k: shares[k])
    if shares[high] - shares[low] > 1e-6 * abs(shares[high]):
        raise ValueError(
            f"a scheduler broke the ratios between layers: of its rate in the specification, "
            f"{low} has {shares[low]:.4g} and {high} has {shares[high]:.4g}"
        )
