"""What the shell offers behind a Tab: .rich files, models, rules, gauges.

Nothing is imported, and nothing is read, before a shell asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from richc.cli.inputs import STDIN, SUFFIX

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Of files that are read for the names in them.
_MOST_FILES = 100


def _items(words: Iterable[tuple[str, str | None]], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(w, help=help) for w, help in words if w.startswith(incomplete)]


def rich_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Models and the folders that lead to them."""
    return _items(((path, None) for path in _paths(incomplete)), incomplete)


def _paths(incomplete: str) -> Iterator[str]:
    folder, begun = os.path.split(incomplete)
    try:
        with os.scandir(os.path.expanduser(folder) or ".") as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name.startswith(".") and not begun.startswith("."):
            continue
        if not entry.name.isprintable():
            continue  # A shell has to type it, in UTF-8.
        if entry.is_dir():
            yield os.path.join(folder, entry.name, "")
        elif entry.name.endswith(SUFFIX):
            yield os.path.join(folder, entry.name)


def models(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the models in the files that the command line has so far."""
    names = dict.fromkeys(n for file in _files(_given(context) or ["."]) for n in _names(file))
    return _items(((name, None) for name in names), incomplete)


def layers(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The layers of the models in the files that the command line has so far."""
    from richc.syntax import tree

    wanted = context.params.get("name")
    names: dict[str, None] = {}
    for file in _files(_given(context)):
        for model in _trees(file):
            if wanted in (None, model.name.text):
                for statement in tree.every(model.statements):
                    if isinstance(statement, tree.Layer):
                        names[statement.name.text] = None
    return _items(((name, None) for name in names), incomplete)


def _given(context: click.Context) -> list[str]:
    """The files so far; click leaves them unread where the option before the Tab has no value."""
    values = [context.params.get(name) for name in ("paths", "file", "what")]
    many = [[value] if isinstance(value, str) else list(value or ()) for value in values]
    return [path for paths in (*many, context.args) for path in paths]


def _files(given: Iterable[str]) -> list[str]:
    from itertools import islice

    from richc.cli.inputs import files

    paths = [path for path in given if path != STDIN and os.path.exists(path)]
    return list(islice(files(paths), _MOST_FILES))


def _trees(file: str) -> tuple[Any, ...]:
    from richc.syntax.parser import parse
    from richc.syntax.source import SourceError, read_source

    try:
        return parse(read_source(file))[0].models
    except SourceError:
        return ()


def _names(file: str) -> Iterator[str]:
    return (model.name.text for model in _trees(file))


def rules(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Codes and slugs of everything that has a page, the ones that are begun."""
    from richc.rules.pages import ALL

    return _items(_listed(ALL), incomplete)


def _listed(slugs: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    yield from sorted(slugs.items())
    yield from ((slug, code) for code, slug in sorted(slugs.items()))


def rule_lists(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rule of a check behind the last comma."""
    from richc.diagnostics import SLUGS

    return _of_list(_listed(SLUGS), incomplete)


def _of_list(known: Iterable[tuple[str, str | None]], incomplete: str) -> list[CompletionItem]:
    """The word behind the last comma, of those that are not in the list yet."""
    done, comma, begun = incomplete.rpartition(",")
    given = set(done.split(","))
    words = (
        (f"{done}{comma}{word}", help)
        for word, help in known
        if word not in given and word.startswith(begun)
    )
    return _items(words, incomplete)


def features(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The feature behind the last comma."""
    from richc.emit.features import FEATURES

    return _of_list(((name, feature.about) for name, feature in FEATURES.items()), incomplete)


def explainable(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What ``richc explain`` takes."""
    found = rich_files(context, parameter, incomplete)
    if os.sep in incomplete:
        return found
    from richc.glossary import names

    begun = incomplete.casefold()
    words = [
        (word, None) for word in names() if " " not in word and word.casefold().startswith(begun)
    ]
    # As they are written: a shell puts them in the place of what is begun.
    return found + rules(context, parameter, incomplete) + _items(words, "")


def examples(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What ``richc init --from`` copies."""
    from richc.cli.packaged import example_names

    return _items(((name, None) for name in example_names()), incomplete)


def gauges(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The gauges that have names, and the exponents that fix the others."""
    from richc.words import GAUGES

    return _items([*((gauge, None) for gauge in GAUGES), ("a=0", None), ("c=0", None)], incomplete)
