"""What is known of a network of the zoo: how it is called, what makes it, and what is wrong.

Truths are derived by hand from docs/theory.md (and, for residual streams, norms and attention, from
the same rules for a fixed number of blocks).  The invariants of μP, as powers n^-A and n^-C with
A = a + b, and C = c + 2a for SGD, c + a for Adam:

    ===================  ====  ====  =====
    tensor               A     SGD   Adam
    ===================  ====  ====  =====
    read-in, embedding   0     -1    0
    gain, bias           -     -1    0
    hidden matrix        1/2   0     1
    read-out             1     1     1
    its bias             -     0     0
    ===================  ====  ====  =====

An excess is by how many powers of n a knob is too large.  Where the table leaves one way to mend a
network with one knob, that is its truth; where a gauge move gives another, it stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from typing import Any, NamedTuple

#: What a factory returns: model, optimizer, batch, and loss where the output has none.
Made = dict[str, Any]
Factory = Callable[[int], Made]

LR, INIT, MULTIPLIER, SCALE = "lr", "init", "multiplier", "attention_scale"
EPS, DECAY, SCHEDULE = "eps", "decay", "schedule"


class Fault(NamedTuple):
    """One knob that is wrong, for the parameters that a pattern matches in full."""

    parameters: str
    knob: str
    excess: Fraction

    def matches(self, names: Sequence[str]) -> set[str]:
        return {name for name in names if re.fullmatch(self.parameters, name)}

    def __str__(self) -> str:
        return f"`{self.parameters}` {self.knob} × n^{self.excess}"


def fault(parameters: str, knob: str, excess: float) -> Fault:
    return Fault(parameters, knob, Fraction(excess))


class Case(NamedTuple):
    """A network, and the truth about it; with no faults it is right."""

    name: str
    make: Factory
    #: All that is wrong.  Where it is one, a report says this and nothing else; of several it may
    #: say those that are the root of others first.
    faults: tuple[Fault, ...] = ()
    #: The same, said in another gauge.
    otherwise: tuple[Fault, ...] = ()
    #: What deserves a warning, and leaves the verdict alone.
    warnings: tuple[Fault, ...] = ()
    #: Parameters that act on nothing at any width: named or not, both are right.
    idle: str = ""
    richness: float | None = None
    target: str = "mup"
    #: The package that it is made with, beside torch.
    needs: str = ""
    group: str = ""

    @property
    def label(self) -> str:
        return f"{self.group}: {self.name}"

    @property
    def is_right(self) -> bool:
        return not self.faults

    @property
    def is_single(self) -> bool:
        return len(self.faults) == 1

    @property
    def missing(self) -> str:
        """Why it cannot be made here; empty where it can."""
        absent = self.needs and find_spec(self.needs) is None
        return f"{self.needs} is not installed" if absent else ""

    @property
    def truth(self) -> str:
        if self.is_right:
            said = "; ".join(f"warned of: {one}" for one in self.warnings)
            return (
                f"right{' for ' + self.target if self.target != 'mup' else ''}{said and ', '}{said}"
            )
        lazy = "" if self.richness is None else f"lazy, r = {self.richness:g}: "
        return lazy + "; ".join(map(str, self.faults))


def grouped(group: str, *cases: Case) -> tuple[Case, ...]:
    return tuple(case._replace(group=group) for case in cases)
