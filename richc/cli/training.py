"""What commands that train and draw have in common."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from richc.cli.errors import Unusable


def prepare_torch() -> None:
    """To be called before torch is imported.  Raises Unusable where there is none."""
    from importlib.util import find_spec

    from richc.lab.threads import calm
    from richc.lab.train import NO_TORCH

    if find_spec("torch") is None:
        raise Unusable(NO_TORCH)
    calm(os.environ)


def plot_target(plot: str | None, *, force: bool) -> Path | None:
    """The picture that ``--plot`` names, where it can be drawn.  Raises Unusable."""
    if plot is None:
        return None
    from richc.figures.style import check_target

    path = Path(plot)
    with plotting():
        check_target(path, force=force)
    return path


@contextmanager
def plotting() -> Iterator[None]:
    """Raises Unusable for a picture that cannot be drawn."""
    from richc.figures.style import FigureProblem

    try:
        yield
    except FigureProblem as error:
        raise Unusable(f"--plot: {error}") from None
