"""The loop over a network's ops.  It knows none of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from richc.algebra.sizes import Size, largest
from richc.calculus.ops import UNIT, Domain, Op, Phase, Site

#: An op, and the layer of the file that it belongs to.
Placed = tuple[int, Op]


def place(ops: Iterable[Placed]) -> list[Site]:
    """The sites of some ops, one after the other."""
    placed = list(ops)
    following = [*(layer for layer, _ in placed[1:]), None]
    return [
        Site(layer, op, ends=layer != after)
        for (layer, op), after in zip(placed, following, strict=True)
    ]


def forward(sites: Sequence[Site], source: Size, domain: Domain) -> Size:
    """Every size at init; returns that of what the last op makes."""
    for site in sites:
        site.source = source
        source = site.op.forward(site, domain)
        if site.ends:
            source = domain.named("q", site.layer, source)
        site.height = source
    return source


def backward(sites: Sequence[Site], gradient: Size, phase: Phase) -> Size:
    """Gradients, and the updates that are made of them; returns what reaches the first input."""
    named = phase.domain.named
    for index in range(len(sites) - 1, -1, -1):
        site = sites[index]
        site.gradient = gradient
        site.own = site.op.own(site, phase)
        if site.op.letter:
            site.own = named(site.op.letter, site.layer, site.own)
        gradient = site.op.pull(site, phase)
        if index and sites[index - 1].ends:
            gradient = named("g", sites[index - 1].layer, gradient)
    return gradient


def upward(sites: Sequence[Site], change: Size, phase: Phase) -> Size:
    """What every update, and a change of the first input, makes of all that follows."""
    domain = phase.domain
    for site in sites:
        site.carried = site.op.push(site, change, phase)
        change = domain.total(site.own, site.carried)
        if site.ends:
            change = domain.named("U", site.layer, change)
        site.change = change
    return change


def wake(sites: Sequence[Site]) -> bool:
    """Let what has moved be what the next layer acts on; returns whether that changed anything.

    What starts smaller than one grows to one at most: beyond, it explodes by itself.
    """
    is_new = False
    for below, site in pairwise(sites):
        if below.ends and below.height < UNIT:
            source = largest(below.height, min(UNIT, below.change))
            is_new = is_new or source != site.source
            site.source = source
    for site in sites:
        for inner in filter(None, site.inner):
            source = largest(inner[0].source, min(UNIT, site.entering))
            is_new = wake(inner) or is_new or source != inner[0].source
            inner[0].source = source
    return is_new
