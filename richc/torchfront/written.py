"""``--rich``: a chain of dense layers as a .rich file, exact; or what the language cannot say."""

from __future__ import annotations

from pathlib import Path


class Unsaid(Exception):
    """What the language cannot say of a model."""


def save(factory: str, widths: tuple[int, ...], path: Path, *, force: bool) -> None:
    """Write the .rich file of a factory's model.  Raises Unsaid, Refusal, OutputError."""
    del widths, path, force
    raise Unsaid(f"{factory}: the model is no chain of dense layers")
