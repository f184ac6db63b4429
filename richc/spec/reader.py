"""Access to one model's statements: each kind once, mistakes collected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from richc.diagnostics import Diagnostic
from richc.spec import messages
from richc.spec.expressions import Rejected
from richc.syntax import tree

_T = TypeVar("_T")
_S = TypeVar("_S", bound=tree.Statement)


class Reader:
    """What the readers of statements share: the model's tree and the mistakes found in it."""

    def __init__(self, node: tree.Model) -> None:
        self.node = node
        self.found: list[Diagnostic] = []
        self._known: set[Diagnostic] = set()

    def report(self, diagnostic: Diagnostic) -> None:
        # One misuse of a repeated or shared expression is one mistake.
        if diagnostic not in self._known:
            self._known.add(diagnostic)
            self.found.append(diagnostic._replace(model=self.node.name.text))

    def attempt(self, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except Rejected as rejected:
            self.report(rejected.diagnostic)
            return None

    def only(self, kind: type[_S], statement: str | None = None, example: str = "") -> _S | None:
        """The one statement of a kind; ``statement`` names those that must not be missing."""
        nodes = [s for s in self.node.statements if isinstance(s, kind)]
        for extra in nodes[1:]:
            word = kind.__name__.lower()
            self.report(messages.duplicate(f"`{word}`", extra.span, nodes[0].span))
        if not nodes and statement and not self.node.incomplete:
            name = self.node.name
            self.report(messages.missing_statement(statement, name.text, name.span, example))
        return nodes[0] if nodes else None
