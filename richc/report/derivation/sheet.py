"""What every section of a derivation is written with: words, formulas, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import wrap

from richc.algebra.sizes import ZERO_SIZE
from richc.calculus.verdict import HOLDS, NOT_EVALUATED, Breach, Status, Verdict, Violation
from richc.calculus.written import Line, derive
from richc.pipeline import ModelResult
from richc.report.derivation.faults import faults
from richc.report.derivation.formulas import WIDTH, formulas, number, span_name
from richc.report.style import Style

_INDENT = "    "
#: So many runs of layers are named in one place.
_MOST = 6


class Sheet:
    """The lines so far, and the model that they are about."""

    def __init__(self, result: ModelResult, only: Sequence[int] | None, style: Style) -> None:
        self.result = result
        self.spec = result.spec
        self.context = result.context
        self.verdict: Verdict = result.verdict
        self.derived = derive(result.context.network, result.verdict)
        self.law = result.spec.optimizer.law
        self.layers = result.spec.layers
        self.names = [layer.name for layer in self.layers]
        self.last = len(self.layers) - 1
        #: The layers in question.
        self.only = frozenset(range(len(self.layers)) if only is None else only)
        self.style = style
        self.lines: list[str] = []
        self.section = 0

    def title(self, text: str) -> None:
        """The first line."""
        self.lines += [self.style.strong(line) for line in _wrapped(text)]

    def head(self, title: str) -> None:
        self.section += 1
        self.lines += ["", self.style.strong(f"{self.section}. {title}")]

    def block(self, lines: Iterable[str]) -> None:
        """Lines as they are, indented."""
        self.lines += ["", *(f"{_INDENT}{text}".rstrip() for text in lines)]

    def say(self, text: str, lines: Sequence[Line] | None = None) -> None:
        """A paragraph, with the formulas that it is about; without any of them, nothing."""
        if lines is not None and not any(self.concerns(one) for one in lines):
            return
        self.lines += ["", *_wrapped(text)]
        if lines is not None:
            self.show(lines)

    def concerns(self, one: Line) -> bool:
        """The last gradient is the read-out's as well."""
        of_readout = one.letter == "g" and one.layer == self.last - 1 and self.last in self.only
        return of_readout or one.layer in self.only

    def show(self, lines: Iterable[Line]) -> None:
        """The formulas of the layers in question, and what they take from others."""
        shown = [one for one in lines if self.concerns(one)]
        if not shown:
            return
        self.lines += ["", *formulas(shown, self.names)]
        taken = {
            (term.letter, term.layer): number(term.size, inverse=term.inverse)
            for one in shown
            for terms in one.sums
            for term in terms
            if term.letter and term.layer not in self.only
        }
        if taken:
            facts = (
                f"{letter}_{layer + 1} = {value} ({self.names[layer]})"
                for (letter, layer), value in taken.items()
            )
            self.lines.append(f"{_INDENT}where {', '.join(facts)}")

    def decide(self, what: str, status: Status, reason: str) -> None:
        """A conclusion, marked."""
        word, paint = {
            HOLDS: ("holds", self.style.good),
            NOT_EVALUATED: ("not evaluated", lambda text: self.style.severity("warning", text)),
        }.get(status, ("violated", lambda text: self.style.severity("error", text)))
        verb = "" if status == HOLDS else "are " if "," in what else "is "
        text = f"=> {what} {verb}{word}{': ' if reason else ':'}{reason}"
        first, *rest = _wrapped(text, below="   ")
        self.lines += ["", first.replace(word, paint(word), 1), *rest]

    def faults(self, found: Sequence[Violation]) -> None:
        """A line for each cause of a violation."""
        here = [violation for violation in found if violation.layer in self.only]
        for text in faults(here, self.verdict, self.layers):
            self.lines += _wrapped(f"   - {text}", below="     ")
        elsewhere = sorted({v.layer for v in found} - self.only)
        if elsewhere:
            self.lines.append(f"   - {'Also at' if here else 'At'} {self.named(elsewhere)}.")

    def violations(self, desideratum: str, *kinds: Breach) -> list[Violation]:
        return [
            v
            for v in self.verdict.violations
            if v.desideratum == desideratum and (not kinds or v.kind in kinds)
        ]

    def named(self, indices: Sequence[int]) -> str:
        """Names of layers, neighbours together."""
        runs = [
            [index for _, index in run]
            for _, run in groupby(enumerate(indices), lambda item: item[1] - item[0])
        ]
        texts = [span_name([self.names[index] for index in run]) for run in runs]
        return ", ".join(texts[:_MOST]) + (", ..." if len(texts) > _MOST else "")

    def dead(self) -> int | None:
        """The first representation that is exactly zero at init."""
        heights = (line.layer for line in self.derived.heights if line.value is ZERO_SIZE)
        return next((index for index in heights if index < self.last), None)

    def has_biases(self) -> bool:
        return any(layer.bias for layer in self.layers)

    def differ(self) -> bool:
        """Whether later steps are larger than the first."""
        return self.verdict.flow.first != self.verdict.flow.later

    def homogeneous(self) -> str:
        """What a further symmetry takes: docs/theory.md, "Where a naive checker is wrong"."""
        words = sorted({layer.activation.name for layer in self.layers if layer.activation})
        verb = "is" if len(words) == 1 else "are"
        return f"{', '.join(words)} {verb} positively homogeneous, and there are no biases"


def _wrapped(text: str, below: str = "") -> list[str]:
    """Lines that break no formula."""
    glued = re.sub(r"(?<=\S) ([-+*=~<>]|<=) (?=\S)", "\0\\1\0", text)
    lines = wrap(
        glued, WIDTH - 2, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )
    return [one.replace("\0", " ") for one in lines]
