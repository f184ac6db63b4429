"""The calculus of residual stacks written a second time, straight from the theory: the passes.

Nothing here comes from richc: it is docs/theory.md, "Sizes in n and L".  A network is walked as a
chain of steps: a fixed number of blocks one after the other, L blocks as one step that holds a
typical block.  Each phase (init, then three later ones) sends sizes forward, gradients backward,
and changes forward.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.deep.network import HALF, NOTHING, ONE, Activation, Dense, N, Network, Norm, Op, Size
from tests.deep.places import Branch, Place, Step, Stream, invariants, steps_of

HOMOGENEOUS = ("linear", "relu", "leaky_relu")
BOUNDED = ("tanh", "erf", "sigmoid")
#: E phi(Z) is 0.
CENTRED = ("linear", "tanh", "erf")


class Undecided(Exception):
    """Constants decide."""


class Exponential(Exception):
    """A stack whose stream grows faster than any power of L."""


class Walk:
    """The chain of steps of one network."""

    def __init__(self, network: Network) -> None:
        self.steps: list[Step] = list(steps_of(network.ops))
        self.unclear = ""
        dense = [x for x in self.steps if isinstance(x, Place) and isinstance(x.op, Dense)]
        dense[-1].is_read_out = True
        self.read_out = dense[-1]

    def places(self) -> Iterator[Place]:
        for step in self.steps:
            if isinstance(step, Place):
                yield step
            else:
                for branch in step.branches:
                    yield from branch.places

    def forward(self) -> None:
        """Sizes at init."""
        size = ONE
        for index, step in enumerate(self.steps):
            if isinstance(step, Place):
                size = _through(step, size)
            else:
                step.entry = size
                size = step.exit = self._stack(step, size, self.steps[index + 1 :])

    def _stack(self, stream: Stream, size: Size, after: Sequence[Step]) -> Size:
        if stream.count is not None:
            (branch,) = stream.branches
            _run(branch, size)
            return ONE if branch.post is not None else branch.total
        for branch in stream.branches:
            _run(branch, size)
        if any(branch.post is not None for branch in stream.branches):
            return _normalised(stream)
        if any(branch.residual.skip != ONE for branch in stream.branches):
            raise Undecided("skip")
        grown = [b for b in stream.branches if b.output - size + _terms(b) > ONE]
        if not grown:
            return size
        if not all(any(_bounds(op) for op in branch.residual.branch) for branch in grown):
            raise Exponential
        return self._grown(stream, grown, size, after)

    def _grown(
        self, stream: Stream, grown: Sequence[Branch], size: Size, after: Sequence[Step]
    ) -> Size:
        """Branches that outgrow the stream: their size becomes its own."""
        largest = max(branch.output + _terms(branch) for branch in grown)
        growing = [b for b in grown if b.output + _terms(b) == largest]
        if not all(is_coherent_end(b.residual.branch) for b in growing):
            stream.growth = largest - size
            if not all(_is_homogeneous(b.residual.branch) for b in growing):
                self.unclear = "grown by branches that are not homogeneous"
        elif _layernorm_reads(stream, after):
            raise Undecided("a LayerNorm reads a coherent stream")
        if len({is_coherent_end(b.residual.branch) for b in grown}) > 1:
            self.unclear = "grown by branches of two kinds"
        for branch in stream.branches:
            _run(branch, largest)
            if branch not in grown and branch.output - largest + _terms(branch) > ONE:
                self.unclear = "a branch that grows with a stream grown by others"
        return largest

    def backward(self) -> None:
        """Sizes of df/dh."""
        gradient = ONE
        for step in reversed(self.steps):
            if isinstance(step, Place):
                gradient = _back(step, gradient)
                continue
            step.gradient = gradient
            if step.count is None:
                for branch in step.branches:
                    _back_branch(branch, gradient)
                gradient += step.growth
            else:
                (branch,) = step.branches
                through = _back_branch(branch, gradient)
                if branch.post is not None:
                    gradient -= branch.total
                gradient = max(gradient + branch.residual.skip, through)
            step.gradient_in = gradient

    def changes(self) -> None:
        """Updates, and what comes of them."""
        for place in self.places():
            place.update()
        change = NOTHING
        for step in self.steps:
            if isinstance(step, Place):
                change = _pass_on(step, change)
                continue
            step.change_in = change
            for branch in step.branches:
                made = NOTHING
                for place in branch.places:
                    made = _pass_on(place, made, made=True)
            if step.count is None:
                change += step.growth
                for branch in step.branches:
                    made = branch.places[-1].made + branch.residual.scale + branch.many
                    if branch.post is not None:
                        made -= branch.total
                    change = max(change, made)
                for branch in step.branches:
                    inside = change
                    for place in branch.places:
                        inside = _pass_on(place, inside)
            else:
                (branch,) = step.branches
                inside = change
                for place in branch.places:
                    inside = _pass_on(place, inside)
                change = max(change + branch.residual.skip, inside + branch.residual.scale)
                if branch.post is not None:
                    change -= branch.total
            step.change = change

    def next_phase(self) -> None:
        """Every factor of a product is init plus update now."""
        for place in self.places():
            zero = NOTHING in (place.own, place.now)
            woken = NOTHING if zero else place.own - place.now
            place.before = place.change_in
            place.woken = woken


def _run(branch: Branch, size: Size) -> None:
    """Forward at init, from a stream of this size."""
    inside = size
    for place in branch.places:
        place.stream = size + branch.residual.skip
        inside = _through(place, inside)
    branch.output = inside + branch.residual.scale
    branch.total = max(size + branch.residual.skip, branch.output)


def _normalised(stream: Stream) -> Size:
    """Post-norms: from the second block on the stream is of order one."""
    assert all(branch.post is not None for branch in stream.branches)
    for branch in stream.branches:
        _run(branch, ONE)
        if branch.output - branch.total + _terms(branch) > ONE:
            raise Undecided("chain-like")
    return ONE


def _through(place: Place, size: Size) -> Size:
    op = place.op
    place.input = size
    if isinstance(op, Dense):
        size += place.init_gain()
    elif isinstance(op, Norm):
        if op.eps is None:
            assert NOTHING != size, "a norm of nothing"
            place.divisor = size
        else:
            place.divisor = max(size, op.eps.times(HALF))
        size -= place.divisor
    elif op.kind in BOUNDED:
        size = min(size, ONE)
    if not isinstance(op, Activation) and op.bias is not None:
        size = max(size, invariants(op.bias, 0)[0])
    place.output = size
    return size


def _back(place: Place, gradient: Size) -> Size:
    place.gradient = gradient
    if isinstance(place.op, Dense):
        return gradient + place.gain(forward=False)
    if isinstance(place.op, Norm):
        return gradient - place.divisor
    # relu has slope 0 at 0.
    return NOTHING if place.op.kind == "relu" and NOTHING == place.now else gradient


def _back_branch(branch: Branch, gradient: Size) -> Size:
    if branch.post is not None:
        gradient -= branch.total
    gradient += branch.residual.scale
    for place in reversed(branch.places):
        gradient = _back(place, gradient)
    return gradient


def _pass_on(place: Place, change: Size, *, made: bool = False) -> Size:
    if not made:
        place.change_in = change
    if isinstance(place.op, Dense):
        if place.is_read_out:
            # The read-out sums coherently over an update that is aligned with it.
            change += place.gain(forward=False) + N
        else:
            change += place.gain(forward=True)
    elif isinstance(place.op, Norm):
        change -= place.divisor
    change = max(change, place.own, place.own_bias)
    if made:
        place.made = change
    else:
        place.change = change
    return change


def _terms(branch: Branch) -> Size:
    """What a sum of L branches adds to one of them."""
    is_coherent = is_coherent_end(branch.residual.branch)
    return branch.many if is_coherent else branch.many.times(HALF)


def is_coherent_end(ops: Sequence[Op]) -> bool:
    """Whether what the branch adds has a mean."""
    has_mean = False
    for op in ops:
        if isinstance(op, Dense) or (isinstance(op, Norm) and op.kind == "layernorm"):
            has_mean = False
        elif isinstance(op, Activation) and op.kind not in CENTRED:
            has_mean = True
    return has_mean


def _bounds(op: Op) -> bool:
    return isinstance(op, Norm) or (isinstance(op, Activation) and op.kind in BOUNDED)


def _is_homogeneous(ops: Sequence[Op]) -> bool:
    for op in ops:
        if isinstance(op, Activation) and op.kind not in HOMOGENEOUS:
            return False
        if isinstance(op, (Dense, Norm)) and op.bias is not None and op.bias.std != NOTHING:
            return False
    return True


def _layernorm_reads(stream: Stream, after: Sequence[Step]) -> bool:
    heads: list[Op] = []
    for branch in stream.branches:
        heads += _until_norm(branch.residual.branch)
    heads += _until_norm([step.op for step in after if isinstance(step, Place)])
    return any(isinstance(op, Norm) and op.kind == "layernorm" for op in heads)


def _until_norm(ops: Sequence[Op]) -> list[Op]:
    for op in ops:
        if not isinstance(op, Activation):
            return [op]
    return []
