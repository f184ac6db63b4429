"""What a program has only when it is asked for: one table, of data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from richc.words import FEATURES as NAMES
from richc.words import did_you_mean


class Feature(NamedTuple):
    """The regions ``# keep if NAME`` of all parts, and what the fields say.

    A feature's own imports are those of its parts.  That of a region stands in the region's part,
    where a region ``# keep if NAME`` around the import leaves it to this feature.
    """

    #: One line for users.
    about: str
    #: Of its own (richc/emit/parts), in the order in which they stand in the file.
    parts: tuple[str, ...]
    #: What the program's command line gains: ``richc train`` adds the feature to have them.
    options: tuple[str, ...]
    #: A feature that it has the place of, where both are wished for.
    instead_of: str = ""


class UnknownFeature(ValueError):
    """A name that is no feature's; the message is one line for the user."""


FEATURES: dict[str, Feature] = {
    "ckpt": Feature(
        "`--checkpoint FOLDER` keeps whole states of a run; `--resume` goes on from the newest.",
        ("files", "ckpt"),
        ("--checkpoint", "--every", "--keep", "--resume"),
    ),
    "ddp": Feature(
        "`torchrun --nproc-per-node=N -- program.py ...`: each takes its share of every batch.",
        ("ranks",),
        (),
    ),
    "fsdp": Feature(
        "As `ddp`, with weights, gradients and optimizer states divided among the processes.",
        ("ranks", "shards"),
        ("--shard-over", "--sync-pieces"),
        instead_of="ddp",
    ),
    "log": Feature(
        "`--log FILE` appends loss, score and rates as lines of JSON; `--tensorboard FOLDER`.",
        ("files", "log"),
        ("--log", "--log-every", "--tensorboard"),
    ),
    "monitor": Feature(
        "`--monitor K` shows the size of every representation and of its change, with predictions.",
        ("monitor",),
        ("--monitor", "--monitor-like"),
    ),
    "stream": Feature(
        "Data stays on the disk: mapped .npy .pt .safetensors, shards of Parquet and Arrow.",
        ("stream_files", "stream"),
        ("--window", "--statistics-rows", "--report-rows"),
    ),
}


def chosen(*wishes: Iterable[str]) -> tuple[str, ...]:
    """All that is wished for, each once, in the language's order.  Raises UnknownFeature."""
    wished = {name for wish in wishes for name in wish}
    for name in sorted(wished - set(NAMES)):
        guess = did_you_mean(name, NAMES)
        raise UnknownFeature(f"there is no feature `{name}`, only {', '.join(NAMES)}{guess}")
    wished -= {FEATURES[name].instead_of for name in wished}
    return tuple(name for name in NAMES if name in wished)


def needed(arguments: Iterable[str]) -> set[str]:
    """The features that bring the options in a program's ``arguments``."""
    given = {argument.partition("=")[0] for argument in arguments}
    return {name for name, feature in FEATURES.items() if given & set(feature.options)}
