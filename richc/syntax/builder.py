"""Grammar rules to tree nodes: one method per rule of grammar/rich.lark.

The parser calls these as it reduces, with every token kept, so each node's span runs from its
first child to its last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from richc.diagnostics import Span
from richc.syntax import tree
from richc.syntax.lalr import Token
from richc.words import NORMS

Children = list[Any]


def _span(children: Children) -> Span:
    first, last = children[0], children[-1]
    start = first.start if type(first) is Token else first.span.start
    return Span(start, last.start + len(last.text) if type(last) is Token else last.span.end)


def _nodes(children: Children) -> tuple[Any, ...]:
    return tuple(child for child in children if not isinstance(child, Token))


def _one(children: Children, kind: type[Any]) -> Any:
    return next((child for child in children if isinstance(child, kind)), None)


def _name(token: Token) -> tree.Name:
    return tree.Name(token.text, token.span)


def _symbol(children: Children) -> tuple[Any, ...]:
    """The fields of ``width`` and ``depth``."""
    base = (children[6], children[8]) if len(children) > 4 else (None, None)
    return (children[1], children[3], *base, _span(children))


#: Rules of which some children are all that their node has, besides the span.
_PLAIN: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "interval": (tree.Interval, (2, 4)),
    "loss": (tree.Loss, (1,)),
    "train": (tree.Train, (1,)),
    "flag": (tree.Flag, (0,)),
    "section": (tree.Section, (0, 1)),
    "neg": (tree.Negative, (1,)),
    "power": (tree.Power, (0, 2)),
    "group": (tree.Group, (1,)),
    "hole": (tree.Hole, ()),
    "call": (tree.Call, (0, 2)),
}


class Builder:
    """The callbacks; a method's name is the rule's (or its alias)."""

    def __getattr__(self, rule: str) -> Callable[[Children], Any]:
        if rule not in _PLAIN:
            raise AttributeError(rule)
        node, places = _PLAIN[rule]
        return lambda children: node(*[children[at] for at in places], _span(children))

    def file(self, children: Children) -> tuple[tree.Model, ...]:
        return tuple(children)

    def model(self, children: Children) -> tree.Model:
        return tree.Model(children[1], _nodes(children[3:]), False, _span(children))

    def width(self, children: Children) -> tree.Width:
        return tree.Width(*_symbol(children))

    def depth(self, children: Children) -> tree.Depth:
        return tree.Depth(*_symbol(children))

    def richness(self, children: Children) -> tree.Richness:
        options = tuple(c for c in children[4:] if isinstance(c, tree.Option))
        interval = _one(children[4:], tree.Interval)
        return tree.Richness(children[1], children[3], interval, options, _span(children))

    def parameterization(self, children: Children) -> tree.Parameterization:
        return tree.Parameterization(children[1], _nodes(children[2:]), _span(children))

    def input(self, children: Children) -> tree.Input:
        word = _name(children[1]) if len(children) > 2 else None
        return tree.Input(children[-1], word, _span(children))

    def layer(self, children: Children) -> tree.Layer:
        repeat = children[1] if not isinstance(children[1], Token) else None
        rest = children[3:] if repeat is not None else children[2:]
        return tree.Layer(
            children[0],
            repeat,
            rest[0],
            rest[2],
            _one(rest, tree.Block),
            _span(children),
        )

    def copies(self, children: Children) -> tree.Expression:
        count: tree.Expression = children[1]
        return count

    def activation(self, children: Children) -> tree.Activation | tree.Norm:
        preset = children[0]
        if preset.name.text in NORMS and not preset.arguments:
            return tree.Norm(None, preset.name, None, preset.span)
        return tree.Activation(preset, _span(children))

    def norm(self, children: Children) -> tree.Norm:
        name = _one(children[:1], tree.Name)
        kind = children[2 if name else 0]
        return tree.Norm(name, _name(kind), _one(children, tree.Block), _span(children))

    def residual(self, children: Children) -> tree.Residual:
        return tree.Residual(children[0], _nodes(children[1:]), _span(children))

    def repeat(self, children: Children) -> tree.Repeat:
        count, *statements = _nodes(children[1:])
        return tree.Repeat(children[0], count, tuple(statements), _span(children))

    def optimizer(self, children: Children) -> tree.Optimizer:
        return tree.Optimizer(children[1], _one(children, tree.Block), _span(children))

    def require(self, children: Children) -> tree.Require:
        return tree.Require(children[1], None, _span(children))

    def require_named(self, children: Children) -> tree.Require:
        preset = tree.Preset(children[1], (), children[1].span)
        return tree.Require(preset, children[2], _span(children))

    def require_file(self, children: Children) -> tree.Require:
        preset = tree.Preset(children[1], (), children[1].span)
        return tree.Require(preset, self.string(children[2:]), _span(children))

    def features(self, children: Children) -> tree.With:
        return tree.With(_nodes(children), _span(children))

    def preset(self, children: Children) -> tree.Preset:
        return tree.Preset(children[0], _nodes(children[1:]), _span(children))

    def block(self, children: Children) -> tree.Block:
        return tree.Block(_nodes(children), _span(children))

    def option(self, children: Children) -> tree.Option:
        name = children[0] if isinstance(children[0], tree.Name) else _name(children[0])
        return tree.Option(name, children[2], _span(children))

    def string(self, children: Children) -> tree.String:
        return tree.String(children[0].text[1:-1], _span(children))

    def list(self, children: Children) -> tree.List:
        return tree.List(_nodes(children), _span(children))

    def sum(self, children: Children) -> tree.Sum:
        operator = children[1]
        return tree.Sum(
            children[0], children[2], operator.text == "-", operator.span, _span(children)
        )

    def mul(self, children: Children) -> tree.Product:
        return tree.Product(children[0], children[2], False, _span(children))

    def div(self, children: Children) -> tree.Product:
        return tree.Product(children[0], children[2], True, _span(children))

    def number(self, children: Children) -> tree.Number:
        return tree.Number(children[0].text, _span(children))

    def name(self, children: Children) -> tree.Name:
        return _name(children[0])
