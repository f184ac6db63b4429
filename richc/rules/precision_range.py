"""R702: a gauge whose numbers leave the range or the resolution of the declared precision.

Gauges are the same network only as long as numbers are real.  What the compiled program holds in
which format (richc/emit/parts/training.py):

- weights, optimizer state and updates in fp32, whatever the precision;
- under fp16, copies of the weights, inputs and outputs of matrix products, and the gradients of
  all of these, which are multiplied by a loss scale: torch.amp.GradScaler begins at 2^16, halves it
  when a gradient overflows and doubles it every 2000 steps only;
- under bf16 the same with fp32's range, so that only what fp32 cannot hold is reported there.

Limits are the formats': IEEE 754-2019, section 3; Micikevicius et al. 2018 (arXiv 1710.03740) on
loss scales.  Sizes are RMS values at the declared width at init, estimated to a factor of a few, so
that what is reported lies well beyond a limit: fp16's smallest number is 2^-24, and numbers below
2^-20 are held with an error of 3 % and more.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import inf, log2
from typing import NamedTuple

from richc.diagnostics import WARNING, Diagnostic, Edit, Span
from richc.rules.attributes import added, times
from richc.rules.context import Context
from richc.rules.step_sizes import Sizes, measure
from richc.spec.model import Layer


class Format(NamedTuple):
    name: str
    #: log2 of the largest number, and of the smallest that is held to a few bits.
    high: float
    low: float
    #: log2 of the smallest number at all.
    least: float


_FP16 = Format("fp16", 16.0, -20.0, -24.0)
_FP32 = Format("fp32", 128.0, -126.0, -149.0)
_BF16 = Format("bf16", 128.0, -126.0, -133.0)
_FORMATS = {"fp16": _FP16, "bf16": _BF16}
#: Entries of four deviations are met in any matrix of 100 x 100.
_TYPICAL_TOP = 2.0
_LOSS_SCALE = 16.0
#: log2 of a relative change that is lost in fp32, of entries of the size of their RMS or larger.
_LOST = -25.0


class Trouble(NamedTuple):
    """What may leave its format."""

    words: str
    size: float
    #: Attributes that make it what it is.
    places: tuple[str, ...]
    #: log2 of t of the gauge move M t, s / t, eta / t^k that brings it to 1, where one does.
    move: float | None


def check(context: Context) -> Iterator[Diagnostic]:
    precision = context.model.train.precision or "fp32"
    held = _FORMATS.get(precision, _FP32)
    sizes = measure(context)
    if not sizes:
        return
    shift = _loss_scale(held, sizes)
    seen: set[str] = set()
    for layer, at in zip(context.model.layers, sizes, strict=True):
        if layer.statement in seen or layer.is_bare:
            continue
        found = _of_layer(context, layer, at, held, shift)
        if found is not None:
            seen.add(layer.statement)
            yield found


def _of_layer(
    context: Context, layer: Layer, at: Sizes, held: Format, shift: float
) -> Diagnostic | None:
    """The first of a layer's troubles; those after it are mostly its consequences."""
    name = f"`{layer.name}`"
    for trouble in (
        Trouble(f"weights of {name}", at.weight, ("std", "var"), at.weight),
        Trouble(f"inputs of {name}, times its multiplier,", at.source, ("scale",), -at.source),
        Trouble(f"outputs of {name}, before its multiplier,", at.product, ("scale",), at.product),
    ):
        size = trouble.size
        if size != -inf and (size > held.high - _TYPICAL_TOP or size < held.low):
            return _finding(context, layer, trouble, held)
    if context.verdict.violations or layer.weight.frozen:
        return None  # How large its steps are is another rule's matter.
    if held is _FP16:
        times = f", times the loss scale 2^{shift:.0f},"
        source, product = at.source_gradient + shift, at.product_gradient + shift
        weight = at.weight_gradient + shift
        for trouble in (
            # One of the two sees the multiplier but not the weights, or the reverse.
            Trouble(
                f"gradients of the outputs of {name}{times}",
                product,
                ("scale",),
                None if at.is_on_input else -product,
            ),
            Trouble(
                f"gradients of the inputs of {name}{times}",
                source,
                ("scale", "std", "var"),
                source if at.is_on_input else None,
            ),
            Trouble(
                f"gradients of the weights of {name}{times}",
                weight,
                ("scale", "std", "var"),
                -weight,
            ),
        ):
            if trouble.size != -inf and trouble.size < held.low:
                return _finding(context, layer, trouble, held)
    return _state(context, layer, at) or _step(context, layer, at)


def _finding(context: Context, layer: Layer, trouble: Trouble, held: Format) -> Diagnostic:
    model, is_large = context.model, trouble.size > 0
    limit = f"its {'largest' if is_large else 'smallest'} number is about 2^"
    return Diagnostic(
        "R702",
        f"{trouble.words} {'overflow' if is_large else 'underflow'} {held.name}",
        context.place(layer, layer.weight, *trouble.places),
        label=f"about 2^{trouble.size:.0f} at {model.width_symbol} = {model.width}",
        layer=layer.name,
        notes=(f"{held.name} holds them: {limit}{held.high if is_large else held.least:.0f}",),
        help=_help(context, layer, trouble, held),
        edits=() if trouble.move is None else _move(context, layer, round(trouble.move)),
        severity=WARNING,
    )


def _move(context: Context, layer: Layer, bits: int) -> tuple[Edit, ...]:
    """The gauge move M t, s / t, eta / t^k for t = 2^bits, where it is exact and all is written."""
    tensor, optimizer = layer.weight, context.model.optimizer_of(layer.weight)
    std, rate = tensor.place("std", "var"), tensor.place("lr")
    power = optimizer.law.gauge_power
    if std is None or (power and rate is None):
        return ()
    if not tensor.decay.is_zero or tensor.eps is not None:
        return ()  # They would have to follow.
    halves = 1 if tensor.place("std") else 2

    def edit(place: Span, change: int) -> Edit:
        factor = f" {'*' if change > 0 else '/'} 2^{abs(change)}"
        return Edit(place, times(context, place, factor))

    edits = [edit(std, -bits * halves)]
    if power and rate is not None:
        edits.append(edit(rate, -bits * power))
    scale = tensor.place("scale")
    if scale is not None:
        edits.append(edit(scale, bits))
    else:
        factor = f"2^{bits}" if bits > 0 else f"1 / 2^{-bits}"
        edits.append(added(context, layer, f"scale = {factor}"))
    return tuple(edits)


def _help(context: Context, layer: Layer, trouble: Trouble, held: Format) -> str | None:
    power = context.model.optimizer_of(layer.weight).law.gauge_power
    if trouble.move is None:
        return "`precision = bf16` has the range of fp32" if held is _FP16 else None
    bits = round(trouble.move)
    to, back = ("*", "/") if bits > 0 else ("/", "*")
    rate = f", `lr` {back} 2^{abs(bits) * power}" if power else ""
    return (
        f"another gauge of `{layer.statement}` is the same network: "
        f"`scale` {to} 2^{abs(bits)}, `std` {back} 2^{abs(bits)}{rate}"
    )


def _state(context: Context, layer: Layer, at: Sizes) -> Diagnostic | None:
    """What the optimizer keeps of gradients, in fp32."""
    optimizer = context.model.optimizer_of(layer.weight)
    gradient = at.weight_gradient
    if gradient == -inf:
        return None
    known = optimizer.law
    floor = known.torch.gradient_floor
    if known.keeps_squares:
        betas = optimizer.option("betas")
        share = 1 - betas[1] if isinstance(betas, tuple) else Fraction(1, 1000)
        if 2 * gradient + log2(share or 1) >= _FP32.least:
            return None
        kept, limit = "the squared gradients", f"below fp32's smallest number, 2^{_FP32.least:.0f}"
    elif floor and gradient < log2(float(floor)):
        kept = "gradients"
        limit = f"below {floor}, where PyTorch's {known.title} takes its floor for them"
    else:
        return None
    return Diagnostic(
        "R702",
        f"{kept} of the weights of `{layer.name}` vanish in the optimizer's state",
        context.place(layer, layer.weight, "scale", "std", "var"),
        label=f"gradients of about 2^{gradient:.0f}",
        layer=layer.name,
        notes=(limit,),
        help="a larger `scale` with a smaller `std` is the same network with larger gradients",
        severity=WARNING,
    )


def _step(context: Context, layer: Layer, at: Sizes) -> Diagnostic | None:
    """Updates that the weights, in fp32, are too large to take."""
    relative = at.update - at.weight
    if at.weight == -inf or at.update == -inf or relative >= _LOST:
        return None
    return Diagnostic(
        "R702",
        f"updates of `{layer.name}` are lost beside its weights: one step changes them by "
        f"2^{relative:.0f}",
        _rate_place(context, layer),
        label=f"a step of about 2^{at.update:.0f} beside weights of 2^{at.weight:.0f}",
        layer=layer.name,
        notes=("fp32, in which the weights are kept, has 24 bits; no gauge changes this ratio",),
        help="raise the learning rate: is it the one of a plain layer at some base width n0?"
        if context.model.base_width is None
        else "raise the learning rate",
        severity=WARNING,
    )


def _rate_place(context: Context, layer: Layer) -> Span:
    tensor = layer.weight
    return tensor.place("lr") or context.model.optimizer_of(tensor).located("lr")


def _loss_scale(held: Format, sizes: list[Sizes]) -> float:
    """log2 of the loss scale that is left when nothing overflows; 0 without one."""
    if held is not _FP16:
        return 0.0
    largest = max(max(at.source_gradient, at.product_gradient, at.weight_gradient) for at in sizes)
    return min(_LOSS_SCALE, held.high - _TYPICAL_TOP - largest)
