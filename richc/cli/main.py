"""The ``richc`` group: commands are looked up in a table and imported on demand."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from richc._version import __version__
from richc.cli.errors import said

#: Command -> module in richc.cli; each module has a ``command``.
COMMANDS = {
    "audit": "audit",
    "check": "check",
    "compile": "compile",
    "completion": "completion",
    "equiv": "equiv",
    "explain": "explain",
    "fix": "fix",
    "fmt": "fmt",
    "gauge": "gauge",
    "init": "init",
    "lsp": "lsp",
    "map": "map",
    "report": "report",
    "rules": "rules",
    "scale": "scale",
    "schema": "schema",
    "train": "train",
    "transfer": "transfer",
    "verify": "verify",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is asked for; says errors in one line."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with said():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with said():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(f"richc.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from richc.cli.unknown import hint

            raise click.UsageError(f"there is no command {args[0]!r}{hint(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group("richc", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="richc")
def cli() -> None:
    """Check, compile, train and verify neural networks that behave the same at every width."""
