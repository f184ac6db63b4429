"""What a residual says of itself: the branch's multiplier, and what the stream is multiplied by."""

from __future__ import annotations

from typing import NamedTuple

from richc.algebra.monomial import ONE, Monomial
from richc.diagnostics import Diagnostic, Span
from richc.spec import messages
from richc.spec.expressions import Rejected, Scope, at_large_width, attribute, expression_of
from richc.spec.items import collect
from richc.spec.reader import Reader
from richc.spec.symbols import depth_symbol
from richc.syntax import tree


class ResidualAttributes(NamedTuple):
    #: None where the file does not say.
    scale: Monomial | None
    skip: Monomial
    #: Whether ``skip`` is ``1 - 1/L``.
    is_leaky: bool
    places: tuple[tuple[str, Span], ...]


def read_residual(reader: Reader, node: tree.Residual, scope: Scope) -> ResidualAttributes | None:
    """The attributes of a residual; None where some cannot be used."""
    errors = len(reader.found)
    items = [part for part in node.parts if isinstance(part, tree.Item)]
    has_begun = False
    for part in node.parts:
        if not isinstance(part, tree.Item):
            has_begun = True
        elif has_begun:
            reader.report(
                messages.misplaced(
                    f"`{part.name.text}` stands after the branch has begun",
                    part.span,
                    "a residual's attributes come first, then its statements",
                )
            )
    known = ("scale", "skip")
    given, _ = collect(tuple(items), known, "residual attribute", reader.report)
    values = {name: _value(reader, item, scope) for name, item in given.items()}
    if not all(map(messages.is_at_large_width, reader.found[errors:])):
        return None
    places = tuple(
        (name, item.value.span if isinstance(item, tree.Option) else item.span)
        for name, item in given.items()
    )
    skip = values.get("skip", ONE)
    is_leaky = "skip" in values and skip is None
    return ResidualAttributes(values.get("scale"), skip or ONE, is_leaky, places)


def _value(reader: Reader, item: tree.Item, scope: Scope) -> Monomial | None:
    """None for ``1 - 1/L``, and for what cannot be used; a sum is what it is at large sizes."""
    depth = depth_symbol(reader.node)
    if _is_leaky(item, depth):
        return None

    def report(found: Diagnostic) -> None:
        if item.name.text == "skip" and found.code == "R020":
            only = f"of such sums a skip may only be `1 - 1/{depth or 'L'}`"
            found = found._replace(help=f"{found.help}; {only}")
        reader.report(found)

    return at_large_width(lambda: _exact(item, scope), report)


def _exact(item: tree.Item, scope: Scope) -> Monomial:
    """Raises Rejected."""
    name, node = item.name.text, expression_of(item)
    value = attribute(name, node, scope)
    if value.is_zero:
        left = (
            "the stream alone is left" if name == "scale" else "nothing is carried past the branch"
        )
        mend = (
            "remove the residual" if name == "scale" else "write its statements without `residual`"
        )
        found = messages.zero(f"`{name}`", node.span)
        raise Rejected(found._replace(help=f"{left}: {mend}"))
    return value


def _is_leaky(item: tree.Item, depth: str | None) -> bool:
    """Whether it is ``skip = 1 - 1/L``."""
    value = item.value if isinstance(item, tree.Option) else None
    while isinstance(value, tree.Group):
        value = value.inner
    if item.name.text != "skip" or not isinstance(value, tree.Sum) or not value.subtracts:
        return False
    part = value.right
    return (
        isinstance(value.left, tree.Number)
        and value.left.text == "1"
        and isinstance(part, tree.Product)
        and part.divides
        and isinstance(part.left, tree.Number)
        and part.left.text == "1"
        and isinstance(part.right, tree.Name)
        and part.right.text == depth
    )
