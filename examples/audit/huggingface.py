"""A Hugging Face Llama from its config, μP outside of the model, right and with a fault.

    pip install transformers
    richc audit examples/audit/huggingface.py:make       # μP
    richc audit examples/audit/huggingface.py:missed     # one matrix of each block learns too fast
    richc audit examples/audit/huggingface.py:untouched  # as it comes

Heads keep their size of 16 and grow in number, so attention by 1/√d is right.  The model returns
its loss, so the factory returns none.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

BASE = 64


def build(width):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64,
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=width // 16,
            num_key_value_heads=width // 32,
            tie_word_embeddings=False,
        )
    )


def products(model, optimizer):
    ids = torch.randint(64, (2, 12))
    batch = {"input_ids": ids, "labels": ids, "use_cache": False}
    return {"model": model, "optimizer": optimizer, "batch": batch}


def make(width, *, forgotten="nothing"):
    m = width / BASE
    model = build(width)
    groups = []
    for name, weight in model.named_parameters():
        rate = 1e-3
        if "_proj" in name:  # a hidden matrix, drawn with a std of 0.02 at every width
            weight.data *= m**-0.5
            rate = rate / m if forgotten not in name else rate
        elif "lm_head" in name:
            weight.data /= m
            rate /= m
        groups.append({"params": [weight], "lr": rate})
    return products(model, torch.optim.AdamW(groups, weight_decay=0.0))


def missed(width):
    return make(width, forgotten="down_proj")


def untouched(width):
    model = build(width)
    return products(model, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0))
