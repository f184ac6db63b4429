"""Several networks of one emitted program, trained at once and looked at from inside.

The emitted module's own ``forward`` runs, on tensors with a leading dimension of networks.  What is
replaced is the product of an input with a weight (``F.linear``), for three reasons: weights are
stacked; the change of a representation is carried along as a difference, so that no subtraction
of nearly equal numbers loses it; and SGD's updates stay factored (``richc.lab.weights``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from richc.lab.weights import VECTOR, Dense, Factored, Weight

#: A linear map of the last dimension, and the place of the weight that it stands for.
Product = Callable[[int, Tensor], Tensor]


class _Products(TorchFunctionMode):
    """Answers ``F.linear`` for known weights."""

    def __init__(self, places: dict[int, int], product: Product) -> None:
        super().__init__()
        self._places = places
        self._product = product

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is not F.linear:
            return func(*args, **(kwargs or {}))
        x, weight, *rest = args
        bias = rest[0] if rest else (kwargs or {}).get("bias")
        y = self._product(self._places[id(weight)], x)
        return y if bias is None else y + bias


class Record(NamedTuple):
    """One forward pass: the batch, then of each layer input and output of F.linear, and h.

    Shapes are (S, examples, size); the last layer's h is the output f.
    """

    x: Tensor
    inputs: list[Tensor]
    products: list[Tensor]
    heights: list[Tensor]

    def head(self, count: int) -> Record:
        """The first ``count`` examples."""
        cut = [[value[:, :count] for value in field] for field in self[1:]]
        return Record(self.x[:, :count], *cut)


class Slice(NamedTuple):
    """A tensor that trains: a layer's weight, or its bias."""

    layer: int
    is_bias: bool


class Networks:
    """S networks of one width, one a seed, that train on the same batches.

    ``model`` is a network of the emitted program ``module``; its tensors are drawn anew, and used
    where they lie when S is 1.  ``rate`` multiplies every learning rate; weight decay is left out.
    ``is_linear`` says that the optimizer's updates are linear in weights and gradients.
    ``mirrored`` stands for the same networks but for their read-outs, which are the negatives.
    """

    def __init__(
        self,
        module: ModuleType,
        model: nn.Module,
        seeds: Sequence[int],
        *,
        rate: float,
        steps: int,
        is_linear: bool,
        mirrored: bool = False,
    ) -> None:
        self.model = model
        self.count = len(seeds)
        found = [(n, m) for n, m in model.named_modules() if isinstance(m, module.Dense)]
        self._names = [name for name, _ in found]
        self.layers: list[Any] = [layer for _, layer in found]
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        weights, self._biases = self._draw(mirrored)
        self._weights: list[Weight] = [
            Factored(first, steps) if is_linear else Dense(first) for first in weights
        ]
        self._biases_start = {i: bias.clone() for i, bias in self._biases.items()}
        self._biases_before = self._biases_start
        every = [
            (Slice(index, is_bias), p)
            for index, layer in enumerate(self.layers)
            for is_bias, p in ((False, layer.weight), (True, _bias(layer)))
            if p is not None
        ]
        #: All there is, and what of it trains, in order.
        self.tensors = [part for part, _ in every]
        self.parts = [part for part, p in every if p.requires_grad]
        self._moved = {
            part: list(self._biases[part.layer].unbind(0))
            if part.is_bias
            else self._weights[part.layer].parameters()
            for part in self.parts
        }
        self.optimizer = self._make_optimizer(rate)
        self._origin: Tensor | None = None

    def _draw(self, mirrored: bool) -> tuple[list[Tensor], dict[int, Tensor]]:
        """Every weight (S, fan_out, fan_in), and every bias (S, ...) by its layer."""
        biased = [i for i, layer in enumerate(self.layers) if _bias(layer) is not None]
        drawn = []
        for generator in self._generators:
            self.model.reset_parameters(generator)  # type: ignore[operator]
            tensors = [layer.weight.detach() for layer in self.layers]
            tensors += [self.layers[i].bias.detach() for i in biased]
            drawn.append(tensors if self.count == 1 else [t.clone() for t in tensors])
        if self.count == 1:
            stacked = [t.unsqueeze(0) for t in drawn[0]]
        else:
            stacked = [torch.stack(column) for column in zip(*drawn, strict=True)]
        if mirrored:
            last = len(self.layers) - 1
            stacked[last] = -stacked[last]
        weights, biases = stacked[: len(self.layers)], stacked[len(self.layers) :]
        copies = [bias.to(VECTOR, copy=True) for bias in biases]
        return weights, dict(zip(biased, copies, strict=True))

    def _make_optimizer(self, rate: float) -> torch.optim.Optimizer | None:
        """The emitted optimizer and its groups, on these networks' tensors."""
        if not self.parts:
            return None
        table = {}
        for part in self.parts:
            layer = self.layers[part.layer]
            table[layer.bias if part.is_bias else layer.weight] = self._moved[part]
        optimizer = make_optimizer(self.model, rate)
        for group in optimizer.param_groups:
            group["params"] = [tensor for p in group["params"] for tensor in table[p]]
        return optimizer

    def step(self, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> Record:
        """Train one step on the batch (B, d), (B, ...); returns the forward pass before it."""
        taps: list[Tensor] = []
        inputs: list[Tensor] = []
        products: list[Tensor] = []

        def product(place: int, z: Tensor) -> Tensor:
            result = self._weights[place].now(z)
            taps.append(torch.zeros_like(result, requires_grad=True))
            inputs.append(z.detach())
            products.append(result.detach())
            return result + taps[-1]

        leaves = {i: b.detach().unsqueeze(1).requires_grad_() for i, b in self._biases.items()}
        stacked = x.expand(self.count, *x.shape)
        heights = self._run(stacked, leaves, product)
        targets = y.repeat(self.count, *[1] * (y.dim() - 1))
        # The loss is a mean over examples; each network's share of it is as if it were alone.
        if self._origin is None:
            self._origin = heights[-1].detach()
        moved = heights[-1] - self._origin
        total = loss(moved.flatten(0, 1), targets) * self.count
        signals = torch.autograd.grad(total, [*taps, *leaves.values()], materialize_grads=True)
        self._feel(
            inputs, signals[: len(taps)], dict(zip(leaves, signals[len(taps) :], strict=True))
        )
        if self.optimizer is not None:
            self.optimizer.step()
        return Record(stacked, inputs, products, [h.detach() for h in heights])

    def _feel(
        self, inputs: Sequence[Tensor], signals: Sequence[Tensor], of_biases: dict[int, Tensor]
    ) -> None:
        """Hand every trained tensor its gradient."""
        self._biases_before = {i: bias.clone() for i, bias in self._biases.items()}
        for part in self.parts:
            if not part.is_bias:
                self._weights[part.layer].feel(inputs[part.layer], signals[part.layer])
                continue
            gradients = of_biases[part.layer].squeeze(1).unbind(0)
            for tensor, gradient in zip(self._moved[part], gradients, strict=True):
                tensor.grad = gradient

    def after_step(self, record: Record, variants: Sequence[frozenset[Slice]]) -> list[Tensor]:
        """Every h after the last step, had that moved only the parts of each variant.

        ``record`` is the pass before the step.  Returns (S, V, examples, size) a layer.
        """
        return self._changed(
            record,
            variants,
            [weight.before for weight in self._weights],
            [weight.step for weight in self._weights],
            self._biases_before,
        )

    def since_start(self, record: Record) -> list[Tensor]:
        """Every h (S, examples, size) after all steps; ``record`` is the pass at init."""
        heights = self._changed(
            record,
            [frozenset(self.parts)],
            [weight.start for weight in self._weights],
            [weight.travel for weight in self._weights],
            self._biases_start,
        )
        return [h[:, 0] for h in heights]

    def readouts(self, draws: int) -> Tensor:
        """Outputs (S, draws, examples, k) of the last pass, each with a read-out drawn anew."""
        layer = self.layers[-1]
        kept = [p.detach().clone() for p in layer.parameters()]
        found = []
        entry = self._entry.to(layer.weight.dtype)
        with torch.no_grad():
            for of_one, generator in zip(entry, self._generators, strict=True):
                outputs = []
                for _ in range(draws):
                    layer.reset_parameters(generator)
                    outputs.append(layer(of_one))
                found.append(torch.stack(outputs))
            for p, value in zip(layer.parameters(), kept, strict=True):
                p.copy_(value)
        return torch.stack(found).to(VECTOR)

    def states(self) -> dict[Slice, Tensor]:
        """Root mean squares (S,) of what the optimizer remembers of each part's gradients.

        The root of second moments, where it holds those; else its momentum; else nothing.
        """
        if self.optimizer is None:
            return {}
        found = {}
        for part in self.parts:
            held = [self.optimizer.state.get(tensor, {}) for tensor in self._moved[part]]
            known = held[0].keys()
            second = next((k for k in ("exp_avg_sq", "row_var", "variance") if k in known), None)
            first = next(
                (k for k in ("momentum_buffer", "exp_avg", "momentum") if k in known), None
            )
            if second is not None:
                found[part] = torch.stack([one[second].double().mean().sqrt() for one in held])
            elif first is not None and part.is_bias:
                found[part] = torch.stack([one[first].square().mean().sqrt() for one in held])
            elif first is not None:
                found[part] = (
                    self._weights[part.layer].mean_squares([s[first] for s in held]).sqrt()
                )
        return found

    @torch.no_grad()
    def _changed(
        self,
        record: Record,
        variants: Sequence[frozenset[Slice]],
        base: Sequence[Callable[[Tensor], Tensor]],
        change: Sequence[Callable[[Tensor], Tensor]],
        biases_before: dict[int, Tensor],
    ) -> list[Tensor]:
        count = len(variants)

        def product(place: int, z: Tensor) -> Tensor:
            known = record.products[place].unsqueeze(1)
            y = known.expand(-1, count, -1, -1).clone()
            below = [v for v, parts in enumerate(variants) if any(p.layer < place for p in parts)]
            if below:
                y[:, below] += base[place](z[:, below] - record.inputs[place].unsqueeze(1))
            here = [v for v, parts in enumerate(variants) if Slice(place, False) in parts]
            if here:
                y[:, here] += change[place](z[:, here])
            return y

        biases = {}
        for index, after in self._biases.items():
            stacked = [
                after if Slice(index, True) in parts else biases_before[index] for parts in variants
            ]
            biases[index] = torch.stack(stacked, 1).unsqueeze(2)
        x = record.x.unsqueeze(1).expand(-1, count, -1, -1)
        return self._run(x, biases, product)

    def _run(self, x: Tensor, biases: dict[int, Tensor], product: Product) -> list[Tensor]:
        """The emitted forward pass; returns every layer's h."""
        heights: list[Tensor] = []

        def keep(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            (self._entry,) = inputs
            heights.append(output)

        handles = [layer.register_forward_hook(keep) for layer in self.layers]
        places = {id(layer.weight): index for index, layer in enumerate(self.layers)}
        swapped = {f"{self._names[i]}.bias": bias for i, bias in biases.items()}
        try:
            with _Products(places, product):
                functional_call(self.model, swapped, (x,))
        finally:
            for handle in handles:
                handle.remove()
        return heights


def make_optimizer(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """The emitted optimizer, every learning rate times ``rate``, and without weight decay.

    What decay does to a representation is not what its gradient does, and predictions are of that.
    """
    optimizer: torch.optim.Optimizer = model.make_optimizer()  # type: ignore[operator]
    for group in optimizer.param_groups:
        group["lr"] *= rate
        group["weight_decay"] = 0.0
    return optimizer


def _bias(layer: Any) -> nn.Parameter | None:
    return getattr(layer, "bias", None)
