"""One path of the calculus through a network with blocks, on exponents that are not known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.exponent import HALF, ONE, ZERO
from richc.algebra.joint import Joint, depth_of, width_of
from richc.algebra.sizes import Size, Zero
from richc.calculus.desiderata import explosions, lacks, sizes
from richc.calculus.judging import changes, depth_exponents
from richc.calculus.loop import backward
from richc.calculus.ops import UNIT, Bias, Domain, Gain, Linear, Phase, Site, Undecided
from richc.calculus.residual import Exponential, Residual
from richc.calculus.run import Representation, begin, steps
from richc.inference.cases import Constraint, Preference
from richc.inference.givens import subject_of
from richc.inference.linear import RICHNESS, LinearForm, System, constant, unknown
from richc.inference.unknown import DeadEnd, Letter, Path, UnknownPowers, form_of
from richc.optimizers.law import Epsilon
from richc.spec.holes import has_hole
from richc.spec.model import Layer, Model, Tensor
from richc.spec.network import Exponents

#: Of a wish: the same on all paths.
WishKey = tuple[object, ...]
#: The preferences for both symbols' exponents.
Wish = tuple[Preference, ...]


class PathNotes(NamedTuple):
    """What paths have shown that is of use on others."""

    #: Layers whose representations are of order one at init.
    held: set[int]
    wishes: dict[WishKey, Wish]
    #: Why a network is not decided, on the paths that end there.
    undecided: dict[str, None]


def constants(system: System, names: Sequence[str]) -> tuple[Fraction, ...] | None:
    """What these unknowns are, where all of them are determined."""
    values = [system.value(unknown(name)) for name in names]
    return tuple(v.const for v in values) if all(v.is_constant for v in values) else None


class StackPath(Domain):
    """The calculus on one path."""

    def __init__(
        self,
        model: Model,
        letters: dict[str, Letter],
        path: Path,
        taken: Collection[WishKey] | None,
        alpha: Fraction,
        notes: PathNotes,
    ) -> None:
        self._notes = notes
        self._path, self._taken, self._alpha = path, taken, alpha
        self._model = model
        self._exponents = Exponents(model, ZERO, UnknownPowers(path, letters))
        self._constraints: list[Constraint] = []
        self._values: dict[int, Representation] = {}
        #: Layers inside of blocks that the way back has met.
        self._met: set[int] = set()
        self._first: Site | None = None
        #: Sites with a parameter, as the way back from the output meets them, the next one last.
        self._order: list[Site] = []

    def demanded(
        self,
        is_strict: bool,
        is_required: bool,
        names: Sequence[str],
        known: Collection[tuple[Fraction, ...]],
    ) -> tuple[Constraint, ...]:
        """Run it; returns what is demanded.  Raises DeadEnd."""
        network = self._exponents.network(self._model.optimizer.name)
        ops = network.ops
        for index, layer in enumerate(self._model.layers):
            if layer.bias is not None:
                reason = f"D0: {subject_of(layer, layer.bias)} is at most of order one at init"
                init = self._exponents.size(layer.bias.scale) + self._exponents.size(layer.bias.std)
                self._wish_for(("init", index, True), init, UNIT, reason)
        try:
            sites, values = begin(ops, self)
        except Exponential:
            raise DeadEnd from None
        except Undecided as error:
            self._path.check()
            self._notes.undecided[str(error)] = None
            raise DeadEnd from None
        self._keep_all(values)
        self._values = {id(site): value for value in values for site in value.sites}
        self._first = values[0].sites[0]
        self._order = [*_trained(sites)][::-1]
        self._of_branches(sites)
        self._path.check()
        backward(sites, UNIT, Phase(network.step, self, is_later=True))
        self._path.check()
        system = self._path.system
        readout = values[-1].sites[0]
        if isinstance(readout.op, Linear) and system.value(unknown(RICHNESS)) == constant(HALF):
            reason = "the read-out starts as large as its own update"
            key = ("init", readout.layer, False)
            self._wish_for(key, readout.op.weight.init, readout.update, reason)
        if known and constants(system, names) in known:
            raise DeadEnd  # Nothing new comes of it.
        for _ in steps(sites, network.step):
            if any(explosions(values)):
                raise DeadEnd
        if any(is_strict or fault.desideratum != "D4" for fault in lacks(values)):
            raise DeadEnd
        for change in changes(values):
            if isinstance(change, Zero):
                raise DeadEnd
            self._path.demand(form_of(width_of(change)).plus(unknown(RICHNESS), -ONE).shifted(HALF))
        powers = depth_exponents(sites) if is_required else ()
        if is_required and [min(power, ONE) for power in powers] != [self._alpha]:
            raise DeadEnd
        return tuple(self._constraints)

    def named(self, letter: str, layer: int, size: Size) -> Size:
        """Where a size is asked for: that of a representation, and what an update adds to it."""
        if letter.startswith("u"):
            self._of_update(self._order.pop(), size)
        elif letter == "q" and layer in self._notes.held:
            self._keep(layer, size)
        return size

    def _keep_all(self, values: Sequence[Representation]) -> None:
        """D0 at init."""
        free = [v for v in values if v.is_added or v.is_normed or v.is_output]
        self._notes.held.update({v.layer for v in values} - {v.layer for v in free})
        for value in values:
            if value not in free:
                self._keep(value.layer, value.at.height)
        self._path.check()
        if any(sizes(values)):
            raise DeadEnd

    def _keep(self, layer: int, size: Size) -> None:
        """A representation is of order one at init."""
        subject = f"`{self._model.layers[layer].statement}`"
        self._demand_one(_finite(size), f"D0: {subject} keeps its signal of order one at init")

    def _of_branches(self, sites: Sequence[Site]) -> None:
        """How large branches are, where there is a choice."""
        for site in sites:
            op = site.op
            if not isinstance(op, Residual):
                continue
            power = self._alpha if op.blocks.wide else ZERO
            shown = f"a branch is L^-({power}) of its stream"
            if power == ONE:
                shown = "D4: a branch is L^-1 of its stream, CompleteP"
            elif not power:
                shown = "a branch is as large as its stream"
            for number, (branch, inner) in enumerate(zip(op.branches, site.inner, strict=True)):
                size = inner[-1].height + branch.multiplier
                # A stream that grows is the same in another gauge.
                stream = op.skip if op.post_norm else site.source
                if isinstance(size, Zero) or isinstance(stream, Zero):
                    continue
                over = size + -stream
                key = ("branch", site.layer, number)
                self._wish(key, over + Joint(0, power), size, shown, is_bound=False)

    def _of_update(self, site: Site, own: Size) -> None:
        """All members of a family of weights together move the output by order one."""
        value = self._values[id(site)]
        layer = self._model.layers[site.layer]
        tensor = layer.weight if layer.bias is None or not isinstance(site.op, Bias) else layer.bias
        if isinstance(own, Zero):
            if isinstance(site.op, Linear):
                raise DeadEnd
            self._of_options(site, layer, tensor)
            return
        share = value.blocks.whole + value.to_output(site) + own
        assert isinstance(share, Fraction)
        subject = subject_of(layer, tensor)
        reason = f"D1, D2 and D3: the update of {subject} moves the output by order one"
        if isinstance(site.op, Bias | Gain):
            if share > UNIT:
                raise DeadEnd
            is_bias = isinstance(site.op, Bias)
            rate = site.op.bias.rate if isinstance(site.op, Bias) else site.op.gain.rate
            self._wish(("rate", site.layer, is_bias), share, rate, reason)
        elif value.region is None or value.layer not in self._met:
            # Of several blocks in a row the last, which the way back meets first, moves as much as
            # any.
            self._met.add(value.layer)
            self._demand_one(share, reason)
        self._of_options(site, layer, tensor)
        # All that moves the stream makes the output move by order one.
        stream = value if value.region is None else self._values[id(value.region)]
        if not stream.is_output and isinstance(site.op, Linear):
            change = -_finite(stream.to_output())
            if stream.is_normed:
                change = change + -_finite(stream.at.height)
            self._demand(_beside_richness(change), "the richness is that of all representations")
            if site is self._first:
                reason = "in any joint limit of width and depth no power of the depth is left"
                power = Joint(0, depth_of(change))
                self._wish(("stream",), power, power, reason, is_bound=False)

    def _of_options(self, site: Site, layer: Layer, tensor: Tensor) -> None:
        """Epsilon and weight decay, and what a bias starts at, where they are what is asked for."""
        of_bias = isinstance(site.op, Bias)
        size, subject = self._exponents.size, subject_of(layer, tensor)
        key = (site.layer, of_bias)
        std, gradient = size(tensor.std), size(tensor.scale) + site.gradient
        if not of_bias:
            gradient = gradient + site.source
        family = self._model.optimizer_of(tensor).law
        if tensor.eps is not None and has_hole(tensor.eps):
            is_floor = family.eps == Epsilon.WEIGHT
            reason = f"eps follows the {'init' if is_floor else 'gradient'} of {subject}"
            self._wish_for(("eps", *key), size(tensor.eps), std if is_floor else gradient, reason)
        if has_hole(tensor.decay) and not tensor.frozen:
            decay = size(tensor.decay)
            if family.decay_is_normalised:
                pull = decay + std + -_finite(gradient)
                reason = f"the decay of {subject} keeps its size beside the gradient"
            else:
                pull = decay + size(tensor.lr) + size(self._model.optimizer_of(tensor).lr)
                reason = f"{subject} decays by the same share a step at every width and depth"
            if isinstance(pull, Fraction):
                self._demand_one(pull, reason)

    def _demand(self, form: LinearForm, reason: str) -> None:
        self._constraints.append(Constraint(form, reason))
        self._path.demand(form)

    def _demand_one(self, size: Fraction, reason: str) -> None:
        """Of order one."""
        for part in (width_of(size), depth_of(size)):
            self._demand(form_of(part), reason)

    def _wish_for(self, key: WishKey, size: Size, most: Size, reason: str) -> None:
        """At most one size, and that one where nothing else decides."""
        if isinstance(size, Fraction) and isinstance(most, Fraction):
            self._wish(key, size + -most, size, reason)

    def _wish(
        self,
        key: WishKey,
        over: Fraction,
        of: Size,
        reason: str,
        *,
        is_bound: bool = True,
    ) -> None:
        """That ``over`` is of order one, where that decides holes of ``of``."""
        parts = form_of(width_of(over)), form_of(depth_of(over))
        powers = (width_of(of), depth_of(of)) if isinstance(of, Fraction) else ()
        own = {name for power in powers for name in form_of(power).terms}
        found = []
        for part in parts:
            # What is open still.
            terms = self._path.system.value(part).terms
            holes = tuple(name for name in terms if name.startswith("?") and name in own)
            found.append(Preference(holes, part, reason, is_bound))
        if any(preference.holes for preference in found):
            self._notes.wishes.setdefault(key, tuple(p for p in found if p.holes))
        if key in (self._notes.wishes if self._taken is None else self._taken):
            for part in parts:
                self._path.demand(part)


def _beside_richness(change: Fraction) -> LinearForm:
    """By how much a change of a representation differs from n^(r - 1/2)."""
    return form_of(width_of(change)).plus(unknown(RICHNESS), -ONE).shifted(HALF)


def _finite(size: Size) -> Fraction:
    if isinstance(size, Zero):
        raise DeadEnd
    return size


def _trained(sites: Sequence[Site]) -> Iterator[Site]:
    """The sites with a parameter, from the last to the first, as gradients reach them."""
    for site in reversed(sites):
        if site.op.letter:
            yield site
        for inner in site.inner:
            yield from _trained(inner)
