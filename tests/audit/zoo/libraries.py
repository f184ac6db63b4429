"""Models of libraries, from their configs: Hugging Face, timm, torch's own encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.audit.zoo.building import (
    BASE,
    NONE,
    Table,
    draw,
    images,
    looked_up,
    optimizer_of,
    tokens,
)
from tests.audit.zoo.cases import INIT, LR, MULTIPLIER, SCALE, Case, Factory, Made, fault, grouped

VOCABULARY = 64


def rescaled(model: nn.Module, powers: Table, width: int) -> None:
    """Multiply what a library has drawn by powers of the width."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_((width / BASE) ** looked_up(powers, name, 0))


def causal(
    build: Callable[[int], Any], init: Table, lr: Table, scale: Callable[[int], float] | None = None
) -> Factory:
    """A Hugging Face language model that returns its loss; all powers are given."""

    def make(n: int) -> Made:
        model = build(n)
        rescaled(model, init, n)
        if scale is not None:
            for block in model.transformer.h:
                block.attn.scaling = scale(block.attn.head_dim)
        ids, _ = tokens(2, 12, VOCABULARY)
        return {
            "model": model,
            "optimizer": optimizer_of("adam", model, lr, {}, n),
            "batch": {"input_ids": ids, "labels": ids, "use_cache": False},
        }

    return make


def gpt2(head_size: int | None) -> Callable[[int], Any]:
    """GPT-2 with four heads, or with more of one size."""

    def build(n: int) -> Any:
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=16,
            n_embd=n,
            n_layer=2,
            n_head=n // head_size if head_size else 4,
            tie_word_embeddings=False,
        )
        return GPT2LMHeadModel(config)

    return build


def llama(n: int) -> Any:
    """Heads of 16, two to a key; the feed-forward part is twice as wide as the stream."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=n,
        intermediate_size=2 * n,
        num_hidden_layers=2,
        num_attention_heads=n // 16,
        num_key_value_heads=n // 32,
        max_position_embeddings=32,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config)


HEAD = r"lm_head\.weight"
GPT2 = r"transformer\.h\..*\.(c_attn|c_proj|c_fc)\.weight"
GPT2_ATTENTION = r"transformer\.h\.\d\.attn\..*"
LLAMA = r"model\.layers\..*_proj\.weight"
DOWN = r"model\.layers\.\d\.mlp\.down_proj\.weight"
#: Drawn with 0.02 at every width; without a multiplier the head takes n^-1 for std and rate.
INITS: Table = {GPT2: -1 / 2, LLAMA: -1 / 2, HEAD: -1}
RATES: Table = {GPT2: -1, LLAMA: -1, HEAD: -1}


def as_it_comes(matrices: str, *others: Any) -> dict[str, Any]:
    """The faults of one std and one rate for all."""
    found = (fault(matrices, INIT, 1 / 2), fault(matrices, LR, 1), fault(HEAD, MULTIPLIER, 1))
    return {
        "faults": (*found, *others),
        "otherwise": (fault(HEAD, INIT, 1), fault(HEAD, LR, 1)),
    }


HUGGING_FACE = grouped(
    "Hugging Face",
    *(
        case._replace(needs="transformers")
        for case in (
            Case("GPT-2, heads of 16", causal(gpt2(16), INITS, RATES)),
            Case(
                "GPT-2, 4 heads, by 1/d",
                causal(gpt2(None), INITS, RATES, lambda size: 4 / size),
            ),
            Case(
                "GPT-2, 4 heads, by 1/√d",
                causal(gpt2(None), INITS, RATES),
                (fault(GPT2_ATTENTION, SCALE, 1 / 2),),
            ),
            Case(
                "GPT-2 as it comes",
                causal(gpt2(None), {}, {}),
                **as_it_comes(GPT2, fault(GPT2_ATTENTION, SCALE, 1 / 2)),
            ),
            Case("Llama with GQA", causal(llama, INITS, RATES)),
            Case(
                "Llama, down_proj missed",
                causal(llama, INITS, {**RATES, DOWN: 0}),
                (fault(DOWN, LR, 1),),
            ),
            Case(
                "Llama, std 0.02 left as it is",
                causal(llama, {HEAD: -1}, RATES),
                (fault(LLAMA, INIT, 1 / 2),),
            ),
            Case("Llama as it comes", causal(llama, {}, {}), **as_it_comes(LLAMA)),
        )
    ),
)


VIT = r"blocks\..*\.(qkv|proj|fc1|fc2)\.weight"
VIT_HEAD = r"head\.weight"
VIT_STDS = {VIT: 1 / 8, VIT_HEAD: 0.1}


def vit(stds: Table = VIT_STDS, init: Table = NONE, lr: Table = NONE) -> Factory:
    """timm's ViT of two blocks, with heads of 16."""

    def make(n: int) -> Made:
        from timm.models.vision_transformer import VisionTransformer

        model = VisionTransformer(
            img_size=16,
            patch_size=4,
            num_classes=10,
            embed_dim=n,
            depth=2,
            num_heads=n // 16,
        )
        draw(model, stds, {VIT: -1 / 2, VIT_HEAD: -1}, init, n)
        x, y = images(8, 16, 10)
        return {
            "model": model,
            "optimizer": optimizer_of("adam", model, {VIT: -1, VIT_HEAD: -1}, lr, n),
            "batch": x,
            "loss": lambda output: functional.cross_entropy(output, y),
        }

    return make


PROJECTIONS = r"blocks\.\d\.attn\.proj\.weight"
TIMM = grouped(
    "timm",
    *(
        case._replace(needs="timm")
        for case in (
            Case("ViT", vit()),
            Case(
                "ViT, attn.proj missed",
                vit(lr={PROJECTIONS: 1}),
                (fault(PROJECTIONS, LR, 1),),
            ),
            Case(
                "ViT as it comes",
                vit({}, lr={VIT: 1, VIT_HEAD: 1}),
                (
                    fault(VIT, INIT, 1 / 2),
                    fault(VIT, LR, 1),
                    fault(VIT_HEAD, MULTIPLIER, 1),
                ),
                otherwise=(fault(VIT_HEAD, INIT, 1), fault(VIT_HEAD, LR, 1)),
            ),
        )
    ),
)


class Encoder(nn.Module):
    """nn.TransformerEncoder, whose attention is functional: packed q, k and v, by 1/√d."""

    def __init__(self, n: int, heads: int) -> None:
        super().__init__()
        self.read_in = nn.Embedding(VOCABULARY, n)
        layer = nn.TransformerEncoderLayer(n, heads, 2 * n, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.read_out = nn.Linear(n, VOCABULARY)

    def forward(self, ids: Tensor) -> Any:
        return self.read_out(self.encoder(self.read_in(ids)))


ENCODER = r"encoder\..*(in_proj_weight|out_proj\.weight|linear\d\.weight)"
ENCODER_ATTENTION = r"encoder\.layers\.\d\.self_attn\..*"
LINEAR2 = r"encoder\.layers\.\d\.linear2\.weight"
READ_OUT = r"read_out\.weight"


def encoder(head_size: int | None = 16, lr: Table = NONE) -> Factory:
    def make(n: int) -> Made:
        model = Encoder(n, n // head_size if head_size else 4)
        right = {ENCODER: -1, READ_OUT: -1}
        draw(model, {ENCODER: 1 / 8, READ_OUT: 0.1}, {ENCODER: -1 / 2, READ_OUT: -1}, {}, n)
        x, y = tokens(4, 12, VOCABULARY)
        return {
            "model": model,
            "optimizer": optimizer_of("adam", model, right, lr, n),
            "batch": x,
            "loss": lambda logits: functional.cross_entropy(logits.flatten(0, 1), y.flatten()),
        }

    return make


ENCODERS = grouped(
    "nn.TransformerEncoder",
    Case("heads of 16", encoder()),
    Case(
        "4 heads, by 1/√d",
        encoder(head_size=None),
        (fault(ENCODER_ATTENTION, SCALE, 1 / 2),),
    ),
    Case("linear2 missed", encoder(lr={LINEAR2: 1}), (fault(LINEAR2, LR, 1),)),
)
