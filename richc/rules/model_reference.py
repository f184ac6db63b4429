"""One model of another file, for a comparison: ``other.rich`` or ``other.rich::name``."""

from __future__ import annotations

from richc.resolve import resolve
from richc.rules.context import Context
from richc.syntax.parser import parse
from richc.syntax.source import Source, SourceError, read_source

_SEPARATOR = "::"


class NoOther(Exception):
    """There is no such model; ``str(error)`` says why, without a word of what the file holds."""


def split(reference: str) -> tuple[str, str | None]:
    """The path and the model's name, where one is given."""
    path, separator, name = reference.rpartition(_SEPARATOR)
    return (path, name) if separator else (reference, None)


def load(path: str, name: str | None) -> Context:
    """The model, judged; its own requirements are not evaluated.  Raises NoOther."""
    try:
        source = read_source(path)
    except (SourceError, ValueError) as error:
        # What follows in such a message is advice on the command line, or a byte of the file.
        reason = str(error).partition(";")[0].partition(":")[0]
        raise NoOther(f"cannot read it: {reason}") from None
    return only(source, name)


def only(source: Source, name: str | None) -> Context:
    """The model of a text that is meant.  Raises NoOther."""
    file, found = parse(source)
    models, unresolved, _ = resolve(file, source.text)
    names = [node.name.text for node in file.models]
    if name is not None and name not in names:
        raise NoOther(f"it has no model `{name}`")
    if name is None and len(names) > 1:
        raise NoOther(f"it holds {len(names)} models: name the one that is meant, `FILE::NAME`")
    errors = [d for d in (*found, *unresolved) if d.is_error and d.model in (None, name or d.model)]
    if errors:
        raise NoOther(f"it has errors itself: `richc check` shows {len(errors):,}")
    if not models:
        raise NoOther("it holds no model")
    chosen = next(m for m in models if name in (None, m.name))
    node = next(n for n in file.models if n.name.span == chosen.name_place)
    return Context(chosen, node, source.text, source.path)
