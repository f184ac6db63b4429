"""Layers in which a parameter acts otherwise than as a matrix on what comes before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.audit.zoo.building import BASE, NONE, Table, draw, optimizer_of, tokens, vectors
from tests.audit.zoo.cases import INIT, LR, MULTIPLIER, SCALE, Case, Factory, Made, fault, grouped

INPUTS, CLASSES, STEPS, VOCABULARY, HEADS = 16, 8, 4, 32, 2
HEAD = r"head\.weight"
#: Powers of n of stds that are right, beside those of the modules' own draws.
_STDS: Table = {HEAD: 0.06}
_DRAWN: Table = {HEAD: -1}


def _made(
    model: nn.Module,
    hidden: str,
    lr: Table,
    n: int,
    batch: Any,
    loss: Callable[[Any], Tensor],
    init: Table = NONE,
) -> Made:
    """With AdamW, whose rate is 1/n for the ``hidden`` matrices and the read-out."""
    draw(model, _STDS, _DRAWN, init, n)
    optimizer = optimizer_of("adamw", model, {f"{hidden}|{HEAD}": -1}, lr, n)
    return {"model": model, "optimizer": optimizer, "batch": batch, "loss": loss}


def _like_fan_in(layer: nn.Linear) -> nn.Linear:
    nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    return layer


def _matrix(fan_in: int, fan_out: int) -> nn.Linear:
    return _like_fan_in(nn.Linear(fan_in, fan_out, bias=False))


def _labelled(labels: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda output: functional.cross_entropy(output, labels)


class Normed(nn.Module):
    """A hidden matrix that is a gain times a direction."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed = nn.Linear(INPUTS, n)
        self.hidden = nn.utils.parametrizations.weight_norm(_matrix(n, n))
        self.head = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.hidden(torch.tanh(self.embed(x))))
        return self.head(h)  # type: ignore[no-any-return]


def normed(lr: Table = NONE) -> Factory:
    def make(n: int) -> Made:
        x, y = vectors(32, INPUTS, CLASSES)
        return _made(Normed(n), r"hidden\..*original1", lr, n, x, _labelled(y))

    return make


class Recurrent(nn.Module):
    """An LSTM from a state of zeros; ``drawn`` leaves it its biases, of n^-1/2."""

    def __init__(self, n: int, layers: int, *, drawn: bool) -> None:
        super().__init__()
        self.cell = nn.LSTM(INPUTS, n, layers, batch_first=True)
        self.head = nn.Linear(n, CLASSES, bias=False)
        for parameter in self.cell.parameters():
            if parameter.ndim > 1:
                std = 1 if not drawn else 3**-0.5  # torch's own, for weights of fan-in n
                nn.init.normal_(parameter, std=std * parameter.shape[-1] ** -0.5)
            elif not drawn:
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x)[0][:, -1])  # type: ignore[no-any-return]


def recurrent(lr: Table = NONE, layers: int = 1, *, drawn: bool = False) -> Factory:
    def make(n: int) -> Made:
        x, y = vectors(16 * STEPS, INPUTS, CLASSES)
        x, model = x.unflatten(0, (16, STEPS)), Recurrent(n, layers, drawn=drawn)
        hidden = r"cell\.weight_(hh_l.|ih_l1)"
        return _made(model, hidden, lr, n, x, _labelled(y[:16]))

    return make


class TwoHeads(nn.Module):
    """Classes and a number from one representation."""

    def __init__(self, n: int, std: float) -> None:
        super().__init__()
        self.embed, self.hidden = nn.Linear(INPUTS, n), _matrix(n, n)
        self.head = nn.Linear(n, CLASSES, bias=False)
        self.number = nn.Linear(n, 1, bias=False)
        nn.init.normal_(self.number.weight, std=std)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.hidden(torch.tanh(self.embed(x))))
        return self.head(h), self.number(h)


def two_heads(
    lr: Table = NONE, init: Table = NONE, *, power: float = -1, std: float = 4 / BASE
) -> Factory:
    """``std`` at the base width, and ``power``, are those of the second head."""

    def make(n: int) -> Made:
        x, y = vectors(32, INPUTS, CLASSES)

        def loss(output: tuple[Tensor, Tensor]) -> Tensor:
            return functional.cross_entropy(output[0], y) + output[1].sub(1).square().mean()

        model = TwoHeads(n, std * (n / BASE) ** power)
        return _made(model, r"(hidden|number)\.weight", lr, n, x, loss, init)

    return make


class Gated(nn.Module):
    """x + W2 (silu(W1 x) * W3 x)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(n)
        self.gate, self.up, self.down = _matrix(n, 2 * n), _matrix(n, 2 * n), _matrix(2 * n, n)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return x + self.down(functional.silu(self.gate(h)) * self.up(h))  # type: ignore[no-any-return]


class SmallBranches(nn.Module):
    """x + 0.02 W2 gelu(W1 norm(x)), twice, and a norm: the first branch can hardly be heard."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(INPUTS, n), nn.LayerNorm(n)
        self.up = nn.ModuleList(_matrix(n, n) for _ in range(2))
        self.down = nn.ModuleList(_matrix(n, n) for _ in range(2))
        self.head = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.embed(x))
        for up, down in zip(self.up, self.down, strict=True):
            h = self.norm(h + 0.02 * down(functional.gelu(up(h))))
        return self.head(h)  # type: ignore[no-any-return]


def small_branches(power: float = -1 / 2) -> Factory:
    """``power`` is that of the std of W1."""

    def make(n: int) -> Made:
        x, y = vectors(32, INPUTS, CLASSES)
        model = SmallBranches(n)
        for up in model.up.parameters():
            nn.init.normal_(up, std=0.02 * (n / BASE) ** power)
        return _made(model, r"(up|down)\.\d\.weight", NONE, n, x, _labelled(y))

    return make


class Tied(nn.Module):
    """Gated units between an embedding and its transpose."""

    def __init__(self, n: int, multiplier: float) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(VOCABULARY, n), nn.RMSNorm(n)
        self.units = nn.Sequential(Gated(n), Gated(n))
        self.multiplier = multiplier

    def forward(self, ids: Tensor) -> Tensor:
        h = self.norm(self.units(self.embed(ids)))
        return functional.linear(h, self.embed.weight) * self.multiplier


def tied(lr: Table = NONE, *, power: float = -1) -> Factory:
    def make(n: int) -> Made:
        ids, following = tokens(4, 8, VOCABULARY)
        model = Tied(n, (n / BASE) ** power / 4)
        hidden = r"units\.\d\.(gate|up|down)\.weight"

        def loss(output: Tensor) -> Tensor:
            return functional.cross_entropy(output.flatten(0, 1), following.flatten())

        return _made(model, hidden, lr, n, ids, loss)

    return make


class Adapted(nn.Module):
    """A frozen matrix and two that are thin, the second of zeros."""

    def __init__(self, n: int, rank: int = 4) -> None:
        super().__init__()
        self.frozen, self.inner = _matrix(n, n), _matrix(n, rank)
        self.outer = nn.Linear(rank, n, bias=False)
        nn.init.zeros_(self.outer.weight)
        self.frozen.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.frozen(x) + self.outer(self.inner(x))  # type: ignore[no-any-return]


class Adapters(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed, self.one, self.two = nn.Linear(INPUTS, n), Adapted(n), Adapted(n)
        self.head = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.one(torch.tanh(self.embed(x))))
        return self.head(torch.tanh(self.two(h)))  # type: ignore[no-any-return]


def adapters(lr: Table = NONE, *, alone: bool = False) -> Factory:
    """``alone``: nothing else is trained."""

    def make(n: int) -> Made:
        x, y = vectors(32, INPUTS, CLASSES)
        model = Adapters(n)
        model.embed.requires_grad_(not alone)
        model.head.requires_grad_(not alone)
        return _made(model, INNER, lr, n, x, _labelled(y))

    return make


class Latents(nn.Module):
    """Queries that are parameters attend to the input."""

    def __init__(self, n: int, power: float, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.latents = nn.Parameter(torch.randn(6, n))
        self.embed = nn.Linear(INPUTS, n)
        self.norm_q, self.norm_x, self.norm = nn.LayerNorm(n), nn.LayerNorm(n), nn.LayerNorm(n)
        self.q, self.k, self.v, self.proj = (_matrix(n, n) for _ in range(4))
        self.head = nn.Linear(n, CLASSES, bias=False)
        self.scale = (BASE / HEADS) ** -0.5 * (n / BASE) ** power

    def forward(self, x: Tensor) -> Tensor:
        def split(h: Tensor) -> Tensor:
            return h.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # type: ignore[no-any-return]

        z, h = self.latents.expand(x.shape[0], -1, -1), self.norm_x(self.embed(x))
        q, k, v = split(self.q(self.norm_q(z))), split(self.k(h)), split(self.v(h))
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v, scale=self.scale)
        else:
            mixed = (q @ k.transpose(-1, -2) * self.scale).softmax(-1) @ v
        z = z + self.proj(mixed.transpose(1, 2).flatten(2))
        return self.head(self.norm(z).mean(1))  # type: ignore[no-any-return]


def latents(power: float = -1, *, fused: bool = False) -> Factory:
    def make(n: int) -> Made:
        x, y = vectors(8 * 10, INPUTS, CLASSES)
        model = Latents(n, power, fused=fused)
        hidden = r"(q|k|v|proj)\.weight"
        return _made(model, hidden, NONE, n, x.unflatten(0, (8, 10)), _labelled(y[:8]))

    return make


class Coded(nn.Module):
    """A code of few entries between an encoder and a decoder."""

    def __init__(self, n: int, power: float, few: int = 4) -> None:
        super().__init__()
        self.embed, self.encoder, self.code = nn.Linear(INPUTS, n), _matrix(n, n), _matrix(n, few)
        self.unfold, self.decoder = _like_fan_in(nn.Linear(few, n)), _matrix(n, n)
        self.head = nn.Linear(n, INPUTS)
        nn.init.normal_(self.code.weight, std=4 / BASE * (n / BASE) ** power)

    def forward(self, x: Tensor) -> Tensor:
        code = self.code(torch.tanh(self.encoder(torch.tanh(self.embed(x)))))
        h = torch.tanh(self.decoder(torch.tanh(self.unfold(code))))
        return self.head(h)  # type: ignore[no-any-return]


def coded(lr: Table = NONE, init: Table = NONE, *, power: float = -1) -> Factory:
    """``power`` is that of the code's std."""

    def make(n: int) -> Made:
        x, _ = vectors(32, INPUTS, CLASSES)

        def loss(output: Tensor) -> Tensor:
            return functional.mse_loss(output, x.to(output.dtype))

        hidden = r"(encoder|code|decoder)\.weight"
        return _made(Coded(n, power), hidden, lr, n, x, loss, init)

    return make


class Pair(nn.Module):
    """Two towers, whose products are logits with a temperature."""

    def __init__(self, n: int, power: float) -> None:
        super().__init__()
        self.left = nn.Sequential(nn.Linear(INPUTS, n), nn.Tanh(), _matrix(n, n))
        self.right = nn.Sequential(nn.Linear(INPUTS // 2, n), nn.Tanh(), _matrix(n, n))
        self.temperature = nn.Parameter(torch.tensor(1.0))
        self.scale = 8 / BASE * (n / BASE) ** power

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.left(x), self.right(x[:, ::2])
        return self.temperature.exp() * (left @ right.T) * self.scale  # type: ignore[no-any-return]


def pairs(lr: Table = NONE, *, power: float = -1) -> Factory:
    """``power`` is that of what multiplies the products."""

    def make(n: int) -> Made:
        x, _ = vectors(16, INPUTS, CLASSES)
        hidden = r"(left|right)\.2\.weight"
        return _made(Pair(n, power), hidden, lr, n, x, _labelled(torch.arange(16)))

    return make


INNER = r"(one|two)\.inner\.weight"
NORMED, GATE = r"hidden\.parametrizations\.weight\.original1", r"units\.\d\.gate\.weight"
CODE, UNFOLD, WARM = r"code\.weight", r"unfold\.weight", "temperature"
RECURRENT, NUMBER, OUTER = r"cell\.weight_hh_l0", r"number\.weight", r"(one|two)\.outer\.weight"

CASES = grouped(
    "rarer layers",
    Case("weight norm", normed()),
    Case("weight norm, rate not scaled", normed({NORMED: 1}), (fault(NORMED, LR, 1),)),
    Case("LSTM", recurrent()),
    Case(
        "LSTM, hidden to hidden rate not scaled",
        recurrent({RECURRENT: 1}),
        (fault(RECURRENT, LR, 1),),
    ),
    Case("LSTM, two layers with torch's biases", recurrent(layers=2, drawn=True)),
    Case("two heads", two_heads()),
    Case(
        "two heads, the second's rate not scaled",
        two_heads({NUMBER: 1}),
        (fault(NUMBER, LR, 1),),
    ),
    Case(
        "two heads, the first's std by 1/√n",
        two_heads(init={HEAD: 1 / 2}),
        (fault(HEAD, INIT, 1 / 2),),
    ),
    Case(
        "two heads, the second's std by 1/√n",
        two_heads(power=-1 / 2),
        (fault(NUMBER, INIT, 1 / 2),),
    ),
    Case(
        "two heads, the second's std by 1/√n, and tiny",
        two_heads(power=-1 / 2, std=1e-4),
        warnings=(fault(NUMBER, INIT, 1 / 2),),
    ),
    Case("gated units, tied read-out", tied()),
    Case("gated units, gate's rate not scaled", tied({GATE: 1}), (fault(GATE, LR, 1),)),
    Case(
        "tied read-out without 1/n",
        tied(power=0),
        (fault(r"embed\.weight", MULTIPLIER, 1),),
    ),
    Case("small branches between norms", small_branches()),
    Case(
        "small branches between norms, std 0.02 at every width",
        small_branches(0),
        (fault(r"up\.\d\.weight", INIT, 1 / 2),),
    ),
    Case("LoRA", adapters()),
    Case("LoRA, outer rate by 1/n", adapters({OUTER: -1}), (fault(OUTER, LR, -1),)),
    Case("LoRA, inner rate not scaled", adapters({INNER: 1}), (fault(INNER, LR, 1),)),
    Case("LoRA alone", adapters(alone=True)),
    Case(
        "LoRA alone, inner rate by n",
        adapters({INNER: 2}, alone=True),
        (fault(INNER, LR, 2),),
    ),
    Case("queries of parameters", latents()),
    Case(
        "queries of parameters, by 1/√d",
        latents(power=-1 / 2),
        (fault(r"(q|k)\.weight", SCALE, 1 / 2),),
    ),
    Case("queries of parameters, fused", latents(fused=True)),
    Case(
        "queries of parameters, fused, by 1/√d",
        latents(power=-1 / 2, fused=True),
        (fault(r"(q|k)\.weight", SCALE, 1 / 2),),
    ),
    Case("bottleneck", coded()),
    Case("bottleneck, its std by 1/√n", coded(power=-1 / 2), (fault(CODE, INIT, 1 / 2),)),
    Case("bottleneck, its rate not scaled", coded({CODE: 1}), (fault(CODE, LR, 1),)),
    Case("bottleneck, unfolded by 1/n", coded({UNFOLD: -1}), (fault(UNFOLD, LR, -1),)),
    Case(
        "bottleneck, read-out std by 1/√n",
        coded(init={HEAD: 1 / 2}),
        (fault(HEAD, INIT, 1 / 2),),
    ),
    Case("temperature", pairs()),
    Case("temperature, its rate by 1/n", pairs({WARM: -1}), (fault(WARM, LR, -1),)),
    Case(
        "temperature, products by 1/√n",
        pairs(power=-1 / 2),
        (fault(r"(left|right)\.2\.weight", MULTIPLIER, 1 / 2),),
    ),
)
