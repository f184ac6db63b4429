"""A text in another gauge: comments and layout kept, every value exact, in the file's own words.

A model is moved tensor by tensor.  What is written moves as a formula; what is left to inference
stays unwritten where inference, in the gauge that the text then names, gives what the move needs.
In the end the new text is read again and compared with the move: richc never writes a text that
is not the same network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Edit, Label, apply
from richc.fixing.gauge import refusals
from richc.fixing.gauge.moving import Factors, Moving
from richc.fixing.gauge.reading import Reading, Unmovable, attribute_of
from richc.fixing.gauge.words import is_equal
from richc.fixing.gauge.writing import ATTRIBUTES, OF_TRAINING, Writing
from richc.gauge.equivalence import IDENTICAL, compare
from richc.gauge.moves import Target
from richc.pipeline import FileResult, ModelResult, analyse
from richc.spec.infer import Frame
from richc.syntax.formatter import format_text, unfolded
from richc.syntax.source import MAX_BYTES


class Regauged(NamedTuple):
    """The new text, or why there is none."""

    text: str
    refusals: tuple[Diagnostic, ...]
    #: Requirements that were true before and no longer are.
    broken: tuple[Diagnostic, ...]


class UnknownLayer(ValueError):
    """A condition on a layer, or a bias, that is not there."""


class RewriteBug(Exception):
    """The new text is not what the move makes of the old one: nothing is written then."""


def regauge(result: FileResult, target: Target, model: str | None = None) -> Regauged:
    """Moves the models of an analysed text (or one of them), none of which has errors of names.

    A text that is in the one layout stays in it.  Raises UnknownLayer.
    """
    moved = _regauge(result, target, model)
    plain = unfolded(result.source.text)
    if plain is None or moved.text == result.source.text:
        return moved
    # What a move puts in, the way back knows by place and spacing, which the layout would hide.
    path = result.source.path
    text = format_text(_regauge(analyse(plain, path, mend=False), target, model).text)
    return Regauged(text, (), tuple(_broken(result, analyse(text, path, mend=False))))


def _regauge(result: FileResult, target: Target, model: str | None) -> Regauged:
    text = result.source.text
    chosen = [m for m in result.models if model in (None, m.spec.name)]
    _refuse_unknown_layers(chosen, target)
    unwritten = [
        refusals.holes([h.place for h in m.spec.inferred]) for m in chosen if m.spec.inferred
    ]
    if unwritten:
        return Regauged(text, tuple(unwritten), ())
    movers = [_Mover(m, target, text) for m in chosen]
    refused: list[Diagnostic] = []
    edits: list[Edit] = []
    for mover in movers:
        edits += mover.edits()
        refused += _merged(mover.refusals)
    if refused:
        return Regauged(text, tuple(refused), ())
    new_text = apply(text, edits)
    if new_text == text:
        return Regauged(text, (), ())
    if len(new_text.encode()) > MAX_BYTES:
        span = movers[0].reading.model.name_place
        return Regauged(text, (refusals.too_large(MAX_BYTES // 1024, span),), ())
    after = analyse(new_text, result.source.path, mend=False)
    refused = [
        refusals.out_of_range(d.message, mover.reading.model.name_place)
        for mover in movers
        for d in after.diagnostics
        if d.code == "R024" and d.model == mover.reading.model.name
    ]
    if refused:
        # One value that no float holds makes others such.
        return Regauged(text, tuple(refused[:1]), ())
    for mover in movers:
        mover.check(after)
    return Regauged(new_text, (), tuple(_broken(result, after)))


def _refuse_unknown_layers(chosen: Sequence[ModelResult], target: Target) -> None:
    for condition in target.conditions:
        for result in chosen:
            named = [x for x in result.spec.layers if condition.statement in (None, x.statement)]
            layers = [x for x in named if condition.of_bias or not x.kind.is_norm]
            if not layers:
                raise UnknownLayer(
                    f"model `{result.spec.name}` has no layer `{condition.statement}`"
                )
            if condition.of_bias and layers[0].bias is None:
                raise UnknownLayer(f"the layer `{condition.statement}` has no bias")


def _merged(refusals: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """One refusal for one reason, with all places that it concerns."""
    by_message: dict[str, list[Diagnostic]] = {}
    for refusal in refusals:
        by_message.setdefault(refusal.message, []).append(refusal)
    for first, *others in by_message.values():
        yield first._replace(labels=tuple(Label(d.span, d.label) for d in others))


def _broken(before: FileResult, after: FileResult) -> Iterator[Diagnostic]:
    known = {(d.model, d.message) for d in before.diagnostics if d.code == "R502"}
    for diagnostic in after.diagnostics:
        if diagnostic.code == "R502" and (diagnostic.model, diagnostic.message) not in known:
            yield diagnostic


class _Mover:
    """One model on its way into another gauge."""

    def __init__(self, result: ModelResult, target: Target, text: str) -> None:
        self.reading = Reading(result, text)
        self.moving = Moving(self.reading, target)
        self.writing = Writing(self.reading)
        self.refusals: list[Diagnostic] = []

    def edits(self) -> list[Edit]:
        """The edits of the model's text; what cannot be done is in ``refusals``."""
        first: list[Diagnostic] | None = None
        for frame in self.moving.frames():
            edits, refusals = self._edits(frame)
            if not refusals:
                return edits
            first = first or refusals
        self.refusals = [refusal._replace(model=self.reading.model.name) for refusal in first or []]
        return []

    def _edits(self, frame: Frame | None) -> tuple[list[Edit], list[Diagnostic]]:
        """Those with the gauge that the text then names, and why there are none."""
        moves: list[Factors] = []
        refusals: list[Diagnostic] = []
        for place in self.reading.places:
            try:
                moves.append(self.moving.move(place, frame))
            except Unmovable as refused:
                refusals.append(refused.diagnostic)
        return ([], refusals) if refusals else self.writing.edits(frame, moves)

    def check(self, after: FileResult) -> None:
        """Hold the new text to the move.  Raises RewriteBug."""
        name = self.reading.model.name
        found = [m.spec for m in after.models if m.spec.name == name]
        if len(found) != 1:
            raise RewriteBug(f"{name}: {[d.message for d in after.diagnostics]}")
        for layer, needed in zip(found[0].layers, self.writing.needed.layers, strict=True):
            for tensor, other in zip(layer.tensors, needed.tensors, strict=True):
                for attribute in ATTRIBUTES:
                    is_idle = attribute in OF_TRAINING and tensor.frozen
                    if is_idle or (attribute == "eps" and other.eps is None):
                        continue
                    if not is_equal(
                        attribute_of(tensor, attribute), attribute_of(other, attribute)
                    ):
                        raise RewriteBug(f"{name}: {attribute} of {layer.name}")
        verdict = compare(self.reading.model, found[0], rescaling=False)
        if verdict.status != IDENTICAL:
            raise RewriteBug(f"{name}: {verdict}")
