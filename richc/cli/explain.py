"""``richc explain``: the verdict on a model, step by step, the page of a rule, or a word."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from richc.cli.choosing import chosen_model, model_option
from richc.cli.color import color_option, use_color
from richc.cli.completing import explainable, layers
from richc.cli.inputs import STDIN, SUFFIX
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from richc.pipeline import ModelResult


@click.command("explain", short_help="Derive the verdict on a model, or explain a rule or a word.")
@click.argument("what", metavar="FILE|RULE|WORD", shell_complete=explainable)
@model_option
@click.option(
    "--layer",
    metavar="NAME",
    shell_complete=layers,
    help="Only what concerns this layer, as body or body.2.",
)
@color_option
def command(what: str, name: str | None, layer: str | None, color: str) -> None:
    """Derive the verdict on the model in FILE (- for standard input), in words and formulas.

    Or print the page of a RULE, named by its code (R401) or its slug (negligible-update), as
    Markdown; `richc rules` lists all rules. Or say what a WORD of the language, of the theory or of
    the reports means (gauge, D2, STP, μP), or which rules begin so (R4).

    Exit codes: 0 explained, whatever the verdict; 1 FILE has errors of syntax or names; 2 wrong
    usage or unreadable input.
    """
    if _is_file(what):
        _explain_model(what, name, layer, color)
        return
    if name is not None or layer is not None:
        raise click.UsageError("--model and --layer need a FILE", click.get_current_context())
    click.echo(_page(what), nl=False)


def _is_file(what: str) -> bool:
    from richc.report import word
    from richc.rules import pages

    if what == STDIN or what.endswith(SUFFIX) or os.sep in what or os.path.isfile(what):
        return True
    # A folder that has the name of a rule, or of a word, hides neither.
    return os.path.lexists(what) and pages.known(what) is None and word.page(what) is None


def _page(what: str) -> str:
    """Of a rule, or of a word.  Raises RichError."""
    from richc import glossary
    from richc.report import word
    from richc.rules import pages
    from richc.spelling import near

    code = pages.known(what)
    found = word.page(what) if code is None else pages.read(code).text
    if found is None:
        guess = pages.suggestion(what)
        if not what[1:].isdigit() or what[0] not in "AaRr":
            # A slip of a word is likelier than what merely looks like a rule.
            guess = next(iter(near(what, glossary.names())), guess)
        hint = f"did you mean `{guess}`?" if guess else "`richc rules` lists all rules"
        raise RichError(f"there is no file, no rule and no word {what!r}; {hint}")
    return found


def _explain_model(file: str, name: str | None, layer: str | None, color: str) -> None:
    from richc.report.derivation import derivation

    chosen = chosen_model(file, name, allow_violations=True, color=color)
    only = None if layer is None else _layers(chosen, layer)
    shows_color = use_color(color, sys.stdout)
    click.echo(derivation(chosen, only, color=shows_color), nl=False, color=shows_color)


def _layers(chosen: ModelResult, name: str) -> list[int]:
    """The layers of a statement, or the one of this name.  Raises RichError."""
    layers = chosen.spec.layers
    found = [i for i, layer in enumerate(layers) if name in (layer.name, layer.statement)]
    if not found:
        from richc.words import did_you_mean

        names = list(dict.fromkeys([*(x.statement for x in layers), *(x.name for x in layers)]))
        raise RichError(
            f"model `{chosen.spec.name}` has no layer `{name}`{did_you_mean(name, names)}"
        )
    return found
