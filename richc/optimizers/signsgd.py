"""signSGD (Bernstein et al. 2018, arXiv 1802.04434), and Signum where there is a momentum."""

from __future__ import annotations

from fractions import Fraction
from typing import final

from richc.optimizers.entrywise import Entrywise
from richc.optimizers.knobs import momentum
from richc.optimizers.law import Spelling


@final
class SignSGD(Entrywise):
    name = "signsgd"
    title = "signSGD"
    about = "Sign of the (momentum of the) gradient. Decoupled weight decay."
    knobs = (momentum(Fraction(0)),)
    start = "lr = 3e-4"
    torch = Spelling("SignSGD")


LAW = SignSGD()
