"""A network that is linear in its weights: the lazy limit of one at hand, trained beside it.

Linearised at init, f = f0 + J (p - p0), and SGD moves it by the tangent kernel at init alone (Lee
et al. 2019, arXiv 1902.06720, section 2.2).  With momentum too: what an update adds is linear in
the gradients, so the optimizer can be run on their coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def dense_ntk(
    model: nn.Module, layers: Sequence[nn.Module], x: Tensor, rates: Mapping[str, float]
) -> Tensor:
    """The tangent kernel (N, k, N, k) of a compiled model with itself, for inputs ``x`` (N, d).

    The sum over parameters of rate · ∂f/∂p · (∂f/∂p)ᵀ (Jacot et al. 2018, arXiv 1806.07572).
    ``layers`` are all its ``Dense``; parameters that ``rates`` does not name stand still.  It needs
    no Jacobians: the one of a weight is an outer product of the layer's input and ∂f/∂h, so its
    part of the kernel is a product of two much smaller ones.
    """
    seen: list[tuple[Tensor, Tensor]] = []

    def note(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((inputs[0].detach(), output))

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        f = model(x)
    finally:
        for hook in hooks:
            hook.remove()
    examples, k = f.shape
    each = torch.eye(k, dtype=f.dtype).unsqueeze(1).expand(k, examples, k)
    slopes = torch.autograd.grad(f, [h for _, h in seen], each, is_grads_batched=True)
    names = {parameter: name for name, parameter in model.named_parameters()}
    total = torch.zeros(examples, k, examples, k, dtype=f.dtype)
    layer: Any
    for layer, (z, _), slope in zip(layers, seen, slopes, strict=True):
        # (k, N, n) to one row an example and output.
        rows = slope.transpose(0, 1).flatten(0, 1)
        shares = rates.get(names[layer.weight], 0.0) * getattr(layer, "scale", 1.0) ** 2 * z @ z.mT
        bias = getattr(layer, "bias", None)
        if bias is not None:
            shares = shares + rates.get(names[bias], 0.0) * getattr(layer, "bias_scale", 1.0) ** 2
        total += (rows @ rows.mT).view(examples, k, examples, k) * shares[:, None, :, None]
    return total


def descend(
    kernel: Tensor,
    f0: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    options: Mapping[str, Any],
) -> Tensor:
    """Outputs (M, k) of the linearised network after full-batch steps on the first N of M examples.

    ``kernel`` (M, k, N, k) has the rates in it, ``f0`` is (M, k), ``y`` are the N targets, and
    ``options`` those of ``torch.optim.SGD`` besides a rate.
    """
    flat = kernel.flatten(2).flatten(0, 1)
    trained = kernel.shape[2]
    coefficients = torch.zeros_like(f0[:trained]).requires_grad_()
    optimizer = torch.optim.SGD([coefficients], lr=1.0, **options)
    for _ in range(steps):
        f = f0[:trained] + (flat[: coefficients.numel()] @ coefficients.detach().flatten()).view(
            coefficients.shape
        )
        f.requires_grad_()
        (coefficients.grad,) = torch.autograd.grad(loss(f, y), f)
        optimizer.step()
    moved: Tensor = flat @ coefficients.detach().flatten()
    return f0 + moved.view(f0.shape)
