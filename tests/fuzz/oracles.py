"""What must hold of every text, whatever it is: no error of ours, and answers that make sense.

``steps`` names everything that richc does with a text, one after the other, so that a caller can
time each; ``examine`` just does it all.  AssertionError, or whatever richc raises, is a finding.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property, partial
from itertools import pairwise
from zlib import crc32

from richc.cli.check import FORMATS
from richc.cli.rewriting import diff
from richc.compilation import program
from richc.diagnostics import Diagnostic, Edit, Span, apply
from richc.editor.actions import actions, edits_between, fixed
from richc.editor.completion import complete
from richc.editor.definition import definition
from richc.editor.document import Document
from richc.editor.hints import hints
from richc.editor.hover import hover
from richc.editor.outline import Symbol, outline
from richc.fixing.fix import fix
from richc.fixing.gauge.rewrite import regauge
from richc.gauge.equivalence import IDENTICAL, compare
from richc.gauge.moves import read_target
from richc.pipeline import FileResult, analyse
from richc.report import Options, renderer
from richc.report.derivation import derivation
from richc.report.spec_schema import spec_file
from richc.spec.model import Model
from richc.spec.printer import print_model
from richc.syntax.formatter import format_text
from richc.syntax.parser import parse
from richc.syntax.source import Source, SourceError, decode
from richc.words import GAUGES
from tests.fuzz.session import Session
from tests.spec.content import content, nameless

#: Nothing stands beside it, so `require equivalent` finds no other file in any working folder.
PATH = "/nowhere/net.rich"

#: Findings whose edits are tried one by one: many of one kind say the same.
_MOST_EDITS = 4
#: Places at which an editor asks.
_PLACES = 3

#: What a terminal could obey, or show as something that it is not.
_UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def examine(text: str) -> None:
    """Do everything with a text.  Raises AssertionError, or whatever richc does not catch."""
    for _, step in steps(text):
        step()


def steps(text: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """What there is to do with a text, by name; to be done in this order."""
    subject = Subject(text)
    yield "check", subject.check
    if is_readable(text):
        for name in FORMATS:
            yield f"check --format {name}", partial(subject.render, name)
        yield "fmt", subject.format
        yield "edits", subject.edit
        yield "fix", subject.fix
        yield "gauge", subject.regauge
        yield "explain", subject.explain
        yield "compile", subject.compile
        yield "equiv", subject.compare
        yield "load", subject.load
        yield "print", subject.print
    yield "editor", subject.ask
    yield "lsp", subject.serve


def is_readable(text: str) -> bool:
    """Whether a file can hold the text: an editor can send what none can."""
    try:
        decode(text.encode())
    except (SourceError, UnicodeEncodeError):
        return False
    return True


class Subject:
    """One text, and what is known of it so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.source = Source(PATH, text)

    @cached_property
    def result(self) -> FileResult:
        return analyse(self.text, PATH)

    def check(self) -> None:
        result = self.result
        assert result.diagnostics or result.models
        sensible(result.diagnostics, self.source.text)
        for model in result.models:
            sensible((s.diagnostic for s in model.suppressed), self.source.text)
            inside(model.spec.place, self.source.text)
            assert model.sentence

    def render(self, name: str) -> None:
        for options in (Options(color=False), Options(color=True, quiet=True)):
            shown = "".join(renderer(name)([self.result], options))
            shown.encode()
            if name in ("json", "sarif"):
                json.loads(shown)
            elif not options.color:
                printable(shown)

    def format(self) -> None:
        """Total on what parses, idempotent, and the same models and findings afterwards."""
        before = self.text
        _, problems = parse(self.source)
        after = format_text(before)
        if problems:
            assert after == before
            return
        assert format_text(after) == after
        assert after.startswith("\ufeff") == before.startswith("\ufeff")
        formatted = analyse(after, PATH)
        assert judgement(self.result) == judgement(formatted)
        diff(self.source, formatted.source.text)
        replayed(self.source.text, formatted.source.text)

    def edit(self) -> None:
        """What single findings offer to change can be changed."""
        offered = [d.edits for d in self.result.diagnostics if d.edits]
        for edits in list(dict.fromkeys(offered))[:_MOST_EDITS]:
            changed = apply(self.source.text, edits)
            assert changed != self.source.text
            after = analyse(changed, PATH)
            sensible(after.diagnostics, changed)

    def fix(self) -> None:
        done = fix(self.source)
        text = done.result.source.text
        sensible(done.result.diagnostics, text)
        for step in done.steps:
            printable(step.what)
            assert step.edits
        assert done.is_changed == bool(done.steps)
        diff(self.source, text)
        if done.is_changed:
            assert fix(done.result.source).result.source.text == text

    def regauge(self) -> None:
        if self.result.is_unresolved or not self.result.models:
            return
        for gauge in GAUGES:
            done = regauge(self.result, read_target(gauge))
            sensible(done.refusals, self.source.text)
            if done.text != self.source.text:
                after = analyse(done.text, PATH, mend=False)
                assert not after.is_unresolved
                assert [m.spec.name for m in after.models] == [
                    m.spec.name for m in self.result.models
                ]

    def explain(self) -> None:
        for model in self.result.models:
            printable(derivation(model, None, color=False))
            derivation(model, [len(model.spec.layers) - 1], color=True)

    def compile(self) -> None:
        for model in self.result.models:
            compile(program(model), "<program>", "exec", dont_inherit=True)

    def compare(self) -> None:
        for model in self.result.models:
            assert compare(model.context.model, model.context.model).status == IDENTICAL

    def load(self) -> None:
        if not self.result.is_unresolved:
            json.loads(spec_file(self.result).model_dump_json())

    def print(self) -> None:
        for model in self.result.models:
            if model.spec.width == 1:
                continue  # The printer says why.
            printed = print_model(model.spec)
            after = analyse(printed, PATH, mend=False)
            assert not after.is_unresolved, printed
            assert [anonymous(model.spec)] == [anonymous(m.spec) for m in after.models]

    def ask(self) -> None:
        """What an editor is told, at a few places of the text."""
        document = Document(PATH, self.text)
        length = len(document.source.text)
        for diagnostic in document.result.diagnostics:
            inside(diagnostic.span, document.source.text)
            document.position(diagnostic.span.end)
        for symbol in outline(document):
            well_placed(symbol, document.source.text)
        for hint in hints(document, 0, length):
            assert 0 <= hint.offset <= length
        for offset in self.places:
            assert document.offset(document.position(offset)) <= length
            shown = hover(document, offset)
            if shown is not None:
                inside(shown.span, document.source.text)
            complete(document, offset)
            found = definition(document, offset)
            if found is not None:
                inside(found.origin, document.source.text)
            for action in actions(document, offset, offset):
                apart(action.edits, document.source.text)
        for model in document.result.models[:1]:
            apart(fixed(document, model.spec.name), document.source.text)

    def serve(self) -> None:
        """The same through the server: every request is answered, whatever the document."""
        session = _session()
        session.open(self.text)
        for offset in self.places:
            session.ask(offset)
        session.replace(self.places[-1], self.places[-1] + 1, "}")
        session.ask(self.places[-1])
        session.close()

    @cached_property
    def places(self) -> list[int]:
        """The beginning, and some that the text itself decides: every run asks at the same ones."""
        length = len(self.source.text)
        data = self.text.encode("utf-8", "surrogatepass")
        return [0, *(crc32(data, seed) % (length + 1) for seed in range(1, _PLACES))]


@cache
def _session() -> Session:
    """One for all texts, as in an editor: what one leaves behind must not harm the next."""
    return Session()


def sensible(diagnostics: Iterable[Diagnostic], text: str) -> None:
    """All places are in the text, and edits do not overlap."""
    for found in diagnostics:
        inside(found.span, text)
        for label in found.labels:
            inside(label.span, text)
        apart(found.edits, text)
        assert found.message


def inside(span: Span, text: str) -> None:
    assert 0 <= span.start <= span.end <= len(text), span


def apart(edits: Iterable[Edit], text: str) -> None:
    ordered = sorted(set(edits))
    for edit in ordered:
        inside(edit.span, text)
    for first, second in pairwise(ordered):
        assert first.span.end <= second.span.start, (first, second)


def well_placed(symbol: Symbol, text: str) -> None:
    """As the protocol wants it: names inside of their symbols."""
    inside(symbol.span, text)
    assert symbol.span.start <= symbol.name_span.start <= symbol.name_span.end <= symbol.span.end
    for child in symbol.children or ():
        well_placed(child, text)


def replayed(before: str, after: str) -> None:
    """What an editor would be told to change makes the one text the other."""
    edits = edits_between(before, after)
    apart(edits, before)
    assert apply(before, edits) == after


def printable(shown: str) -> None:
    """Nothing that the source holds reaches a terminal as a command."""
    strange = {c for c in shown if unicodedata.category(c) in _UNPRINTABLE} - {"\n"}
    assert not strange, strange


def judgement(result: FileResult) -> object:
    """All that is decided of a text, without places and without words that quote it."""
    findings = [(d.code, d.severity, d.layer or "", d.model or "") for d in result.diagnostics]
    models = [
        (
            content(model.spec),
            model.verdict,
            [(d.code, d.layer) for d in model.diagnostics],
            [(s.diagnostic.code, s.reason) for s in model.suppressed],
        )
        for model in result.models
    ]
    return sorted(findings), models


def anonymous(model: Model) -> Model:
    """A model without the names of layers, which printing may have to change."""
    return nameless(content(model))
