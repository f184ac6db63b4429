"""A model's tree to its specification: every name resolved, every number exact.

Everything wrong in a model is reported in one pass; a model with errors yields no specification,
because a verdict about half a model would be a guess.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Span
from richc.spec import messages, options, shapes
from richc.spec.arrangement import Part
from richc.spec.carried import with_carried
from richc.spec.expressions import Scope
from richc.spec.holes import Holes
from richc.spec.infer import STANDARD, Frame
from richc.spec.layers import unroll
from richc.spec.model import Claim, Layer, Model, Train
from richc.spec.names import refusal
from richc.spec.places import places
from richc.spec.presets import ParameterizationChoice, read_parameterization, read_requirements
from richc.spec.ranges import refuse_denominators, refuse_overflow
from richc.spec.reader import Reader
from richc.spec.stack import Stack, of_layers, read_stack
from richc.spec.symbols import Scale, read_scale, scope_of, width_symbol
from richc.spec.trained_by import Optimizers, TrainedBy
from richc.syntax import tree
from richc.syntax.parser import MAX_ERRORS
from richc.words import LOSSES

#: Each is another file to read, and a comparison: ``require equivalent`` in all models of a file.
MAX_COMPARED = 100


class Resolved(NamedTuple):
    """All usable models of a file, and everything wrong with the others."""

    models: list[Model]
    found: list[Diagnostic]
    #: Models whose only errors are sums of different powers, as they are at large width.
    at_large_width: list[Model]


def resolve(file: tree.File, text: str) -> Resolved:
    """The models of a file; ``text`` is its source."""
    found: list[Diagnostic] = []
    models: list[Model] = []
    at_large_width: list[Model] = []
    names: dict[str, Span] = {}
    compared = 0
    for node in file.models:
        name = node.name.text
        if name in names:
            found.append(messages.duplicate(f"the model `{name}`", node.name.span, names[name]))
        names.setdefault(name, node.name.span)
        resolver = _Resolver(node, text)
        others = [s.span for s in node.statements if _looks_elsewhere(s)]
        if compared + len(others) > MAX_COMPARED:
            message = f"one file is compared with others {MAX_COMPARED} times at most"
            resolver.report(messages.overflow(message, others[MAX_COMPARED - compared]))
        compared = min(compared + len(others), MAX_COMPARED)
        model = resolver.model()
        found += resolver.found
        if model is not None:
            (at_large_width if resolver.found else models).append(model)
        if len(found) > MAX_ERRORS:
            from richc.syntax.messages import capped

            found = capped(found, MAX_ERRORS)
            break
    return Resolved(models, found, at_large_width)


def _looks_elsewhere(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Require) and statement.preset.name.text == Claim.EQUIVALENT


class _Resolver(Reader):
    def __init__(self, node: tree.Model, text: str) -> None:
        super().__init__(node)
        self._text = text

    def model(self) -> Model | None:
        """The model, or how it is at large width where sums of different powers are its errors."""
        node = self.node
        why = refusal(node.name.text)
        if why is not None:
            self.report(messages.reserved_name(node.name.text, node.name.span, why))
        preset = read_parameterization(self)
        scale = read_scale(self, preset)
        holes = Holes()
        scope = scope_of(node, scale, holes)
        optimizers = self._optimizers(scope)
        knobs = optimizers[0] if optimizers else None
        input_dim, is_tokens = self._input()
        loss = self._loss()
        train_node = self.only(tree.Train)
        train = options.train(train_node, self.report) if train_node else Train()
        with_node = self.only(tree.With)
        features = options.features(with_node, self.report) if with_node else ()
        requirements = read_requirements(self)
        frames = [self._frame(preset, known, scale) for known in (optimizers or (None,))]
        frame = frames[0]
        stack = read_stack(self, width_symbol(node), scope, frame, is_tokens=is_tokens)
        slots = stack.slots
        if scale is not None:
            widths = [(scale.width_symbol, scale.width)]
            if scale.base is not None and scale.base_symbol is not None:
                widths.append((scale.base_symbol, scale.base))
            shapes.check_whole(slots, widths, self.report)
        layers, arrangement = self._layers(stack, input_dim, scope, frames, optimizers)
        if node.incomplete or not all(map(messages.is_at_large_width, self.found)):
            return None
        errors = len(self.found)
        # Each of these is reported where it is missing.
        assert scale is not None
        assert knobs is not None
        assert input_dim is not None
        model = Model(
            name=node.name.text,
            width=scale.width,
            base_width=scale.base,
            width_symbol=scale.width_symbol,
            base_symbol=scale.base_symbol,
            richness=scale.richness,
            interval=scale.interval,
            gamma=scale.gamma,
            parameterization=preset.name if preset else None,
            gauge=frame.gauge if frame and preset and preset.name != "standard" else None,
            input_dim=input_dim,
            layers=layers,
            arrangement=arrangement,
            optimizer=knobs.optimizer,
            others=tuple(other.optimizer for other in optimizers[1:]),
            depth=scale.depth,
            depth_exponent=self._depth_exponent(preset, scale),
            is_token_input=is_tokens,
            loss=loss or ("mse" if layers[-1].fan_out.factor == 1 else "cross_entropy"),
            train=train,
            requirements=requirements,
            features=features,
            place=node.span,
            name_place=node.name.span,
            richness_place=self._place(tree.Richness),
            parameterization_place=self._place(tree.Parameterization),
        )
        refuse_denominators(self, model)
        if len(self.found) > errors or (errors and holes):
            return None
        if holes:
            # Solving needs the calculus of the stages after this one; few files have holes.
            from richc.inference.holes import solve

            solved = solve(model, holes, self.report)
            if solved is None:
                return None
            model = solved
        with_eps = frozenset(o.optimizer.name for o in optimizers if o.eps is not None)
        model = with_carried(model, with_eps)
        refuse_overflow(self, model)
        return None if len(self.found) > errors else model

    def _place(self, kind: type[tree.Statement]) -> Span | None:
        return next((s.span for s in self.node.statements if isinstance(s, kind)), None)

    def _depth_exponent(
        self, preset: ParameterizationChoice | None, scale: Scale
    ) -> Fraction | None:
        if preset is None or preset.name == STANDARD or scale.depth is None:
            return None
        return Fraction(1) if preset.depth is None else preset.depth

    def _input(self) -> tuple[int | None, bool]:
        """The input's dimension, or the number of tokens, and whether it is that."""
        node = self.only(tree.Input, "input", "input 64")
        if node is None:
            return None, False
        word = node.word
        if word is not None and word.text != "tokens":
            self.report(messages.unknown_word("input", word.text, word.span, ("tokens",)))
        what = "the input dimension" if word is None else "the number of tokens"
        value = self.attempt(lambda: options.integer(node.value, what, 1, 2**31))
        return value, word is not None

    def _optimizers(self, scope: Scope) -> list[options.Knobs]:
        """What the statements of optimizers say; empty where the first cannot be used."""
        nodes = [s for s in self.node.statements if isinstance(s, tree.Optimizer)]
        if not nodes:
            self.only(tree.Optimizer, "optimizer", "optimizer sgd { lr = 0.1 }")
        known: dict[str, Span] = {}
        read = []
        for node in nodes:
            name = node.name.text
            if name in known:
                self.report(messages.duplicate(f"`optimizer {name}`", node.span, known[name]))
                continue
            known[name] = node.span
            read.append(options.optimizer(node, scope, self.report))
        return [] if not read or None in read else [knobs for knobs in read if knobs]

    def _loss(self) -> str | None:
        node = self.only(tree.Loss)
        if node is not None and node.name.text not in LOSSES:
            self.report(messages.unknown_word("loss", node.name.text, node.name.span, LOSSES))
        return node.name.text if node else None

    def _frame(
        self,
        preset: ParameterizationChoice | None,
        knobs: options.Knobs | None,
        scale: Scale | None,
    ) -> Frame | None:
        """What inference goes by; a stand-in where that cannot be known, so that the layers'
        attributes are read all the same and nothing is called missing that might be inferred.
        """
        has_base = scale is not None and scale.base is not None
        if preset is None or knobs is None:
            declared = any(isinstance(s, tree.Parameterization) for s in self.node.statements)
            return (
                Frame("mup", "stp", "sgd", None, has_base)
                if (declared or self.node.incomplete)
                else None
            )
        name = knobs.optimizer.name
        gauge = preset.gauge
        if gauge == "mup" and not knobs.optimizer.law.gauge_power:
            self.report(messages.no_such_gauge("mup", name, preset.gauge_span))
            gauge = "stp"
        depth = Fraction(1) if preset.depth is None else preset.depth
        has_base_depth = scale is not None and scale.has_base_depth
        shape_factor = knobs.optimizer.shape_factor
        return Frame(preset.name, gauge, name, shape_factor, has_base, depth, has_base_depth)

    def _layers(
        self,
        stack: Stack,
        input_dim: int | None,
        scope: Scope,
        frames: list[Frame | None],
        optimizers: list[options.Knobs],
    ) -> tuple[tuple[Layer, ...], tuple[Part, ...]]:
        """All layers, and how they follow each other.

        Their attributes are read whatever else is wrong with the model.
        """
        if self.node.incomplete and not any(
            isinstance(s, tree.Width) for s in self.node.statements
        ):
            return (), ()  # The width's symbol is not known: every use of it would look wrong.
        known: dict[str | None, TrainedBy] = {None: TrainedBy(frames[0])}
        for frame, knobs in zip(frames, optimizers, strict=False):
            law = knobs.optimizer.law
            trained = TrainedBy(
                frame, knobs.decay, knobs.eps, law.eps is not None, law.takes_matrices_only
            )
            known[knobs.optimizer.name] = trained
            if knobs is optimizers[0]:
                known[None] = trained
        found = [*places(stack.slots, stack.parts, input_dim or 1)]
        layers = unroll(stack.slots, found, scope, Optimizers(known), self.report, self._text)
        return layers, of_layers(stack.parts, found)
