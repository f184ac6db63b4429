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

from richc.lab.networks import Networks, Record, Slice, make_optimizer
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
    rate: float,
    steps: int,
    with_kernel: bool = True,
    with_state: bool = False,
) -> Sizes:
    """Train one network a seed for ``steps`` steps on ``batch``, and measure everything.

    ``model`` is a network of the width in question, whose tensors are used up; ``rate`` multiplies
    every learning rate.  ``with_kernel`` trains their mirror images, too: see ``kernel_change``.
    """
    networks = Networks(
        program.module, model, seeds, rate=rate, steps=steps, is_linear=program.is_linear
    )
    last = len(networks.layers) - 1
    found: Sizes = {}
    first: Record | None = None
    for step in range(1, steps + 1):
        record = networks.step(batch.x, batch.y, program.loss)
        if first is None:
            first = record
            for index, height in enumerate(record.heights[:-1]):
                found[Key(H, index, 0)] = log_rms(height)
            found[Key(H, last, 0)] = log_rms(
                networks.readouts(-(-OUTPUTS // record.heights[last].shape[-1]))
            )
        found |= _changes(networks, record.head(PROBED), step, in_detail=step in (1, steps))
    assert first is not None
    if with_kernel:
        after = networks.since_start(first)
        found[Key(TRAVEL, last, steps)] = log_rms(after[-1] - first.heights[-1])
        kernels = [(first.heights[-2], after[-2])]
        mirrored = Networks(
            program.module, model, seeds, rate=rate, steps=steps,
            is_linear=program.is_linear, mirrored=True,
        )  # fmt: skip
        start = mirrored.step(batch.x, batch.y, program.loss)
        for _ in range(steps - 1):
            mirrored.step(batch.x, batch.y, program.loss)
        kernels.append((start.heights[-2], mirrored.since_start(start)[-2]))
        found[Key(KERNEL, last - 1, steps)] = kernel_change(kernels)
    if with_state:
        found |= {
            Key(STATE, part.layer, steps, part.is_bias): size.log()
            for part, size in networks.states().items()
        }
    return found


def log_rms(values: Tensor) -> Tensor:
    """The size (S,) of each network's values (S, ...)."""
    return values.flatten(1).square().mean(1).sqrt().log()


def _changes(networks: Networks, record: Record, step: int, *, in_detail: bool) -> Sizes:
    """Changes in one step: all parts together and, ``in_detail``, each part alone."""
    alone = networks.parts if in_detail else []
    everything = frozenset(networks.parts)
    heights = networks.after_step(record, [everything, *(frozenset({part}) for part in alone)])
    found: Sizes = {}
    for index, (after, before) in enumerate(zip(heights, record.heights, strict=True)):
        change = after - before.unsqueeze(1)
        found[Key(DH, index, step)] = log_rms(change[:, 0])
        for variant, part in enumerate(alone, start=1):
            if part.layer <= index:
                for key in _shares(part, index, step, len(heights) - 1):
                    found[key] = log_rms(change[:, variant])
    if in_detail:
        found |= _still(networks, step, found)
    return found


def _shares(part: Slice, layer: int, step: int, last: int) -> list[Key]:
    """What the share of a part in a layer's change is: its own, f's, or one that is passed on."""
    keys = []
    if part.layer == layer:
        keys.append(Key(OWN, layer, step, part.is_bias))
    if layer == last:
        keys.append(Key(DF, part.layer, step, part.is_bias))
    return keys or [Key(TERM, layer, step, part.is_bias, part.layer)]


def _still(networks: Networks, step: int, known: Sizes) -> Sizes:
    """What does not train contributes nothing."""
    nothing = torch.full((networks.count,), -math.inf, dtype=torch.float64)
    keys = [
        Key(quantity, part.layer, step, part.is_bias)
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
    program: Program, width: int, seed: int, batch: Batch, *, rate: float, steps: int
) -> float:
    """The size of f's change over all steps of one network, in the plainest way.

    The emitted network and the emitted optimizer, as a user's loop would run them: what Networks
    does cleverly is held to it.  As there, the loss is of f less what it was at init.
    """
    model = program.network(width)
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
