"""A chain of dense layers under Adam, right and with a fault.

richc audit examples/audit/mlp.py:make         # μP
richc audit examples/audit/mlp.py:one_rate     # hidden layers and read-out learn too fast
richc audit examples/audit/mlp.py:big_read_out # its std is n^-1/2, and n^-1 is right
"""

import torch
from torch import nn
from torch.nn import functional

BASE = 64  # the width at which rates and stds were chosen


def make(width, *, scale_rates=True, read_out_power=1.0):
    m = width / BASE
    model = nn.Sequential(
        nn.Linear(64, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )
    read_in, hidden, read_out = model[0], model[2], model[4]
    nn.init.normal_(read_in.weight, std=64**-0.5)
    nn.init.normal_(hidden.weight, std=(2 / width) ** 0.5)
    nn.init.normal_(read_out.weight, std=BASE**-0.5 * m**-read_out_power)
    for layer in (read_in, hidden, read_out):
        nn.init.zeros_(layer.bias)

    matrices = [hidden.weight, read_out.weight]
    others = [read_in.weight, read_in.bias, hidden.bias, read_out.bias]
    optimizer = torch.optim.Adam(
        [
            {"params": others, "lr": 1e-3},
            {"params": matrices, "lr": 1e-3 / m if scale_rates else 1e-3},
        ]
    )
    x, y = torch.randn(32, 64), torch.randint(10, (32,))
    return {
        "model": model,
        "optimizer": optimizer,
        "batch": x,
        "loss": lambda output: functional.cross_entropy(output, y),
    }


def one_rate(width):
    return make(width, scale_rates=False)


def big_read_out(width):
    return make(width, read_out_power=0.5)
