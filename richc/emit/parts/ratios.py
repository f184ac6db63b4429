"""Part: a check, for loops of one's own, that a schedule keeps the ratios between layers."""

from __future__ import annotations

import torch

from richc.emit.parts.network import Network

# ---- emitted from here on ----


def check_ratios(model: Network, optimizer: torch.optim.Optimizer) -> None:
    """For a loop of your own, after each ``scheduler.step()``.

    Raises ValueError unless the groups' rates are to each other as the specification says.  What
    gives all groups one rate (a single ``max_lr`` of OneCycleLR, CyclicLR) or one floor
    (``eta_min``, ``min_lr``) fails: such a run does not scale with the width.
    """
    wanted = {group["name"]: group["lr"] for group in model.param_groups()}
    rates = {str(group.get("name")): float(group["lr"]) for group in optimizer.param_groups}
    if wanted.keys() != rates.keys():
        raise ValueError(f"the groups are {', '.join(rates)}, not {', '.join(wanted)}")
    shares = sorted((rates[name] / wanted[name], name) for name in wanted)
    (low, first), (high, last) = shares[0], shares[-1]
    if high - low > 1e-6 * abs(high):
        raise ValueError(
            f"a scheduler broke the ratios between layers: of its rate in the specification, "
            f"{first} has {low:.4g} and {last} has {high:.4g}"
        )
