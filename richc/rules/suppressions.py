"""Comments that silence findings, and what is wrong with such comments (R801, R802).

``# richc: ignore[R401, negligible-readout] -- reason`` concerns

- at the end of a line, what is reported on that line,
- on a line of its own, the statement below (inside a statement: the line below),
- above a model, that model; above the first one, the whole file.

A broken desideratum is silenced only with a reason.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from richc.diagnostics import WARNING, Diagnostic, Edit, Span, Suppressed
from richc.rules import LASTING, MAX_FINDINGS, SLUGS
from richc.rules.pages import known, suggestion
from richc.syntax import tree
from richc.syntax.source import Source
from richc.words import ADDRESS, closest, printable

WORD = "ignore"

#: The habits of other tools.
_HABITS = {"noqa", "disable", "off", "skip", "allow", "suppress", "nolint", "ignore-file"}

#: What ends a directive: another comment on the same line.
_NEXT = re.compile(r"[ \t]*#(?=[ \t]|richc\b)")
_DIRECTIVE = re.compile(r"ignore[ \t]*\[(?P<rules>[^\]]*)\](?P<rest>.*)", re.DOTALL)
_REASON = re.compile(r"[ \t]*--(?P<reason>.*)", re.DOTALL)
_PREFIX = re.compile(r"[Rr]\d{0,2}")
_RULE = re.compile(r"[^\s,]+")

_EXAMPLE = f"`# richc: {WORD}[R401]`"


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


class _Order(NamedTuple):
    """What a comment asks for."""

    rules: tuple[tuple[str, Span], ...]
    reason: str | None
    #: Whether all that it names can be had.
    is_sound: bool


class _Directive(NamedTuple):
    #: All of it, from its ``#`` on.
    span: Span
    order: _Order
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
        for span, words in _split(comment):
            model = places.model(span)
            order = _parse(span, words, model and model.name.text, own)
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

    def placed(self, comment: Span, span: Span, order: _Order) -> _Directive:
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


def _split(comment: tree.Name) -> Iterator[tuple[Span, str]]:
    """The directives in a comment: where each stands, and its words after ``richc:``."""
    for mark in ADDRESS.finditer(comment.text):
        stop = _NEXT.search(comment.text, mark.end())
        end = len(comment.text) if stop is None else stop.start()
        words = comment.text[mark.end() : end].rstrip()
        begin = comment.span.start + mark.start()
        if _is_meant(words):
            yield Span(begin, comment.span.start + mark.end() + len(words)), words


def _is_meant(words: str) -> bool:
    """Whether this is an order, well-formed or not, and no prose."""
    word = re.match(r"[\w-]*", words)
    assert word is not None
    return (
        word[0] == WORD
        or word[0] in _HABITS
        or words[word.end() :].lstrip().startswith("[")
        or (words == word[0] and len(words) < 12 and closest(words, [WORD]) is not None)
    )


def _parse(span: Span, words: str, model: str | None, own: list[Diagnostic]) -> _Order | None:
    """What the words ask for; what is wrong with them goes to ``own``."""
    before = len(own)

    def wrong(message: str, place: Span = span, help: str | None = None, *edits: Edit) -> None:
        own.append(_malformed(message, place, model, help, edits))

    begin = span.end - len(words)
    found = _DIRECTIVE.fullmatch(words)
    if found is None:
        if not re.match(rf"{WORD}\b(?!-)", words):
            word = re.split(r"[\s\[=:(]", words)[0]
            wrong(f"unknown word `{printable(word)}`", help=f"write {_EXAMPLE}; {_WHERE}")
        elif "[" in words:
            wrong("this suppression has no closing `]`", help=f"write {_EXAMPLE}")
        else:
            wrong("this suppression names no rule", help=f"write {_EXAMPLE}")
        return None
    reason = _REASON.fullmatch(found["rest"])
    if reason is None and found["rest"].strip():
        rest = Span(begin + found.start("rest"), span.end)
        wrong("a reason begins with `--`", rest, f"write `# richc: {WORD}[R401] -- REASON`")
        return None
    if reason is not None and not reason["reason"].strip():
        wrong("the reason after `--` is missing")
        return None
    names = list(_RULE.finditer(found["rules"]))
    if not names:
        wrong("this suppression names no rule", help=f"write {_EXAMPLE}")
        return None
    rules: dict[str, Span] = {}
    for name in names:
        offset = begin + found.start("rules")
        place = Span(offset + name.start(), offset + name.end())
        code = known(name[0])
        if code is None and len(own) >= MAX_FINDINGS:
            return None  # Guessing takes time, and nobody reads more.
        if code is None:
            near = suggestion(name[0])
            edits = [Edit(place, near)] if near else []
            help = f"did you mean `{near}`?" if near else "`richc rules` lists all rules"
            if _PREFIX.fullmatch(name[0]):
                help = "comments name single rules, such as R401; `--ignore` takes their beginnings"
            wrong(f"there is no rule `{printable(name[0])}`", place, help, *edits)
        elif code in LASTING or code in _OWN:
            wrong(
                f"{code} ({SLUGS[code]}) cannot be suppressed",
                place,
                "delete the comment, or use `--ignore`"
                if code in _OWN
                else "it leaves a model without a verdict: mend it",
            )
        else:
            rules.setdefault(code, place)
    why = reason and reason["reason"].strip()
    return _Order(tuple(rules.items()), why, is_sound=len(own) == before)


_WHERE = "it holds for its line, or for what stands below it"
#: On suppressions themselves.
_OWN = ("R801", "R802")


def _malformed(
    message: str, span: Span, model: str | None, help: str | None, edits: Iterable[Edit]
) -> Diagnostic:
    return Diagnostic(
        "R802",
        "bad-suppression",
        WARNING,
        message,
        span,
        model=model,
        help=help,
        edits=tuple(edits),
    )


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
        "unused-suppression",
        WARNING,
        f"{listed} {'is' if len(names) == 1 else 'are'} not reported here",
        place,
        model=directive.model,
        help=f"delete {'this suppression' if whole else listed}",
        edits=(edit,),
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
