"""What a program has only when it is asked for, and which parts are in which file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from richc.diagnostics import RichError
from richc.emit.text import load_part
from richc.spec.model import Train
from richc.words import FEATURES as NAMES
from richc.words import did_you_mean


class Feature(NamedTuple):
    """The regions ``# keep if NAME`` of all parts."""

    name: str
    #: One line for users.
    about: str

    @property
    def options(self) -> set[str]:
        """What the program's command line gains: ``richc train`` adds the feature to have them."""
        others = {"features", "options"} - {self.name}
        texts = (load_part("program", frozenset(s)).body for s in ({*others, self.name}, others))
        more, less = (set(re.findall(r'add\("(--[\w-]+)"', text)) for text in texts)
        return more - less


class UnknownFeature(RichError):
    """A name that is no feature's."""


_ABOUT = {
    "ckpt": "`--checkpoint FOLDER` keeps whole states of a run; `--resume` goes on from the "
    "newest.",
    "ddp": "`torchrun --nproc-per-node=N -- program.py ...`: each takes its share of every batch.",
    "fsdp": "As `ddp`, with weights, gradients and optimizer states divided among the processes.",
    "log": "`--log FILE` appends loss, score and rates as lines of JSON; `--tensorboard FOLDER`.",
    "monitor": "`--monitor K` shows the size of every representation and of its change, with "
    "predictions.",
    "options": "Schedules and warm-up, fp16, TF32, `--compile`, `--accumulate`; .npz .pt "
    ".safetensors.",
    "stream": "Data stays on the disk: shards of Parquet; with `options` of Arrow, and mapped "
    "arrays.",
}
FEATURES = {name: Feature(name, about) for name, about in _ABOUT.items()}

#: Every part (richc/emit/parts) in the order of the file, and of which files: a condition as behind
#: ``# keep if``, on features, the loss, and the words that ``words_of`` adds.
PARTS = {
    "optimizers": "",
    "layers": "",
    "blocks": "blocks",
    "network": "",
    "data": "program",
    "training": "program",
    "records": "ckpt or log or monitor",
    "program": "program",
}


def chosen(*wishes: Iterable[str], train: Train | None = None) -> tuple[str, ...]:
    """All that is wished for, each once, in the language's order; and what ``train`` asks for.

    Raises UnknownFeature.
    """
    wished = {name for wish in wishes for name in wish}
    for name in sorted(wished - set(NAMES)):
        guess = did_you_mean(name, NAMES)
        raise UnknownFeature(f"there is no feature `{name}`, only {', '.join(NAMES)}{guess}")
    if train is not None and _asks_for_options(train):
        wished.add("options")
    wished -= {"ddp"} if "fsdp" in wished else set()  # which does as much, and more
    return tuple(name for name in NAMES if name in wished)


def _asks_for_options(train: Train) -> bool:
    is_table = train.data is None or train.data.lower().endswith((".csv", ".csv.gz"))
    has_schedule = bool(train.warmup) or train.schedule not in (None, "constant")
    return has_schedule or train.precision == "fp16" or not is_table


def needed(arguments: Iterable[str]) -> set[str]:
    """The features that bring the options in a program's ``arguments``."""
    given = {argument.partition("=")[0] for argument in arguments}
    return {name for name, feature in FEATURES.items() if given & feature.options}
