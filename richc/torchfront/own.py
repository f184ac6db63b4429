"""Own updates: what each parameter's update does to the first representation that it changes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from richc.lab.statistics import Fit
from richc.torchfront.evidence import TOLERANCE, Evidence
from richc.torchfront.predicting import predict, predict_factor, predict_output
from richc.torchfront.reading import FactoryReading
from richc.torchfront.tensors import SCALES


class Own(NamedTuple):
    """A parameter's own update: of a wide representation relative to its size, else as it is."""

    name: str
    #: The event whose output it changes first.
    key: str
    #: None where it changes nothing.
    fit: Fit | None
    read: Fraction | None
    is_wide: bool
    #: Whether it is an output that it changes first, and which: None where that is not seen.  What
    #: a bottleneck makes is one, with the name of the event.
    is_readout: bool = False
    output: str | None = None

    @property
    def is_bottleneck(self) -> bool:
        """Whether something wide is made of what it makes."""
        return self.output == self.key

    @property
    def exponent(self) -> float | None:
        """As measured; None for what does not move."""
        return None if self.fit is None or self.fit.is_zero else self.fit.exponent


def owns(evidence: Evidence, reading: FactoryReading) -> dict[str, Own]:
    """Those of all parameters that the forward pass uses."""
    found = ((name, _own(evidence, reading, name)) for name in reading.parameters)
    return {name: own for name, own in found if own is not None}


def _own(evidence: Evidence, reading: FactoryReading, name: str) -> Own | None:
    uses = evidence.uses(name)
    if not uses:
        return None
    parameter = reading.parameters[name]
    key = next((use for use in uses if evidence.is_wide(use)), uses[0])
    if evidence.is_wide(key):
        read = predict(evidence, parameter, key)
        return Own(name, key, evidence.own(name, key), read, True)
    last = evidence.events[key].shape[-1:]
    softs = (k for k, soft in evidence.softs.items() if soft.shape[-1:] == last)
    soft = next((k for k in softs if evidence.largest_response(name, k)), None)
    step = evidence.step(name)
    if soft is not None and evidence.comes_before(key, soft):
        if evidence.softs[soft].attends:
            return Own(name, key, evidence.asked(name, key), None, False)
        fit, bare = evidence.response(name, soft, step), evidence.bare_own(name, key)
        if fit is not None and bare is not None and fit.exponent > TOLERANCE > bare.exponent:
            fit = bare  # A number behind it is too large: that is no fault of the update.
        return Own(name, key, fit, None, False)
    if key in evidence.narrow.values():
        read = predict_output(evidence, parameter, key)
        return Own(name, key, evidence.moved(name, key), read, False, True, key)
    if any(evidence.is_wide(later) for later in evidence.after(key)):
        return Own(name, key, evidence.own(name, key), None, False)
    read = predict_output(evidence, parameter, key)
    for output in evidence.outputs:
        fit = evidence.response(name, output, step, "df")
        if fit is not None and not fit.is_zero:
            if not parameter.is_matrix and evidence.events[key].op in SCALES:
                # The output, which may start at n^-1/2, is what it multiplies.
                fit, read = evidence.own(name, key), predict_factor(evidence, parameter, key)
            return Own(name, key, fit, read, False, True, output)
    return Own(name, key, evidence.moved(name, key), read, False, True)


def bottlenecks(evidence: Evidence, reading: FactoryReading) -> dict[str, str]:
    """Matrices that sum something wide to a fixed number, of which something wide is made.

    With the event: a read-out wherever it stands.  Queries, keys and routers are judged by their
    soft-max.
    """
    found = {}
    for name, one in reading.parameters.items():
        uses = evidence.uses(name) if one.is_matrix and one.optimizer is not None else []
        if not uses or any(map(evidence.is_wide, uses)) or evidence.is_score(uses[0]):
            continue
        key, terms = uses[0], evidence.terms(uses[0])
        softens = any(evidence.comes_before(key, soft) for soft in evidence.softs)
        summed = terms[-1] > terms[0] and not any(map(math.isnan, evidence.factors(key, name)))
        if summed and not softens and any(map(evidence.is_wide, evidence.after(key))):
            found[name] = key
    return found


def lazy(found: Iterable[Own]) -> float | None:
    """The power by which all hidden updates are short, if it is one and the same."""
    powers = [own.exponent for own in found if own.is_wide and own.exponent is not None]
    if not powers or not all(-0.75 < power < -TOLERANCE for power in powers):
        return None
    return sum(powers) / len(powers) if max(powers) - min(powers) < 2 * TOLERANCE else None


def farthest(members: Iterable[Own]) -> Fit | None:
    """The fit that is farthest from n^0."""
    fits = [own.fit for own in members if own.fit is not None]
    return max(fits, key=lambda one: abs(one.exponent), default=None)
