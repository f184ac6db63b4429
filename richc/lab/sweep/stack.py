"""Many networks of one width that train at once.

Their parameters are stacked along a first dimension, and the emitted network and loss run on all of
them by ``vmap``.  The emitted optimizer runs on views of the stack, so each network takes the very
steps that ``richc train`` with its width, seed and value takes, up to the order of sums: the same
initial values, split, batches, rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from richc.lab.program import Program, Split
from richc.lab.sweep.runs import GAMMA, INIT, LR, MOMENTUM, Job, Point, Run, Task

#: How often in a training it is seen whether any network still learns.
_LOOKS = 20
#: Rows that are evaluated at once, as the program does.
_EVALUATED = 4096


@final
class Worker:
    """Trains tasks of one job; keeps the program and the data between them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.device = torch.device(job.device)
        self.program = Program(job.program, job.spec, job.over)
        self.program.read_no_more(job.table)
        self._data: dict[int, Split] = {}

    def data(self, seed: int) -> Split:
        """The split of a seed, on the device.  Raises RichError."""
        if seed not in self._data:
            data = self.program.split(self.job.path, None, seed)
            self._data[seed] = Split(*(part.to(self.device) for part in data))
        return self._data[seed]

    def train(self, task: Task) -> list[Run]:
        """Train all points of a task."""
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            return _Stack(self, task).train()


class _Stack:
    """The networks of a task, in order of value, then seed.

    Their multipliers are those of one: a task has one gamma.
    """

    def __init__(self, worker: Worker, task: Task) -> None:
        self.worker, self.job, self.module = worker, worker.job, worker.program.module
        self.points = sorted(task.points, key=lambda point: (point.value, point.seed))
        # Networks of the same rate are one tensor to an optimizer that treats entries one by one.
        self.entrywise = all(one.law.is_entrywise for one in self.job.spec.optimizers)
        self.model: nn.Module
        self.parameters: dict[str, Tensor] = {}
        self._draw()
        seeds = dict.fromkeys(point.seed for point in self.points)
        self.batches = {seed: self._batches(seed) for seed in seeds}
        self._place()
        self._begin()

    def _place(self) -> None:
        """Note whose batches each network gets."""
        used = {point.seed for point in self.points}
        self.batches = {seed: its for seed, its in self.batches.items() if seed in used}
        places = [list(self.batches).index(point.seed) for point in self.points]
        self.places = torch.tensor(places, device=self.worker.device)

    def _begin(self) -> None:
        self.trained = [v for v in self.parameters.values() if v.requires_grad]
        self.optimizer = self._make_optimizer()
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def train(self) -> list[Run]:
        """To the last step, or until none is left that learns."""
        job = self.job
        warmup = round(job.warmup * job.steps) if job.warmup < 1 else int(job.warmup)
        constant = job.schedule == "constant" and not warmup
        look = max(1, job.steps // _LOOKS)
        done: list[Run] = []
        for step in range(job.steps):
            if not constant:
                share = self.module.share_of_rate(job.schedule, step, job.steps, warmup)
                for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
                    group["lr"] = rate * share
            losses = self._step()
            if step % look == look - 1:
                learns = losses.isfinite()
                if not learns.any():
                    break
                if not learns.all():
                    done += self._report(~learns)
                    self._keep(learns)
        return [*done, *self._report(torch.ones(len(self.points), dtype=torch.bool))]

    def _keep(self, learns: Tensor) -> None:
        """Go on with some of the networks (S,), whose optimizer's state is kept."""
        before, moved = self.optimizer, self.moved
        self.points = [p for p, its in zip(self.points, learns.tolist(), strict=True) if its]
        self._place()
        for name, stack in self.parameters.items():
            kept = stack.detach().transpose(1, -1)[learns].transpose(1, -1)
            self.parameters[name] = kept.requires_grad_(stack.requires_grad)
        self._begin()
        for old, new in zip(moved, self.moved, strict=True):
            views = iter(new)
            for view, (start, stop) in old:
                its = learns[start:stop]
                if its.any():
                    self.optimizer.state[next(views)[0]] = {
                        key: value[its] if self.entrywise and _is_like(value, view) else value
                        for key, value in before.state[view].items()
                    }

    def _step(self) -> Tensor:
        """One step of all networks; their losses (S,)."""
        fetched = [next(batches) for batches in self.batches.values()]
        if len(self.points) == 1:
            ((x, y),) = fetched
            only = {name: p.squeeze(0) for name, p in self.parameters.items()}
            losses = self._loss(only, x, y)[None]
        elif len(fetched) == 1:
            ((x, y),) = fetched
            losses = vmap(self._loss, in_dims=(0, None, None))(self.parameters, x, y)
        else:
            x, y = (torch.stack(part)[self.places] for part in zip(*fetched, strict=True))
            losses = vmap(self._loss)(self.parameters, x, y)
        gradients = torch.autograd.grad(losses.sum(), self.trained)
        for moved, found in zip(self.moved, gradients, strict=True):
            gradient = self._seen(_laid_out(found))
            for view, (start, stop) in moved:
                stacked = view.dim() == gradient.dim()
                view.grad = gradient[start:stop] if stacked else gradient[start]
        self.optimizer.step()
        return losses.detach()

    def _loss(self, parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        with self.module.autocast(self.worker.device, self.job.precision):
            outputs = functional_call(self.model, parameters, (x,))
        loss: Tensor = self.module.loss_of(outputs, y)
        return loss

    def _draw(self) -> None:
        """Every network's parameters, as its own training would start with them."""
        for index, point in enumerate(self.points):
            self.model = self._network(point)
            for name, parameter in self.model.named_parameters():
                if index == 0:
                    self.parameters[name] = self._empty(parameter)
                self.parameters[name][index].copy_(parameter.detach())
        for name, parameter in self.model.named_parameters():
            self.parameters[name].requires_grad_(parameter.requires_grad)
        # Only its structure is used from here on.
        self.model.to("meta")

    def _empty(self, parameter: Tensor) -> Tensor:
        """Room for the stack of a parameter, laid out as its gradient will be.

        That of a batched ``x @ W.T`` is the transpose of ``x.T @ dy``; to turn it around takes a
        fifth of a step where the weights are many.
        """
        shape = (len(self.points), *reversed(parameter.shape))
        return torch.empty(shape, device=self.worker.device).transpose(1, -1)

    def _network(self, point: Point) -> nn.Module:
        """On the CPU, where a seed means the same network for every device."""
        gamma = {"gamma": point.value} if self.job.parameter == GAMMA else {}
        torch.manual_seed(point.seed)
        model = self.worker.program.build(point.width, **gamma)
        if self.job.parameter == INIT:
            for layer in model.modules():
                if isinstance(layer, self.module.Dense):
                    layer.std = layer.std * point.value
            torch.manual_seed(point.seed)
            model.reset_parameters()  # type: ignore[operator]
        return model

    def _make_optimizer(self) -> torch.optim.Optimizer:
        """The emitted optimizer with the groups of every network."""
        entrywise = self.entrywise
        names = [name for name, p in self.parameters.items() if p.requires_grad]
        #: For each trained tensor of the stack: its views, and the networks that each holds.
        self.moved: list[list[tuple[Tensor, tuple[int, int]]]] = [[] for _ in names]
        optimizer: torch.optim.Optimizer | None = None
        #: Of each optimizer of a network, the groups of all networks.
        groups: list[list[dict[str, Any]]] = []
        for start, stop in self._alike():
            made = self._optimizer_of(self.points[start])
            optimizer = optimizer or made
            groups = groups or [[] for _ in _parts(made)]
            kinds = [i for i, part in enumerate(_parts(made)) for _ in part.param_groups]
            for kind, group in zip(kinds, made.param_groups, strict=True):
                views = []
                for name in group["params"]:
                    stack = self._seen(self.parameters[name].detach())
                    view = stack[start:stop] if entrywise else stack[start]
                    self.moved[names.index(name)].append((view, (start, stop)))
                    views.append(view)
                group["params"] = views
                groups[kind].append(group)
        assert optimizer is not None
        for part, its in zip(_parts(optimizer), groups, strict=True):
            part.param_groups = its
        optimizer.param_groups = [group for its in groups for group in its]
        return optimizer

    def _optimizer_of(self, point: Point) -> torch.optim.Optimizer:
        """The emitted optimizer of one network, whose groups hold names for tensors."""
        gamma = {"gamma": point.value} if self.job.parameter == GAMMA else {}
        model = self.worker.program.network(point.width, self.worker.device, **gamma)
        lr = point.value if self.job.parameter == LR else self.job.lr
        optimizer: torch.optim.Optimizer = model.make_optimizer(lr)  # type: ignore[operator]
        names = {p: name for name, p in model.named_parameters()}
        for group in optimizer.param_groups:
            group["params"] = [names[p] for p in group["params"]]
            if self.job.parameter == MOMENTUM and "betas" in group:
                group["betas"] = (point.value, *group["betas"][1:])
            elif self.job.parameter == MOMENTUM:
                group["momentum"] = point.value
        return optimizer

    def _seen(self, stacked: Tensor) -> Tensor:
        """What the optimizer sees of a stack: in the order of memory, where that may be.

        torch's fused kernels copy a gradient that has another.
        """
        return stacked.transpose(1, -1) if self.entrywise else stacked

    def _alike(self) -> Iterator[tuple[int, int]]:
        """Neighbours in the stack with the same rates; each network alone, unless entrywise."""
        if not self.entrywise:
            yield from ((i, i + 1) for i in range(len(self.points)))
            return
        start = 0
        for _, same in groupby(self.points, key=lambda point: point.value):
            stop = start + len(list(same))
            yield start, stop
            start = stop

    def _batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """As the program has them for this seed, for ever."""
        data, order = self.worker.data(seed), [f"--batch={self.job.batch}", f"--seed={seed}"]
        options = self.module.parse([f"--data={self.job.path}", *order])
        trainer = self.module.Trainer(self.model, data.train_x, data.train_y, options)
        trainer.device = self.worker.device
        return iter(trainer.batch, None)

    @torch.no_grad()
    def _report(self, chosen: Tensor) -> Iterator[Run]:
        """Losses and scores of some networks (S,), each over all the data of its seed."""
        for index in chosen.nonzero().flatten().tolist():
            point = self.points[index]
            data = self.worker.data(point.seed)
            losses: list[float | None] = []
            # R^2 is as boundless as the loss.
            scores: list[float | None] = []
            for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
                outputs = torch.cat([self._outputs(index, rows) for rows in x.split(_EVALUATED)])
                losses.append(_finite(self.module.loss_of(outputs, y).item()))
                scores.append(_finite(self.module.score(outputs, y)))
            yield Run(point, *losses, *scores)

    def _outputs(self, index: int, x: Tensor) -> Tensor:
        """Of one network (rows, k), in fp32."""
        with self.module.autocast(self.worker.device, self.job.precision):
            parameters = {name: p.detach()[index] for name, p in self.parameters.items()}
            outputs: Tensor = functional_call(self.model, parameters, (x,))
        return outputs.float()


def _parts(optimizer: torch.optim.Optimizer) -> Sequence[torch.optim.Optimizer]:
    """The optimizers that one stands for: itself, where it is no more than that."""
    found: Sequence[torch.optim.Optimizer] = getattr(optimizer, "parts", (optimizer,))
    return found


def _laid_out(gradient: Tensor) -> Tensor:
    """As the parameters are: torch's fused kernels read it as if it were."""
    # A stack of one may have any stride along its first dimension.
    return gradient.transpose(1, -1).contiguous().transpose(1, -1)


def _is_like(value: object, view: Tensor) -> bool:
    """Whether a part of the optimizer's state has a place for every weight."""
    return isinstance(value, Tensor) and value.shape == view.shape


#: Losses beyond are as good as infinite, and JSON has no infinity.
_LARGE = 1e30


def _finite(number: float) -> float | None:
    return number if -_LARGE < number < _LARGE else None
