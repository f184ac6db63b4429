"""What commands that train and draw have in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from richc.cli.color import use_color
from richc.cli.inputs import STDIN
from richc.cli.outputs import Output, keep_apart
from richc.diagnostics import RichError
from richc.files import OutputError
from richc.syntax.source import printable

if TYPE_CHECKING:
    from richc.pipeline import ModelResult
    from richc.report.depth_scale_schema import DepthScaleReport
    from richc.report.scale_schema import ScaleReport
    from richc.report.transfer_schema import TransferReport
    from richc.report.verification_schema import VerificationReport
    from richc.spec.model import Model

    MeasuredReport = VerificationReport | ScaleReport | DepthScaleReport | TransferReport


def prepare_torch() -> None:
    """To be called before torch is imported.  Raises RichError where there is none."""
    from importlib.util import find_spec

    from richc.lab.memory import keep
    from richc.lab.threads import calm
    from richc.lab.train import NO_TORCH

    if find_spec("torch") is None:
        raise RichError(NO_TORCH)
    calm(os.environ)
    keep()


def plot_target(plot: str | None, *, force: bool) -> Path | None:
    """The picture that ``--plot`` names, where it can be drawn.  Raises RichError."""
    if plot is None:
        return None
    from richc.figures.style import check_target

    path = Path(plot)
    with plotting():
        check_target(path, force=force)
    return path


@contextmanager
def plotting(option: str = "--plot") -> Iterator[None]:
    """Raises RichError, which names the option, for a picture that cannot be drawn."""
    try:
        yield
    except OutputError as error:
        raise RichError(f"{option}: {error}") from None


class Measuring(NamedTuple):
    """What ``richc verify``, ``scale`` and ``transfer`` do alike before they train, and after."""

    chosen: ModelResult
    #: The data, and the column or key of the labels in them.
    data: Path | None
    target: str | None
    #: The picture to draw.
    figure: Path | None
    #: The file, as reports name it.
    shown: str
    #: The command's options by name.
    given: Mapping[str, Any]

    def tell(
        self,
        found: MeasuredReport,
        lines: Callable[..., Iterable[str]],
        draw: Callable[..., None],
    ) -> None:
        """As JSON, or as ``lines``, and as a picture; exits with the verdict's code."""
        if self.given["output_format"] == "json":
            click.echo(found.model_dump_json(indent=2))
        else:
            colored = use_color(self.given["color"], sys.stdout)
            shown = printable(self.shown)
            for line in lines(shown, found, color=colored, quiet=self.given["quiet"]):
                click.echo(line, color=colored)
        if self.figure is not None:
            with plotting():
                draw(found, path=self.figure, force=self.given["force"])
        if found.verdict.exit_code:
            raise SystemExit(found.verdict.exit_code)


def measuring(
    outputs: Sequence[Output] = (), inputs: Sequence[str] = (), *, needs_data: bool = False
) -> Measuring:
    """What the current command is about, before torch is imported.  Raises RichError.

    ``outputs`` and ``inputs`` are further files that it writes and reads.  Unless it
    ``needs_data``, random ones stand in for those that the file names and that are not there.
    """
    from richc.cli.choosing import chosen_model

    given = click.get_current_context().params
    file, data, target = given["file"], given["data"], given["target"]
    chosen = chosen_model(file, given["name"], allow_violations=True)
    train = chosen.spec.train
    path = None if data is None else Path(data)
    if path is None and train.data is not None:
        path = (Path() if file == STDIN else Path(file).parent) / train.data
        if not needs_data and not path.exists():
            shown = printable(str(path))
            click.echo(f"note: {shown} is not there: random data instead", err=True)
            path = None
    keep_apart([*outputs, ("--plot", given["plot"])], [file, path, *inputs])
    prepare_torch()
    figure = plot_target(given["plot"], force=given["force"])
    labels = target if target is not None or data is not None else train.target
    return Measuring(chosen, path, labels, figure, "<stdin>" if file == STDIN else file, given)


def whole_widths(spec: Model, widths: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The widths that are asked for, if all dimensions are whole there.  Raises RichError."""
    multiple = spec.multiple
    wrong = next((width for width in widths or () if width % multiple), None)
    if wrong is not None:
        raise RichError(f"--widths: {wrong} is no multiple of {multiple}, as dimensions ask for")
    return widths
