"""Optimizer families: update laws, gauge moves and the knobs each takes.

``law(name)`` imports the one family that a model uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from richc.optimizers.law import Law


class Knobs(NamedTuple):
    """An optimizer as the language knows it."""

    module: str
    #: The learning rate when the file gives none.
    lr: str
    #: Options beside lr and weight_decay.
    options: tuple[str, ...]
    #: Whether eps is added to the size of the gradient (Adam) or bounds RMS(W) below (Adafactor).
    eps: str | None
    #: Whether weight decay enters through the gradient, to be normalised with it.
    decay_is_normalised: bool = False


OPTIMIZERS: dict[str, Knobs] = {
    "sgd": Knobs("sgd", "1/10", ("momentum", "nesterov"), None),
    "adam": Knobs("adam", "1/1000", ("betas", "eps", "amsgrad"), "gradient", True),
    "adamw": Knobs("adam", "1/1000", ("betas", "eps", "amsgrad"), "gradient"),
    "lion": Knobs("adam", "1/10000", ("betas",), None),
    "signsgd": Knobs("adam", "1/1000", ("momentum",), None),
    "adafactor": Knobs("adafactor", "1/100", ("eps", "beta2_decay"), "weight"),
    "muon": Knobs("muon", "1/50", ("momentum", "nesterov", "shape_factor", "ns_steps"), None),
}

#: Muon's shape factors -> what each multiplies an update by: formulas of a weight's dimensions.
SHAPE_FACTORS = {
    "none": "1",
    "original": "sqrt(max(1, fan_out / fan_in))",
    "match_rms_adamw": "0.2 sqrt(max(fan_in, fan_out))",
    "spectral": "sqrt(fan_out / fan_in)",
}


def law(name: str) -> Law:
    """The update law of an optimizer.  Raises KeyError for an unknown name."""
    module = import_module(f"richc.optimizers.{OPTIMIZERS[name].module}")
    found: Law = module.LAW
    return found
