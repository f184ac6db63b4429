"""Named points of the richness scale: ``parameterization`` and ``require`` statements."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import NamedTuple

from richc.diagnostics import Span
from richc.spec import messages, options
from richc.spec.expressions import RICHNESS, Rejected, rational
from richc.spec.model import Claim, Requirement
from richc.spec.reader import Reader
from richc.syntax import tree
from richc.words import GAUGES, PARAMETERIZATIONS, REGIMES

_HALF = Fraction(1, 2)
_CHOICES: dict[str, tuple[str, ...]] = {Claim.GAUGE: GAUGES, Claim.REGIME: REGIMES}
_POINTS = {"mup": _HALF, "ntp": Fraction(0)}


class ParameterizationChoice(NamedTuple):
    """A ``parameterization`` statement; no richness for ``standard``."""

    name: str
    richness: Fraction | None
    gauge: str
    span: Span
    gauge_span: Span
    #: The power of the depth that branches are small by; None where the file does not say.
    depth: Fraction | None = None


def read_parameterization(reader: Reader) -> ParameterizationChoice | None:
    node = reader.only(tree.Parameterization)
    if node is None:
        return None
    name = node.preset.name.text
    if name not in PARAMETERIZATIONS:
        reader.report(
            messages.unknown_word(
                "parameterization", name, node.preset.name.span, PARAMETERIZATIONS
            )
        )
        return None
    richness = reader.attempt(lambda: _point(reader, node.preset, "parameterization"))
    given = options.named_arguments(
        node.options, ("gauge", "depth"), "option of parameterization", reader.report
    )
    gauge, gauge_span = "stp", node.preset.span
    if "gauge" in given:
        value = given["gauge"].value
        gauge_span = value.span
        if isinstance(value, tree.Name) and value.text in GAUGES:
            gauge = value.text
        else:
            word = value.text if isinstance(value, tree.Name) else "?"
            reader.report(messages.unknown_word("gauge", word, value.span, GAUGES))
        if name == "standard":
            reader.report(
                messages.bad_value(
                    "`standard` has no gauge: it is PyTorch's habit, as it is", value.span
                )
            )
    depth: Fraction | None = None
    if "depth" in given:
        written = given["depth"].value
        depth = reader.attempt(lambda: _depth(reader, written))
    return ParameterizationChoice(name, richness, gauge, node.preset.span, gauge_span, depth)


def _depth(reader: Reader, node: tree.Value) -> Fraction:
    """The power of the depth that branches are small by.  Raises Rejected."""
    if isinstance(node, tree.String | tree.List):
        raise Rejected(messages.bad_value("`depth` is 1 (CompleteP) or 1/2 (Depth-μP)", node.span))
    power = rational(node, "`depth`")
    if not _HALF <= power <= 1:
        raise Rejected(
            messages.bad_value(
                "`depth` lies between 1/2 (Depth-μP) and 1 (CompleteP)",
                node.span,
                "it is the power of the depth that a branch is small by; below 1/2 the stream "
                "grows, and above 1 it trains as at 1",
            )
        )
    if not any(isinstance(s, tree.Depth) for s in reader.node.statements):
        raise Rejected(
            messages.bad_value("this model has no depth", node.span, "declare it: `depth L = 24`")
        )
    return power


def _point(reader: Reader, node: tree.Preset, where: str) -> Fraction | None:
    """The richness that a preset names.  Raises Rejected."""
    name = node.name.text
    if name != "rich":
        if node.arguments:
            raise Rejected(messages.bad_value(f"`{name}` takes no argument", node.span))
        return _POINTS.get(name)
    if not node.arguments and where == "parameterization":
        declared = [s for s in reader.node.statements if isinstance(s, tree.Richness)]
        if declared:
            return rational(declared[0].value, "the richness")
    argument = node.arguments[0] if len(node.arguments) == 1 else None
    value = argument.value if isinstance(argument, tree.Option) else argument
    if (
        value is None
        or isinstance(value, tree.String | tree.List)
        or (isinstance(argument, tree.Option) and argument.name.text != RICHNESS)
    ):
        raise Rejected(messages.bad_value("`rich` names a richness: `rich(r = 1/4)`", node.span))
    richness = rational(value, "the richness")
    if not 0 <= richness <= _HALF:
        raise Rejected(messages.bad_value("the richness scale is 0 to 1/2", value.span))
    return richness


def read_requirements(reader: Reader) -> tuple[Requirement, ...]:
    nodes = [s for s in reader.node.statements if isinstance(s, tree.Require)]
    read = (reader.attempt(partial(_requirement, reader, node)) for node in nodes)
    return tuple(r for r in read if r is not None)


def _requirement(reader: Reader, node: tree.Require) -> Requirement:
    kind = node.preset.name.text
    if node.value is None:
        if kind in ("mup", "ntp", "rich"):
            richness = _point(reader, node.preset, "require")
            return Requirement(Claim.POINT, kind, richness, node.span)
        name = node.preset.name
        if kind in ("completep", Claim.DEPTH):
            return _depth_requirement(reader, node)
        if kind in _CHOICES:
            example = f"one of {', '.join(_CHOICES[kind])}"
            raise Rejected(messages.bad_value(f"`require {kind}` needs a name", name.span, example))
        if kind == Claim.EQUIVALENT:
            example = 'for example `require equivalent "other.rich"`'
            raise Rejected(messages.bad_value(f"`{kind}` needs another file", name.span, example))
        known = ("mup", "ntp", "rich", *_CHOICES, "completep", Claim.DEPTH, Claim.EQUIVALENT)
        shown = (
            *("mup", "ntp", "rich(r = ...)", "gauge NAME", "regime NAME"),
            *("completep", "depth(1/2)"),
            'equivalent "other.rich"',
        )
        raise Rejected(messages.unknown_word("requirement", kind, name.span, known, shown))
    if kind == Claim.EQUIVALENT:
        if not isinstance(node.value, tree.String) or not node.value.text:
            raise Rejected(
                messages.bad_value(
                    "the model to be equivalent to is in another file",
                    node.value.span,
                    'for example `require equivalent "other.rich"`, or `"other.rich::name"`',
                )
            )
        return Requirement(Claim.EQUIVALENT, node.value.text, None, node.span)
    choices = _CHOICES.get(kind)
    if choices is None:
        raise Rejected(
            messages.unknown_word(
                "requirement", kind, node.preset.name.span, (*_CHOICES, Claim.EQUIVALENT)
            )
        )
    value = node.value.text
    if isinstance(node.value, tree.String):
        raise Rejected(messages.bad_value(f"a {kind} is written without quotes", node.value.span))
    if value not in choices:
        raise Rejected(messages.unknown_word(kind, value, node.value.span, choices))
    return Requirement(Claim(kind), value, None, node.span)


def _depth_requirement(reader: Reader, node: tree.Require) -> Requirement:
    """``completep`` or ``depth(1/2)``.  Raises Rejected."""
    preset = node.preset
    if preset.name.text == "completep":
        if preset.arguments:
            raise Rejected(messages.bad_value("`completep` takes no argument", preset.span))
        return Requirement(Claim.DEPTH, "completep", None, node.span, Fraction(1))
    argument = preset.arguments[0] if len(preset.arguments) == 1 else None
    if argument is None or isinstance(argument, tree.Option):
        raise Rejected(
            messages.bad_value("`depth` takes one power: `require depth(1/2)`", preset.span)
        )
    alpha = _depth(reader, argument)
    return Requirement(Claim.DEPTH, f"depth({alpha})", None, node.span, alpha)
