"""What the rules on desiderata share: grouping repeated layers, naming, writing sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from richc.diagnostics import Edit, Span
from richc.optimizers import law
from richc.rules.context import Context
from richc.rules.mending import edit, misread, swap
from richc.scaling.formula import power
from richc.scaling.monomial import Affine
from richc.scaling.sizes import Size, largest
from richc.scaling.verdict import Violation
from richc.spec.model import Layer, Tensor

_ZERO = Fraction(0)
_MAX_CAUSES = 2
_MAX_DECIMAL_BITS = 40


class Case(NamedTuple):
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


def cases(context: Context, desideratum: str, kind: str) -> Iterator[Case]:
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
                name = shown = statement
            else:
                name = shown = first.name
                if first is not last:
                    shown = f"{first.name}` ... `{last.name}"
            shown = f"the bias of `{shown}`" if of_bias else f"`{shown}`"
            yield Case(group[0], first, context.tensor(group[0].layer, of_bias), name, shown)


class Trained(NamedTuple):
    """A tensor that training moves, in its place."""

    at: int
    layer: Layer
    tensor: Tensor
    is_bias: bool

    @property
    def shown(self) -> str:
        return f"the bias of `{self.layer.name}`" if self.is_bias else f"`{self.layer.name}`"

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
        return context.size(context.model.optimizer.lr) + context.size(self.tensor.lr)


def trained(context: Context) -> Iterator[Trained]:
    """Every tensor that is not frozen, in order."""
    for index, layer in enumerate(context.model.layers):
        for tensor, is_bias in ((layer.weight, False), (layer.bias, True)):
            if tensor is not None and not tensor.frozen:
                yield Trained(index, layer, tensor, is_bias)


def decimal(bits: float) -> str:
    """2^bits to two digits, as a power of two where that is far from 1."""
    return f"{2.0**bits:.2g}" if abs(bits) < _MAX_DECIMAL_BITS else f"2^{bits:.0f}"


def rate_place(case: Case) -> Span:
    return case.tensor.place("lr", "frozen") or case.layer.name_place


class Subject(NamedTuple):
    """What is to be mended: as much of a ``Case`` as that takes."""

    layer: Layer
    tensor: Tensor
    shown: str


class Mend(NamedTuple):
    help: str | None
    edits: tuple[Edit, ...]
    #: The attribute that is to change, and its size then; empty where nothing is to change.
    attribute: str = ""
    wanted: str = ""


def mend_rate(context: Context, case: Case | Subject, change: Fraction) -> Mend:
    """Multiply the layer's learning rate by n^change."""
    return _mend(context, case, ("lr",), change, context.size(case.tensor.lr))


def mend_missing(context: Context, case: Case) -> Mend:
    """Raise the rate of a layer that does too little; where it does nothing, say why."""
    if case.violation.excess is not None:
        return mend_rate(context, case, -case.violation.excess)
    if case.tensor.frozen:
        return Mend(f"{case.shown} is frozen: let it train, or expect nothing of it", ())
    return Mend("no gradient reaches it: look at the read-out", ())


def mend_std(context: Context, case: Case | Subject, change: Fraction) -> Mend:
    """Multiply the tensor's init std by n^change."""
    return _mend(context, case, ("std", "var"), change, context.size(case.tensor.std))


def _mend(
    context: Context,
    case: Case | Subject,
    attributes: tuple[str, str] | tuple[str],
    change: Fraction,
    size: Size,
) -> Mend:
    if not isinstance(size, Fraction):
        return Mend(None, ())
    written = next((a for a in attributes if case.tensor.place(a)), None)
    name = written or attributes[0]
    scale = 2 if name == "var" else 1
    wanted = power((size + change) * scale)
    found = None
    place = case.tensor.place(written) if written is not None else None
    if place is not None:
        old, new = Affine(size * scale), Affine((size + change) * scale)
        mistake = misread(name, old, new)
        if mistake is not None and mistake.other is not None:
            found = swap(context, place, mistake.other)
            if found is not None:
                return Mend(f"use `{found.text}`: {mistake.words}", (found,), name, wanted)
        found = edit(context, case.layer, place, change * scale)
    if found is not None:
        return Mend(f"use {wanted}: `{name} = {found.text}`", (found,), name, wanted)
    return Mend(f"`{name}` of {case.shown} should be ~ {wanted}", (), name, wanted)


def mend_explosion(context: Context, case: Case) -> Mend:
    """Lower the layer's rate until neither h nor the output explodes by its own updates.

    A read-out whose own rate is too large grows in its first step, and with it the gradients of
    all layers below: what that explains is mended at the read-out.
    """
    flow = context.verdict.flow
    layer = flow.later[case.at]
    of_bias = case.violation.of_bias
    own, df = (layer.bias_own, layer.bias_df) if of_bias else (layer.own, layer.df)
    inflated = _ZERO
    if case.at < len(flow.later) - 1 and flow.later[-1].own > _ZERO:
        init = context.network.stages[-1].weight.init
        update, beyond = flow.later[-2].gradient, flow.later[-1].own
        if isinstance(update, Fraction) and isinstance(beyond, Fraction) and update > init:
            legal = largest(init, update - beyond)
            inflated = update - legal if isinstance(legal, Fraction) else _ZERO
    # The output's change follows the gradient, and so does the update unless it is scale-free.
    follows = _ZERO if law(context.model.optimizer.name).is_scale_free else inflated
    sizes = ((own, follows), (df, follows + inflated))
    too_much = max(size - share for size, share in sizes if isinstance(size, Fraction))
    if too_much <= _ZERO:
        readout = context.model.layers[-1].name
        return Mend(f"a consequence of the rate of `{readout}`: mend that first", ())
    return mend_rate(context, case, -too_much)


def excess(case: Case) -> Fraction:
    """The violation's excess, for violations of which it is known to be finite."""
    value = case.violation.excess
    assert value is not None
    return value
