"""``richc explain``: what a rule reports, why it matters, and how to satisfy it."""

from __future__ import annotations

import os

import click

from richc.cli.errors import Unusable


@click.command("explain", short_help="Explain a rule.")
@click.argument("what", metavar="RULE")
def command(what: str) -> None:
    """Print the page of a RULE, named by its code (R401) or its slug (negligible-update).

    The page is Markdown. `richc rules` lists all rules.
    """
    from richc.rules import pages

    code = None if os.path.isfile(what) else pages.known(what)
    if code is None:
        near = pages.suggestion(what)
        hint = f"did you mean `{near}`?" if near else "`richc rules` lists all rules"
        raise Unusable(f"there is no rule {what!r}; {hint}")
    click.echo(pages.read(code).text, nl=False)
