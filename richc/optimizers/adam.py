"""Adam (Kingma & Ba 2015, arXiv 1412.6980), with weight decay that is coupled (L2)."""

from __future__ import annotations

from fractions import Fraction

from richc.optimizers.entrywise import Entrywise
from richc.optimizers.knobs import AMSGRAD, EPS, betas
from richc.optimizers.law import Epsilon, Spelling


class Adam(Entrywise):
    name = "adam"
    title = "Adam"
    about = (
        "Adam: updates of the size of the rate, whatever the gradient's. Weight decay is coupled "
        "(L2), and so normalised with the gradient."
    )
    knobs = (betas(Fraction(9, 10), Fraction(999, 1000)), EPS, AMSGRAD)
    keeps_squares = True
    eps = Epsilon.GRADIENT
    decay_is_normalised = True
    start = "lr = 2e-3"
    torch = Spelling("torch.optim.Adam", is_fused=True)


LAW = Adam()
