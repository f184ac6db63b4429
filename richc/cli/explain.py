"""``richc explain``: the verdict on a model, derived step by step."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from richc.cli.compile import chosen_model
from richc.cli.errors import Unusable

if TYPE_CHECKING:
    from richc.pipeline import ModelResult


@click.command("explain", short_help="Derive the verdict on a model, step by step.")
@click.argument("what", metavar="FILE", type=click.Path())
@click.option("--model", "name", metavar="NAME", help="Which model, where FILE holds several.")
@click.option("--layer", metavar="NAME", help="Only what concerns this layer, as body or body.2.")
@click.option(
    "--color",
    type=click.Choice(("auto", "always", "never")),
    default="auto",
    show_default=True,
    help="Whether to colour the text.",
)
def command(what: str, name: str | None, layer: str | None, color: str) -> None:
    """Derive the verdict on the model in FILE (- for standard input), in words and formulas.

    Exit codes: 0 derived, whatever the verdict; 1 FILE has errors of syntax or names; 2 wrong
    usage or unreadable input.
    """
    _explain_model(what, name, layer, color)


def _explain_model(file: str, name: str | None, layer: str | None, color: str) -> None:
    from richc.cli.color import use_color
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
