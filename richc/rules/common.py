"""What the rules on desiderata share: grouping repeated layers, naming, writing sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.joint import Joint
from richc.algebra.sizes import Size
from richc.calculus.verdict import Breach, Violation
from richc.diagnostics import Span
from richc.rules.context import Context
from richc.spec.model import Layer, Tensor

_MAX_CAUSES = 2
_MAX_DECIMAL_BITS = 40


class FaultCase(NamedTuple):
    """One violation, standing for all layers of its statement that share it."""

    violation: Violation
    layer: Layer
    tensor: Tensor
    #: The statement's name when all its layers are concerned, else the first layer's.
    name: str
    #: For messages: "`embed`", "`body.1` ... `body.7`", "the bias of `embed`".
    shown: str

    @property
    def at(self) -> int:
        return self.violation.layer


def cases(context: Context, desideratum: str, kind: Breach) -> Iterator[FaultCase]:
    """The violations of a kind that have to be mended, one for each statement and cause.

    A repeated statement has few causes, but one that feeds back grows from layer to layer: of
    those the first ones stand for all.
    """
    layers = context.model.layers
    groups: dict[tuple[str, bool], dict[Fraction | None, list[Violation]]] = {}
    for violation in context.verdict.violations:
        if (violation.desideratum, violation.kind) != (desideratum, kind):
            continue
        if not violation.is_consequence:
            key = (layers[violation.layer].statement, violation.of_bias)
            groups.setdefault(key, {}).setdefault(violation.excess, []).append(violation)
    counts = Counter(layer.statement for layer in layers) if groups else Counter()
    for (statement, of_bias), by_excess in groups.items():
        for group in list(by_excess.values())[:_MAX_CAUSES]:
            first, last = layers[group[0].layer], layers[group[-1].layer]
            if len(group) == counts[statement]:
                name = words = statement
            else:
                name = words = first.name
                if first is not last:
                    words = f"{first.name}` ... `{last.name}"
            part = "bias" if of_bias else "gain" if first.kind.is_norm else ""
            whole = f"the {part} of `{words}`" if part else f"`{words}`"
            yield FaultCase(group[0], first, context.tensor(group[0].layer, of_bias), name, whole)


class Trained(NamedTuple):
    """A tensor that training moves, in its place."""

    at: int
    layer: Layer
    tensor: Tensor
    is_bias: bool

    @property
    def shown(self) -> str:
        return shown(self.layer, of_bias=self.is_bias)

    @property
    def statement(self) -> tuple[str, bool]:
        """What the layers of one statement share."""
        return self.layer.statement, self.is_bias

    def gradient(self, context: Context) -> Size:
        """The size of the gradient with respect to the tensor itself, after the first step."""
        flow = context.verdict.flow.later
        size = context.size(self.tensor.scale) + flow[self.at].gradient
        return size if self.is_bias else size + flow[self.at].source

    def rate(self, context: Context) -> Size:
        return context.rate(self.tensor)


def trained(context: Context) -> Iterator[Trained]:
    """Every tensor that is not frozen, in order."""
    for index, layer in enumerate(context.model.layers):
        for tensor, is_bias in ((layer.weight, False), (layer.bias, True)):
            if tensor is not None and not tensor.frozen:
                yield Trained(index, layer, tensor, is_bias)


def shown(layer: Layer, *, of_bias: bool) -> str:
    """For messages: "`embed`", "the bias of `embed`", "the gain of `norm`"."""
    if of_bias:
        return f"the bias of `{layer.name}`"
    return f"the gain of `{layer.name}`" if layer.kind.is_norm else f"`{layer.name}`"


def grown(size: Size) -> str:
    """What a size that is not of order one goes with: "the width", "the depth"."""
    if not isinstance(size, Joint) or not size.depth:
        return "the width"
    return "the width and the depth" if size.width else "the depth"


def decimal(bits: float) -> str:
    """2^bits to two digits, as a power of two where that is far from 1."""
    return f"{2.0**bits:.2g}" if abs(bits) < _MAX_DECIMAL_BITS else f"2^{bits:.0f}"


def rate_place(case: FaultCase) -> Span:
    return case.tensor.place("lr", "frozen") or case.layer.name_place


def blocked(case: FaultCase) -> str | None:
    """Why a layer does nothing at all, where no exponent is to blame."""
    if case.violation.excess is not None:
        return None
    if case.tensor.frozen:
        return f"{case.shown} is frozen: let it train, or expect nothing of it"
    return "no gradient reaches it: look at the read-out"


def excess(case: FaultCase) -> Fraction:
    """The violation's excess, for violations of which it is known to be finite."""
    value = case.violation.excess
    assert value is not None
    return value
