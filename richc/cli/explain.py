"""``richc explain``: the verdict on a model, derived step by step, or the page of a rule."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from richc.cli.color import color_option, use_color
from richc.cli.compile import chosen_model, model_option
from richc.cli.completing import files_or_rules, layers
from richc.cli.errors import Unusable
from richc.cli.inputs import STDIN, SUFFIX

if TYPE_CHECKING:
    from richc.pipeline import ModelResult


@click.command("explain", short_help="Derive the verdict on a model, or explain a rule.")
@click.argument("what", metavar="FILE|RULE", shell_complete=files_or_rules)
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
    Markdown. `richc rules` lists all rules.

    Exit codes: 0 explained, whatever the verdict; 1 FILE has errors of syntax or names; 2 wrong
    usage or unreadable input.
    """
    if _is_file(what):
        _explain_model(what, name, layer, color)
        return
    if name is not None or layer is not None:
        raise click.UsageError("--model and --layer need a FILE", click.get_current_context())
    _explain_rule(what)


def _is_file(what: str) -> bool:
    from richc.rules import pages

    if what == STDIN or what.endswith(SUFFIX) or os.sep in what or os.path.isfile(what):
        return True
    # A folder that has a rule's name hides no rule.
    return os.path.lexists(what) and pages.known(what) is None


def _explain_rule(what: str) -> None:
    from richc.rules import pages

    code = pages.known(what)
    if code is None:
        near = pages.suggestion(what)
        hint = f"did you mean `{near}`?" if near else "`richc rules` lists all rules"
        raise Unusable(f"there is no file and no rule {what!r}; {hint}")
    click.echo(pages.read(code).text, nl=False)


def _explain_model(file: str, name: str | None, layer: str | None, color: str) -> None:
    from richc.report.derivation import derivation

    chosen = chosen_model(file, name, allow_violations=True, color=color)
    only = None if layer is None else _layers(chosen, layer)
    shows_color = use_color(color, sys.stdout)
    click.echo(derivation(chosen, only, color=shows_color), nl=False, color=shows_color)


def _layers(chosen: ModelResult, name: str) -> list[int]:
    """The layers of a statement, or the one of this name.  Raises Unusable."""
    layers = chosen.spec.layers
    found = [i for i, layer in enumerate(layers) if name in (layer.name, layer.statement)]
    if not found:
        from richc.words import did_you_mean

        names = list(dict.fromkeys([*(x.statement for x in layers), *(x.name for x in layers)]))
        raise Unusable(
            f"model `{chosen.spec.name}` has no layer `{name}`{did_you_mean(name, names)}"
        )
    return found
