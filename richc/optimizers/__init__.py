"""Optimizers: all that is known of one stands in the module of its name, as a ``Law``.

A new one is such a module, and its word in ``richc.words.OPTIMIZERS``; where PyTorch lacks it, a
part of its name in ``richc/emit/parts`` as well.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from richc.optimizers.law import Law
from richc.words import OPTIMIZERS


@cache
def law(name: str) -> Law:
    """What is known of an optimizer; imports the module of this one only.

    Raises KeyError for an unknown name.
    """
    if name not in OPTIMIZERS:
        raise KeyError(name)
    found: Law = import_module(f"richc.optimizers.{name}").LAW
    return found


def laws() -> tuple[Law, ...]:
    """All of them, in the language's order."""
    return tuple(map(law, OPTIMIZERS))


def title(name: str) -> str:
    """An optimizer's name as its paper writes it; a name that is not known as it is."""
    return law(name).title if name in OPTIMIZERS else name


def option_names() -> tuple[str, ...]:
    """Every option that some optimizer has beside lr and weight_decay, each once."""
    return tuple(dict.fromkeys(option for known in laws() for option in known.options))
