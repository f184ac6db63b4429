"""Layer statements to unrolled layers: shapes, roles, attributes.

Shapes are checked first, for the whole stack, because ``fan_in`` in a layer's expressions and
what a parameterization infers depend on the layer's place in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from richc.algebra.monomial import ONE, ZERO, Monomial
from richc.diagnostics import Diagnostic, Span
from richc.spec import infer, messages
from richc.spec.expressions import Rejected, Scope, at_large_width, attribute, expression_of
from richc.spec.infer import dim_monomial
from richc.spec.items import Report, collect
from richc.spec.model import Dim, Layer, Tensor
from richc.spec.places import LayerPlace
from richc.spec.shapes import Slot
from richc.spec.trained_by import Optimizers, TrainedBy
from richc.syntax import tree
from richc.words import DISTRIBUTIONS

_TENSOR_ATTRIBUTES = ("scale", "std", "var", "lr", "decay", "eps", "frozen")
_BIAS_ATTRIBUTES = (*_TENSOR_ATTRIBUTES, "optimizer")
_LAYER_ATTRIBUTES = (*_TENSOR_ATTRIBUTES, "bias", "dist", "optimizer")
_GAIN_ATTRIBUTES = ("lr", "decay", "frozen", "optimizer", "eps")
_NORM_ATTRIBUTES = ("gain", "bias", "eps")
#: The first by its word and as the default.
_ONE_OPTIMIZER = 2

#: A norm's gain where the file writes none: one, for ever.
_UNTRAINED = Tensor(ONE, ONE, ZERO, ZERO, None, frozen=True, places=())

_MAY_BE_ZERO = ("std", "var", "lr", "decay", "eps")


def unroll(
    slots: list[Slot],
    found: Iterable[LayerPlace],
    scope: Scope,
    optimizers: Optimizers,
    report: Report,
    text: str,
) -> tuple[Layer, ...]:
    """All layers, in order.  Every bad attribute is reported once.  ``text`` is the source."""
    layers: list[Layer] = []
    values = _Values(text)
    known: dict[tuple[object, ...], Layer | None] = {}
    for place in found:
        slot = slots[place.slot]
        # The layers of one statement differ only where the first of them is the read-in, or
        # follows another size or another activation.
        key = place._replace(position=0)
        if key not in known:
            known[key] = _Reader(slot, place, scope, optimizers, values).layer(report)
        layer = known[key]
        if layer is not None:
            written = slot.statement
            if isinstance(written, tree.Layer) and written.repeat is not None:
                name = f"{slot.name}.{place.position}"
                layer = layer._replace(name=name, position=place.position)
            layers.append(layer)
    return tuple(layers)


class _Values:
    """What expressions stand for; one that is written again is not evaluated again."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[tuple[str, bool, Dim, Dim], Monomial] = {}

    def value(
        self,
        name: str,
        node: tree.Expression,
        scope: Scope,
        of_bias: bool,
        fan_in: Dim,
        fan_out: Dim,
    ) -> Monomial:
        """The value in a layer, or in the bias of one, of these dimensions.  Raises Rejected."""
        written = self._text[node.span.start : node.span.end]
        key = written, of_bias, fan_in, fan_out
        found = self._known.get(key)
        if found is None:
            found = attribute(name, node, scope)
            if "?" not in written:  # Each hole is one of its own.
                self._known[key] = found
        return found


class _Reader:
    """Reads the attributes of one layer in its place."""

    def __init__(
        self, slot: Slot, place: LayerPlace, scope: Scope, optimizers: Optimizers, values: _Values
    ) -> None:
        self.values = values
        self.slot = slot
        self.place = place
        self.optimizers = optimizers
        self.scope = scope
        self.name = slot.name

    def layer(self, report: Report) -> Layer | None:
        block = self.slot.statement.block
        items = block.items if block else ()
        is_norm = self.slot.kind.is_norm
        known = _NORM_ATTRIBUTES if is_norm else _LAYER_ATTRIBUTES
        kind = "norm attribute" if is_norm else "layer attribute"
        given, complete = collect(items, known, kind, report)
        floor: Monomial | None = None
        if is_norm:
            gain = given.get("gain")
            weight = self._gain(gain, report) if gain is not None else _UNTRAINED
            chosen = None
            if "eps" in given:
                floor = self._value(given["eps"], self.scope, report, of_bias=True)
                complete &= floor is not None
        else:
            weight, chosen = self._weight(given, complete, report)
        dist = self._dist(given.get("dist"), report)
        section = given.get("bias")
        bias = None
        if section is not None:
            bias = self._bias(section, weight, chosen, report)
        if weight is None or dist is None or (section is not None and bias is None):
            return None
        if is_norm and not complete:
            return None
        return Layer(
            name=self.name,
            statement=self.name,
            position=None,
            role=self.place.role,
            fan_in=self.place.fan_in,
            fan_out=self.place.fan_out,
            weight=weight,
            bias=bias,
            dist=dist,
            activation=self.slot.activation,
            place=self.slot.statement.span,
            name_place=self.slot.name_place,
            kind=self.slot.kind,
            floor=floor,
        )

    def _weight(
        self, given: Mapping[str, tree.Item], complete: bool, report: Report
    ) -> tuple[Tensor | None, str | None]:
        """The weight, and the optimizer that the layer chooses."""
        place = self.place
        chosen, fine = self._optimizer(given.get("optimizer"), report)
        scope = self.scope.with_names(
            {"fan_in": dim_monomial(place.fan_in), "fan_out": dim_monomial(place.fan_out)}
        )
        frame = self.optimizers.known[chosen].frame
        inferred = infer.weight(frame, place) if frame else None
        where = self.slot.name_place.to(self.slot.place)
        found = self._tensor(given, complete & fine, scope, inferred, where, "", chosen, report)
        return found, chosen

    def _gain(self, item: tree.Item, report: Report) -> Tensor | None:
        """A norm's gain: it begins at one."""
        given, complete = self._section(item, _GAIN_ATTRIBUTES, "gain", report)
        chosen, fine = self._vector_optimizer(given, None, "gain", item, report)
        frame = self.optimizers.known[chosen].frame
        inferred = infer.gain_of_norm(frame, self.place) if frame else None
        plain = infer.InferredKnobs(ONE, ONE, None) if inferred is None else inferred
        scope = self.scope.with_names({"fan_out": dim_monomial(self.place.fan_out)})
        found = self._tensor(
            given, complete & fine, scope, plain, item.span, "the gain of ", chosen, report
        )
        # It is written, also where nothing of it is.
        return found and found._replace(places=(*found.places, ("gain", item.span)))

    def _section(
        self, item: tree.Item, known: tuple[str, ...], word: str, report: Report
    ) -> tuple[Mapping[str, tree.Item], bool]:
        items = item.block.items if isinstance(item, tree.Section) else ()
        return collect(items, known, f"{word} attribute", report)

    def _optimizer(self, item: tree.Item | None, report: Report) -> tuple[str | None, bool]:
        """The optimizer that an attribute chooses, and whether it could be read."""
        if item is None:
            return None, True
        value = item.value if isinstance(item, tree.Option) else None
        words = tuple(word for word in self.optimizers.known if word is not None)
        if not isinstance(value, tree.Name):
            help = f"for example `optimizer = {words[0]}`" if words else None
            report(messages.bad_value("`optimizer` is a name", item.span, help))
            return None, False
        if value.text not in self.optimizers.known:
            report(messages.undeclared_optimizer(value.text, value.span, words))
            return None, False
        return value.text, True

    def _vector_optimizer(
        self,
        given: Mapping[str, tree.Item],
        of_layer: str | None,
        word: str,
        item: tree.Item,
        report: Report,
    ) -> tuple[str | None, bool]:
        """The optimizer of a bias or a gain: its own, else its layer's if that takes vectors."""
        written = given.get("optimizer")
        chosen, fine = self._optimizer(written, report)
        if written is None:
            chosen = self.optimizers.of_vector(of_layer)
        # A bias of a file with one optimizer is that one's, as a matrix with one column.
        is_alone = len(self.optimizers.known) <= _ONE_OPTIMIZER and word == "bias"
        if fine and self.optimizers.known[chosen].takes_matrices_only and not is_alone:
            others = [
                name
                for name, known in self.optimizers.known.items()
                if name is not None and not known.takes_matrices_only
            ]
            place = written.span if written is not None else item.span
            report(messages.vector_under_muon(f"the {word} of `{self.name}`", place, others))
            fine = False
        return chosen, fine

    def _bias(
        self, item: tree.Item, weight: Tensor | None, of_layer: str | None, report: Report
    ) -> Tensor | None:
        if isinstance(item, tree.Option):
            report(
                messages.bad_value(
                    "`bias` has attributes of its own",
                    item.span,
                    "write `bias { std = 0, lr = ... }`, or `bias` alone with a `parameterization`",
                )
            )
            return None
        given, complete = self._section(item, _BIAS_ATTRIBUTES, "bias", report)
        chosen, fine = self._vector_optimizer(given, of_layer, "bias", item, report)
        fans = {"layer_fan_in": self.place.fan_in, "fan_out": self.place.fan_out}
        if self.slot.kind.is_norm:
            del fans["layer_fan_in"]
        scope = self.scope.with_names({name: dim_monomial(dim) for name, dim in fans.items()})
        std: Monomial | None = None
        written = given.get("std") or given.get("var")
        if isinstance(written, tree.Option):
            # What is wrong with it is reported when the attribute is read in its turn.
            std = self._value(written, scope, lambda _: None, of_bias=True) or ONE
        frame = self.optimizers.known[chosen].frame
        inferred = infer.bias(frame, self.place, std) if frame else None
        tensor = self._tensor(
            given, complete & fine, scope, inferred, item.span, "the bias of ", chosen, report
        )
        follows = weight is not None and weight.frozen and not self.slot.kind.is_norm
        if tensor is not None and follows and "lr" not in given:
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
        chosen: str | None,
        report: Report,
    ) -> Tensor | None:
        carried = self.optimizers.known[chosen]
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
        if "eps" in values and not carried.has_eps:
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
            example = "std = 0" if self.slot.kind.is_norm else "std = n^(-1/2)"
            report(self._missing("init `std` or `var`", whole, where, example, carried))
        known_rate = inferred.lr if inferred else None
        lr = values.get("lr", ZERO if known_rate is None and frozen else known_rate)
        if lr is None:
            report(self._missing("learning rate `lr`", whole, where, "lr = 1", carried))
        if std is None or lr is None:
            return None
        if lr.is_zero:
            frozen = True
        # decay and eps that the layer does not write are filled in once all layers are known.
        return Tensor(
            scale=values.get("scale", inferred.scale if inferred else ONE),
            std=std,
            lr=lr,
            decay=values.get("decay", carried.decay),
            eps=values.get("eps", carried.eps),
            frozen=frozen,
            places=tuple(places),
            optimizer=chosen,
        )

    def _missing(
        self, what: str, whole: str, where: Span, example: str, of: TrainedBy
    ) -> Diagnostic:
        if of.frame is not None:
            name = of.frame.optimizer
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
        return at_large_width(lambda: self._exact(item, scope, of_bias), report)

    def _exact(self, item: tree.Item, scope: Scope, of_bias: bool) -> Monomial:
        """Raises Rejected."""
        name, node = item.name.text, expression_of(item)
        dims = self.place.fan_in, self.place.fan_out
        value = self.values.value(name, node, scope, of_bias, *dims)
        if value.is_zero and name not in _MAY_BE_ZERO:
            raise Rejected(messages.zero(f"`{name}`", node.span))
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
