"""A small GPT as many people write one, with the rules of μP added, right and with a fault.

    richc audit examples/audit/nanogpt.py:make           # μP
    richc audit examples/audit/nanogpt.py:root_of_d      # attention by 1/√d, named with its line
    richc audit examples/audit/nanogpt.py:missed         # a name that no longer matches a group

What μP changes in it: hidden matrices start at fan_in^-1/2 and learn at 1/n, attention is scaled
by 1/d, and logits are divided by the width.
"""

import torch
from torch import nn
from torch.nn import functional

BASE, HEADS, VOCABULARY, LENGTH = 64, 4, 64, 16


class Block(nn.Module):
    def __init__(self, width, by_root):
        super().__init__()
        self.by_root = by_root
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.up_proj = nn.Linear(width, 4 * width, bias=False)
        self.down_proj = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        heads = self.qkv(self.norm1(x)).unflatten(-1, (3, HEADS, -1)).transpose(1, 3)
        q, k, v = heads.unbind(2)
        d = q.shape[-1]
        scale = d**-0.5 if self.by_root else (BASE // HEADS) ** 0.5 / d
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        x = x + self.proj(mixed.transpose(1, 2).flatten(2))
        return x + self.down_proj(functional.gelu(self.up_proj(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, width, by_root=False):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(LENGTH, width)
        self.blocks = nn.ModuleList(Block(width, by_root) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        self.multiplier = BASE / width
        for name, weight in self.named_parameters():
            if "proj" in name or "qkv" in name:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
            elif "head" in name:
                nn.init.normal_(weight, std=0.1)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)) * self.multiplier


def make(width, *, by_root=False, hidden=("qkv", "proj")):
    model = GPT(width, by_root)
    slow, fast = [], []
    for name, weight in model.named_parameters():
        (slow if any(word in name for word in hidden) else fast).append(weight)
    optimizer = torch.optim.AdamW(
        [{"params": fast, "lr": 1e-3}, {"params": slow, "lr": 1e-3 * BASE / width}],
        weight_decay=0.0,
    )
    text = torch.randint(VOCABULARY, (4, LENGTH + 1))
    ids, following = text[:, :-1], text[:, 1:]
    return {
        "model": model,
        "optimizer": optimizer,
        "batch": ids,
        "loss": lambda logits: functional.cross_entropy(logits.flatten(0, 1), following.flatten()),
    }


def root_of_d(width):
    return make(width, by_root=True)


def missed(width):
    return make(width, hidden=("qkv", ".proj", "up_proj"))
