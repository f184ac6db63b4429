"""``richc completion``: the script that makes a shell complete richc's command line."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")

#: A folder is the beginning of something: no space behind it.
_BASH_ADDS = "            COMPREPLY+=($value)\n"
_BASH_OPEN = "            [[ $value == */ ]] && compopt -o nospace\n"


@click.command("completion", short_help="Print a script for shell completion.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes commands, files, models, rules and gauges in SHELL.

    \b
    bash: eval "$(richc completion bash)"             in ~/.bashrc
    zsh:  eval "$(richc completion zsh)"              in ~/.zshrc, after compinit
    fish: richc completion fish > ~/.config/fish/completions/richc.fish
    """  # noqa: D301 - the character itself, for click
    from click.shell_completion import get_completion_class

    from richc.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    # Not `source()`: for bash that runs the first bash on the PATH, to ask for its version.
    text = kind.source_template % kind(cli, {}, "richc", "_RICHC_COMPLETE").source_vars()
    click.echo(text.replace(_BASH_ADDS, _BASH_ADDS + _BASH_OPEN).strip())
