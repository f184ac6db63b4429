"""Comments that silence findings, and what is wrong with such comments (R801, R802).

``# richc: ignore[R401, negligible-readout] -- reason`` concerns

- at the end of a line, what is reported on that line,
- on a line of its own, the statement below (inside a statement: the line below),
- above a model, that model; above the first one, the whole file.

A broken desideratum is silenced only with a reason.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from richc.diagnostics import WARNING, Diagnostic, Edit, Span, Suppressed
from richc.rules import MAX_FINDINGS
from richc.rules.directives import WORD, Order, parse, split
from richc.syntax import tree
from richc.syntax.source import Source


class Sorted(NamedTuple):
    """What comments leave of findings."""

    #: For each judged model, what is still reported, and what is not.
    kept: tuple[tuple[Diagnostic, ...], ...]
    suppressed: tuple[tuple[Suppressed, ...], ...]
    #: On the comments themselves.
    own: tuple[Diagnostic, ...]


class Judged(NamedTuple):
    """A model that has a verdict."""

    node: tree.Model
    diagnostics: tuple[Diagnostic, ...]


class _Directive(NamedTuple):
    #: All of it, from its ``#`` on.
    span: Span
    order: Order
    #: Where the findings begin that it concerns; None: nowhere.
    scope: Span | None
    model: str | None
    #: Whether all that it could concern has been judged.
    is_decided: bool

    def concerns(self, found: Diagnostic) -> bool:
        return self.scope is not None and self.scope.start <= found.span.start <= self.scope.end


def sort_out(file: tree.File, source: Source, judged: Sequence[Judged], *, whole: bool) -> Sorted:
    """Apply the comments of a file; ``whole`` is False where some of it could not be judged."""
    own: list[Diagnostic] = []
    directives: list[_Directive] = []
    places = _Places(file, source, judged, whole=whole)
    for comment in file.comments:
        for span, words in split(comment):
            model = places.model(span)
            order = parse(span, words, model and model.name.text, own)
            if order is not None:
                directives.append(places.placed(comment.span, span, order))
    used: set[tuple[int, str]] = set()
    kept: list[tuple[Diagnostic, ...]] = []
    suppressed: list[tuple[Suppressed, ...]] = []
    by_code: dict[str, list[int]] = {}
    for number, directive in enumerate(directives):
        for code, _ in directive.order.rules:
            by_code.setdefault(code, []).append(number)
    for _, diagnostics in judged:
        left: list[Diagnostic] = []
        gone: list[Suppressed] = []
        for found in diagnostics:
            matching = [
                number
                for number in by_code.get(found.code, ())
                if directives[number].concerns(found)
            ]
            used.update((number, found.code) for number in matching)
            reasons = [directives[number].order.reason for number in matching]
            reason = next(filter(None, reasons), None)
            if not matching:
                left.append(found)
            elif found.is_error and found.desideratum and reason is None:
                left.append(_unexplained(found))
            else:
                gone.append(Suppressed(found, reason))
        kept.append(tuple(left))
        suppressed.append(tuple(gone))
    for number, directive in enumerate(directives):
        codes = {code for code, _ in directive.order.rules if (number, code) in used}
        own += _unused(source, directive, codes)
    return Sorted(tuple(kept), tuple(suppressed), tuple(own))


def _unexplained(found: Diagnostic) -> Diagnostic:
    """A finding that a comment would silence if it said why."""
    note = (
        f"a broken desideratum is suppressed only with a reason: "
        f"`# richc: {WORD}[{found.code}] -- REASON`"
    )
    return found._replace(notes=(*found.notes, note))


class _Places:
    """What a comment stands on, in or above."""

    def __init__(
        self, file: tree.File, source: Source, judged: Sequence[Judged], *, whole: bool
    ) -> None:
        self._models = file.models
        self._starts = [model.span.start for model in file.models]
        self._source = source
        #: By the offsets of the models' names.
        self._decided = {
            node.name.span.start for node, found in judged if len(found) < MAX_FINDINGS
        }
        self._whole = whole and len(self._decided) == len(file.models)

    def model(self, span: Span) -> tree.Model | None:
        """The model that a comment is part of."""
        at = bisect_left(self._starts, span.start) - 1
        return self._models[at] if at >= 0 and span.start < self._models[at].span.end else None

    def placed(self, comment: Span, span: Span, order: Order) -> _Directive:
        model = self.model(span)
        scope, concerned = self._scope(comment, model)
        decided = self._whole
        if concerned is not None:
            decided = concerned.name.span.start in self._decided
        return _Directive(span, order, scope, model and model.name.text, decided)

    def _scope(
        self, comment: Span, model: tree.Model | None
    ) -> tuple[Span | None, tree.Model | None]:
        """The scope of a comment, and the model that it lies in, if it lies in one."""
        text, starts = self._source.text, self._source.line_starts
        line = self._source.position(comment.start).line
        if text[starts[line - 1] : comment.start].strip():
            # Behind a closing brace as well.
            begin = starts[line - 1]
            owner = model or self.model(Span(begin, begin)) or self._following(begin)
            return Span(begin, comment.start), owner
        if model is not None:
            return self._below(comment, model), model
        following = self._following(comment.end)
        if following is None:
            return None, None
        if following is self._models[0]:
            return Span(0, len(text)), None
        return following.span, following

    def _following(self, offset: int) -> tree.Model | None:
        at = bisect_left(self._starts, offset)
        return self._models[at] if at < len(self._models) else None

    def _below(self, comment: Span, model: tree.Model) -> Span | None:
        statements = model.statements
        at = bisect_left(statements, comment.start, key=lambda s: s.span.start)
        if at and comment.start < statements[at - 1].span.end:
            return self._next_line(comment.end)
        return statements[at].span if at < len(statements) else None

    def _next_line(self, offset: int) -> Span | None:
        """The next line that is more than a comment."""
        starts = self._source.line_starts
        for number in range(self._source.position(offset).line + 1, len(starts) + 1):
            text = self._source.line(number)
            if text.strip() and not text.lstrip().startswith("#"):
                return Span(starts[number - 1], starts[number - 1] + len(text))
        return None


def _unused(source: Source, directive: _Directive, used: set[str]) -> Iterator[Diagnostic]:
    rules = directive.order.rules
    unused = [(code, span) for code, span in rules if code not in used]
    if not (unused and directive.is_decided and directive.order.is_sound):
        return
    whole = len(unused) == len(rules)
    names = [f"`{code}`" for code, _ in unused]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    if whole:
        place, edit = directive.span, _removal(source, directive.span)
    else:
        place = unused[0][1]
        first, last = rules[0][1], rules[-1][1]
        left = [(code, span) for code, span in rules if code in used]
        # As they are written.
        words = ", ".join(source.text[span.start : span.end] for _, span in left)
        edit = Edit(first.to(last), words)
    yield Diagnostic(
        "R801",
        f"{listed} {'is' if len(names) == 1 else 'are'} not reported here",
        place,
        model=directive.model,
        help=f"delete {'this suppression' if whole else listed}",
        edits=(edit,),
        severity=WARNING,
    )


def _removal(source: Source, span: Span) -> Edit:
    """Delete a directive, and its line or the space before it where nothing else is left."""
    text = source.text
    line = source.position(span.start).line
    begin = source.line_starts[line - 1]
    shown = source.line(line)
    before, after = shown[: span.start - begin], shown[span.end - begin :]
    if not before.strip() and not after.strip():
        starts = source.line_starts
        end = starts[line] if line < len(starts) else len(text)
        return Edit(Span(begin, end), "")
    if not after.strip():
        return Edit(Span(begin + len(before.rstrip()), begin + len(shown)), "")
    return Edit(Span(span.start, span.end + len(after) - len(after.lstrip())), "")
