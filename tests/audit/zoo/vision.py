"""Convolutions: a ResNet with BatchNorm, and plain ones.  The width is four times the channels."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from tests.audit.zoo.building import NONE, Table, draw, images, optimizer_of
from tests.audit.zoo.cases import INIT, LR, Case, Factory, Made, fault, grouped

STEM = r"stem\.weight"
CONVOLUTIONS = r"blocks\.\d\.(conv\d|shortcut)\.weight"
HEAD = r"head\.weight"
STDS = {HEAD: 0.25}
#: PyTorch draws convolutions with fan_in^-1/2.
RIGHT_INIT = {HEAD: -1}
RIGHT_RATES: dict[str, Table] = {
    "adam": {CONVOLUTIONS: -1, HEAD: -1},
    "sgd": {".*": 1, CONVOLUTIONS: 0, HEAD: -1, r"head\.bias": 0},
}


class Residual(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
        self.norm1, self.norm2, self.norm3 = (nn.BatchNorm2d(after) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(h + self.norm3(self.shortcut(x)))


class ResNet(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        sizes = [(channels, channels, 1), (channels, 2 * channels, 2)]
        self.blocks = nn.ModuleList(Residual(*size) for size in sizes)
        self.head = nn.Linear(2 * channels, 10)

    def forward(self, x: Tensor) -> Any:
        h = functional.relu(self.norm(self.stem(x)))
        for block in self.blocks:
            h = block(h)
        return self.head(h.mean((2, 3)))


class Plain(nn.Module):
    """No norms: sizes are those of the weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, 1, 1)
        self.blocks = nn.ModuleList([nn.ModuleDict({"conv1": nn.Conv2d(channels, channels, 3, 2)})])
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Any:
        h = functional.relu(self.stem(x))
        for block in self.blocks:
            h = functional.relu(block["conv1"](h))  # type: ignore[index]
        return self.head(h.mean((2, 3)))


def convolutional(
    net: type[nn.Module] = ResNet,
    optimizer: str = "adam",
    init: Table = NONE,
    lr: Table = NONE,
    **options: float,
) -> Factory:
    def make(n: int) -> Made:
        model = net(n // 4)
        draw(model, STDS, RIGHT_INIT, init, n)
        for name, parameter in model.named_parameters():
            if "conv" in name and name.endswith("bias"):
                nn.init.zeros_(parameter)
        made = optimizer_of(optimizer, model, RIGHT_RATES[optimizer], lr, n, **options)
        x, y = images(8, 8, 10)
        return {
            "model": model,
            "optimizer": made,
            "batch": x,
            "loss": lambda output: functional.cross_entropy(output, y),
        }

    return make


SHORTCUT = r"blocks\.1\.shortcut\.weight"

CASES = grouped(
    "convolutions",
    Case("ResNet with BatchNorm", convolutional()),
    Case("ResNet, SGD with momentum", convolutional(optimizer="sgd", momentum=0.9)),
    Case(
        "ResNet, a shortcut missed",
        convolutional(lr={SHORTCUT: 1}),
        (fault(SHORTCUT, LR, 1),),
    ),
    Case(
        "ResNet, stem's rate by 1/n",
        convolutional(lr={STEM: -1}),
        (fault(STEM, LR, -1),),
    ),
    Case("plain convolutions", convolutional(Plain)),
    Case(
        "plain, hidden rate not scaled",
        convolutional(Plain, lr={CONVOLUTIONS: 1}),
        (fault(CONVOLUTIONS, LR, 1),),
    ),
    Case(
        "plain, read-out's std by 1/√n",
        convolutional(Plain, init={HEAD: 1 / 2}),
        (fault(HEAD, INIT, 1 / 2),),
    ),
)
