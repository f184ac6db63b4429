"""Kernels of the lazy limit: of a network at hand, of infinitely wide relu nets, and regression.

Gradient flow on a loss of the outputs f moves them by df/dt = -K ∂loss/∂f.  K, the tangent kernel,
is the sum over parameters of rate · ∂f/∂p · (∂f/∂p)ᵀ (Jacot et al. 2018, arXiv 1806.07572); with
the rates in it, it is the same in every gauge, for a gauge that divides a weight by c divides its
rate by c².
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

#: Bytes that the Jacobians of one block of examples may take.
MEMORY = 2**28


def empirical_ntk(
    model: nn.Module,
    x1: Tensor,
    x2: Tensor,
    *,
    rates: Mapping[str, float] | None = None,
    trace: bool = False,
    memory: int = MEMORY,
) -> Tensor:
    """The tangent kernel of ``model`` at its present parameters, in double precision.

    ``x1`` (N1, d) and ``x2`` (N2, d); the model maps (B, d) to (B, k), each row by itself.  Returns
    K (N1, k, N2, k), the sum over parameters of rate · ∂f(x1)/∂p · ∂f(x2)/∂p, or with ``trace``
    its mean over equal outputs, (N1, N2).  Parameters that ``rates`` does not name stand still, and
    one has to move; without ``rates``, all that require a gradient have rate 1.

    Jacobians are contracted a block of examples at a time (Novak et al. 2022, arXiv 2206.08720,
    section 3.1): those of two blocks exist at once, each of ``memory`` bytes or of one example.
    """
    if rates is None:
        rates = {name: 1.0 for name, p in model.named_parameters() if p.requires_grad}
    roots = {name: math.sqrt(rate) for name, rate in rates.items()}
    parameters = {name: p.detach().double() for name, p in model.named_parameters()}
    moving = {name: parameters[name] for name in roots}

    def outputs(moved: dict[str, Tensor], x: Tensor) -> Tensor:
        row: Tensor = functional_call(model, parameters | moved, (x.unsqueeze(0),))
        return row.squeeze(0)

    jacobians = vmap(jacrev(outputs), in_dims=(None, 0))
    k = len(outputs(moving, x1[0].double()))
    block = max(1, memory // (8 * k * max(1, sum(p.numel() for p in moving.values()))))

    def scaled(x: Tensor) -> list[Tensor]:
        """Root of rate · ∂f/∂p (B, k, size), a parameter each."""
        found = jacobians(moving, x.double())
        return [root * found[name].flatten(2) for name, root in roots.items()]

    rows = []
    for part in x1.split(block):
        left = scaled(part)
        # A kernel of few examples with themselves takes one Jacobian, not two.
        same = x2 is x1 and len(part) == len(x1)
        columns = [
            _contract(left, left if same else scaled(other), trace=trace)
            for other in x2.split(block)
        ]
        rows.append(torch.cat(columns, 1 if trace else 2))
    return torch.cat(rows)


def _contract(left: Sequence[Tensor], right: Sequence[Tensor], *, trace: bool) -> Tensor:
    """Sums of products of (N1, k, size) with (N2, k, size): (N1, k, N2, k), or (N1, N2)."""
    # Not einsum, which would copy operands that are all there is in memory.
    if trace:
        products = [a.flatten(1) @ b.flatten(1).mT for a, b in zip(left, right, strict=True)]
        return torch.stack(products).sum(0) / left[0].shape[1]
    products = [a.flatten(0, 1) @ b.flatten(0, 1).mT for a, b in zip(left, right, strict=True)]
    total: Tensor = torch.stack(products).sum(0)
    return total.view(*left[0].shape[:2], *right[0].shape[:2])


def analytic_relu_ntk(
    x1: Tensor, x2: Tensor, gains: Sequence[float], rates: Sequence[float] | None = None
) -> Tensor:
    """The tangent kernel (N1, N2) of an infinitely wide relu net without biases, r = 0.

    ``x1`` (N1, d) and ``x2`` (N2, d).  Of each layer, from the read-in on, ``gains`` has fan-in
    times the variance of the weights and ``rates`` fan-in times their rate.  Without ``rates`` they
    are the gains: that is gradient descent at rate 1 on weights of unit size, with the multipliers
    sqrt(gain / fan-in) of the NTK parameterization (Jacot et al. 2018, arXiv 1806.07572).

    With Σ the covariance of one entry of a layer's h, and Θ that entry's tangent kernel (Jacot et
    al., theorem 1; Lee et al. 2019, arXiv 1902.06720, appendix on computing the kernels),

        Σ_1 = gain x1·x2 / d           Θ_1 = rate x1·x2 / d
        Σ_l = gain E[φ(u) φ(v)]        Θ_l = rate E[φ(u) φ(v)] + gain E[φ'(u) φ'(v)] Θ_(l-1)

    where (u, v) is Gaussian with covariance Σ_(l-1).  With θ the angle that this gives the two
    (Cho & Saul 2009, arc-cosine kernels of degree 1 and 0, at half their scale),

        E[φ(u) φ(v)] = |u| |v| (sin θ + (π - θ) cos θ) / 2π       E[φ'(u) φ'(v)] = (π - θ) / 2π.
    """
    rates = gains if rates is None else rates
    d = x1.shape[1]
    product = x1 @ x2.mT / d
    norms = torch.outer(x1.square().sum(1), x2.square().sum(1)).sqrt() / d
    sigma, norm, theta = gains[0] * product, gains[0] * norms, rates[0] * product
    for gain, rate in zip(gains[1:], rates[1:], strict=True):
        cosine = (sigma / norm).clamp(-1.0, 1.0)
        angle = cosine.acos()
        same = norm * (angle.sin() + (math.pi - angle) * cosine) / (2 * math.pi)
        slopes = (math.pi - angle) / (2 * math.pi)
        theta = rate * same + gain * slopes * theta
        sigma, norm = gain * same, gain * norm / 2
    return theta


def kernel_regression(
    k_train: Tensor,
    k_test: Tensor,
    y: Tensor,
    f0_train: Tensor,
    f0_test: Tensor,
    *,
    rate: float | None = None,
    steps: int | None = None,
) -> Tensor:
    """What gradient descent on a squared error predicts where the kernel never changes.

    Kernels are (N, N) and (M, N), shared by all outputs, or (N, k, N, k) and (M, k, N, k); ``y``
    and ``f0_train`` are (N, k), ``f0_test`` and the result (M, k).

    In the limit it is f0 + K(x, X) K(X, X)⁻¹ (y - f0(X)) (Lee et al. 2019, arXiv 1902.06720,
    section 2.2).  After ``steps`` steps, each of which moves outputs by ``rate`` K (y - f),
    it is f0 + K(x, X) K(X, X)⁻¹ (I - (I - rate K)^steps) (y - f0(X)), here summed step by step,
    which is exact for kernels that have no inverse, too.  A mean over N k squares at rate η is
    ``rate`` = 2 η / (N k).
    """
    residual = y - f0_train
    if k_train.dim() == 4:
        k_train, k_test = (k.flatten(2).flatten(0, 1) for k in (k_train, k_test))
        residual = residual.flatten().unsqueeze(1)
    if steps is None:
        weights = torch.linalg.solve(k_train, residual)
    else:
        assert rate is not None, "steps have a rate"
        weights = torch.zeros_like(residual)
        for _ in range(steps):
            weights = weights + rate * (residual - k_train @ weights)
    predicted: Tensor = f0_test + (k_test @ weights).reshape(f0_test.shape)
    return predicted
