"""Part: layers with the initial values and multipliers that the model asks for."""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

# ---- emitted from here on ----


# keep if not only_normal
def draw(tensor: Tensor, std: float, dist: str, generator: torch.Generator | None = None) -> None:
    """Fill ``tensor`` with entries of mean 0 and standard deviation exactly ``std``."""
    if std == 0.0:
        tensor.zero_()
    elif dist == "uniform":  # keep if uniform
        bound = math.sqrt(3.0) * std
        tensor.uniform_(-bound, bound, generator=generator)
    elif dist == "trunc_normal":  # keep if trunc_normal
        # Cut off at two deviations of the parent, which is wider than what is left of it:
        # sqrt(1 - 4 phi(2) / (Phi(2) - Phi(-2))) of it.
        parent = std / 0.8796256610342398
        nn.init.trunc_normal_(tensor, 0.0, parent, -2 * parent, 2 * parent, generator)
    # keep if orthogonal
    # Orthonormal rows (or columns) have entries of size 1 / sqrt(the longer side).
    # QR wants at least single precision; on the meta device there is nothing to draw.
    elif dist == "orthogonal" and tensor.dim() == 2 and not tensor.is_meta:
        matrix = torch.empty_like(tensor, dtype=torch.promote_types(tensor.dtype, torch.float32))
        gain = std * math.sqrt(max(tensor.shape))
        tensor.copy_(nn.init.orthogonal_(matrix, gain, generator))
    # end
    else:
        tensor.normal_(0.0, std, generator=generator)


# end
class Dense(nn.Module):
    """``W x``; W is (fan_out, fan_in), its entries start at ``std``."""  # fill layer

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        std: float,
        scale: float = 1.0,  # keep if scale
        bias_std: float | None = None,  # keep if bias
        bias_scale: float = 1.0,  # keep if bias_scale
        dist: str = "normal",  # keep if not only_normal
        trainable: bool = True,  # keep if frozen
        bias_trainable: bool = True,  # keep if frozen and bias
        **factory: Any,
    ) -> None:
        super().__init__()
        self.std = std
        # keep if scale
        self.scale = scale
        # Multiply on the side that has fewer entries; the output where both have as many, of
        # which the backward pass keeps no copy.
        self.scale_input = fan_in < fan_out
        # end
        self.dist = dist  # keep if not only_normal
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in, **factory))
        self.weight.requires_grad_(trainable)  # keep if frozen
        # keep if bias
        self.bias_std = bias_std
        self.bias_scale = bias_scale  # keep if bias_scale
        self.bias = None
        if bias_std is not None:
            self.bias = nn.Parameter(torch.empty(fan_out, **factory))  # keep if not matrices
            # A matrix: the optimizer takes nothing else.  # keep if matrices
            self.bias = nn.Parameter(torch.empty(fan_out, 1, **factory))  # keep if matrices
            self.bias.requires_grad_(bias_trainable)  # keep if frozen
        # end

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        self.weight.normal_(0.0, self.std, generator=generator)  # keep if only_normal
        draw(self.weight, self.std, self.dist, generator)  # keep if not only_normal
        if self.bias is not None and self.bias_std is not None:  # keep if bias
            self.bias.normal_(0.0, self.bias_std, generator=generator)  # keep if only_normal
            draw(self.bias.view(-1), self.bias_std, self.dist, generator)  # keep if not only_normal

    def forward(self, x: Tensor) -> Tensor:
        bias: Tensor | None = self.bias  # keep if bias
        if bias is not None:  # keep if matrices and bias or bias_scale
            bias = bias.squeeze(-1)  # keep if matrices
            bias = bias if self.bias_scale == 1.0 else self.bias_scale * bias  # keep if bias_scale
        # keep if scale
        if self.scale != 1.0 and self.scale_input:
            x = self.scale * x
        elif self.scale != 1.0:
            y = self.scale * F.linear(x, self.weight)
            # Not torch.add(..., alpha=...): inductor (2.13) loses that alpha.  # keep if bias
            y = y if bias is None else y + bias  # keep if bias
            return y
        # end
        y = F.linear(x, self.weight, bias)  # keep if bias
        y = F.linear(x, self.weight)  # keep if not bias
        return y

    def extra_repr(self) -> str:
        shown = f"{self.weight.shape[1]} -> {self.weight.shape[0]}, std={self.std:.4g}"
        shown += f", scale={self.scale:.4g}"  # keep if scale
        shown += f", bias_std={self.bias_std}"  # keep if bias
        shown += f", bias_scale={self.bias_scale:.4g}"  # keep if bias_scale
        shown += f", dist={self.dist}"  # keep if not only_normal
        return shown


class Embedding(Dense):  # keep if embedding
    """A dense layer without a bias, of one-hot inputs that are given as indices."""

    def __init__(self, entries: int, fan_out: int, **options: Any) -> None:  # keep if not columns
        super().__init__(fan_out, entries, **options)  # W is (entries, fan_out): rows are read

    def forward(self, x: Tensor) -> Tensor:
        y = F.embedding(x, self.weight.T)  # keep if columns
        y = F.embedding(x, self.weight)  # keep if not columns
        y = y if self.scale == 1.0 else self.scale * y  # keep if scale
        return y


class Shifted(nn.Module):  # keep if shifted
    """``norm(x) + scale * b``; the entries of b start at ``std``."""

    def __init__(
        self,
        norm: nn.Module,
        width: int,
        *,
        std: float,
        scale: float = 1.0,
        trainable: bool = True,
        **factory: Any,
    ) -> None:
        super().__init__()
        self.norm: Any = norm
        self.std, self.scale = std, scale
        self.bias = nn.Parameter(torch.empty(width, **factory), requires_grad=trainable)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        self.bias.normal_(0.0, self.std, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y + self.scale * self.bias
