"""What a file says of exponents, and what it leaves open: the two sides of an inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import DEPTH, NO_POWER, WIDTH, ZERO, Affine, Monomial
from richc.diagnostics import Span
from richc.inference.linear import RICHNESS
from richc.spec.arrangement import residuals
from richc.spec.holes import PlacedHole, has_hole, is_hole
from richc.spec.model import Layer, Model, Tensor


class Use(NamedTuple):
    """Where a hole stands: the attribute of the first tensor that it belongs to."""

    #: "scale", "std", "var", "lr", "decay" or "eps".
    attribute: str
    #: "`body`", "the bias of `body`", "`optimizer sgd`", "`body`, in L".
    subject: str
    #: The statement of the layer; None for the optimizer.
    layer: str | None


class Given(NamedTuple):
    """Something that the file says, and that could be given up for another exponent."""

    place: Span
    #: "lr", "std", "richness" ...
    attribute: str
    #: "`lr` of `body`", "`richness`".
    shown: str
    #: The unknown that stands for its change when it is given up.
    name: str
    #: The exponent of n that is written; None for zero, and for what is more than an exponent.
    written: Affine | None
    #: That of L.
    depth: Affine = NO_POWER


class Pin(NamedTuple):
    """A richness that the file fixes, and where."""

    richness: Fraction
    place: Span


def pin_of(model: Model) -> Pin | None:
    """What fixes the richness: a statement, a parameterization, or a requirement."""
    if model.richness is not None:
        place = model.richness_place or model.parameterization_place
        return None if place is None else Pin(model.richness, place)
    for requirement in model.requirements:
        if requirement.point is not None:
            return Pin(requirement.point, requirement.place)
    return None


def find_givens(model: Model) -> Iterator[Given]:
    """Everything that could be given up, the richness last."""
    seen: set[Span] = set()
    for optimizer in model.optimizers:
        place = dict(optimizer.places).get("lr")
        powers = optimizer.lr.exponent(WIDTH), optimizer.lr.exponent(DEPTH)
        is_plain = all(power.is_zero for power in powers)
        if place is not None and not has_hole(optimizer.lr) and not is_plain:
            shown = f"`lr` of `optimizer {optimizer.name}`"
            yield Given(place, "lr", shown, given_name(place), *powers)
    for block, _ in residuals(model.arrangement):
        place = dict(block.places).get("scale")
        if place is not None and not has_hole(block.scale):
            powers = block.scale.exponent(WIDTH), block.scale.exponent(DEPTH)
            yield Given(place, "scale", f"`scale` of `{block.name}`", given_name(place), *powers)
    for layer in model.layers:
        for tensor in layer.tensors:
            values = {
                "scale": tensor.scale,
                "std": tensor.std,
                "var": tensor.std.times(tensor.std),
                "lr": tensor.lr,
                "frozen": ZERO,
            }
            for name, place in tensor.places:
                if place in seen or name not in values or has_hole(values[name]):
                    continue
                seen.add(place)
                value = values[name]
                written = None if value.is_zero else value.exponent(WIDTH)
                shown = f"`{name}` of {subject_of(layer, tensor)}"
                depth = value.exponent(DEPTH)
                yield Given(place, name, shown, given_name(place), written, depth)
    place = model.parameterization_place
    if place is not None:
        yield Given(place, "parameterization", "`parameterization`", "", None)
    pin = pin_of(model)
    if pin is not None and pin.place != place:
        word = "richness" if pin.place == model.richness_place else "require"
        yield Given(pin.place, word, f"`{word}`", RICHNESS, None)


def find_uses(model: Model, holes: Mapping[str, PlacedHole]) -> dict[Span, Use]:
    """Every hole by its place; ``holes`` has them by symbol.

    Of ``n^? * L^?`` each says what it is a power of.
    """
    uses: dict[Span, Use] = {}

    def visit(value: Monomial, use: Use) -> None:
        for base, _ in value.powers:
            if is_hole(base):
                uses.setdefault(holes[str(base)].place, use)

    for optimizer in model.optimizers:
        visit(optimizer.lr, Use("lr", f"`optimizer {optimizer.name}`", None))
    for block, _ in residuals(model.arrangement):
        visit(block.scale, Use("scale", f"`{block.name}`", block.name))
    for layer in model.layers:
        for tensor in layer.tensors:
            subject, name = subject_of(layer, tensor), layer.statement
            std = "var" if tensor.place("var") else "std"
            visit(tensor.scale, Use("scale", subject, name))
            visit(tensor.std, Use(std, subject, name))
            visit(tensor.lr, Use("lr", subject, name))
            for attribute, option, value in (
                ("decay", "weight_decay", tensor.decay),
                ("eps", "eps", tensor.eps or ZERO),
            ):
                if tensor.place(attribute):
                    visit(value, Use(attribute, subject, name))
                else:
                    word = model.optimizer_of(tensor).name
                    visit(value, Use(option, f"`optimizer {word}`", None))
    symbols = {
        hole.place: "L" if any(base == DEPTH for base, _ in hole.base.powers) else "n"
        for hole in holes.values()
    }
    of_symbols: dict[Use, set[str]] = {}
    for place, use in uses.items():
        of_symbols.setdefault(use, set()).add(symbols[place])
    return {
        place: use._replace(subject=f"{use.subject}, in {symbols[place]}")
        if len(of_symbols[use]) > 1
        else use
        for place, use in uses.items()
    }


def hole_name(place: Span) -> str:
    """The unknown that stands for a hole."""
    return f"?{place.start}"


def given_name(place: Span) -> str:
    """The unknown that stands for the change of what is given up."""
    return f"={place}"


def depth_name(name: str) -> str:
    """The unknown that stands for the change in L, beside the one in n."""
    return f"{name} L"


def subject_of(layer: Layer, tensor: Tensor) -> str:
    """A layer's weight, gain or bias in words: ``the bias of `body```."""
    name = f"`{layer.statement}`"
    if tensor is not layer.weight:
        return f"the bias of {name}"
    return f"the gain of {name}" if layer.kind.is_norm else name
