"""Names of a spec as names in Python: checked once more, and out of the way of what is there."""

from __future__ import annotations

import builtins
import keyword
import re

from richc.spec.names import refusal

#: Module-level names of the emitted file that a model's class could hide: those that begin with a
#: capital and hold no underscore.  A test compares.
MODULE_NAMES = frozenset(
    """
    Any Batches Callable Checkpoints DTensor Dense DistributedDataParallel F
    Future Iterable Iterator Lion Log MixedPrecisionPolicy Monitor Path Rows Sequence
    SignSGD StateDictOptions Tensor ThreadPoolExecutor Trainer Whole
    BATCH BLOCK COMPILER DATA FEATURES GAMMA MISSING MODEL OUTPUTS PRECISION PREDICTED RICHNESS
    SCHEDULE SCORE SEED SPEC STEPS TARGET WARMUP WIDTH
    """.split()
)


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
