"""Coordinate check from inside: sizes of signals, updates and contributions while training.

A *size* is the natural logarithm of a root mean square over examples and entries.  Nothing here
knows an exponent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from richc.lab.networks import Family, Networks, Record, make_optimizer
from richc.lab.program import Batch, Program

#: How many examples of the batch the changes are measured on.  Their entries are many already;
#: what differs from network to network is common to all examples.
PROBED = 8

#: Outputs drawn for the size of f at init, by drawing the read-out again and again: k of them are
#: all that one network has to average, however wide it is.
OUTPUTS = 256

#: At init
H = "h"
#: In one step: of a representation; what a layer's own weight or bias adds to it; what those add to
#: the output; and what they add to the representations between (of ``layer``, by ``source``).
DH, OWN, DF, TERM = "dh", "own", "df", "term"
#: Relative change of the last representation's kernel h hᵀ over all steps, see ``kernel_change``.
KERNEL = "kernel"
#: The output's change over all steps.
TRAVEL = "travel"
#: The optimizer's memory of gradients, in the end.
STATE = "state"


class Key(NamedTuple):
    """What a size is the size of."""

    quantity: str
    #: The layer; the last one's representation is the output.
    layer: int
    #: The number of the step, from 1; 0 at init.
    step: int
    #: By the bias, where a layer has one.
    of_bias: bool = False
    #: Of a TERM: the layer whose weight or bias adds it.
    source: int | None = None


#: The sizes (S,) of S networks of one width.
Sizes = dict[Key, Tensor]


def measure(
    program: Program,
    model: nn.Module,
    seeds: Sequence[int],
    batch: Batch,
    *,
    order: Sequence[int],
    rate: float,
    steps: int,
    with_travel: bool = False,
    with_kernel: bool = True,
    with_state: bool = False,
) -> Sizes:
    """Train one network a seed for ``steps`` steps on ``batch``, and measure everything.

    ``model`` is a network of the size in question, whose tensors are used up; ``order`` is as for
    Networks; ``rate`` multiplies every learning rate.  ``with_kernel`` trains their mirror images,
    too: see ``kernel_change``.
    """
    networks = Networks(
        program.module,
        model,
        seeds,
        rate=rate,
        steps=steps,
        is_linear=program.is_linear,
        order=order,
    )
    last = len(networks.typical) - 1
    found: Sizes = {}
    first: Record | None = None
    for step in range(1, steps + 1):
        record = networks.step(batch.x, batch.y, program.loss)
        if first is None:
            first = record
            for index, at in enumerate(networks.typical[:-1]):
                found[Key(H, index, 0)] = log_rms(record.heights[at])
            found[Key(H, last, 0)] = log_rms(
                networks.readouts(-(-OUTPUTS // record.heights[-1].shape[-1]))
            )
        found |= _changes(networks, record.head(PROBED), step, in_detail=step in (1, steps))
    assert first is not None
    after = networks.since_start(first) if with_kernel or with_travel else []
    if with_travel:
        found[Key(TRAVEL, last, steps)] = log_rms(after[-1] - first.heights[-1])
    if with_kernel:
        kernels = [(first.heights[-2], after[-2])]
        mirrored = Networks(
            program.module, model, seeds, rate=rate, steps=steps,
            is_linear=program.is_linear, order=order, mirrored=True,
        )  # fmt: skip
        start = mirrored.step(batch.x, batch.y, program.loss)
        for _ in range(steps - 1):
            mirrored.step(batch.x, batch.y, program.loss)
        kernels.append((start.heights[-2], mirrored.since_start(start)[-2]))
        found[Key(KERNEL, last - 1, steps)] = kernel_change(kernels)
    if with_state:
        states = networks.states()
        found |= {
            Key(STATE, family.layer, steps, family.is_bias): states[family.typical].log()
            for family in networks.families
            if family.typical in states
        }
    return found


def log_rms(values: Tensor) -> Tensor:
    """The size (S,) of each network's values (S, ...)."""
    return values.flatten(1).square().mean(1).sqrt().log()


def _changes(networks: Networks, record: Record, step: int, *, in_detail: bool) -> Sizes:
    """Changes in one step: all parts together and, ``in_detail``, each family of them alone.

    Of layers that several blocks have, changes are those of the middle block's; what a member adds
    to its own h is that member's alone.
    """
    alone = networks.families if in_detail else []
    several = [family for family in alone if len(family.members) > 1]
    variants = [frozenset(networks.parts), *(family.members for family in alone)]
    variants += [frozenset({family.typical}) for family in several]
    heights = networks.after_step(record, variants)
    last = len(networks.typical) - 1
    found: Sizes = {}
    for index, at in enumerate(networks.typical):
        change = heights[at] - record.heights[at].unsqueeze(1)
        found[Key(DH, index, step)] = log_rms(change[:, 0])
        for variant, family in enumerate(alone, start=1):
            for key in _shares(family, index, step, last, networks.typical[index]):
                found[key] = log_rms(change[:, variant])
        for variant, family in enumerate(several, start=1 + len(alone)):
            if family.layer == index:
                found[Key(OWN, index, step, family.is_bias)] = log_rms(change[:, variant])
    if in_detail:
        found |= _still(networks, step, found)
    return found


def _shares(family: Family, layer: int, step: int, last: int, place: int) -> list[Key]:
    """What the share of a family in a layer's change is: its own, f's, or one that is passed on."""
    if min(family.members).layer > place:
        return []
    keys = []
    if family.layer == layer and len(family.members) == 1:
        keys.append(Key(OWN, layer, step, family.is_bias))
    if layer == last:
        keys.append(Key(DF, family.layer, step, family.is_bias))
    if not keys and min(family.members).layer < place:
        keys.append(Key(TERM, layer, step, family.is_bias, family.layer))
    return keys


def _still(networks: Networks, step: int, known: Sizes) -> Sizes:
    """What does not train contributes nothing."""
    nothing = torch.full((networks.count,), -math.inf, dtype=torch.float64)
    keys = [
        Key(quantity, networks.order[part.layer], step, part.is_bias)
        for part in networks.tensors
        for quantity in (OWN, DF)
    ]
    return {key: nothing for key in keys if key not in known}


def kernel_change(pair: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Sizes (S,) of |K' - K| / |K| in Frobenius norm, K = h hᵀ of the last representation.

    ``pair`` has h (S, examples, n) before and after, of networks and of their mirror images, whose
    read-outs are the negatives; K' - K is the mean of both.  In a lone network the sum of h Δh over
    n entries of random sign, n^(r - 1), covers what the kernel is asked for, n^(2r - 1), until n is
    very large; it is odd in the read-out, and cancels.
    """
    differences = []
    for before, after in pair:
        change = after - before
        cross = before @ change.mT
        differences.append(cross + cross.mT + change @ change.mT)
    before, _ = pair[0]
    return log_rms(torch.stack(differences).mean(0)) - log_rms(before @ before.mT)


def plain_travel(
    program: Program, size: int, seed: int, batch: Batch, *, rate: float, steps: int
) -> float:
    """The size of f's change over all steps of one network, in the plainest way.

    The emitted network and the emitted optimizer, as a user's loop would run them: what Networks
    does cleverly is held to it.  As there, the loss is of f less what it was at init.
    """
    model = program.network(size)
    model.reset_parameters(torch.Generator().manual_seed(seed))  # type: ignore[operator]
    model.double()
    optimizer = make_optimizer(model, rate)
    with torch.no_grad():
        origin = model(batch.x)
    for _ in range(steps):
        optimizer.zero_grad()
        program.loss(model(batch.x) - origin, batch.y).backward()
        optimizer.step()
    with torch.no_grad():
        return log_rms((model(batch.x) - origin).unsqueeze(0)).item()
