"""Lion (Chen et al. 2023, arXiv 2302.06675): the sign of an interpolated momentum."""

from __future__ import annotations

from fractions import Fraction
from typing import final

from richc.optimizers.entrywise import Entrywise
from richc.optimizers.knobs import betas
from richc.optimizers.law import Spelling


@final
class Lion(Entrywise):
    name = "lion"
    title = "Lion"
    about = (
        "Sign of an interpolated momentum, with `betas`; lr 1e-4 unless written. Decoupled weight "
        "decay."
    )
    lr = Fraction(1, 10000)
    knobs = (betas(Fraction(9, 10), Fraction(99, 100)),)
    start = "lr = 3e-4"
    torch = Spelling("Lion")


LAW = Lion()
