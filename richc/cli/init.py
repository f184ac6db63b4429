"""``richc init``: a starting .rich file, for somebody's data or from an example."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.common_options import quiet_option
from richc.cli.completing import examples
from richc.cli.inputs import STDIN, SUFFIX
from richc.cli.outputs import keep_apart
from richc.cli.packaged import example_names, packaged
from richc.cli.starting import Start, model_name, starting_text
from richc.diagnostics import RichError
from richc.syntax.source import printable
from richc.words import LOSSES, OPTIMIZERS, did_you_mean

if TYPE_CHECKING:
    from richc.lab.datasets import Choice

#: Without DATA a file is about the handwritten digits that richc has with it.
_DIGITS = "digits.csv.gz"


@click.command("init", short_help="Write a .rich file to start from.")
@click.argument("data", type=click.Path(), required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    help="The file to write, - for stdout.",
    show_default="the name of DATA or of the example, in this folder",
)
@click.option(
    "--optimizer",
    type=click.Choice(OPTIMIZERS),
    help="What trains all layers.",
    show_default="adamw",
)
@click.option(
    "--depth",
    type=click.IntRange(1, 1000),
    metavar="L",
    help="Residual blocks.",
    show_default="none: three dense layers",
)
@click.option(
    "--target", metavar="NAMES", help="The labels' column or key.", show_default="the last column"
)
@click.option("--ignore", metavar="NAMES", help="Columns to leave out, with commas between.")
@click.option(
    "--loss",
    type=click.Choice(LOSSES),
    help="For numbers or for classes.",
    show_default="what the labels look like",
)
@click.option(
    "--from",
    "example",
    metavar="EXAMPLE",
    shell_complete=examples,
    help="Copy one of richc's examples, such as digits_ntp, and its data.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@quiet_option
def command(
    data: str | None,
    output: str | None,
    example: str | None,
    force: bool,
    quiet: bool,
    **made: str | int | None,
) -> None:
    """Write a .rich file that passes its check and trains on DATA at once.

    DATA is a .csv, .csv.gz, .npz, .pt or .safetensors file, read as `richc train` reads it: the
    number of inputs, and labels that are classes or numbers. Without DATA the file is about the
    handwritten digits that come with richc, which are copied beside it.

    Nothing is asked. No file that is there is overwritten without --force.

    Exit codes: 0 written, 2 wrong usage, unreadable data, or a file that cannot be written.
    """
    if example is not None:
        given = [name for name, value in {"data": data, **made}.items() if value is not None]
        if given:
            shown = "DATA" if given[0] == "data" else f"--{given[0]}"
            raise RichError(f"--from: an example is copied as it is, without {shown}")
        stem = _example(example)
        target = _target(output, stem)
        text = _copied(stem, target)
        has_data = f'"{_DIGITS}"' in text
        follows = f"richc {'train' if has_data else 'verify'} {_shell(target)}"
    else:
        source = Path(packaged(_DIGITS) if data is None else data)
        target = _target(output, source.name.split(".")[0] or "model")
        has_data = data is None
        text, follows = _made_for(source, data is None, target, made)
    keep_apart([("-o", output)], [data])
    if has_data and target is not None:
        _write(target.parent / _DIGITS, Path(packaged(_DIGITS)).read_bytes(), force)
    if target is None:
        click.echo(text, nl=False)
        return
    _write(target, text.encode(), force)
    if not quiet:
        click.echo(printable(f"written: {target}"), err=True)
        click.echo(printable(f"next: {follows}"), err=True)


def _target(output: str | None, stem: str) -> Path | None:
    """The file to write; None for standard output.  Raises RichError."""
    if output == STDIN:
        return None
    target = Path(output or f"{stem}{SUFFIX}")
    if target.suffix != SUFFIX:
        raise RichError(f"-o: {target}: the name of a model's file ends in {SUFFIX}")
    return target


def _shell(target: Path | None) -> str:
    if target is None:
        return STDIN
    # A name that begins with a dash is an option's to a shell's commands.
    return shlex.quote(f"./{target}" if str(target).startswith("-") else str(target))


def _example(asked: str) -> str:
    """``examples/digits_ntp.rich`` is ``digits_ntp``.  Raises RichError."""
    stem = asked.removeprefix("examples/").removesuffix(SUFFIX)
    known = example_names()
    if stem not in known:
        hint = did_you_mean(stem, known) or f"; there are {', '.join(known)}"
        raise RichError(f"--from: there is no example {asked!r}{hint}")
    return stem


def _copied(stem: str, target: Path | None) -> str:
    """An example, whose comments name the copy."""
    text = Path(packaged(f"{stem}{SUFFIX}")).read_text(encoding="utf-8")
    name = f"{stem}{SUFFIX}" if target is None else str(target)
    return text.replace(f"examples/{stem}{SUFFIX}", printable(name))


def _made_for(
    path: Path, is_ours: bool, target: Path | None, made: dict[str, str | int | None]
) -> tuple[str, str]:
    """The text of a model for the data, and the command that trains it.  Raises RichError."""
    from richc.cli.training import prepare_torch

    prepare_torch()
    from richc.lab.datasets import Choice, describe, refuse_unloadable
    from richc.pipeline import analyse

    words = {name: None if value is None else str(value) for name, value in made.items()}
    choice = Choice(path, words["target"], words["ignore"], words["loss"])
    shown = _DIGITS if is_ours else _relative(path, target)
    named = _quotable(choice.target, "--target"), _quotable(shown, "DATA")
    found = describe(choice)
    start = Start(
        name=model_name(path.name.split(".")[0]),
        rows=found.rows,
        inputs=found.inputs,
        outputs=found.outputs,
        loss=found.loss,
        data=shown,
        target=named[0] or found.target,
        optimizer=words["optimizer"] or "adamw",
        depth=None if made["depth"] is None else int(made["depth"]),
    )
    start = start._replace(target=_quotable(start.target, "--target"))
    train = f"richc train {_shell(target)}{_further(choice, found.is_incomplete)}"
    asked = f"richc init{'' if is_ours else ' ' + _shell(path)}"
    text = starting_text(start, asked, train, f"richc check {_shell(target)}")
    result = analyse(text)
    assert all(model.passes for model in result.models), text
    refuse_unloadable(result.models[0], choice, found)
    return text, train


def _further(choice: Choice, is_incomplete: bool) -> str:
    """Options of a training that the file cannot say."""
    ignore = "" if choice.ignore is None else f" --ignore {shlex.quote(choice.ignore)}"
    return ignore + (" --missing drop" if is_incomplete else "")


def _relative(path: Path, target: Path | None) -> str:
    """The data's path from the folder of the file that names it."""
    try:
        return Path(os.path.relpath(path, "." if target is None else target.parent)).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()


def _quotable(text: str | None, what: str) -> str | None:
    """What can stand in a file between quotation marks.  Raises RichError."""
    if text is not None and ('"' in text or not text.isprintable()):
        raise RichError(f'{what}: {text}: a .rich file cannot hold a name with `"` or line breaks')
    return text


def _write(target: Path, content: bytes, force: bool) -> None:
    """A file of which nothing is lost: what is there must be the same, or ``force``."""
    from richc.files import write_file

    write_file(target, content, lambda path: path.read_bytes() == content, force=force)
