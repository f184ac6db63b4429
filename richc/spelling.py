"""Which word of a vocabulary was meant: its other spelling, another's name for it, or a slip."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: What other tools and papers call things, and what that is here (in whichever vocabulary has it).
_ELSEWHERE = {
    "affine": ("dense",),
    "assert": ("require",),
    "batch_size": ("batch",),
    "bce": ("cross_entropy",),
    "bfloat16": ("bf16",),
    "ce": ("cross_entropy",),
    "check": ("require",),
    "criterion": ("loss",),
    "dataset": ("data",),
    "default": ("standard",),
    "dtype": ("precision",),
    "ensure": ("require",),
    "epochs": ("steps",),
    "epsilon": ("eps",),
    "eta": ("lr",),
    "fc": ("dense",),
    "file": ("data",),
    "float": ("fp32",),
    "float16": ("fp16",),
    "float32": ("fp32",),
    "fully_connected": ("dense",),
    "gaussian": ("normal",),
    "half": ("fp16",),
    "identity": ("linear",),
    "in_dim": ("input",),
    "in_features": ("fan_in",),
    "input_dim": ("input",),
    "input_size": ("input",),
    "iterations": ("steps",),
    "iters": ("steps",),
    "kaiming": ("standard",),
    "l2": ("weight_decay", "decay", "mse"),
    "label": ("target",),
    "labels": ("target",),
    "learning_rate": ("lr",),
    "linear": ("dense",),
    "logistic": ("sigmoid",),
    "lr_mult": ("lr",),
    "max_steps": ("steps",),
    "maximal_update": ("mup",),
    "mean_squared_error": ("mse",),
    "mult": ("scale",),
    "multiplier": ("scale",),
    "network": ("model",),
    "nll": ("cross_entropy",),
    "no": ("false",),
    "none": ("linear", "none", "false"),
    "ntk": ("ntp",),
    "num_steps": ("steps",),
    "off": ("false",),
    "on": ("true",),
    "optim": ("optimizer",),
    "out_features": ("fan_out",),
    "parametrisation": ("parameterization",),
    "parametrization": ("parameterization",),
    "path": ("data",),
    "random_seed": ("seed",),
    "rate": ("lr",),
    "requires_grad": ("frozen",),
    "rms_norm": ("match_rms_adamw",),
    "scheduler": ("schedule",),
    "shape_scaling": ("original",),
    "sigma": ("std",),
    "sp": ("standard",),
    "spectral_norm": ("spectral",),
    "stddev": ("std",),
    "step_size": ("lr",),
    "swish": ("silu",),
    "trainable": ("frozen",),
    "truncated_normal": ("trunc_normal",),
    "unit_rms_norm": ("spectral",),
    "use_bias": ("bias",),
    "variance": ("var",),
    "wd": ("weight_decay", "decay"),
    "weight_decay": ("decay",),
    "xent": ("cross_entropy",),
    "yes": ("true",),
}

#: Words far longer than these are not compared with them.
_MOST = 40


def respelt(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is the same word in other letters: ``ReLU``, ``CrossEntropy``."""
    plain = _plain(word)
    return next((c for c in candidates if _plain(c) == plain and c != word), None)


def meant(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """The candidates that a person may have meant, the likeliest ones only."""
    known = tuple(candidates)
    if len(word) > _MOST:
        return ()
    return near(word, known) or tuple(get_close_matches(word.lower(), known, n=1, cutoff=0.6))


def near(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """As ``meant``, without what only looks alike."""
    known = tuple(candidates)
    if len(word) > _MOST:
        return ()
    same = respelt(word, known)
    if same is not None:
        return (same,)
    named = _ELSEWHERE.get(word.lower(), ())
    found = tuple(c for c in named if c in known)[:1]
    return found or tuple(c for c in known if _is_slip(word.lower(), c.lower()))


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def _is_slip(word: str, other: str) -> bool:
    """One letter too many, too few or wrong, or two neighbours swapped."""
    if abs(len(word) - len(other)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), None)
    if at is None:
        return word != other
    swapped = word[at : at + 2] == other[at : at + 2][::-1] and len(word[at : at + 2]) == 2
    return (
        word[at:] == other[at + 1 :]
        or word[at + 1 :] == other[at:]
        # Of one letter each, nothing is left in common; nor of `L0` and `n0`.
        or (word[at + 1 :] == other[at + 1 :] and not word[at + 1 :].isdigit() and len(word) > 1)
        or (swapped and word[at + 2 :] == other[at + 2 :])
    )
