"""One network: its sizes at init, and what an infinitesimal part of an update changes.

The user's optimizer makes a step, which is undone.  Every parameter's own change is found where the
parameter is used (richc.torchfront.watching); all of them together, and each family of matrices by
itself, are moved along the step by a small part of it, for the responses of the output and of every
soft-max input.  Responses are linear: no rate has to be chosen and nothing saturates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from richc.torchfront.adapters import outputs_of, own_loss, tensors
from richc.torchfront.factory import Made, Refusal, guarded
from richc.torchfront.mending import AttentionMend, Mends, attention, mend
from richc.torchfront.preparing import prepare, quiet
from richc.torchfront.seen import Event, Soft, SoftSeen
from richc.torchfront.tensors import rms
from richc.torchfront.watching import ForwardWatch

#: Who moves: everything; or a family, by the name of its first parameter.
ALL = ""
#: How far a parameter is moved: this part of its own size, or of what it changes.  In single
#: precision rounding is 1e-4 of that, and curvature 1e-3.
_PARTS = {torch.float64: 1e-5, torch.float32: 1e-3}
#: How far the whole network is moved in a step where several are made.
_STRIDE = 0.03
#: What norms leave of their input's size, for their eps.
_FREE = 0.01
#: The step that is judged where something has no gradient before.
LATER = 3
#: Added to steps of a network whose bottlenecks are awake: what is behind them is judged there.
AWAKE = 10
#: What a size costs to measure, however small a network is: as much as so many entries.
_WORK_OF_A_SIZE = 2500
#: A second forward pass may differ by this much from the first, relatively.
_REPEATS = 1e-4


class Place(NamedTuple):
    """A quantity of one network: ``kind``, where in the network, and who caused it."""

    kind: str
    at: str
    who: str = ALL
    step: int = 1


class AuditedNetwork(NamedTuple):
    """What one network shows."""

    sizes: dict[Place, float]
    events: dict[str, Event]
    softs: dict[str, SoftSeen]
    #: Keys of both, in order of execution.
    order: tuple[str, ...]
    #: The shapes of its outputs by name; that of the first, or only, one is empty.
    outputs: dict[str, tuple[int, ...]]
    #: Events whose output becomes values.
    valued: frozenset[str]
    #: Parameters without a gradient in the first step.
    dead: tuple[str, ...]
    #: Of its parameters.
    entries: int
    #: The dead ones where its bottlenecks are awake.
    dead_awake: tuple[str, ...] = ()

    @property
    def work(self) -> int:
        """What it cost, in entries of parameters: the same on every machine."""
        return self.entries + _WORK_OF_A_SIZE * len(self.sizes)

    def beside(self, awake: AuditedNetwork) -> AuditedNetwork:
        """With the sizes of the same network with its bottlenecks awake."""
        later = {at._replace(step=at.step + AWAKE): size for at, size in awake.sizes.items()}
        return self._replace(sizes=self.sizes | later, dead_awake=awake.dead)


class Measurement:
    """Measures one network.

    ``factors`` multiply its learning rates in the steps that are made before the last; ``still``
    are read-outs that are made to start at zero, ``vanishing`` biases that do so in the limit;
    ``narrow`` are bottlenecks (own.bottlenecks), in which responses are found as at the output;
    ``awake`` are matrices that they have instead.
    """

    def __init__(
        self,
        made: Made,
        dtype: torch.dtype,
        factors: tuple[float, ...] = (),
        together: Iterable[tuple[str, ...]] = (),
        mends: Mends | None = None,
        ratio: float = 1.0,
        still: Iterable[str] = (),
        vanishing: Iterable[str] = (),
        narrow: Mapping[str, str] | None = None,
        awake: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._made, self._part = prepare(made, dtype), _PARTS[dtype]
        self._parameters = self._made.parameters()
        for name in still:
            torch.nn.init.zeros_(self._parameters[name])
        mend(self._made, mends or {}, ratio)
        for name, matrix in (awake or {}).items():
            self._parameters[name].data.copy_(matrix)
        self.sizes = {Place("init", "", n): rms(p) for n, p in self._parameters.items()}
        for name in vanishing:
            torch.nn.init.zeros_(self._parameters[name])
        #: What logits of attention are multiplied with, by module.
        self._logits = attention(mends or {}, ratio)
        self._factors = factors
        #: Families of parameters, whose responses are found by themselves.
        self._together = tuple(together)
        self._batch = tensors((self._made.positional, dict(self._made.named)))
        self._events: dict[str, Event] = {}
        self._softs: dict[str, Soft] = {}
        self._order: tuple[str, ...] = ()
        self._valued: set[str] = set()
        self._outputs: list[Tensor] = []
        self._narrow = narrow or {}
        #: What they make, and by what that is multiplied.
        self._codes: dict[str, tuple[list[Tensor], float]] = {}
        #: Their matrices, once what they make is of size one.
        self.awake: dict[str, Tensor] = {}
        #: Whether passes are to be watched: for soft-maxes, or to leave dropout out.
        self._is_watched = True
        #: Whether the model returns no output, but a loss.
        self._is_hidden = False

    def run(self, last: int = 1) -> AuditedNetwork:
        """The first step, and the ``last`` as well; 0: none, sizes at init.  Raises Refusal."""
        if not last:
            self._base({}, 1)
            self._toward(dict(self._parameters), 1)
            return self._network(())
        step = self._step()
        dead = tuple(n for n in self._parameters if not self.sizes[Place("grad", "", n)])
        if len(dead) == len(self._parameters):
            raise Refusal("no parameter has a gradient")
        self._look(step, 1)
        for number in range(2, last + 1):
            self._move(step, self._factors[number - 2])
            step = self._step(number)
        if last > 1:
            self._look(step, last)
        self._toward(step, last)
        return self._network(dead)

    def _toward(self, step: Mapping[str, Tensor], number: int) -> None:
        """What soon makes up a bottleneck: steps, whose sums of aligned terms are n^0."""
        for name, key in self._narrow.items():
            is_itself = step[name] is self._parameters[name]
            at = Place("f", key) if is_itself else Place("df", key, name)
            moved = self.sizes.get(at._replace(step=number), 0.0)
            if moved > 0:
                self.awake[name] = step[name].detach() / moved

    def _network(self, dead: tuple[str, ...]) -> AuditedNetwork:
        softs = {
            key: SoftSeen(s.attends, s.shape, s.line, s.queries, s.weights)
            for key, s in self._softs.items()
        }
        return AuditedNetwork(
            self.sizes,
            self._events,
            softs,
            self._order,
            {name_of(i): tuple(one.shape) for i, one in enumerate(self._outputs)},
            frozenset(self._valued),
            dead,
            sum(p.numel() for p in self._parameters.values()),
        )

    def _step(self, number: int = 1) -> dict[str, Tensor]:
        """The change of every parameter by a step of the user's optimizer, which is undone."""
        made, parameters = self._made, self._parameters
        made.zero_grad()
        output = self._call(self._watch())
        loss = self._loss(output)
        if not bool(torch.isfinite(loss)):
            raise Refusal("the loss is not finite")
        with guarded("the backward pass raised"):
            loss.backward()
        if number == 1:
            for name, p in parameters.items():
                self.sizes[Place("grad", "", name)] = 0.0 if p.grad is None else rms(p.grad)
        before = {name: p.detach().clone() for name, p in parameters.items()}
        with guarded("the optimizer raised"):
            made.step()
        step = {name: p.detach() - before[name] for name, p in parameters.items()}
        for name, p in parameters.items():
            p.data.copy_(before[name])
        if not all(bool(torch.isfinite(change).all()) for change in step.values()):
            raise Refusal("a step of the optimizer is not finite")
        return step

    def _loss(self, output: Any) -> Tensor:
        with guarded("the loss raised"):
            loss = self._made.loss(output)
        if loss is None and self._made.loss is own_loss:
            raise Refusal("the factory returns no loss, and the model's output has none")
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise Refusal("the loss is no scalar")
        return loss

    def _move(self, step: Mapping[str, Tensor], part: float) -> None:
        for name, change in step.items():
            self._parameters[name].data.add_(change, alpha=part)

    def _call(self, watch: ForwardWatch | None) -> Any:
        with watch or nullcontext(), guarded("the model raised"):
            if watch is None or not self._logits:
                return self._made.call()
            with AttentionMend(self._logits, lambda: watch.where):
                return self._made.call()

    def _watch(self) -> ForwardWatch | None:
        """For a pass of which the output and soft-max inputs are asked; watching takes time."""
        return ForwardWatch(self._made.model) if self._is_watched else None

    def _forward(self, watch: ForwardWatch | None) -> list[Tensor]:
        with torch.no_grad():
            output = self._call(watch)
        found = outputs_of(output)
        if watch is not None and watch.last is not None and not found:
            found, self._is_hidden = [watch.last], True
        if not found:
            raise Refusal("the model's output holds no tensor of numbers")
        if self._outputs and [t.shape for t in found] != [t.shape for t in self._outputs]:
            raise Refusal("the shape of the output differs from call to call")
        return [one.detach() for one in found]

    def _base(self, step: Mapping[str, Tensor], number: int) -> dict[str, float]:
        """The pass that everything is compared with; by parameter, by how much it was moved."""
        parts, moved, itself = {}, {}, {}
        for name, p in self._parameters.items():
            base = p.detach()
            itself[name] = base * (1 + self._part)
            if name in step and rms(step[name]):
                parts[name] = self._part * _unless_zero(rms(base)) / rms(step[name])
                moved[name] = base.add(step[name], alpha=parts[name])
        directions = {"own": moved, "self": itself}
        watch = ForwardWatch(
            self._made.model, moved=directions, batch=self._batch, reads=True, keeps=self._narrow
        )
        outputs = self._forward(watch)
        if not bool(torch.isfinite(outputs[0]).all()):
            raise Refusal("the model's output is not finite")
        self._outputs, self._softs = outputs, watch.softs
        if number == 1:
            self._is_watched = bool(watch.softs) or watch.drops or self._is_hidden
            self._events, self._order = watch.events, tuple(watch.order)
            self._valued = watch.valued
            for i, output in enumerate(outputs):
                self.sizes[Place("f", name_of(i))] = rms(output)
            for key, soft in watch.softs.items():
                self.sizes[Place("soft", key)] = rms(soft.values)
        for key, codes in watch.kept.items():
            tail = abs(watch.events[key].tail) if key in watch.events else 1.0
            self._codes[key] = codes, tail
            self.sizes[Place("f", key, step=number)] = tail * _rms(codes)
        for key, event in watch.events.items():
            self.sizes[Place("size", key, step=number)] = event.size
            self.sizes[Place("bare", key, step=number)] = event.bare
            self.sizes[Place("source", key, step=number)] = event.source
            for (direction, name), change in event.changes.items():
                part = self._part if direction == "self" else parts[name]
                self.sizes[Place(direction, key, name, number)] = change / part
                if direction == "own" and event.tail:
                    bare = change / part / abs(event.tail)
                    self.sizes[Place("bare own", key, name, number)] = bare
        return parts

    def _look(self, step: Mapping[str, Tensor], number: int) -> None:
        self._base(step, number)
        if number == 1:
            self._check_repeats()
        for names in (tuple(step), *self._together):
            who = ALL if len(names) == len(step) else names[0]
            moving = {name: step[name] for name in names if name in step}
            if any(bool(change.any()) for change in moving.values()):
                self._respond(who, moving, number)

    def enlarging(self, key: str | None) -> tuple[Tensor, dict[str, Soft]]:
        """The first output and the soft-max inputs with an event's output enlarged."""
        itself = {"self": {name: p.detach() for name, p in self._parameters.items()}}
        watch = ForwardWatch(self._made.model, moved=itself, batch=self._batch, scaled=key)
        return self._forward(watch)[0], watch.softs

    def _check_repeats(self) -> None:
        first, again = self._outputs[0], self._forward(self._watch())[0]
        if rms(again - first) > _REPEATS * (rms(first) + 1e-30):
            raise Refusal("the forward pass is random beyond dropout: it differs from call to call")

    def _respond(self, who: str, step: Mapping[str, Tensor], number: int) -> None:
        """The changes of outputs and of soft-max inputs by a small part of a step."""
        sizes = self.sizes
        relative = [
            value / max(sizes.get(Place("size", at.at, step=number), 0.0), 1e-30)
            for at, value in sizes.items()
            if at.kind == "own" and at.step == number and at.who in step
            and sizes.get(Place("size", at.at, step=number), 0.0) > 1e-12
        ]  # fmt: skip
        largest = max(relative, default=0.0)
        part = self._part / (largest or 1.0)
        kept = {name: self._parameters[name].detach().clone() for name in step}
        self._move(step, part)
        watch = self._watch()
        if self._narrow:
            itself = {name: self._parameters[name].detach() for name in self._narrow}
            watch = ForwardWatch(
                self._made.model, moved={"self": itself}, batch=self._batch, keeps=self._narrow
            )
        outputs = self._forward(watch)
        for name, value in kept.items():
            self._parameters[name].data.copy_(value)
        for i, (base, moved) in enumerate(zip(self._outputs, outputs, strict=True)):
            sizes[Place("df", name_of(i), who, number)] = rms(moved - base) / part
        for key, codes in (watch.kept if watch is not None else {}).items():
            before, tail = self._codes[key]
            changes = [b - a for a, b in zip(before, codes, strict=True)]
            sizes[Place("df", key, who, number)] = tail * _rms(changes) / part
        for key, soft in (watch.softs if watch is not None else {}).items():
            known = self._softs.get(key)
            if known is not None and known.values.shape == soft.values.shape:
                sizes[Place("dsoft", key, who, number)] = rms(soft.values - known.values) / part


def name_of(output: int) -> str:
    """What an output is called among others."""
    return str(output) if output else ""


def _rms(several: Iterable[Tensor]) -> float:
    return rms(torch.cat([one.flatten() for one in several]))


def _unless_zero(size: float) -> float:
    return size if size > 0 else 1.0


def is_free(made: Made, dtype: torch.dtype, key: str) -> bool:
    """Whether nothing but norms reads an event's output: enlarged, it leaves the output as is."""
    with quiet():
        measurement = Measurement(made, dtype)
        first, softs = measurement.enlarging(None)
        second, others = measurement.enlarging(key)
    kept = [(first, second), *((softs[k].values, others[k].values) for k in softs if k in others)]
    return all(rms(b - a) < _FREE * rms(a) for a, b in kept)


def stride(network: AuditedNetwork, step: int) -> float:
    """How far a step moves what it moves most, relative to its size; as it is from zero on."""
    sizes = network.sizes
    worst = sizes[Place("df", "", step=step)]
    for at, value in sizes.items():
        if at.kind == "own" and at.step == step:
            size = sizes[Place("size", at.at)] and sizes[Place("size", at.at, step=step)]
            worst = max(worst, value / size if size > 1e-12 else value)
    return worst


def factor_of(strides: Iterable[float]) -> float:
    """What the rates of a step are multiplied by, so that it is moderate."""
    worst = max(strides, default=0.0)
    return _STRIDE / worst if worst else 1.0
