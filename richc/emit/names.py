"""Names of a spec as names in Python: checked once more, and out of the way of what is there."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection

from richc.spec.names import refusal

#: Module-level names of the emitted file that a model's class could hide: those that begin with a
#: capital and hold no underscore.  A test compares.
MODULE_NAMES = frozenset(
    """
    Any Callable Checkpoints DDP DTensor Dense Embedding F
    Iterable Iterator Lion Log MixedPrecisionPolicy Monitor Path Rows Self Shifted SideBySide
    SignSGD Tensor Trainer Whole
    BATCH BLOCK COMPILER DATA DEPTH FEATURES GAMMA MISSING MODEL OUTPUTS PRECISION PREDICTED
    RICHNESS SCHEDULE SCORE SEED SPEC STEPS TARGET TOKENS WARMUP WIDTH
    """.split()
)


class TakenName(ValueError):
    """A layer that cannot be called so in this model; the message is one line for the user."""


def attribute(layer: str) -> str:
    """The layer's name; ValueError if it could be anything but an attribute of its own.

    The front end refuses such names with a diagnostic; nothing that reaches a file relies on it.
    """
    if not (layer.isascii() and layer.isidentifier()):
        raise ValueError(f"{layer!r} is not an ASCII identifier")
    reason = refusal(layer)
    if reason is not None:
        raise ValueError(f"{layer!r} cannot be a name: {reason}")
    return layer


def class_name(model: str) -> str:
    """The class of a model: ``my_net`` becomes ``MyNet``, ``dense`` ``DenseModel``.

    Raises ValueError for what is no ASCII identifier.
    """
    if not (model.isascii() and model.isidentifier()):
        raise ValueError(f"{model!r} is not an ASCII identifier")
    name = "".join(word[:1].upper() + word[1:] for word in re.split(r"_+", model))
    if not name[:1].isalpha():
        name = f"Model{name}"
    if name in MODULE_NAMES or hasattr(builtins, name) or keyword.iskeyword(name):
        name += "Model"
    return name


def free_class_name(block: str, taken: Collection[str]) -> str:
    """The class of a block: of ``blocks.mlp`` it is ``Mlp``, or else ``BlocksMlp``."""
    whole = block.replace(".", "_")
    names = [block.rpartition(".")[2], whole, *(f"{whole}_{i}" for i in range(len(taken) + 1))]
    return next(name for name in map(class_name, names) if name not in taken)
