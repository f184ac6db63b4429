"""What the passes walk over: a network as a chain of places, and of streams that keep a skip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.deep.network import (
    DEPTH,
    ENTRYWISE,
    HALF,
    MUON,
    NOTHING,
    ONE,
    SGD,
    Activation,
    Dense,
    N,
    Norm,
    Op,
    Repeat,
    Residual,
    Size,
    Tensor,
)

#: Muon's shape factors: powers of n of kappa for (read-in, hidden, read-out).
KAPPA: dict[str, tuple[float, ...]] = {
    "none": (0, 0, 0),
    "original": (HALF, 0, 0),
    "match_rms_adamw": (HALF, HALF, HALF),
    "spectral": (HALF, 0, -HALF),
}


@dataclass(eq=False)
class Place:
    """A layer, norm or activation where it stands: what a phase finds out about it."""

    op: Dense | Norm | Activation
    family: str
    #: L for one of L blocks, else 1.
    many: Size = ONE
    #: The last dense layer of a branch, with the multiplier after it.
    last_of: Residual | None = None
    #: The stream's size that a branch's last layer may not exceed.
    stream: Size = ONE
    is_read_out: bool = False
    input: Size = ONE
    output: Size = ONE
    #: Divided by a norm.
    divisor: Size = ONE
    #: df/d(output).
    gradient: Size = ONE
    #: Of weight or gain, and of bias.
    own: Size = NOTHING
    own_bias: Size = NOTHING
    #: The whole change that comes in and goes out, and of it what the block's weights made.
    change_in: Size = NOTHING
    change: Size = NOTHING
    made: Size = NOTHING
    #: own - input of the phase before.
    woken: Size | None = None
    before: Size | None = None

    @property
    def now(self) -> Size:
        """The input, init plus update."""
        if self.before is None:
            return self.input
        return max(self.input, min(ONE, self.before))

    @property
    def fans(self) -> tuple[Size, Size]:
        assert isinstance(self.op, Dense)
        return (N if self.op.wide_in else ONE, N if self.op.wide_out else ONE)

    def init_gain(self, *, forward: bool = True) -> Size:
        """By what the layer's init multiplies its input, or a gradient."""
        assert isinstance(self.op, Dense)
        fan_in, fan_out = self.fans
        init = invariants(self.op.weight, self.role)[0]
        return init + (fan_in if forward else fan_out).times(HALF)

    def gain(self, *, forward: bool) -> Size:
        """By what the layer multiplies a change, or a gradient."""
        fan_in, fan_out = self.fans
        found = self.init_gain(forward=forward)
        if self.woken is None or NOTHING == self.woken:
            return found
        update = self.woken
        if self.last_of is not None:
            update = min(update, self.stream - self.now - self.last_of.scale)
        elif not self.is_read_out:
            update = min(update, ONE)
        return max(found, update if forward else update + fan_out - fan_in)

    @property
    def role(self) -> int:
        assert isinstance(self.op, Dense)
        return 0 if not self.op.wide_in else 1 if self.op.wide_out else 2

    def update(self) -> None:
        """The direct contributions of this place's own tensors."""
        op = self.op
        if isinstance(op, Dense):
            fan_in, fan_out = self.fans
            drive = invariants(op.weight, self.role)[1]
            if NOTHING in (drive, self.now, self.gradient):
                self.own = NOTHING
            elif op.weight.optimizer == SGD:
                self.own = fan_in + self.now.times(2) + drive + self.gradient
            elif op.weight.optimizer == MUON:
                self.own = (fan_in - fan_out).times(HALF) + self.now + drive
            else:
                self.own = fan_in + self.now + drive
        if isinstance(op, Norm) and op.gain is not None:
            self.own = _vector(op.gain, self.input - self.divisor, self.gradient)
        if not isinstance(op, Activation) and op.bias is not None:
            self.own_bias = _vector(op.bias, ONE, self.gradient)

    def share(self, size: Size) -> Size:
        """What a change of the output makes of the network's."""
        fan_out = ONE if self.is_read_out else N
        return self.many + fan_out + self.gradient + size


def _vector(tensor: Tensor, source: Size, gradient: Size) -> Size:
    assert tensor.optimizer in (SGD, *ENTRYWISE), "Muon takes matrices"
    drive = invariants(tensor, 0)[1]
    if NOTHING in (drive, gradient, source):
        return NOTHING
    return drive + (source.times(2) + gradient if tensor.optimizer == SGD else source)


def invariants(tensor: Tensor, role: int) -> tuple[Size, Size]:
    """-A and -C."""
    init = NOTHING if NOTHING == tensor.std else tensor.scale + tensor.std
    if NOTHING == tensor.rate:
        return init, NOTHING
    if tensor.optimizer == SGD:
        return init, tensor.rate + tensor.scale.times(2)
    drive = tensor.rate + tensor.scale
    if tensor.optimizer == MUON:
        drive += N.times(KAPPA[tensor.shape or "none"][role])
    return init, drive


@dataclass(eq=False)
class Branch:
    """One residual of a block: its places, and what it adds."""

    residual: Residual
    places: list[Place]
    many: Size
    #: The branch at init, after its multiplier.
    output: Size = ONE
    #: The sum, which a post-norm divides by.
    total: Size = ONE
    post: Place | None = None


@dataclass(eq=False)
class Stream:
    """A step of the chain that keeps a skip: one block of a fixed number, or all L."""

    branches: list[Branch]
    #: None: a typical one of L.
    count: int | None
    entry: Size = ONE
    exit: Size = ONE
    #: What a change from before the stack is multiplied by.
    growth: Size = ONE
    gradient_in: Size = ONE
    gradient: Size = ONE
    change_in: Size = NOTHING
    change: Size = NOTHING


Step = Place | Stream


def steps_of(ops: Sequence[Op]) -> Iterator[Step]:
    for op in ops:
        if isinstance(op, Repeat):
            if op.count is None:
                yield Stream([_branch_of(r, f"{op.name}.", DEPTH) for r in op.block], None)
            else:
                for _ in range(op.count):
                    for residual in op.block:
                        yield Stream([_branch_of(residual, f"{op.name}.", ONE)], 1)
        elif isinstance(op, Residual):
            yield Stream([_branch_of(op, "", ONE)], 1)
        else:
            yield Place(op, _name(op))


def _branch_of(residual: Residual, prefix: str, many: Size) -> Branch:
    places = [Place(op, f"{prefix}{residual.name}.{_name(op)}", many) for op in residual.branch]
    dense = [place for place in places if isinstance(place.op, Dense)]
    dense[-1].last_of = residual
    post = residual.post
    assert post is None or (post.gain is None and post.bias is None), "gains in a post-norm"
    return Branch(residual, places, many, post=None if post is None else Place(post, ""))


def _name(op: Dense | Norm | Activation) -> str:
    return "" if isinstance(op, Activation) else op.name
