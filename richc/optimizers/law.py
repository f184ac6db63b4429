"""What is known of one optimizer: its update law, its knobs, its PyTorch class, its sentences.

Sizes are exponents of n (see richc.algebra.sizes).  For a weight of size n^-A that is multiplied
by M ~ n^-a, one step changes the effective weight V = M W by an entry size that an optimizer
computes from its *rate* n^-C, the invariant of the table in Karkada 2024 (arXiv 2404.19719),
section 4, and Yang & Littwin 2023 (arXiv 2308.01814), section 2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import ClassVar, NamedTuple

from richc.algebra.exponent import ZERO
from richc.algebra.sizes import ZERO_SIZE, Size, Zero
from richc.optimizers.knobs import Knob, Value

_ZERO = Fraction(0)
_ONE = Fraction(1)


class Epsilon(StrEnum):
    """What an optimizer's ``eps`` is compared with."""

    #: It is added to the size of the gradient.
    GRADIENT = "gradient"
    #: It bounds RMS(W) below, of which each update is a multiple.
    WEIGHT = "weight"


class Spelling(NamedTuple):
    """How the emitted program says it in PyTorch; strings, so that no check imports torch."""

    #: The class; of torch, or of the program's own (``richc/emit/parts/optimizers.py``).
    name: str
    #: Arguments that are always given.
    arguments: tuple[str, ...] = ()
    #: Whether it takes ``fused``, and whether it does so for the shards of a tensor.
    is_fused: bool = False
    is_fused_on_shards: bool = True
    #: The option whose state is left undefined where a fused kernel skips a step that overflows.
    undefined_by_skips: str = ""
    #: Whether it steps on the shards of a tensor; elsewhere tensors are made whole for it.
    steps_on_shards: bool = True
    #: Whether PyTorch uses min(rate, 1 / sqrt(step)).
    caps_rate: bool = False
    #: The floor of the RMS of the gradient that the program sets, where there is one.
    gradient_floor: str = ""
    #: Option -> word -> argument, for options that PyTorch calls otherwise.
    words: Mapping[str, Mapping[str, str]] = {}
    #: Shape factor -> its formula, and by what square root PyTorch's exceeds it: where it has none
    #: such, rate and decay are corrected for every tensor's shape.
    excess: Mapping[str, tuple[str, str]] = {}


class UpdateSizes(NamedTuple):
    """log2 of the sizes that decide an update at one width, and the options that do."""

    rate: float
    #: RMS of the weights, and of their gradient where examples agree.
    weight: float
    gradient: float
    #: The floor of the weights' RMS; None without one.
    floor: float | None
    fan_in: float
    fan_out: float
    options: Mapping[str, Value]


class Law(ABC):
    """An optimizer.  What most optimizers have in common is the default."""

    #: The word in the language, and the name as its paper writes it.
    name: ClassVar[str]
    title: ClassVar[str]
    #: For the glossary.
    about: ClassVar[str]
    #: One word for all that share an update law.
    family: ClassVar[str]

    #: The learning rate when the file gives none.
    lr: ClassVar[Fraction]
    #: Up to this many times ``lr`` a rate is one of a plain network, not of n = 1; None where that
    #: cannot be told.
    everyday: ClassVar[int | None] = 3
    #: The statement's options in a file to start from, with a rate that trains tables of some
    #: thousand standardised rows.
    start: ClassVar[str]
    #: Options beside lr and weight_decay, in the order in which they are listed.
    knobs: ClassVar[tuple[Knob, ...]]

    #: The gauge move is M * t, s / t, rate / t^k: this is k.
    gauge_power: ClassVar[int]
    #: Whether an update has the same size whatever the size of its gradient is.
    ignores_gradient_size: ClassVar[bool] = True
    #: Whether an update is relative to RMS(W), so that a tensor of zeros never moves.
    is_relative_to_weight: ClassVar[bool] = False
    #: Whether every entry is updated by itself.
    is_entrywise: ClassVar[bool] = True
    #: Whether parameters must be matrices; a step then takes products of them.
    takes_matrices_only: ClassVar[bool] = False
    #: Whether momentum adds gradients up, instead of averaging them.
    adds_gradients_up: ClassVar[bool] = False
    #: Whether it keeps averages of squared gradients, entry by entry.
    keeps_squares: ClassVar[bool] = False
    #: What ``eps`` is; None where there is none.
    eps: ClassVar[Epsilon | None] = None
    #: Whether weight decay enters through the gradient, to be normalised with it.
    decay_is_normalised: ClassVar[bool] = False
    #: The optimizer that it is where no weight decays, if it is another one.
    without_decay: ClassVar[str] = ""

    #: Continues "Adam ...": how one step changes M W.
    moves: ClassVar[str]
    #: The size of an entry of an update of M W: any layer's, and the read-out's in words.
    entry: ClassVar[tuple[str, str]]

    torch: ClassVar[Spelling]

    @abstractmethod
    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        """The size n^-C of the gauge-invariant rate.

        ``multiplier``, ``std`` and ``lr`` are the sizes of M, s and the learning rate; ``shape``
        is the size of the optimizer's own shape factor (0 for those that have none).
        """

    @abstractmethod
    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        """The entry size of one update of V.

        ``source`` is the size of the layer's input, ``gradient`` that of the backpropagated
        signal at its output, ``wide_sides`` how many of the two dimensions grow with n.
        """

    def shape(self, option: str | None, wide_in: bool, wide_out: bool) -> Fraction:
        """The exponent kappa of the optimizer's shape factor for one tensor."""
        return ZERO

    def update(self, step: UpdateSizes) -> float:
        """log2 of the change of a weight's entries in one step, at most."""
        return step.rate

    @property
    def options(self) -> tuple[str, ...]:
        """The names of ``knobs``."""
        return tuple(knob.name for knob in self.knobs)

    def knob(self, name: str) -> Knob:
        """Raises KeyError."""
        return {knob.name: knob for knob in self.knobs}[name]

    @property
    def defaults(self) -> dict[str, Value]:
        """What the emitted program does where the file says nothing, option by option."""
        return {knob.name: knob.default for knob in self.knobs if knob.default is not None}


def unless_dead(size: Size, source: Size, gradient: Size) -> Size:
    """An update that ignores its gradient's size is zero where that is exactly zero, only there."""
    is_dead = isinstance(gradient, Zero) or isinstance(source, Zero)
    return ZERO_SIZE if is_dead else size


class RatePowers(NamedTuple):
    """By which power each of a tensor's knobs is in the rate n^-C that no gauge move changes."""

    lr: Fraction
    multiplier: Fraction
    std: Fraction
    shape: Fraction


@cache
def rate_powers(law: Law) -> RatePowers:
    """What an optimizer's law makes of its knobs is a product: the powers in it."""
    constant, of_multiplier, of_std, of_lr, of_shape = coefficients(law.rate, 4)
    assert not constant
    return RatePowers(of_lr, of_multiplier, of_std, of_shape)


def coefficients(product: Callable[..., Size], count: int) -> tuple[Fraction, ...]:
    """The powers of a law that is a product of powers: its constant, then one for each argument."""

    def at(*sizes: Fraction) -> Fraction:
        size = product(*sizes)
        assert isinstance(size, Fraction)
        return size

    zeros = [_ZERO] * count
    constant = at(*zeros)
    ones = ([*zeros[:i], _ONE, *zeros[i + 1 :]] for i in range(count))
    return (constant, *(at(*sizes) - constant for sizes in ones))
