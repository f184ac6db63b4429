"""The command line that would do it again, with some options changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

import click
from click.core import ParameterSource

from richc.syntax.source import printable


def again(changes: Mapping[str, str | None]) -> str:
    """The current command as given, but for ``changes``: parameter -> its text, None to leave out.

    For a shell, in one line.
    """
    context = click.get_current_context()
    words = ["richc", str(context.info_name)]
    for param in context.command.params:
        name = str(param.name)
        if name in changes:
            changed = changes[name]
            words += [] if changed is None else [param.opts[0], changed]
        elif context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            words += _words(param, context.params[name])
    return printable(shlex.join(words))


def _words(param: click.Parameter, value: object) -> Iterator[str]:
    if isinstance(param, click.Option) and param.is_flag:
        yield from [param.opts[0]] if value else []
        return
    for one in value if param.multiple and isinstance(value, tuple) else (value,):
        if isinstance(param, click.Option):
            yield param.opts[0]
        yield listed(one) or ""


def listed(value: object) -> str | None:
    """As options take it: several with commas between them."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return None if value is None else str(value)
