"""A model's tree to its specification: every name resolved, every number exact.

Everything wrong in a model is reported in one pass; a model with errors yields no specification,
because a verdict about half a model would be a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple, TypeVar

from richc.diagnostics import Diagnostic, Span
from richc.scaling.monomial import (
    BASE_WIDTH,
    GAMMA,
    ONE,
    WIDTH,
    Affine,
    Monomial,
    symbol,
)
from richc.spec import layers as layer_reader
from richc.spec import messages, options
from richc.spec.carried import with_carried
from richc.spec.expressions import RICHNESS, Rejected, Scope, rational
from richc.spec.infer import Frame
from richc.spec.layers import MAX_LAYERS, Carried, Slot
from richc.spec.model import Dim, Layer, Model, Requirement, Train
from richc.spec.names import refusal
from richc.syntax import tree
from richc.words import GAUGES, LOSSES, PARAMETERIZATIONS, REGIMES

_HALF = Fraction(1, 2)
_POINTS = {"mup": _HALF, "ntp": Fraction(0)}
_RESERVED_SYMBOLS = ("alpha", "gamma", "fan_in", "fan_out", "sqrt", RICHNESS)
MAX_LOG2 = 1000

_T = TypeVar("_T")


class _Scale(NamedTuple):
    """The model's symbols: width, base width, richness and activity."""

    width: int
    width_symbol: str
    base: int | None
    base_symbol: str | None
    richness: Fraction | None
    gamma: Fraction


def resolve(file: tree.File) -> tuple[list[Model], list[Diagnostic]]:
    """All usable models of a file, and everything wrong with the others."""
    found: list[Diagnostic] = []
    models: list[Model] = []
    names: dict[str, Span] = {}
    for node in file.models:
        name = node.name.text
        if name in names:
            found.append(messages.duplicate(f"the model `{name}`", node.name.span, names[name]))
        names.setdefault(name, node.name.span)
        resolver = _Resolver(node)
        model = resolver.model()
        found += resolver.found
        if model is not None:
            models.append(model)
    return models, found


class _Resolver:
    def __init__(self, node: tree.Model) -> None:
        self.node = node
        self.found: list[Diagnostic] = []

    def report(self, diagnostic: Diagnostic) -> None:
        # One misuse of a repeated or shared expression is one mistake.
        if diagnostic not in self.found:
            self.found.append(diagnostic._replace(model=self.node.name.text))

    def attempt(self, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except Rejected as rejected:
            self.report(rejected.diagnostic)
            return None

    def model(self) -> Model | None:
        node = self.node
        why = refusal(node.name.text)
        if why is not None:
            self.report(messages.reserved_name(node.name.text, node.name.span, why))
        preset = self._parameterization()
        scale = self._scale(preset)
        scope = self._scope(scale)
        statement = self._only(tree.Optimizer, "optimizer", "optimizer sgd { lr = 0.1 }")
        knobs = options.optimizer(statement, scope, self.report) if statement else None
        input_dim = self._input()
        loss = self._loss()
        train_node = self._only(tree.Train, None, "")
        train = options.train(train_node, self.report) if train_node else Train()
        requirements = self._requirements()
        slots = self._slots(scale.width_symbol if scale else "n")
        if slots is None or knobs is None or input_dim is None or scale is None:
            return None
        frame = None
        if preset is not None:
            frame = self._frame(preset, knobs, scale.base is not None)
            if frame is None:
                return None
        carried = Carried(knobs.decay, knobs.eps, "eps" in _options_of(knobs))
        layers = layer_reader.unroll(slots, input_dim, scope, frame, carried, self.report)
        if self.found or node.incomplete:
            return None
        model = Model(
            name=node.name.text,
            width=scale.width,
            base_width=scale.base,
            width_symbol=scale.width_symbol,
            base_symbol=scale.base_symbol,
            richness=scale.richness,
            gamma=scale.gamma,
            parameterization=preset.name if preset else None,
            gauge=frame.gauge if frame and preset and preset.name != "standard" else None,
            input_dim=input_dim,
            layers=layers,
            optimizer=knobs.optimizer,
            loss=loss or ("mse" if layers[-1].fan_out.factor == 1 else "cross_entropy"),
            train=train,
            requirements=requirements,
            place=node.span,
            name_place=node.name.span,
        )
        model = with_carried(model, eps_given=knobs.eps is not None)
        self._refuse_overflow(model)
        return None if self.found else model

    # Statements of which a model has at most one.

    def _only(self, kind: type[_T], statement: str | None, example: str) -> _T | None:
        """The one statement of a kind; ``statement`` names those that must not be missing."""
        nodes = [s for s in self.node.statements if isinstance(s, kind)]
        for extra in nodes[1:]:
            word = kind.__name__.lower()
            self.report(messages.duplicate(f"`{word}`", _span(extra), _span(nodes[0])))
        if not nodes and statement and not self.node.incomplete:
            name = self.node.name
            self.report(messages.missing_statement(statement, name.text, name.span, example))
        return nodes[0] if nodes else None

    def _input(self) -> int | None:
        node = self._only(tree.Input, "input", "input 64")
        if node is None:
            return None
        return self.attempt(lambda: options.integer(node.value, "the input dimension", 1, 2**31))

    def _loss(self) -> str | None:
        node = self._only(tree.Loss, None, "")
        if node is not None and node.name.text not in LOSSES:
            self.report(messages.unknown_word("loss", node.name.text, node.name.span, LOSSES))
        return node.name.text if node else None

    # Symbols.

    def _scale(self, preset: _Preset | None) -> _Scale | None:
        width = self._only(tree.Width, "width", "width n = 1024")
        richness, gamma = self._richness(preset)
        if width is None:
            return None
        symbols = [width.symbol, *((width.base_symbol,) if width.base_symbol else ())]
        for name in symbols:
            if name.text in _RESERVED_SYMBOLS:
                why = "scaling expressions have their own meaning for it"
                self.report(messages.reserved_name(name.text, name.span, why))
        if width.base_symbol and width.base_symbol.text == width.symbol.text:
            self.report(
                messages.duplicate(
                    f"the symbol `{width.symbol.text}`",
                    width.base_symbol.span,
                    width.symbol.span,
                )
            )
        n = self.attempt(lambda: options.integer(width.value, "the width", 1, 2**31))
        base: int | None = None
        if width.base_value is not None:
            node = width.base_value
            base = self.attempt(lambda: options.integer(node, "the base width", 1, 2**31))
            if base is None:
                return None
        if n is None:
            return None
        base_symbol = width.base_symbol.text if width.base_symbol else None
        return _Scale(n, width.symbol.text, base, base_symbol, richness, gamma)

    def _richness(self, preset: _Preset | None) -> tuple[Fraction | None, Fraction]:
        node = self._only(tree.Richness, None, "")
        declared = preset.richness if preset else None
        if node is None:
            return declared, Fraction(1)
        if node.symbol.text != RICHNESS:
            self.report(
                messages.bad_value(
                    "the richness is called `r`",
                    node.symbol.span,
                    "write `richness r = 1/2`; only the width's symbols are free",
                )
            )
        if node.interval is not None:
            self.report(
                messages.not_available(
                    "a richness interval (`in [..]`)", node.interval.span, "give one value of `r`"
                )
            )
        value = self.attempt(lambda: rational(node.value, "the richness"))
        if value is not None and abs(value) > 100:
            self.report(messages.bad_value("the richness scale is 0 to 1/2", node.value.span))
        if value is not None and declared is not None and preset and value != declared:
            self.report(
                messages.conflict(
                    f"`richness` says r = {value}, `parameterization` says r = {declared}",
                    node.value.span,
                    preset.span,
                    "write `rich(r = ...)`, or leave one of the two out",
                )
            )
        given = options.named_arguments(node.options, ("gamma",), "option of richness", self.report)
        gamma = Fraction(1)
        if "gamma" in given:
            gamma_node = given["gamma"].value
            read = self.attempt(lambda: _positive(gamma_node, "gamma"))
            gamma = read if read is not None else gamma
        return value, gamma

    def _scope(self, scale: _Scale | None) -> Scope:
        hints = {
            "alpha": "`alpha` is defined by a `richness` statement: `richness r = 1/2`",
            "gamma": "`gamma` is defined by a `richness` statement: `richness r = 1/2, gamma = 1`",
            RICHNESS: "`r` is defined by a `richness` statement: `richness r = 1/2`",
            "fan_in": "`fan_in` has a meaning only in a layer's attributes",
            "fan_out": "`fan_out` has a meaning only in a layer's attributes",
            "n": "the width has no symbol `n` in this model",
            "n0": "the base width is declared with the width: `width n = 1024, base n0 = 64`",
        }
        names: dict[str, Monomial] = {}
        if scale is None:
            # The width statement is missing or wrong, and reported: judge the rest as usual.
            names["n"] = symbol(WIDTH)
            names["n0"] = symbol(BASE_WIDTH)
        else:
            names[scale.width_symbol] = symbol(WIDTH)
            if scale.base_symbol:
                names[scale.base_symbol] = symbol(BASE_WIDTH)
        declared = scale is None or scale.richness is not None
        if declared:
            ratio = symbol(WIDTH)
            if scale is not None and scale.base is not None:
                ratio = ratio.over(symbol(BASE_WIDTH))
            names["gamma"] = symbol(GAMMA)
            names["alpha"] = symbol(GAMMA).times(ratio.power(Affine(Fraction(0), Fraction(1))))
        return Scope(names, hints, has_richness=declared)

    # The parameterization and what it infers.

    def _parameterization(self) -> _Preset | None:
        node = self._only(tree.Parameterization, None, "")
        if node is None:
            return None
        name = node.preset.name.text
        if name not in PARAMETERIZATIONS:
            self.report(
                messages.unknown_word(
                    "parameterization", name, node.preset.name.span, PARAMETERIZATIONS
                )
            )
            return None
        richness = self.attempt(lambda: self._point(node.preset, "parameterization"))
        given = options.named_arguments(
            node.options, ("gauge",), "option of parameterization", self.report
        )
        gauge, gauge_span = "stp", node.preset.span
        if "gauge" in given:
            value = given["gauge"].value
            gauge_span = value.span
            if isinstance(value, tree.Name) and value.text in GAUGES:
                gauge = value.text
            else:
                word = value.text if isinstance(value, tree.Name) else "?"
                self.report(messages.unknown_word("gauge", word, value.span, GAUGES))
            if name == "standard":
                self.report(
                    messages.bad_value(
                        "`standard` has no gauge: it is PyTorch's habit, as it is", value.span
                    )
                )
        return _Preset(name, richness, gauge, node.preset.span, gauge_span)

    def _point(self, node: tree.Preset, where: str) -> Fraction | None:
        """The richness that a preset names.  Raises Rejected."""
        name = node.name.text
        if name != "rich":
            if node.arguments:
                raise Rejected(messages.bad_value(f"`{name}` takes no argument", node.span))
            return _POINTS.get(name)
        if not node.arguments and where == "parameterization":
            declared = [s for s in self.node.statements if isinstance(s, tree.Richness)]
            if declared:
                return rational(declared[0].value, "the richness")
        argument = node.arguments[0] if len(node.arguments) == 1 else None
        value = argument.value if isinstance(argument, tree.Option) else argument
        if (
            value is None
            or isinstance(value, tree.String | tree.List)
            or (isinstance(argument, tree.Option) and argument.name.text != RICHNESS)
        ):
            raise Rejected(
                messages.bad_value("`rich` names a richness: `rich(r = 1/4)`", node.span)
            )
        richness = rational(value, "the richness")
        if not 0 <= richness <= _HALF:
            raise Rejected(messages.bad_value("the richness scale is 0 to 1/2", value.span))
        return richness

    def _frame(self, preset: _Preset, knobs: options.Knobs, has_base: bool) -> Frame | None:
        name = knobs.optimizer.name
        if preset.gauge == "mup" and name == "adafactor":
            self.report(messages.no_such_gauge("mup", name, preset.gauge_span))
            return None
        shape = knobs.optimizer.option("shape_factor")
        return Frame(
            preset.name, preset.gauge, name, shape if isinstance(shape, str) else None, has_base
        )

    # Layers.

    def _slots(self, width: str) -> list[Slot] | None:
        """Layer statements with the activations after them; None when they make no network."""
        slots: list[Slot] = []
        names: dict[str, Span] = {}
        waiting: tree.Layer | None = None
        fine = True
        errors_before = len(self.found)
        statements = [
            s for s in self.node.statements if isinstance(s, tree.Layer | tree.Activation)
        ]
        layer_nodes = [s for s in statements if isinstance(s, tree.Layer)]
        if not layer_nodes:
            if not self.node.incomplete:
                self.report(
                    messages.missing_statement(
                        "dense", self.node.name.text, self.node.name.span, "head: dense -> 10"
                    )
                )
            return None
        for node in statements:
            if isinstance(node, tree.Activation):
                fine &= self._activation(node, waiting, slots, layer_nodes[-1])
                waiting = None
                continue
            if waiting is not None and not self.node.incomplete:
                self._missing_activation(waiting)
            waiting = node
            slot = self._slot(node, width, names)
            if slot is None:
                fine = False
            else:
                slots.append(slot)
        if not fine or self.node.incomplete or len(self.found) > errors_before:
            return None
        total = sum(slot.count for slot in slots)
        if total > MAX_LAYERS:
            span = layer_nodes[-1].span
            self.report(messages.too_many_layers(f"{total:,}", MAX_LAYERS, span))
            return None
        return slots if layer_reader.shapes(slots, self.report) else None

    def _missing_activation(self, layer: tree.Layer) -> None:
        self.report(
            messages.misplaced(
                f"no activation follows `{layer.name.text}`",
                layer.name.span,
                "name one on the next line; `linear` says that there is none",
            )
        )

    def _activation(
        self,
        node: tree.Activation,
        waiting: tree.Layer | None,
        slots: list[Slot],
        last: tree.Layer,
    ) -> bool:
        read = self.attempt(lambda: layer_reader.activation(node.preset))
        if waiting is None:
            self.report(
                messages.misplaced("this activation follows no layer", node.span, "remove it")
            )
            return False
        if read is None:
            return False
        if waiting is last:
            if read.name != "linear":
                self.report(
                    messages.misplaced(
                        "the read-out has no activation: the loss takes its output as it is",
                        node.span,
                        "remove it",
                    )
                )
            return read.name == "linear"
        if slots and slots[-1].statement is waiting:
            slots[-1] = slots[-1]._replace(activation=read)
        return True

    def _slot(self, node: tree.Layer, width: str, names: dict[str, Span]) -> Slot | None:
        name = node.name.text
        why = refusal(name)
        if why is not None:
            self.report(messages.reserved_name(name, node.name.span, why))
        if name in names:
            self.report(messages.duplicate(f"the layer `{name}`", node.name.span, names[name]))
        names.setdefault(name, node.name.span)
        if node.kind.text != "dense":
            self.report(_unknown_kind(node.kind))
            return None
        dim: Dim | None = self.attempt(lambda: layer_reader.dimension(node.dim, width))
        count: int | None = 1
        if node.repeat is not None:
            repeat = node.repeat
            count = self.attempt(lambda: options.integer(repeat, "a repeat count", 1))
            if count is not None and count > MAX_LAYERS:
                self.report(messages.too_many_layers(f"{count:,}", MAX_LAYERS, repeat.span))
                count = None
        if dim is None or count is None or why is not None:
            return None
        return Slot(node, count, dim, None)

    # Requirements.

    def _requirements(self) -> tuple[Requirement, ...]:
        nodes = [s for s in self.node.statements if isinstance(s, tree.Require)]
        read = (self.attempt(lambda n=node: self._requirement(n)) for node in nodes)  # type: ignore[misc]
        return tuple(r for r in read if r is not None)

    def _requirement(self, node: tree.Require) -> Requirement:
        kind = node.preset.name.text
        if node.value is None:
            if kind in ("mup", "ntp", "rich"):
                richness = self._point(node.preset, "require")
                return Requirement("point", kind, richness, node.span)
            known = ("mup", "ntp", "rich(r = ...)", "gauge NAME", "regime NAME")
            raise Rejected(messages.unknown_word("requirement", kind, node.preset.name.span, known))
        if kind == "equivalent":
            raise Rejected(
                messages.not_available(
                    "`require equivalent`", node.span, "require a point, a gauge or a regime"
                )
            )
        choices = {"gauge": GAUGES, "regime": REGIMES}.get(kind)
        if choices is None:
            raise Rejected(
                messages.unknown_word(
                    "requirement", kind, node.preset.name.span, ("gauge", "regime", "equivalent")
                )
            )
        value = node.value.text
        if isinstance(node.value, tree.String) or value not in choices:
            raise Rejected(messages.unknown_word(kind, value, node.value.span, choices))
        return Requirement(kind, value, None, node.span)

    # Ranges.

    def _refuse_overflow(self, model: Model) -> None:
        from math import log2

        values: dict[int | str, float] = {
            WIDTH: log2(model.width),
            BASE_WIDTH: log2(model.base_width or 1),
            GAMMA: log2(model.gamma.numerator) - log2(model.gamma.denominator),
        }
        richness = float(model.richness or 0)
        checked: set[tuple[str, Monomial]] = set()
        for layer in model.layers:
            for tensor in (layer.weight, layer.bias):
                if tensor is None:
                    continue
                total = model.optimizer.lr.times(tensor.lr)
                for name, value in (
                    ("scale", tensor.scale),
                    ("std", tensor.std),
                    ("lr", total),
                    ("decay", tensor.decay),
                    ("eps", tensor.eps or ONE),
                ):
                    if value.is_zero or (layer.statement, value) in checked:
                        continue
                    checked.add((layer.statement, value))
                    power = value.log2(values, richness)
                    if abs(power) > MAX_LOG2:
                        place = tensor.place(name, "var") or _where(layer)
                        self.report(
                            messages.overflow(
                                f"`{name}` of `{layer.statement}` is about 10^{power * 0.30103:.0f} "
                                f"at width {model.width}: no float holds it",
                                place,
                            )
                        )


class _Preset(NamedTuple):
    name: str
    richness: Fraction | None
    gauge: str
    span: Span
    gauge_span: Span


def _where(layer: Layer) -> Span:
    return layer.name_place


def _span(node: object) -> Span:
    span: Span = node.span  # type: ignore[attr-defined]  # every node has one
    return span


def _options_of(knobs: options.Knobs) -> tuple[str, ...]:
    from richc.optimizers import OPTIMIZERS

    return OPTIMIZERS[knobs.optimizer.name].options


def _positive(node: tree.Value, what: str) -> Fraction:
    if isinstance(node, tree.String | tree.List):
        raise Rejected(messages.bad_value(f"{what} is a number", node.span))
    value = rational(node, what)
    if value <= 0:
        raise Rejected(messages.bad_value(f"{what} is positive", node.span))
    return value


def _unknown_kind(kind: tree.Name) -> Diagnostic:
    from richc.syntax.messages import outside_language
    from richc.words import not_in_language

    outside = not_in_language(kind.text)
    if outside is not None:
        return outside_language(outside, kind.span)
    return messages.unknown_word("layer kind", kind.text, kind.span, ("dense",))
