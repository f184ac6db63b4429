"""Layer statements to unrolled layers: shapes, roles, attributes.

Shapes are checked first, for the whole stack, because ``fan_in`` in a layer's expressions and
what a parameterization infers depend on the layer's place in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from richc.activations import NONLINEARITIES
from richc.algebra.monomial import ONE, ZERO, Monomial
from richc.diagnostics import Diagnostic, Span
from richc.spec import infer, messages
from richc.spec.expressions import Rejected, Scope, attribute
from richc.spec.infer import Frame, dim_monomial
from richc.spec.items import Report, collect
from richc.spec.model import HIDDEN, READ_IN, READ_OUT, Activation, Dim, Layer, Role, Tensor
from richc.spec.shapes import Slot
from richc.syntax import tree
from richc.words import DISTRIBUTIONS

MAX_LAYERS = 10_000

_TENSOR_ATTRIBUTES = ("scale", "std", "var", "lr", "decay", "eps", "frozen")
_LAYER_ATTRIBUTES = (*_TENSOR_ATTRIBUTES, "bias", "dist")
_MAY_BE_ZERO = ("std", "var", "lr", "decay", "eps")


class Carried(NamedTuple):
    """Optimizer-wide knobs that a layer may override."""

    decay: Monomial
    eps: Monomial | None
    #: Whether layers may write eps.
    has_eps: bool


def unroll(
    slots: list[Slot],
    input_dim: int,
    scope: Scope,
    frame: Frame | None,
    carried: Carried,
    report: Report,
    text: str,
) -> tuple[Layer, ...]:
    """All layers, in order.  Every bad attribute is reported once.  ``text`` is the source."""
    layers: list[Layer] = []
    values = _Values(text)
    fan_in = Dim(input_dim, False)
    before: Activation | None = None
    for at, slot in enumerate(slots):
        known: dict[tuple[str, Dim, Activation | None], Layer | None] = {}
        for position in range(slot.repeats):
            last = at == len(slots) - 1 and position == slot.repeats - 1
            role = READ_OUT if last else HIDDEN if layers else READ_IN
            # The layers of one statement differ only where the first of them is the read-in, or
            # follows another size or another activation.
            key = (role, fan_in, before)
            if key not in known:
                reader = _Reader(slot, role, fan_in, before, scope, frame, carried, values)
                known[key] = reader.layer(report)
            layer = known[key]
            if layer is not None:
                if slot.statement.repeat is not None:
                    name = f"{slot.statement.name.text}.{position}"
                    layer = layer._replace(name=name, position=position)
                layers.append(layer)
            fan_in = slot.dim
            before = slot.activation
    return tuple(layers)


class _Values:
    """What expressions stand for; one that is written again is not evaluated again."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[tuple[str, bool, Dim, Dim], Monomial] = {}

    def value(
        self, item: tree.Option, scope: Scope, of_bias: bool, fan_in: Dim, fan_out: Dim
    ) -> Monomial:
        """The value in a layer, or in the bias of one, of these dimensions.  Raises Rejected."""
        node = item.value
        assert not isinstance(node, tree.String | tree.List)
        written = self._text[node.span.start : node.span.end]
        key = written, of_bias, fan_in, fan_out
        found = self._known.get(key)
        if found is None:
            found = attribute(item.name.text, node, scope)
            if "?" not in written:  # Each hole is one of its own.
                self._known[key] = found
        return found


class _Reader:
    """Reads the attributes of one layer in its place."""

    def __init__(
        self,
        slot: Slot,
        role: Role,
        fan_in: Dim,
        before: Activation | None,
        scope: Scope,
        frame: Frame | None,
        carried: Carried,
        values: _Values,
    ) -> None:
        self.values = values
        self.slot = slot
        self.role = role
        self.fan_in = fan_in
        self.before = before
        self.frame = frame
        self.carried = carried
        self.scope = scope
        self.name = slot.statement.name.text

    def layer(self, report: Report) -> Layer | None:
        statement = self.slot.statement
        items = statement.block.items if statement.block else ()
        where = statement.name.span.to(statement.dim.span)
        given, complete = collect(items, _LAYER_ATTRIBUTES, "layer attribute", report)
        scope = self.scope.with_names(
            {"fan_in": dim_monomial(self.fan_in), "fan_out": dim_monomial(self.slot.dim)}
        )
        inferred = (
            infer.weight(self.frame, self.role, self.fan_in, self.before) if self.frame else None
        )
        weight = self._tensor(given, complete, scope, inferred, where, "", report)
        dist = self._dist(given.get("dist"), report)
        section = given.get("bias")
        bias = None
        if section is not None:
            bias = self._bias(section, weight, report)
        if weight is None or dist is None or (section is not None and bias is None):
            return None
        return Layer(
            name=self.name,
            statement=self.name,
            position=None,
            role=self.role,
            fan_in=self.fan_in,
            fan_out=self.slot.dim,
            weight=weight,
            bias=bias,
            dist=dist,
            activation=self.slot.activation,
            place=statement.span,
            name_place=statement.name.span,
        )

    def _bias(self, item: tree.Item, weight: Tensor | None, report: Report) -> Tensor | None:
        if isinstance(item, tree.Option):
            report(
                messages.bad_value(
                    "`bias` has attributes of its own",
                    item.span,
                    "write `bias { std = 0, lr = ... }`, or `bias` alone with a `parameterization`",
                )
            )
            return None
        items = item.block.items if isinstance(item, tree.Section) else ()
        given, complete = collect(items, _TENSOR_ATTRIBUTES, "bias attribute", report)
        fans = {"layer_fan_in": self.fan_in, "fan_out": self.slot.dim}
        scope = self.scope.with_names({name: dim_monomial(dim) for name, dim in fans.items()})
        std: Monomial | None = None
        written = given.get("std") or given.get("var")
        if isinstance(written, tree.Option):
            # What is wrong with it is reported when the attribute is read in its turn.
            std = self._value(written, scope, lambda _: None, of_bias=True) or ONE
        inferred = infer.bias(self.frame, self.role, std) if self.frame else None
        tensor = self._tensor(given, complete, scope, inferred, item.span, "the bias of ", report)
        if tensor is not None and weight is not None and weight.frozen and "lr" not in given:
            tensor = tensor._replace(frozen=True)
        return tensor

    def _tensor(
        self,
        given: Mapping[str, tree.Item],
        complete: bool,
        scope: Scope,
        inferred: infer.InferredKnobs | None,
        where: Span,
        prefix: str,
        report: Report,
    ) -> Tensor | None:
        values: dict[str, Monomial] = {}
        places: list[tuple[str, Span]] = []
        # What is missing may be what could not be taken; it is not reported then.
        fine = complete
        for name in ("scale", "std", "var", "lr", "decay", "eps"):
            item = given.get(name)
            if item is None:
                continue
            value = self._value(item, scope, report, of_bias=bool(prefix))
            if value is None:
                fine = False
                continue
            assert isinstance(item, tree.Option)
            values[name] = value
            places.append((name, item.value.span))
        if "eps" in values and not self.carried.has_eps:
            report(
                messages.bad_value("this optimizer has no `eps`", given["eps"].span, "remove it")
            )
            fine = False
        frozen = self._frozen(given.get("frozen"), report)
        if frozen:
            places.append(("frozen", given["frozen"].span))
        if "std" in given and "var" in given:
            report(
                messages.conflict(
                    "`std` and `var` say the same thing twice",
                    given["var"].span,
                    given["std"].span,
                    "give one of the two",
                )
            )
            fine = False
        if "var" in values:
            values["std"] = values["var"].root()
        if not fine:
            return None
        whole = f"{prefix}`{self.name}`"
        std = values.get("std", inferred.std if inferred else None)
        if std is None:
            report(self._missing("init `std` or `var`", whole, where, "std = n^(-1/2)"))
        lr = values.get("lr", inferred.lr if inferred else ZERO if frozen else None)
        if lr is None:
            report(self._missing("learning rate `lr`", whole, where, "lr = 1"))
        if std is None or lr is None:
            return None
        if lr.is_zero:
            frozen = True
        # decay and eps that the layer does not write are filled in once all layers are known.
        return Tensor(
            scale=values.get("scale", inferred.scale if inferred else ONE),
            std=std,
            lr=lr,
            decay=values.get("decay", self.carried.decay),
            eps=values.get("eps", self.carried.eps),
            frozen=frozen,
            places=tuple(places),
        )

    def _missing(self, what: str, whole: str, where: Span, example: str) -> Diagnostic:
        if self.frame is not None:
            name = self.frame.optimizer
            help = (
                f"{name} multiplies each update by RMS(b), so a bias of zeros never "
                "moves: write its `std`"
            )
        else:
            help = (
                f"write it (`{example}`), or let a `parameterization` statement infer it: "
                "nothing that decides the verdict is a silent default"
            )
        return messages.missing_attribute(what, whole, where, help)

    def _value(
        self, item: tree.Item, scope: Scope, report: Report, *, of_bias: bool
    ) -> Monomial | None:
        """An attribute's value, or the one it has at large width; None where it has none."""
        try:
            return self._exact(item, scope, of_bias)
        except Rejected as rejected:
            report(rejected.diagnostic)
            return rejected.at_large_width

    def _exact(self, item: tree.Item, scope: Scope, of_bias: bool) -> Monomial:
        """Raises Rejected."""
        name = item.name.text
        if not isinstance(item, tree.Option):
            raise Rejected(
                messages.bad_value(f"`{name}` needs a value", item.span, f"write `{name} = ...`")
            )
        if isinstance(item.value, tree.String | tree.List):
            raise Rejected(messages.no_expression(name, item.value))
        value = self.values.value(item, scope, of_bias, self.fan_in, self.slot.dim)
        if value.is_zero and name not in _MAY_BE_ZERO:
            raise Rejected(messages.zero(f"`{name}`", item.value.span))
        return value

    def _frozen(self, item: tree.Item | None, report: Report) -> bool:
        if item is None or isinstance(item, tree.Flag):
            return item is not None
        value = item.value if isinstance(item, tree.Option) else None
        if isinstance(value, tree.Name) and value.text in ("true", "false"):
            return value.text == "true"
        report(messages.bad_value("`frozen` is written alone", item.span))
        return False

    def _dist(self, item: tree.Item | None, report: Report) -> str | None:
        if item is None:
            return "normal"
        value = item.value if isinstance(item, tree.Option) else None
        if not isinstance(value, tree.Name):
            report(messages.bad_value("`dist` is a name", item.span, "for example `dist = normal`"))
            return None
        if value.text not in DISTRIBUTIONS:
            report(messages.unknown_word("distribution", value.text, value.span, DISTRIBUTIONS))
            return None
        return value.text


def activation(node: tree.Preset) -> Activation:
    """An activation by name.  Raises Rejected."""
    from richc.spec.expressions import rational

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
