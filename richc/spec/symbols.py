"""The symbols of a model: the width, its base, the richness and the activity."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import (
    BASE_DEPTH,
    BASE_WIDTH,
    DEPTH,
    GAMMA,
    WIDTH,
    Monomial,
    activity,
    symbol,
)
from richc.diagnostics import Span
from richc.spec import messages, options
from richc.spec.arrangement import DeclaredSize
from richc.spec.expressions import RICHNESS, Rejected, Scope, rational
from richc.spec.holes import Holes
from richc.spec.presets import ParameterizationChoice
from richc.spec.reader import Reader
from richc.syntax import tree

#: Beyond this a richness is a mistake (or an attack).
MAX_RICHNESS = 100

#: Of one model: repeats are written out.
MAX_LAYERS = 10_000

_RESERVED = ("alpha", "gamma", "fan_in", "layer_fan_in", "fan_out", "sqrt", RICHNESS)


class Scale(NamedTuple):
    """What the ``width``, ``depth`` and ``richness`` statements declare."""

    width: int
    width_symbol: str
    base: int | None
    base_symbol: str | None
    richness: Fraction | None
    #: The lowest and the highest richness for which every verdict has to hold, if declared.
    interval: tuple[Fraction, Fraction] | None
    gamma: Fraction
    depth: DeclaredSize | None

    @property
    def has_base_depth(self) -> bool:
        return self.depth is not None and self.depth.base is not None


def read_scale(reader: Reader, preset: ParameterizationChoice | None) -> Scale | None:
    width = reader.only(tree.Width, "width", "width n = 1024")
    richness, interval, gamma = _richness(reader, preset)
    deep = reader.only(tree.Depth)
    known: dict[str, Span] = {}
    for name in (s for node in (width, deep) if node for s in (node.symbol, node.base_symbol) if s):
        if name.text in _RESERVED:
            why = "scaling expressions have their own meaning for it"
            reader.report(messages.reserved_name(name.text, name.span, why))
        if name.text in known:
            found = messages.duplicate(f"the symbol `{name.text}`", name.span, known[name.text])
            is_depth = deep is not None and name is deep.symbol
            help = "the depth has a word of its own: `depth L = ...`" if is_depth else None
            reader.report(found._replace(help=help))
        known.setdefault(name.text, name.span)
    depth = _measure(reader, deep, "depth", MAX_LAYERS) if deep else None
    if width is None or (deep and not depth):
        return None
    n = _measure(reader, width, "width", 2**31)
    if n is None:
        return None
    return Scale(n.value, n.symbol, n.base, n.base_symbol, richness, interval, gamma, depth)


def _measure(
    reader: Reader, node: tree.Width | tree.Depth, what: str, most: int
) -> DeclaredSize | None:
    """A width or a depth, with its base."""
    value = reader.attempt(lambda: options.integer(node.value, f"the {what}", 1, most))
    base: int | None = None
    if node.base_value is not None:
        written = node.base_value
        base = reader.attempt(lambda: options.integer(written, f"the base {what}", 1, most))
        if base is None:
            return None
    if value is None:
        return None
    word = node.base_symbol.text if node.base_symbol else None
    return DeclaredSize(node.symbol.text, value, word, base)


class _Richness(NamedTuple):
    value: Fraction | None
    interval: tuple[Fraction, Fraction] | None = None
    gamma: Fraction = Fraction(1)


def _richness(reader: Reader, preset: ParameterizationChoice | None) -> _Richness:
    node = reader.only(tree.Richness)
    declared = preset.richness if preset else None
    if node is None:
        return _Richness(declared)
    if node.symbol.text != RICHNESS:
        reader.report(
            messages.bad_value(
                "the richness is called `r`",
                node.symbol.span,
                "write `richness r = 1/2`; only the width's symbols are free",
            )
        )
    value = reader.attempt(lambda: rational(node.value, "the richness"))
    if value is not None and abs(value) > MAX_RICHNESS:
        reader.report(
            messages.bad_value("this richness is out of all range (0 to 1/2)", node.value.span)
        )
    if value is not None and declared is not None and preset and value != declared:
        reader.report(
            messages.conflict(
                f"`richness` says r = {value}, `parameterization` says r = {declared}",
                node.value.span,
                preset.span,
                "write `rich(r = ...)`, or leave one of the two out",
            )
        )
    given = options.named_arguments(node.options, ("gamma",), "option of richness", reader.report)
    gamma = Fraction(1)
    if "gamma" in given:
        gamma_node = given["gamma"].value
        read = reader.attempt(lambda: _positive(gamma_node, "gamma"))
        gamma = read if read is not None else gamma
    interval = None
    if node.interval is not None:
        bounds = node.interval
        interval = reader.attempt(lambda: _interval(bounds, value, node.value.span))
    return _Richness(value, interval, gamma)


def _interval(
    node: tree.Interval, value: Fraction | None, place: Span
) -> tuple[Fraction, Fraction]:
    """Both ends of ``in [low, high]``.  Raises Rejected."""
    low = rational(node.low, "the lowest richness")
    high = rational(node.high, "the highest richness")
    for bound, end in ((low, node.low), (high, node.high)):
        if abs(bound) > MAX_RICHNESS:
            raise Rejected(
                messages.bad_value("this richness is out of all range (0 to 1/2)", end.span)
            )
    if low > high:
        raise Rejected(
            messages.bad_value(
                f"this interval is empty: {low} is above {high}",
                node.span,
                f"write the lower end first: `in [{high}, {low}]`",
            )
        )
    if value is not None and not low <= value <= high:
        raise Rejected(
            messages.conflict(
                f"r = {value} lies outside of [{low}, {high}]", place, node.span, "the interval"
            )
        )
    return low, high


def depth_symbol(node: tree.Model) -> str | None:
    """The depth's word, also where the rest of its statement is wrong."""
    known = next((s.symbol.text for s in node.statements if isinstance(s, tree.Depth)), None)
    width = width_symbol(node)
    if known != width and (known is not None or not node.incomplete):
        return known
    # Its statement may be what could not be parsed, or has the width's word.
    repeats = (s.times for s in node.statements if isinstance(s, tree.Repeat))
    words = (times.text for times in repeats if isinstance(times, tree.Name))
    return next((word for word in words if word != width or known is None), known and "L")


def width_symbol(node: tree.Model) -> str:
    """The width's word, also where the rest of its statement is wrong."""
    return next((s.symbol.text for s in node.statements if isinstance(s, tree.Width)), "n")


def scope_of(node: tree.Model, scale: Scale | None, holes: Holes | None = None) -> Scope:
    """The names that expressions may use.

    Where a declaration is missing or wrong, and so reported, its names are taken as declared.
    """
    hints = {
        "alpha": "`alpha` is defined by a `richness` statement: `richness r = 1/2`",
        "gamma": "`gamma` is defined by a `richness` statement: `richness r = 1/2, gamma = 1`",
        RICHNESS: "`r` is defined by a `richness` statement: `richness r = 1/2`",
        "fan_in": "`fan_in` has a meaning only in a layer's attributes",
        "layer_fan_in": "`layer_fan_in` has a meaning only in a bias; in its layer it is `fan_in`",
        "fan_out": "`fan_out` has a meaning only in a layer's attributes",
        "n": "the width has no symbol `n` in this model",
        "n0": "the base width is declared with the width: `width n = 1024, base n0 = 64`",
        "L": "the depth is declared by `depth L = 24`",
        "L0": "the base depth is declared with the depth: `depth L = 24, base L0 = 4`",
    }
    names: dict[str, Monomial] = {width_symbol(node): symbol(WIDTH)}
    bases = [s.base_symbol for s in node.statements if isinstance(s, tree.Width) and s.base_symbol]
    if bases:
        names[bases[0].text] = symbol(BASE_WIDTH)
    deep = next((s for s in node.statements if isinstance(s, tree.Depth)), None)
    depth = depth_symbol(node)
    if depth is not None:
        names[depth] = symbol(DEPTH)
    if depth is not None and (deep is None or deep.symbol.text != depth):
        names[f"{depth}0"] = symbol(BASE_DEPTH)
    elif deep is not None and deep.base_symbol:
        names[deep.base_symbol.text] = symbol(BASE_DEPTH)
    declared = (
        (scale is not None and scale.richness is not None)
        or node.incomplete
        or any(isinstance(s, tree.Richness) for s in node.statements)
    )
    if declared:
        names["gamma"] = symbol(GAMMA)
        names["alpha"] = activity(bool(bases))
    return Scope(names, hints, has_richness=declared, holes=holes)


def _positive(node: tree.Value, what: str) -> Fraction:
    if isinstance(node, tree.String | tree.List):
        raise Rejected(messages.bad_value(f"{what} is a number", node.span))
    value = rational(node, what)
    if value <= 0:
        raise Rejected(messages.bad_value(f"{what} is positive", node.span))
    return value
