"""Small GPTs: pre-norm blocks, separate q, k and v, a read-out with a multiplier of 1/n."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.audit.zoo.building import BASE, NONE, Table, draw, optimizer_of, tokens
from tests.audit.zoo.cases import INIT, LR, MULTIPLIER, SCALE, Case, Factory, Made, fault, grouped

VOCABULARY, LENGTH = 64, 16

EMBEDDINGS = r"w(te|pe)\.weight"
ATTENTION = r"blocks\.\d\.(q|k|v|proj)\.weight"
MATRICES = r"blocks\.\d\.(q|k|v|proj|fc|down)\.weight"
NORMS = r"(blocks\.\d\.)?norm.*"
BIASES = r".*\.bias"
#: Soft-max takes no notice of what is added to all keys.
KEY_BIAS = r"blocks\.\d\.k\.bias"
HEAD = r"head\.weight"

STDS = {EMBEDDINGS: 1.0, MATRICES: 1 / 8, r".*\.down\.weight": 1 / 16, HEAD: 0.1}
RIGHT_INIT = {MATRICES: -1 / 2}
#: The multiplier of 1/n on the read-out leaves Adam's rate for it at n^0, and makes SGD's n^1.
RIGHT_RATES: dict[str, Table] = {"adam": {MATRICES: -1}, "sgd": {".*": 1, MATRICES: 0}}

#: Of the width and the size of a head.
Scale = Callable[[int], float]
BY_SIZE: Scale = lambda size: 4 / size  # noqa: E731 - as short as what it says
BY_ROOT: Scale = lambda size: size**-0.5  # noqa: E731


class Block(nn.Module):
    def __init__(self, n: int, heads: int, scale: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.norm1, self.norm2 = nn.LayerNorm(n), nn.LayerNorm(n)
        self.q, self.k, self.v, self.proj = (nn.Linear(n, n) for _ in range(4))
        self.fc, self.down = nn.Linear(n, 4 * n), nn.Linear(4 * n, n)

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        return mixed.transpose(1, 2).flatten(2)

    def forward(self, x: Tensor) -> Any:
        x = x + self.proj(self.attend(self.norm1(x)))
        return x + self.down(functional.gelu(self.fc(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, n: int, heads: int, scale: float, multiplier: float) -> None:
        super().__init__()
        self.multiplier = multiplier
        self.wte, self.wpe = nn.Embedding(VOCABULARY, n), nn.Embedding(LENGTH, n)
        self.blocks = nn.ModuleList(Block(n, heads, scale) for _ in range(2))
        self.norm = nn.LayerNorm(n)
        self.head = nn.Linear(n, VOCABULARY, bias=False)

    def forward(self, ids: Tensor) -> Any:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)) * self.multiplier


def gpt(
    optimizer: str = "adam",
    init: Table = NONE,
    lr: Table = NONE,
    *,
    scale: Scale = BY_SIZE,
    multiplier: float = -1,
    head_size: int | None = None,
    std: Table = NONE,
    tied: bool = False,
    **options: float,
) -> Factory:
    """``head_size`` makes the number of heads grow, which otherwise is 4."""

    def make(n: int) -> Made:
        heads = n // head_size if head_size else 4
        model = GPT(n, heads, scale(n // heads), (n / BASE) ** multiplier)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        draw(model, {**STDS, **std}, RIGHT_INIT, init, n)
        if tied:
            model.head.weight = model.wte.weight
        x, y = tokens(4, LENGTH, VOCABULARY)
        return {
            "model": model,
            "optimizer": optimizer_of(optimizer, model, RIGHT_RATES[optimizer], lr, n, **options),
            "batch": x,
            "loss": lambda logits: functional.cross_entropy(logits.flatten(0, 1), y.flatten()),
        }

    return make


def wrong_rate(name: str, parameters: str, excess: float) -> Case:
    made = gpt(lr={parameters: excess})
    return Case(name, made, (fault(parameters, LR, excess),), idle=KEY_BIAS)


SP = {
    "init": {MATRICES: 1 / 2},
    "lr": {MATRICES: 1},
    "scale": BY_ROOT,
    "multiplier": 0,
    "std": {".*weight": 0.02, NORMS: -1},
}

CASES = grouped(
    "GPT",
    Case("μP", gpt()),
    Case(
        "attention by 1/√d",
        gpt(scale=BY_ROOT),
        (fault(ATTENTION, SCALE, 1 / 2),),
    ),
    Case(
        "no read-out multiplier",
        gpt(multiplier=0),
        (fault(HEAD, MULTIPLIER, 1),),
        otherwise=(fault(HEAD, INIT, 1), fault(HEAD, LR, 1)),
    ),
    wrong_rate("hidden rate not scaled", MATRICES, 1),
    wrong_rate("hidden rate by 1/√n", MATRICES, 1 / 2),
    wrong_rate("one matrix missed", r"blocks\.1\.fc\.weight", 1),
    Case(
        "hidden std not scaled",
        gpt(init={MATRICES: 1 / 2}),
        (fault(MATRICES, INIT, 1 / 2),),
    ),
    wrong_rate("embeddings' rate by 1/n", EMBEDDINGS, -1),
    wrong_rate("embeddings' rate by 1/√n", EMBEDDINGS, -1 / 2),
    wrong_rate("norms' rate by 1/n", NORMS, -1),
    wrong_rate("biases' rate by 1/n", BIASES, -1),
    wrong_rate("read-out's rate scaled twice", HEAD, -1),
    Case(
        "embeddings' std by 1/√n",
        gpt(init={EMBEDDINGS: -1 / 2}),
        (fault(EMBEDDINGS, INIT, -1 / 2),),
    ),
    Case(
        "SP, one rate",
        gpt(**SP),  # type: ignore[arg-type]
        (
            fault(MATRICES, INIT, 1 / 2),
            fault(MATRICES, LR, 1),
            fault(ATTENTION, SCALE, 1 / 2),
            fault(HEAD, MULTIPLIER, 1),
        ),
        otherwise=(fault(HEAD, INIT, 1), fault(HEAD, LR, 1)),
    ),
    Case("μP, SGD", gpt("sgd")),
    Case(
        "SGD with Adam's rates",
        gpt("sgd", lr={".*": -1}),
        (fault(".*", LR, -1),),
        idle=KEY_BIAS,
    ),
    Case("μP, zero read-out", gpt(std={HEAD: 0})),
    Case("μP, heads of 16, by 1/√d", gpt(head_size=16, scale=BY_ROOT)),
    # The stream carries a token's embedding to the read-out: its own logit is n × std².
    Case("μP, tied", gpt(tied=True, std={r"wte\.weight": 0.2})),
)
