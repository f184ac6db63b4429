"""The passes of richc.scaling.passes, written out: every size as the sum that it is.

A line is built from its terms, and its value is computed from them; that value has to be the one
in the flow, on which the verdict rests.  So a printed sum adds up, and adds up to what was judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from richc.scaling.monomial import Affine
from richc.scaling.passes import Flow, LayerFlow, Parameter, Stage, Step
from richc.scaling.sizes import ZERO_SIZE, Size, largest
from richc.scaling.verdict import NOT_EVALUATED, Network, Verdict, judge

_ZERO = Fraction(0)
_HALF = Fraction(1, 2)
_ONE = Fraction(1)

#: What marks the letters of a bias: A'_2 beside A_2.
PRIME = "'"


class Term(NamedTuple):
    """One factor n^size of a product, or a plain power of n where there is no letter."""

    letter: str
    #: Counted from zero; -1 for a plain power.
    layer: int
    size: Size
    times: Fraction = _ONE
    #: True for a letter that stands for n^-letter, as a, b, c, A and C do.
    inverse: bool = False
    #: The size where a file writes it with r.
    in_r: Affine | None = None


#: A product, as the sum of its exponents.
Sum = tuple[Term, ...]


class Line(NamedTuple):
    """One size: the largest of some sums, usually of one."""

    letter: str
    layer: int
    sums: tuple[Sum, ...]
    value: Size
    inverse: bool = False
    #: Why the size is zero, where no sum says so.
    reason: str = ""

    @property
    def is_of_bias(self) -> bool:
        return self.letter.endswith(PRIME)

    @property
    def term(self) -> Term:
        """The line's value, for another line to use."""
        return Term(self.letter, self.layer, self.value, inverse=self.inverse)


def line(letter: str, layer: int, *sums: Sum, equals: Size, inverse: bool = False) -> Line:
    """The line of some sums, whose largest must be the known size ``equals``."""
    value = largest(*(_total(terms) for terms in sums))
    assert value == equals, f"{letter}_{layer + 1} adds up to {value}, not to {equals}"
    return Line(letter, layer, sums, value, inverse)


def _total(terms: Sum) -> Size:
    total = _ZERO
    for term in terms:
        if not isinstance(term.size, Fraction):
            return ZERO_SIZE
        total += term.times * term.size
    return total


def coefficients(product: Callable[..., Size], count: int) -> tuple[Fraction, ...]:
    """The powers of a law that is a product of powers: its constant, then one for each argument."""

    def at(*sizes: Fraction) -> Fraction:
        size = product(*sizes)
        assert isinstance(size, Fraction)
        return size

    zeros = [_ZERO] * count
    constant = at(*zeros)
    ones = ([*zeros[:i], _ONE, *zeros[i + 1 :]] for i in range(count))
    return (constant, *(at(*sizes) - constant for sizes in ones))


@cache
def _powers(step: Step, wide_sides: int) -> tuple[Fraction, ...]:
    """The entry size of an update: its constant, and its powers of rate, input and gradient."""
    return coefficients(lambda rate, source, slope: step(rate, source, slope, wide_sides), 3)


class Phase(NamedTuple):
    """The first step, or any later one.  Lines of weights come before lines of biases."""

    #: p: what the representations that are larger than at init send on, from the first on.
    inputs: tuple[Line, ...]
    #: k: by what the weights multiply that do more by their own update than by their init.
    gains: tuple[Line, ...]
    #: g: the entries of df/dh, from the last representation to the first.
    gradients: tuple[Line, ...]
    #: u and u': what the layer's own updates add to its representation.
    own: tuple[Line, ...]
    #: U: the whole update of every representation.
    updates: tuple[Line, ...]
    #: t and t': what the layer's own updates add to the output's change.
    shares: tuple[Line, ...]
    #: T: what the whole update of every representation adds to it.
    reaches: tuple[Line, ...]
    #: The whole change of the output.
    output: Line


class Derivation(NamedTuple):
    #: q: every representation at init, as far as its size is known, then the output.
    heights: tuple[Line, ...]
    #: None where the sizes at init do not allow to go on.
    first: Phase | None
    later: Phase | None


class Rescaling(NamedTuple):
    """A homogeneous network with scale moved between its layers: the same function."""

    #: m: layer l is multiplied by n^m.
    moves: tuple[Line, ...]
    #: A* and C*: the invariants afterwards.
    inits: tuple[Line, ...]
    rates: tuple[Line, ...]


def derive(network: Network, verdict: Verdict) -> Derivation:
    """Every sum behind a verdict."""
    flow = verdict.flow
    heights = _heights(network.stages, flow)
    if verdict.status("D1") == NOT_EVALUATED:
        return Derivation(heights[: verdict.known_heights], None, None)
    return Derivation(
        heights,
        _phase(network, flow.first, heights, is_later=False),
        _phase(network, flow.later, heights, is_later=True),
    )


def _plain(power: Fraction) -> Sum:
    return (Term("", -1, power),) if power else ()


def _init(stage: Stage, index: int) -> Term:
    return Term("A", index, stage.weight.init, inverse=True)


def _rate(parameter: Parameter, letter: str, index: int, times: Fraction = _ONE) -> Term:
    return Term(letter, index, parameter.rate, times, inverse=True)


def _heights(stages: Sequence[Stage], flow: Flow) -> tuple[Line, ...]:
    lines: list[Line] = []
    for index, (stage, at) in enumerate(zip(stages, flow.later, strict=True)):
        below = (lines[-1].term,) if lines else ()
        gain = _plain(_HALF if stage.wide_in else _ZERO)
        sums: list[Sum] = [(*below, *gain, _init(stage, index))]
        if stage.bias is not None:
            sums.append((Term("A'", index, stage.bias.init, inverse=True),))
        lines.append(line("q", index, *sums, equals=at.h))
    return tuple(lines)


def _phase(
    network: Network, flow: Sequence[LayerFlow], heights: Sequence[Line], *, is_later: bool
) -> Phase:
    stages, last = network.stages, len(network.stages) - 1
    inputs = _inputs(flow, heights)
    gains = {found.layer: found for found in _gains(stages, flow, inputs)}
    gradients = _gradients(network, flow, inputs, gains, is_later=is_later)
    entry = {found.layer: found.term for found in gradients}
    own: list[Line] = []
    of_biases: list[Line] = []
    updates: list[Line] = []
    for index, (stage, at) in enumerate(zip(stages, flow, strict=True)):
        source = inputs[index - 1].term if index else None
        # What reaches the output directly is a share of its change.
        letter = "u" if index < last else "t"
        found = [_own(network.step, letter, index, stage, source, entry.get(index), at.own)]
        own += found
        if stage.bias is not None:
            bias = _own_bias(network.step, letter, index, stage, entry.get(index), at.bias_own)
            of_biases.append(bias)
            found.append(bias)
        if index < last:
            sums: list[Sum] = [(one.term,) for one in found]
            if updates:
                sums.append((updates[-1].term, *_through(stage, index, gains)))
            updates.append(line("U", index, *sums, equals=at.dh))

    def through(letter: str, update: Line, size: Size) -> Line:
        terms = (*_plain(_ONE), entry[update.layer], update.term)
        return line(letter, update.layer, terms, equals=size)

    shares = [through("t", one, flow[one.layer].df) for one in own[:-1]] + own[-1:]
    shares += [
        one if one.layer == last else through("t'", one, flow[one.layer].bias_df)
        for one in of_biases
    ]
    reaches = [through("T", one, flow[one.layer].reach) for one in updates]
    direct = [(one.term,) for one in shares if one.layer == last]
    output = line("Δf", last, *direct, (reaches[-1].term,), equals=flow[-1].dh)
    return Phase(
        tuple(one for one in inputs if one.letter == "p"),
        tuple(gains.values()),
        gradients,
        tuple(one for one in (*own, *of_biases) if one.layer < last),
        tuple(updates),
        tuple(shares),
        tuple(reaches),
        output,
    )


def _inputs(flow: Sequence[LayerFlow], heights: Sequence[Line]) -> list[Line]:
    """What every layer but the first acts on, by the layer below: the line of its size."""
    lines: list[Line] = []
    for height, below, at in zip(heights[:-1], flow, flow[1:], strict=False):
        if at.source == height.value:
            lines.append(height)
            continue
        # Grown to one, it grows no further.
        update = Term("U", height.layer, below.dh) if below.dh < _ZERO else Term("", -1, _ZERO)
        sums = ((height.term,), (update,))
        if update.size == at.source:
            lines.append(line("p", height.layer, *sums, equals=at.source))
        else:
            lines.append(Line("p", height.layer, (), at.source, reason="it still grows"))
    return lines


def _gains(
    stages: Sequence[Stage], flow: Sequence[LayerFlow], inputs: Sequence[Line]
) -> Iterator[Line]:
    for index, (stage, at) in enumerate(zip(stages[1:-1], flow[1:-1], strict=True), start=1):
        init = (*_plain(_HALF), _init(stage, index))
        if at.gain == _total(init):
            continue
        source = inputs[index - 1].term
        update: Sum = (Term("u", index, at.own), source._replace(times=-_ONE))
        if _total(update) != at.gain:  # Beyond one, it explodes by itself.
            update = (Term("", -1, _ZERO),)
        yield line("k", index, init, update, equals=at.gain)


def _through(stage: Stage, index: int, gains: Mapping[int, Line]) -> Sum:
    """By what a hidden layer's weight multiplies."""
    if index in gains:
        return (gains[index].term,)
    return (*_plain(_HALF), _init(stage, index))


def _gradients(
    network: Network,
    flow: Sequence[LayerFlow],
    inputs: Sequence[Line],
    gains: Mapping[int, Line],
    *,
    is_later: bool,
) -> tuple[Line, ...]:
    stages, last = network.stages, len(network.stages) - 1
    readout = stages[last]
    sums: list[Sum] = [(_init(readout, last),)]
    if is_later:
        wide = int(readout.wide_in) + int(readout.wide_out)
        power, rate, source, _ = _powers(network.step, wide)
        update = [*_plain(power), _rate(readout.weight, "C", last, rate)]
        if source:
            update.insert(0, inputs[last - 1].term._replace(times=source))
        sums.append(tuple(update))
    lines = [line("g", last - 1, *sums, equals=flow[last - 1].gradient)]
    for index in range(last - 2, -1, -1):
        terms = (lines[-1].term, *_through(stages[index + 1], index + 1, gains))
        lines.append(line("g", index, terms, equals=flow[index].gradient))
    return tuple(lines)


def _own(
    step: Step,
    letter: str,
    index: int,
    stage: Stage,
    source: Term | None,
    gradient: Term | None,
    size: Size,
) -> Line:
    """A weight's own update times the input that it was made from: a coherent sum."""
    wide = int(stage.wide_in) + int(stage.wide_out)
    power, rate, by_source, by_gradient = _powers(step, wide)
    dead = _dead(letter, index, [source] * (not by_source) + [gradient] * (not by_gradient))
    if dead is not None:
        assert size is ZERO_SIZE
        return dead
    terms = [*_plain(power + (_ONE if stage.wide_in else _ZERO))]
    if source is not None:
        terms.append(source._replace(times=_ONE + by_source))
    terms.append(_rate(stage.weight, "C", index, rate))
    if gradient is not None and by_gradient:
        terms.append(gradient._replace(times=by_gradient))
    return line(letter, index, tuple(terms), equals=size)


def _own_bias(
    step: Step, letter: str, index: int, stage: Stage, gradient: Term | None, size: Size
) -> Line:
    assert stage.bias is not None
    power, rate, _, by_gradient = _powers(step, int(stage.wide_out))
    dead = _dead(letter + PRIME, index, [gradient] * (not by_gradient))
    if dead is not None:
        assert size is ZERO_SIZE
        return dead
    terms = [*_plain(power), _rate(stage.bias, "C'", index, rate)]
    if gradient is not None and by_gradient:
        terms.append(gradient._replace(times=by_gradient))
    return line(letter + PRIME, index, tuple(terms), equals=size)


def _dead(letter: str, index: int, ignored: Sequence[Term | None]) -> Line | None:
    """A scale-free update ignores the size of its gradient, unless that is exactly zero."""
    if any(term is not None and term.size is ZERO_SIZE for term in ignored):
        return Line(letter, index, (), ZERO_SIZE, reason="no gradient, no update")
    return None


def rescale(network: Network, verdict: Verdict) -> Rescaling:
    """What makes every representation of a homogeneous network one of order one.

    Layer l times n^m_l, with all m_l adding up to zero, leaves the function alone, and its
    training too when the rates go along.
    """
    heights = _heights(network.stages, verdict.flow)
    power = Fraction(network.gauge_power if network.gauge_power == 2 else 1)
    moves, inits, rates, stages = [], [], [], []
    for index, stage in enumerate(network.stages):
        below = (heights[index - 1].term,) if index else ()
        terms = below
        if stage.wide_out:
            terms = (*below, heights[index].term._replace(times=-_ONE))
        change = _total(terms)
        move = line("m", index, terms, equals=change)
        weight = Parameter(stage.weight.init + change, stage.weight.rate + _total_of(move, power))
        moves.append(move)
        inits.append(
            line("A*", index, (_init(stage, index), move.term), equals=weight.init, inverse=True)
        )
        moved = move.term._replace(times=power)
        sum_of_rate = (_rate(stage.weight, "C", index), moved)
        rates.append(line("C*", index, sum_of_rate, equals=weight.rate, inverse=True))
        stages.append(stage._replace(weight=weight))
    judged = judge(network._replace(stages=tuple(stages), homogeneous=False))
    assert judged.richness == verdict.function_richness
    return Rescaling(tuple(moves), tuple(inits), tuple(rates))


def _total_of(found: Line, times: Fraction) -> Size:
    return _total((found.term._replace(times=times),))
