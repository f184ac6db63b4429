"""What all pictures share: colours, type, where they may be written, and how.

matplotlib (extra ``richc[plot]``) is imported when something is drawn.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from richc._version import __version__
from richc.files import OutputError, starts_with, write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What to tell a user whose Python has no matplotlib.
NO_MATPLOTLIB = 'pictures need matplotlib, which is not installed: pip install "richc[plot]"'

#: Okabe & Ito 2008: told apart with any colour vision, on white and on black.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
#: Shapes go with the colours, for who prints in grey.
MARKERS = "osD^vP"
#: Text, axes and what is drawn in black; pages put the colour of their own text in its place.
INK = "#000001"
#: Grid lines.
GRID = "#dddddd"
#: Inches: of one column of a paper, and of two.
COLUMN, TWO_COLUMNS = 3.5, 7.2

#: In every picture's metadata: what richc may overwrite.
_AUTHOR = "drawn by richc"
#: Where metadata stands at the latest, in bytes.
_HEAD = 4096

_RC: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # The same file for the same picture.
    "svg.hashsalt": "richc",
}


def check_target(path: Path, *, force: bool) -> None:
    """Say early what would be wrong in the end.  Raises OutputError."""
    if path.suffix not in (".png", ".svg"):
        raise OutputError(f"{path}: the name must end in .png or .svg")
    require_matplotlib()
    if not path.parent.is_dir():
        raise OutputError(f"{path}: {path.parent} is not a folder")
    if path.is_file() and not force and not _is_ours(path):
        raise OutputError(f"{path}: richc did not draw this file (--force overwrites it)")


def require_matplotlib() -> None:
    """Raises OutputError where there is none."""
    if find_spec("matplotlib") is None:
        raise OutputError(NO_MATPLOTLIB)


@contextmanager
def styled() -> Iterator[None]:
    """The look of richc's pictures, for what is drawn inside."""
    require_matplotlib()
    from matplotlib import rc_context

    with rc_context(_RC):
        yield


def write(drawing: Callable[[], Figure], path: Path, *, force: bool = False) -> None:
    """Draw into a .png or .svg file.  Raises OutputError."""
    check_target(path, force=force)
    with styled():
        content = _bytes(drawing(), path.suffix[1:])
    write_file(path, content, _is_ours, force=force)


def svg(drawing: Callable[[], Figure]) -> str:
    """The drawing as an ``<svg>`` element for a page: text stays text, without a background.

    INK becomes ``currentColor`` and GRID the variable ``--grid``.  Raises OutputError.
    """
    with styled():
        from matplotlib import rc_context

        with rc_context({"svg.fonttype": "none"}):
            text = _bytes(drawing(), "svg", transparent=True).decode()
    text = text[text.index("<svg") :]
    return text.replace(INK, "currentColor").replace(GRID, f"var(--grid, {GRID})")


def _bytes(figure: Figure, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    key = "Software" if kind == "png" else "Creator"
    # No date: the same file for the same picture.
    metadata = {key: f"{_AUTHOR} {__version__}"} | ({} if kind == "png" else {"Date": None})
    figure.savefig(buffer, format=kind, dpi=200, metadata=metadata, **options)
    return buffer.getvalue()


def _is_ours(path: Path) -> bool:
    return starts_with(path, _AUTHOR.encode(), within=_HEAD)


def power_through(points: Mapping[int, float], exponent: float) -> list[float]:
    """A power of the width at these widths: through the middle of the wider half of the points."""
    wider = sorted(points)[len(points) // 2 :]
    middle = fmean(map(math.log, wider))
    height = fmean(math.log(points[n]) for n in wider)
    return [math.exp(height + exponent * (math.log(n) - middle)) for n in sorted(points)]


def width_ticks(axis: Any, widths: Sequence[int]) -> None:
    """Each of these widths with its number."""
    axis.set_xticks(widths, [str(n) for n in widths], rotation=45 if len(widths) > 5 else 0)
    axis.xaxis.minorticks_off()


def log_scale(axis: Any) -> None:
    """With plain numbers where it spans a decade or two."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0), numticks=12))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_minor_locator(LogLocator(subs="all", numticks=40))
