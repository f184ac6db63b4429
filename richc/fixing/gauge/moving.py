"""By what each tensor of a model is multiplied on its way into another gauge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import ONE, Affine, Monomial
from richc.diagnostics import Diagnostic
from richc.fixing.gauge import refusals
from richc.fixing.gauge.reading import Reading, TensorBlock, Unmovable, attribute_of
from richc.gauge.moves import KNOBS, Condition, Target, moved
from richc.spec.infer import STANDARD, Frame
from richc.spec.model import Tensor
from richc.words import GAUGES


class Factors(NamedTuple):
    """t for each member of a place, and in words where one formula says it."""

    factors: tuple[Monomial, ...]
    words: Monomial | None


class Moving:
    """The moves that bring a model to a target."""

    def __init__(self, reading: Reading, target: Target) -> None:
        self.reading = reading
        self.target = target

    def move(self, place: TensorBlock, frame: Frame | None) -> Factors:
        """Raises Unmovable."""
        conditions = [
            c for c in self.target.conditions if c.concerns(place.name, of_bias=place.of_bias)
        ]
        if not conditions:
            return self._still(place)
        for condition in conditions:
            if condition.knob == "b" and not place.of_bias:
                self._refuse_zero_std(place)
        inferred = self.inferred_move(place, frame, conditions)
        if inferred is not None:
            return inferred
        if self.target.gauge is not None and self.reading.powers(place)[KNOBS[conditions[0].knob]]:
            words = self._to_one(place, conditions[0].knob)
        else:
            words = self._to_exponents(place, conditions)
        if words is None:
            return self._still(place)
        factors = tuple(self.reading.words.concrete(words, d) for d in self.reading.all_dims(place))
        return Factors(factors, words)

    def _still(self, place: TensorBlock) -> Factors:
        return Factors(tuple(ONE for _ in place.members), ONE)

    def _refuse_zero_std(self, place: TensorBlock) -> None:
        if any(self.reading.tensor(place, member).std.is_zero for member in place.members):
            raise Unmovable(refusals.zero_std(place.words, place.span_of("std", "var")))

    def inferred_move(
        self, place: TensorBlock, frame: Frame | None, conditions: Sequence[Condition]
    ) -> Factors | None:
        """The move that inference makes by itself, where it reaches the target."""
        if frame is None or frame.parameterization == STANDARD or "scale" in place.written:
            return None
        factors = []
        for member in place.members:
            tensor = self.reading.tensor(place, member)
            scale = self.reading.inferred(place, member, frame, tensor).scale
            factors.append(scale.over(tensor.scale))
            after = moved(tensor, factors[-1], self.reading.optimizer(place).name)
            for condition in conditions:
                exponent = self._exponent(place, after, condition.knob)
                if exponent is not None and exponent != condition.exponent:
                    return None
        return Factors(
            tuple(factors), self.reading.words.lift(factors, self.reading.all_dims(place))
        )

    def _exponent(self, place: TensorBlock, tensor: Tensor, knob: str) -> Fraction | None:
        """q, where a knob goes like n^-q; None for zeros and what does not train."""
        value = attribute_of(tensor, KNOBS[knob])
        if knob == "c":
            if tensor.frozen:
                return None
            value = value.times(self.reading.optimizer(place).lr)
        return None if value.is_zero else -_finite(self.reading.size(value))

    def _to_one(self, place: TensorBlock, knob: str) -> Monomial | None:
        """The move that makes a knob 1, a std but for its gain; None where it is zero."""
        value = self.reading.value(place, KNOBS[knob])
        if value is None:
            raise Unmovable(refusals.no_one_formula(place.words, place.repeats, place.span))
        if value.is_zero:
            return None
        if knob == "c" and (rate := self.reading.global_words(place).get("lr")) is not None:
            # The optimizer's statement is left alone; what of it grows is taken back here.
            value = value.times(self.reading.words.growing(rate, self.reading.all_dims(place)))
        if knob == "b" and not place.of_bias:
            # The gain stays with the weights, where inference has it, too.
            plain = value.prefactor
            if {self.reading.gain(member) for member in place.members} == {plain}:
                value = value.over(plain)
        return value.power(Affine(-1 / self.reading.powers(place)[KNOBS[knob]]))

    def _to_exponents(self, place: TensorBlock, conditions: Sequence[Condition]) -> Monomial | None:
        """A move that makes all conditions hold; None where nothing needs to move."""
        found: list[tuple[Condition, list[Fraction]]] = []
        for condition in conditions:
            asked = [self._shift(place, member, condition) for member in place.members]
            known = [shift for shift in asked if shift is not None]
            if known:
                found.append((condition, known))
        if not found:
            return None
        (first, shifts), *others = found
        for other, other_shifts in others:
            if shifts != other_shifts:
                raise Unmovable(self._contradiction(place, first, shifts, other, other_shifts))
        if not any(shifts):
            return None
        dims = self.reading.all_dims(place)
        # They agree on the power; one that takes it away altogether leaves the simplest formulas.
        first = min((condition for condition, _ in found), key=lambda c: c.exponent != 0)
        power = self.reading.powers(place)[KNOBS[first.knob]]
        value = self.reading.value(place, KNOBS[first.knob])
        if value is not None:
            if first.knob == "c" and (rate := self.reading.global_words(place).get("lr")):
                value = value.times(rate)
            wanted = self.reading.words.ratio.power(Affine(-first.exponent))
            words = wanted.over(self.reading.words.growing(value, dims)).power(Affine(1 / power))
            if [self.reading.words.exponent(words, d) for d in dims] == shifts:
                return words
        if len(set(shifts)) > 1:
            raise Unmovable(refusals.no_one_formula(place.words, place.repeats, place.span))
        return self.reading.words.to_power(shifts[0])

    def _shift(self, place: TensorBlock, member: int, condition: Condition) -> Fraction | None:
        """The exponent of t that one condition asks for; None where it asks for nothing."""
        current = self._exponent(place, self.reading.tensor(place, member), condition.knob)
        if current is None:
            return None
        power = self.reading.powers(place)[KNOBS[condition.knob]]
        if power:
            return (current - condition.exponent) / power
        if current != condition.exponent:
            gauge = self.target.gauge
            wanted = f"the {gauge} gauge" if gauge else f"c = {condition.exponent}"
            name = self.reading.optimizer(place).name
            place_of_rate = place.span_of("lr")
            raise Unmovable(refusals.fixed_rate(name, wanted, current, place_of_rate))
        return None

    def _contradiction(
        self,
        place: TensorBlock,
        first: Condition,
        shifts: Sequence[Fraction],
        other: Condition,
        other_shifts: Sequence[Fraction],
    ) -> Diagnostic:
        at = next(
            (i for i, (x, y) in enumerate(zip(shifts, other_shifts, strict=False)) if x != y), 0
        )
        attribute = KNOBS[other.knob]
        span = place.span_of(attribute, "var") if attribute == "std" else place.span_of(attribute)
        return refusals.contradiction(
            place.words,
            first.knob,
            first.exponent,
            -shifts[at],
            other.knob,
            other.exponent,
            -other_shifts[at],
            span,
        )

    def frames(self) -> Iterator[Frame | None]:
        """The gauges that the text may name, the best first."""
        frame = self.reading.frame
        if frame is None or frame.parameterization == STANDARD:
            yield frame
            return
        has_mup = all(optimizer.law.gauge_power for optimizer in self.reading.model.optimizers)
        if self.target.gauge is not None:
            gauge = self.target.gauge
            yield frame._replace(gauge=gauge) if gauge != "mup" or has_mup else frame
            return
        gauges = [frame.gauge]
        if all(condition.statement is None for condition in self.target.conditions):
            gauges += [g for g in GAUGES if g != frame.gauge and (g != "mup" or has_mup)]
        frames = [frame._replace(gauge=gauge) for gauge in gauges]
        yield from sorted(frames, key=self._count_of_written)

    def _count_of_written(self, frame: Frame) -> int:
        """Where inference does not make the conditions hold, so that values have to be written."""
        conditions = self.target.conditions
        return sum(self.inferred_move(p, frame, conditions) is None for p in self.reading.places)


def _finite(size: object) -> Fraction:
    assert isinstance(size, Fraction)
    return size
