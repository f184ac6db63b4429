"""The line of an activation, read."""

from __future__ import annotations

from richc.activations import NONLINEARITIES
from richc.spec import messages
from richc.spec.activation import Activation
from richc.spec.expressions import Rejected, rational
from richc.syntax import tree


def read_activation(node: tree.Preset) -> Activation:
    """An activation by name.  Raises Rejected."""
    name = node.name.text
    kind = NONLINEARITIES.get(name)
    if kind is None:
        known = tuple(NONLINEARITIES)
        raise Rejected(messages.unknown_word("activation", name, node.name.span, known))
    if not kind.takes_slope:
        if node.arguments:
            raise Rejected(messages.bad_value(f"`{name}` takes no argument", node.span))
        return Activation(name)
    if not node.arguments:
        return Activation(name, kind.slope)
    argument = node.arguments[0]
    if len(node.arguments) > 1 or isinstance(argument, tree.Option):
        raise Rejected(messages.bad_value(f"`{name}` takes one slope: `{name}(0.1)`", node.span))
    slope = rational(argument, "the slope")
    if not 0 <= slope <= 1:
        raise Rejected(
            messages.bad_value(f"the slope of {name} lies between 0 and 1", argument.span)
        )
    return Activation(name, slope)
