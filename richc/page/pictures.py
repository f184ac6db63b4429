"""The panels of a run as figures of the page, where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from richc.figures.inline import inline
from richc.files import OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def pictures(
    draw: Callable[[str], Figure], panels: Mapping[str, str], tell: Callable[[str], str], name: str
) -> tuple[list[Markup], str]:
    """Each panel drawn, with its title and what is told of it; or none, and a note why.

    ``name`` begins the ids of all.
    """
    try:
        drawn = [
            Markup(inline(partial(draw, panel), f"{name}-{panel}", title, tell(panel)))  # noqa: S704 - an XML writer's
            for panel, title in panels.items()
        ]
    except OutputError as error:
        return [], str(error)
    return drawn, ""
