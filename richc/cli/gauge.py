"""``richc gauge``: rewrite a file into another gauge of the same network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from richc.cli.common_options import quiet_option, stdin_filename_option
from richc.cli.completing import gauges, models, rich_files
from richc.cli.errors import no_such_model, show_diagnostics
from richc.cli.inputs import STDIN
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from richc.diagnostics import Diagnostic
    from richc.pipeline import FileResult


@click.command("gauge", short_help="Rewrite a .rich file in another gauge.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@click.option(
    "--to",
    "target_text",
    metavar="TARGET",
    required=True,
    shell_complete=gauges,
    help="stp (every multiplier 1), mup (every layer's own rate 1), rescaling (every std 1 "
    "or its gain), or "
    "exponents: a=0,c=0 (multiplier n^-a, std n^-b, rate n^-c), embed.a=1/2 for one layer, "
    "embed.bias.c=0 for its bias.",
)
@click.option(
    "--model",
    "name",
    metavar="NAME",
    shell_complete=models,
    help="Rewrite the model of this name only.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if FILE would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@stdin_filename_option
@quiet_option
def command(
    file: str,
    target_text: str,
    name: str | None,
    check: bool,
    diff: bool,
    stdin_filename: str,
    quiet: bool,
) -> None:
    """Rewrite FILE in place (- for standard input to standard output).

    The network, and every step of its training, stay what they are. Comments and layout are kept (a
    file that `richc fmt` laid out stays so), values are exact and in the words of FILE; eps, weight
    decay and biases move along. What a parameterization infers stays unwritten where it can. On the
    way back a value that moved is spelt as richc spells it (1 / n for n^-1): byte for byte is the
    way back of a FILE whose values are spelt so, as they are after the first one.

    Exit codes: 0 done, 1 FILE has errors, has no such gauge, or (--check) would change, 2 wrong
    usage or unreadable input.
    """
    from richc.cli.inputs import analysed
    from richc.cli.rewriting import diff as unified
    from richc.cli.rewriting import write_back, write_out
    from richc.fixing.gauge.rewrite import UnknownLayer, regauge
    from richc.gauge.moves import BadTarget, read_target
    from richc.syntax.source import Source

    try:
        target = read_target(target_text)
    except BadTarget as error:
        raise click.BadParameter(str(error), param_hint="--to") from None
    result = analysed(file, stdin_filename, mend=False)
    source = result.source
    _refuse_errors(result, name)
    try:
        regauged = regauge(result, target, name)
    except UnknownLayer as error:
        raise RichError(f"{source.path}: {error}") from None
    if regauged.refusals:
        _show(result, regauged.refusals)
        raise SystemExit(1)
    rewritten = Source(source.path, regauged.text)
    for diagnostic in regauged.broken:
        line = rewritten.position(diagnostic.span.start).line
        click.echo(f"note: {source.shown}:{line}: in that gauge, {diagnostic.message}", err=True)

    changed = regauged.text != source.text
    if diff:
        write_out(unified(source, regauged.text))
    if check:
        if changed and not diff:
            click.echo(f"{source.shown} would change")
        raise SystemExit(1 if changed else 0)
    if diff:
        return
    write_back(file, source, regauged.text)
    if file != STDIN and not quiet:
        word = "rewritten" if changed else "unchanged"
        click.echo(f"{source.shown} {word}: {target.text}", err=True)


def _refuse_errors(result: FileResult, name: str | None) -> None:
    """Exit where the text, or the one model of it that is meant, has errors of syntax or names."""
    if name is not None:
        if result.names and name not in result.names:
            raise no_such_model(name, result.names)
        result = result.only(name)
    if result.is_unresolved:
        judged = {d for model in result.models for d in model.diagnostics}
        _show(result, [d for d in result.diagnostics if d not in judged])
        raise SystemExit(1)
    if not result.models:
        raise RichError(f"{result.source.path}: there is no model")


def _show(result: FileResult, diagnostics: Sequence[Diagnostic]) -> None:
    show_diagnostics(result._replace(diagnostics=tuple(diagnostics)))
