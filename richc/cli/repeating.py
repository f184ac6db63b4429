"""The command line that would do it again, with some options changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
from click.core import ParameterSource

from richc.syntax.source import printable


def again(settings: object | None, *names: str, **others: object) -> str | None:
    """The current command as given, but for what ``settings`` have of these names, and ``others``.

    For a shell, in one line; a value of None leaves the option out.  None without settings.
    """
    if settings is None:
        return None
    changes = {name: getattr(settings, name) for name in names} | others
    context = click.get_current_context()
    words = ["richc", str(context.info_name)]
    for param in context.command.params:
        name = str(param.name)
        if name in changes:
            words += [] if changes[name] is None else [param.opts[0], _listed(changes[name])]
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
        yield "" if one is None else _listed(one)


def _listed(value: object) -> str:
    """As options take it: several with commas between them."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
