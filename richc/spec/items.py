"""Attributes and options by name: what all ``{ }`` blocks share."""

from __future__ import annotations

from collections.abc import Callable

from richc.diagnostics import Diagnostic
from richc.spec import messages
from richc.syntax import tree

Report = Callable[[Diagnostic], None]


def collect(
    items: tuple[tree.Item, ...], known: tuple[str, ...], kind: str, report: Report
) -> tuple[dict[str, tree.Item], bool]:
    """The items by name, and whether all could be taken: reported is what is unknown or twice."""
    found: dict[str, tree.Item] = {}
    fine = True
    for item in items:
        name = item.name.text
        if name not in known:
            report(messages.unknown_word(kind, name, item.name.span, known))
            fine = False
        elif name in found:
            report(messages.duplicate(f"`{name}`", item.span, found[name].span))
            fine = False
        else:
            found[name] = item
    return found, fine
