"""The vocabulary of the language, and what to say of words that are nearly in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from richc.activations import NONLINEARITIES

#: How a comment begins that asks richc for something.
ADDRESS = re.compile(r"#[ \t]*richc[ \t]*:[ \t]*")

ACTIVATIONS = tuple(NONLINEARITIES)

NORMS = ("rmsnorm", "layernorm")

OPTIMIZERS = ("sgd", "adam", "adamw", "lion", "signsgd", "adafactor", "muon")

NORMS = ("rmsnorm", "layernorm")

LOSSES = ("mse", "cross_entropy")

PARAMETERIZATIONS = ("mup", "ntp", "rich", "standard")

GAUGES = ("stp", "mup", "rescaling")


class Regime(StrEnum):
    """What training is like at large width."""

    RICH = "rich"
    LAZY = "lazy"
    #: It passes, and one representation is richer than another: beside a bias of order one, the
    #: desiderata leave the size of each update open.
    MIXED = "mixed"
    PARTIAL = "partial"
    TRIVIAL = "trivial"
    UNSTABLE = "unstable"


REGIMES = tuple(Regime)

#: What may stand after ``with`` and ``--with``; richc/emit/features.py says what each adds.
FEATURES = ("ckpt", "ddp", "fsdp", "log", "monitor", "options", "stream")

DISTRIBUTIONS = ("normal", "uniform", "trunc_normal", "orthogonal")

#: Words of other frameworks' vocabularies, and what they are.
_OUTSIDE = {
    "conv": "a convolution",
    **dict.fromkeys("attention attn mha gqa self_attention multihead".split(), "attention"),
    **dict.fromkeys("tie tied share shared weight_tying".split(), "tied weights"),
    **dict.fromkeys("looped universal".split(), "a shared (looped) block"),
    **dict.fromkeys("swiglu geglu reglu gated gate".split(), "a gated unit"),
    "glu": "a gated unit (if it is not `gelu`)",
    **dict.fromkeys("lstm gru rnn".split(), "a recurrent layer"),
    **dict.fromkeys("batchnorm batch_norm bn".split(), "batch normalisation"),
    **dict.fromkeys("groupnorm group_norm instancenorm weight_norm".split(), "this normalisation"),
    "dropout": "dropout",
    "maxpool": "pooling",
    "avgpool": "pooling",
    "flatten": "a reshaping layer",
    "softmax": "softmax (the loss takes care of it)",
}


def quotable(text: str, most: int = 80) -> str:
    """A part of a text as a message may quote it: no command for a terminal, and not too long."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:most])
    return f"{shown}..." if len(text) > most else shown


def counted(number: int, thing: str) -> str:
    """``1 file``, ``2 files``, ``1,000 files``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def not_in_language(word: str) -> str | None:
    """What a word of other frameworks means, when this language lacks it."""
    lowered = word.lower()
    known = _OUTSIDE.get(lowered) or _OUTSIDE.get(lowered.rstrip("0123456789d"))
    if known is None and "attention" in lowered:
        return "attention"
    return known


def norm_meant(word: str) -> str | None:
    """The norm that a word of another framework means: ``LayerNorm``, ``rms_norm``, ``ln``."""
    plain = word.lower().replace("_", "")
    return {"ln": "layernorm", "rms": "rmsnorm"}.get(plain, plain if plain in NORMS else None)


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a person probably meant, if any is near."""
    # Imported late: only a misspelling pays for it.
    from richc.spelling import meant

    return next(iter(meant(word, candidates)), None)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """``; did you mean `x`?``, or with `x` or `y` where both are as near, or nothing."""
    from richc.spelling import meant

    words = " or ".join(f"`{match}`" for match in meant(word, candidates))
    return f"; did you mean {words}?" if words else ""
