"""``richc compile``: a checked model as one standalone PyTorch file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.choosing import chosen_model, model_option
from richc.cli.common_options import quiet_option
from richc.cli.completing import features, rich_files
from richc.cli.inputs import STDIN
from richc.cli.outputs import keep_apart
from richc.diagnostics import RichError
from richc.words import FEATURES

if TYPE_CHECKING:
    from richc.emit.program import Origin
    from richc.pipeline import ModelResult


#: The option ``--with``, as an argument ``features``.
wishes = click.option(
    "--with",
    "features",
    multiple=True,
    metavar="NAMES",
    shell_complete=features,
    help="Add to the program, with commas between: " + ", ".join(FEATURES) + ".",
)


@click.command("compile", short_help="Compile a .rich file to PyTorch.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@click.option("-o", "--output", type=click.Path(), help="The file to write.", show_default="stdout")
@model_option
@click.option(
    "--allow-violations",
    is_flag=True,
    help="Compile a model that fails its check; the reasons go into the program's docstring.",
)
@wishes
@click.option("--module-only", is_flag=True, help="The network and its optimizer, to import.")
@click.option("--force", is_flag=True, help="Overwrite a file that richc did not write.")
@click.option(
    "--check",
    is_flag=True,
    help="FILE is a compiled one: say whether compiling it again would change it.",
)
@quiet_option
def command(
    file: str,
    output: str | None,
    name: str | None,
    allow_violations: bool,
    features: tuple[str, ...],
    module_only: bool,
    force: bool,
    check: bool,
    quiet: bool,
) -> None:
    """Compile the model in FILE (- for standard input) to a PyTorch program.

    The program needs torch and numpy, and starts with `python OUTPUT --help`. Without --with it is
    a page: the network, its parameter groups and a plain training loop.

    Exit codes: 0 compiled, 1 the model has errors, 2 wrong usage, or a file that cannot be read or
    written. With --check: 0 FILE is up to date, 1 it is not, 2 that cannot be told.
    """
    from richc.emit.program import write_program

    if check:
        if output is not None or name is not None or features or module_only or allow_violations:
            context = click.get_current_context()
            raise click.UsageError("--check takes no other options: FILE holds its own", context)
        raise SystemExit(_check(Path(file), quiet=quiet))
    if module_only and features:
        raise click.UsageError("--module-only has no --with", click.get_current_context())
    keep_apart([("-o", output)], [file])
    chosen = chosen_model(file, name, allow_violations=allow_violations)
    options = [
        *([] if name is None else ["--model", name]),
        *(["--allow-violations"] if allow_violations else []),
        *(["--with", ",".join(features)] if features else []),
        *(["--module-only"] if module_only else []),
    ]
    text = program_with(chosen, features, _origin(file, options), module_only=module_only)
    if output is None:
        sys.stdout.buffer.write(text.encode())
        return
    write_program(Path(output), text, force=force)


def _origin(file: str, options: Iterable[str]) -> Origin | None:
    """What the header says of a file; nothing of standard input."""
    import hashlib

    from richc.emit.program import Origin

    if file == STDIN:
        return None
    try:
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return None
    return Origin(file, digest, tuple(options))


def _check(path: Path, *, quiet: bool) -> int:
    """Compile again what a compiled file says it is of, and compare: 0 the same, 1 another."""
    import shlex

    from richc.emit.program import MARKER, ORIGIN

    try:
        content = path.read_bytes()
    except OSError as error:
        raise RichError(f"{path}: {error.strerror or error}") from None
    lines = content.decode("utf-8", "replace").split("\n", 2)
    if not lines[0].startswith(MARKER):
        raise RichError(f"{path}: richc did not write this file")
    digest, _, command_line = lines[1].removeprefix(ORIGIN).partition(", richc compile ")
    if not lines[1].startswith(ORIGIN) or not command_line:
        raise RichError(f"{path}: does not say what it was compiled from")
    try:
        arguments = shlex.split(command_line)
        with command.make_context("compile", list(arguments)) as asked:
            given = asked.params
    except (ValueError, click.ClickException):
        raise RichError(f"{path}: its second line is damaged") from None
    file = str(given["file"])
    beside = path.parent / Path(file).name
    found = next((p for p in (Path(file), beside) if p.is_file()), None)
    if found is None:
        raise RichError(f"{path}: {file}, which it was compiled from, is not there")
    chosen = chosen_model(str(found), given["name"], allow_violations=given["allow_violations"])
    origin = _origin(str(found), arguments[1:])
    assert origin is not None
    text = program_with(
        chosen,
        given["features"],
        origin._replace(path=file),
        module_only=given["module_only"],
    )
    if text.encode() == content:
        if not quiet:
            click.echo(f"{path}: up to date")
        return 0
    if origin.digest[:16] != digest:
        click.echo(f"{path}: {file} has changed since: richc compile {command_line}")
    elif lines[0] != text.partition("\n")[0]:
        click.echo(f"{path}: another version of richc wrote it: richc compile {command_line}")
    else:
        click.echo(f"{path}: was edited; change {file} instead")
    return 1


def program_with(
    chosen: ModelResult,
    lists: Iterable[str],
    origin: Origin | None = None,
    *,
    module_only: bool = False,
) -> str:
    """The program with the features named in ``lists`` ("a,b").  Raises a usage error."""
    from richc.compilation import program
    from richc.emit.features import UnknownFeature
    from richc.emit.names import TakenName

    names = [name.strip() for names in lists for name in names.split(",")]
    try:
        wished = [name for name in names if name]
        return program(chosen, wished, origin=origin, module_only=module_only)
    except UnknownFeature as error:
        raise click.UsageError(f"--with: {error}", click.get_current_context()) from None
    except TakenName as error:
        raise RichError(f"{chosen.spec.name}: {error}") from None
