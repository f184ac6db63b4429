"""The calculus on sizes that are written out: every size as the sum that it is.

The passes of a chain run once more, on exponents that know of which letters they
are the sum.  A line is built from its terms, and its value is computed from them; that value has
to be the one in the flow, on which the verdict rests.  So a printed sum adds up, and adds up to
what was judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from richc.algebra.monomial import Affine
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, largest
from richc.calculus.judging import judge
from richc.calculus.loop import backward, forward, place, upward
from richc.calculus.ops import UNIT, Domain, Parameter, Phase, Site
from richc.calculus.run import LayerFlow, Stage, placed, representations, summaries
from richc.calculus.verdict import NOT_EVALUATED, Network, Verdict

_ZERO = Fraction(0)
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


class Written(Fraction):
    """An exponent and the sums of which it is the largest; adding two adds each to each."""

    __slots__ = ("sums",)

    sums: tuple[Sum, ...]

    def __add__(self, other: object) -> Size:  # type: ignore[override]  # fewer types
        return _added(self, other)

    def __radd__(self, other: object) -> Size:  # type: ignore[override]  # fewer types
        return _added(other, self)

    def __neg__(self) -> Written:
        (terms,) = self.sums
        found = _written((tuple(t._replace(times=-t.times) for t in terms),))
        assert isinstance(found, Written)
        return found


class WrittenZero(Zero):
    """The same of a size that is exactly zero."""

    __slots__ = ("sums",)

    sums: tuple[Sum, ...]

    def __add__(self, other: object) -> Zero:
        found = _added(self, other)
        assert isinstance(found, Zero)
        return found

    def __radd__(self, other: object) -> Zero:
        found = _added(other, self)
        assert isinstance(found, Zero)
        return found


def _written(sums: tuple[Sum, ...]) -> Written | WrittenZero:
    value = largest(*(_total(terms) for terms in sums))
    found = Written(value) if isinstance(value, Fraction) else WrittenZero()
    found.sums = sums
    return found


def _sums(size: object) -> tuple[Sum, ...]:
    """Of a plain exponent, the power of n that it is."""
    if isinstance(size, Written | WrittenZero):
        return size.sums
    assert isinstance(size, Fraction)
    return ((Term("", -1, size),),)


def _added(one: object, other: object) -> Size:
    if type(one) is Zero or type(other) is Zero:
        return ZERO_SIZE
    return _written(tuple(_merged(a + b) for a in _sums(one) for b in _sums(other)))


def _merged(terms: Sum) -> Sum:
    """Each letter once, with plain powers added up, where it comes first."""
    found: dict[tuple[str, int], Term] = {}
    for term in terms:
        key = (term.letter, term.layer)
        known = found.get(key)
        if not term.letter:
            found[key] = Term("", -1, _total((term,)) + (_ZERO if known is None else known.size))
        else:
            times = term.times if known is None else known.times + term.times
            found[key] = term._replace(times=times)
    return tuple(t for t in found.values() if t.times and (t.letter or t.size))


class _Lines(Domain):
    """Keeps the line of every size that has a letter."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.lines: dict[str, dict[int, Line]] = {}

    def of(self, *letters: str) -> tuple[Line, ...]:
        """The lines of some letters, each letter's from the first layer on."""
        return tuple(
            found for letter in letters for _, found in sorted(self.lines.get(letter, {}).items())
        )

    def keep(self, found: Line) -> Size:
        """A line, and what stands for its value from now on."""
        self.lines.setdefault(found.letter, {})[found.layer] = found
        return _written(((found.term,),))

    def total(self, one: Size, other: Size) -> Size:
        known = [size for size in (one, other) if size is not ZERO_SIZE]
        sums = tuple(terms for size in known for terms in _sums(size))
        return _written(sums) if sums else ZERO_SIZE

    def named(self, letter: str, layer: int, size: Size) -> Size:
        skipped = {0: "k", self.last: "UT"}.get(layer, "")
        if layer < 0 or letter in skipped:
            return size
        if layer == self.last:
            # What reaches the output directly is a share of its change.
            letter = letter.replace("u", "t")
        sums = () if size is ZERO_SIZE else _sums(size)
        if letter == "k" and size == _total(sums[0]):
            return _written(sums[:1])
        if letter == "U":
            # Own updates first, the weight's before the bias's.
            sums = tuple(sorted(sums, key=lambda terms: (len(terms), terms[0].letter)))
        if sums and [(term.letter, term.layer) for term in sums[0]] == [(letter, layer)]:
            return size
        reason = "" if sums else "no gradient, no update"
        return self.keep(Line(letter, layer, sums, largest(size), reason=reason))


class PhaseLines(NamedTuple):
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
    first: PhaseLines | None
    later: PhaseLines | None


class Rescaling(NamedTuple):
    """A homogeneous network with scale moved between its layers: the same function."""

    #: m: layer l is multiplied by n^m.
    moves: tuple[Line, ...]
    #: A* and C*: the invariants afterwards.
    inits: tuple[Line, ...]
    rates: tuple[Line, ...]


def derive(network: Network, verdict: Verdict) -> Derivation:
    """Every sum behind a verdict."""
    stages = [_lettered(stage, index) for index, stage in enumerate(network.stages)]
    sites, at_init = place(placed(stages)), _Lines(len(stages) - 1)
    forward(sites, UNIT, at_init)
    lines = at_init.of("q")
    if verdict.status("D1") == NOT_EVALUATED:
        return Derivation(lines[: verdict.known_heights], None, None)
    first = _phase(network, sites, verdict.flow.first, is_later=False)
    return Derivation(lines, first, _phase(network, sites, verdict.flow.later, is_later=True))


def _lettered(stage: Stage, index: int) -> Stage:
    """With letters for what the file says of the layer."""

    def written(parameter: Parameter, prime: str = "") -> Parameter:
        return Parameter(*(_written(((term,),)) for term in _letters(parameter, index, prime)))

    bias = None if stage.bias is None else written(stage.bias, PRIME)
    return stage._replace(weight=written(stage.weight), bias=bias)


def _letters(parameter: Parameter, index: int, prime: str = "") -> tuple[Term, Term]:
    """A and C of a tensor."""
    init = Term(f"A{prime}", index, parameter.init, inverse=True)
    return init, Term(f"C{prime}", index, parameter.rate, inverse=True)


def _phase(
    network: Network, sites: Sequence[Site], flow: Sequence[LayerFlow], *, is_later: bool
) -> PhaseLines:
    last = len(flow) - 1
    lines = _Lines(last)
    for below, site in pairwise(sites):
        if below.ends:
            site.source = _source(lines, below, flow)
    phase = Phase(network.step, lines, is_later)
    backward(sites, UNIT, phase)
    upward(sites, ZERO_SIZE, phase)
    found = summaries([*representations(sites)], lines)
    assert [*found.values()] == [*flow], "the sums add up to other sizes than were judged"
    reaches = lines.of("T")
    shares = lines.of("t", "t'")
    direct = [(one.term,) for one in shares if one.layer == last]
    return PhaseLines(
        lines.of("p"),
        lines.of("k"),
        lines.of("g")[::-1],
        lines.of("u", "u'"),
        lines.of("U"),
        shares,
        reaches,
        line("Δf", last, *direct, (reaches[-1].term,), equals=flow[-1].dh),
    )


def _source(lines: _Lines, below: Site, flow: Sequence[LayerFlow]) -> Size:
    """What a layer acts on: the representation below, or what that has grown to."""
    index, height = below.layer, below.height
    change, source = flow[index].dh, flow[index + 1].source
    if source == height:
        return height
    if largest(flow[index].h, min(_ZERO, change)) == source:
        # Grown to one, it grows no further.
        update = Term("U", index, change) if change < _ZERO else Term("", -1, _ZERO)
        return lines.named("p", index, _written((*_sums(height), (update,))))
    return lines.keep(Line("p", index, (), source, reason="it still grows"))


def rescale(network: Network, verdict: Verdict) -> Rescaling:
    """What makes every representation of a homogeneous network one of order one.

    Layer l times n^m_l, with all m_l adding up to zero, leaves the function alone, and its
    training too when the rates go along.
    """
    sites = place(placed([_lettered(stage, i) for i, stage in enumerate(network.stages)]))
    forward(sites, UNIT, _Lines(len(network.stages) - 1))
    heights = [site.height for site in sites if site.ends]
    power = Fraction(network.gauge_power if network.gauge_power == 2 else 1)
    moves, inits, rates, stages = [], [], [], []
    below: Size = UNIT
    for index, (stage, height) in enumerate(zip(network.stages, heights, strict=True)):
        change = below
        if stage.wide_out:
            assert isinstance(height, Written)
            change = below + -height
        below = height
        move = line("m", index, *_sums(change), equals=largest(change))
        weight = Parameter(
            stage.weight.init + move.value, stage.weight.rate + _total((_times(move, power),))
        )
        init, rate = _letters(stage.weight, index)
        moves.append(move)
        inits.append(line("A*", index, (init, move.term), equals=weight.init, inverse=True))
        rates.append(
            line("C*", index, (rate, _times(move, power)), equals=weight.rate, inverse=True)
        )
        stages.append(stage._replace(weight=weight))
    judged = judge(network._replace(stages=tuple(stages), ops=tuple(placed(stages))))
    assert judged.richness == verdict.function_richness
    return Rescaling(tuple(moves), tuple(inits), tuple(rates))


def _times(found: Line, times: Fraction) -> Term:
    return found.term._replace(times=times)
