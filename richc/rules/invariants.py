"""From what a file says of each tensor to what training sees of it: A and C, as sums."""

from __future__ import annotations

from typing import NamedTuple

from richc.algebra.monomial import WIDTH, Monomial
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.written import PRIME, Line, Term, line
from richc.optimizers.law import Epsilon, rate_powers
from richc.rules.context import Context
from richc.spec.model import Tensor


class Invariants(NamedTuple):
    """Lines of weights come before lines of biases."""

    #: A = a + b: the tensor times its multiplier is of size n^-A at init.
    inits: tuple[Line, ...]
    #: R = min(b, e): RMS(W) or its floor, where the optimizer has one.
    floors: tuple[Line, ...]
    #: C: the rate n^-C that no gauge move changes.
    rates: tuple[Line, ...]


def size_term(context: Context, letter: str, layer: int, value: Monomial) -> Term:
    """A quantity of the file, whose exponent may hold r."""
    exponent = None if value.is_zero else value.exponent(WIDTH)
    return Term(letter, layer, context.size(value), inverse=True, in_r=exponent)


def rate_of(context: Context, tensor: Tensor) -> Monomial:
    """The tensor's whole learning rate."""
    return context.model.optimizer.lr.times(tensor.lr)


def invariants(context: Context) -> Invariants:
    """A and C of every tensor, each equal to what the verdict was reached with."""
    inits: list[Line] = []
    floors: list[Line] = []
    rates: list[Line] = []
    optimizer = context.model.optimizer.law
    powers = rate_powers(optimizer)
    for of_bias in (False, True):
        for index, layer in enumerate(context.model.layers):
            tensor = layer.bias if of_bias else layer.weight
            stage = context.network.stages[index]
            judged = stage.bias if of_bias else stage.weight
            if tensor is None or judged is None:
                continue
            prime = PRIME if of_bias else ""
            a = size_term(context, f"a{prime}", index, tensor.scale)
            b = size_term(context, f"b{prime}", index, tensor.std)
            inits.append(line(f"A{prime}", index, (a, b), equals=judged.init, inverse=True))
            rms = b
            if optimizer.eps == Epsilon.WEIGHT and tensor.eps is not None:
                floor = _floor(context, b, tensor.eps)
                floors.append(floor)
                rms = floor.term
            kappa = Term(f"κ{prime}", index, _shape(context, index, of_bias))
            if tensor.frozen:
                assert judged.rate is ZERO_SIZE
                frozen = Line(f"C{prime}", index, (), ZERO_SIZE, inverse=True, reason="frozen")
                rates.append(frozen)
                continue
            c = size_term(context, f"c{prime}", index, rate_of(context, tensor))
            factors = zip((c, a, rms, kappa), powers, strict=True)
            terms = tuple(term._replace(times=power) for term, power in factors if power)
            rates.append(line(f"C{prime}", index, terms, equals=judged.rate, inverse=True))
    return Invariants(tuple(inits), tuple(floors), tuple(rates))


def _floor(context: Context, std: Term, eps: Monomial) -> Line:
    prime = std.letter[1:]
    floor = size_term(context, f"e{prime}", std.layer, eps)
    size = max(std.size, floor.size)
    # At some r, so the exponents are numbers.
    sums = tuple((term._replace(in_r=None),) for term in (std, floor))
    return line(f"R{prime}", std.layer, *sums, equals=size, inverse=True)


def _shape(context: Context, index: int, of_bias: bool) -> Size:
    model = context.model
    stage = context.network.stages[index]
    word = model.optimizer.shape_factor
    return model.optimizer.law.shape(word, stage.wide_in and not of_bias, stage.wide_out)
