"""One network, trained: how far its features, its kernels and its predictions went."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from richc.lab.linearised import dense_ntk, descend
from richc.lab.program import Halves, Program

#: Held-out examples on which changes are measured.
PROBE = 64
#: Bytes that a tangent kernel may take.
_MOST = 2**30


class Travel(NamedTuple):
    """What training changed in one network, on the probe; None for what has no value.

    All but the losses are relative.
    """

    #: RMS of Δh over that of h, for the last representation, before its activation; with blocks as
    #: the read-out reads it.
    features: float
    #: Frobenius norm of Δ(h hᵀ) over that of h hᵀ.
    kernel: float
    #: The same of the tangent kernel, with the rates in it.
    tangent_kernel: float | None
    #: RMS of f less what the network linearised at init predicts, over that of Δf.
    distance: float | None
    train_loss: float
    held_out_loss: float


class Recipe(NamedTuple):
    """How every network trains: full batches, at constant rates."""

    program: Program
    data: Halves
    steps: int
    #: The optimizer's learning rate; None for the file's.
    lr: float | None


def no_kernel(recipe: Recipe) -> str | None:
    """Why no kernel describes the lazy limit of this training; None where one does."""
    spec = recipe.program.spec
    if not spec.is_chain:
        return "the tangent kernel of blocks and norms is not computed"
    if spec.optimizer.law.ignores_gradient_size:
        return (
            f"the steps of {spec.optimizer.name} are not linear in gradients: they have no kernel"
        )
    if any(not tensor.decay.is_zero for layer in spec.layers for tensor in layer.tensors):
        return "weight decay pulls at weights whatever the outputs are: no kernel describes it"
    outputs = spec.layers[-1].fan_out.factor
    size = 4 * (outputs * (len(recipe.data.x) + PROBE)) ** 2
    if size > _MOST:
        return f"the tangent kernel would take {size / 2**30:.1f} GiB: choose fewer --examples"
    return None


def travel(recipe: Recipe, width: int, richness: float, gamma: float, seed: int) -> Travel | None:
    """Train one network; None where training diverges: its loss ends above where it began."""
    program, data = recipe.program, recipe.data
    probe = data.held_out_x[:PROBE]
    model = program.network_at(width, richness, gamma, seed)
    layers = [layer for layer in model.modules() if isinstance(layer, program.module.Dense)]
    optimizer: torch.optim.Optimizer = model.make_optimizer(recipe.lr)  # type: ignore[operator]
    has_kernel = no_kernel(recipe) is None
    kernel = (
        dense_ntk(model, layers, torch.cat([data.x, probe]), rates_of(model, optimizer))
        if has_kernel
        else None
    )
    h, f = _look(program, model, layers, probe)
    with torch.no_grad():
        f_trained = model(data.x)
    losses = _train(recipe, model, optimizer)
    h_after, f_after = _look(program, model, layers, probe)
    with torch.no_grad():
        train_loss = program.loss(model(data.x), data.y).item()
        held_out_loss = program.loss(model(data.held_out_x), data.held_out_y).item()
    if not math.isfinite(held_out_loss) or not train_loss <= losses[0]:
        return None
    tangent = distance = None
    if kernel is not None:
        examples = len(data.x)
        after = dense_ntk(model, layers, probe, rates_of(model, optimizer))
        before = kernel[examples:, :, examples:]
        tangent = _ratio(after - before, before)
        options = _options(optimizer)
        f0 = torch.cat([f_trained, f])
        lazy = descend(kernel[:, :, :examples], f0, data.y, program.loss, recipe.steps, options)
        distance = _ratio(f_after - lazy[examples:], f_after - f)
    # Grams of vectors of n entries want more digits than the vectors have.
    change = feature_kernel_change(h.double(), h_after.double()).item()
    return Travel(_ratio(h_after - h, h), change, tangent, distance, train_loss, held_out_loss)


def _train(recipe: Recipe, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    """The loss before every step; it ends early where it is no number any more."""
    losses: list[float] = []
    for _ in range(recipe.steps):
        optimizer.zero_grad()
        loss = recipe.program.loss(model(recipe.data.x), recipe.data.y)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        loss.backward()
        optimizer.step()
    return losses


def _options(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What all groups share besides rates."""
    return {name: optimizer.defaults[name] for name in ("momentum", "dampening", "nesterov")}


@torch.no_grad()
def _look(
    program: Program, model: nn.Module, layers: list[nn.Module], x: Tensor
) -> tuple[Tensor, Tensor]:
    """The last representation (N, n), before its activation, and the outputs (N, k).

    Behind blocks no one layer makes it: it is what the last layer reads.
    """
    seen: list[Tensor] = []
    if program.spec.is_chain:
        hook = layers[-2].register_forward_hook(lambda _layer, _inputs, output: seen.append(output))
    else:
        hook = layers[-1].register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0]))
    try:
        f = model(x)
    finally:
        hook.remove()
    return seen[0], f


def _ratio(change: Tensor, whole: Tensor) -> float:
    """Of RMS, or of Frobenius norms; 0 where nothing changed."""
    size = torch.linalg.vector_norm(change.double()).item()
    return size / torch.linalg.vector_norm(whole.double()).item() if size else 0.0


def rates_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The learning rate of every parameter that ``optimizer`` moves, by its name in ``model``."""
    rates = {p: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    return {name: float(rates[p]) for name, p in model.named_parameters() if p in rates}


def feature_kernel_change(before: Tensor, after: Tensor) -> Tensor:
    """|K' - K| / |K| in Frobenius norm, a scalar, where K = h hᵀ for h (N, n) before and after.

    K' - K is taken as Δh hᵀ + h Δhᵀ + Δh Δhᵀ, which loses nothing where the change is small.
    """
    change = after - before
    cross = change @ before.mT
    difference = cross + cross.mT + change @ change.mT
    relative: Tensor = torch.linalg.norm(difference) / torch.linalg.norm(before @ before.mT)
    return relative
