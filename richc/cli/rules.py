"""``richc rules``: every rule in a line."""

from __future__ import annotations

import click

from richc.cli.common_options import format_option


@click.command("rules", short_help="List all rules.")
@format_option
def command(output_format: str) -> None:
    """List all rules: code, slug, desideratum, severity, whether it can offer a fix, summary."""
    from richc.report.style import columns
    from richc.rules import pages

    if output_format == "json":
        from richc.report.rules_schema import rule_list

        click.echo(rule_list(pages.every()).model_dump_json(indent=2))
        return
    head = ("code", "slug", "", "severity", "fix", "reports")
    rows = [
        (p.code, p.slug, p.desideratum or "", p.severity, "yes" if p.fixable else "", p.summary)
        for p in pages.every()
    ]
    for line in columns([head, *rows]):
        click.echo(line)
