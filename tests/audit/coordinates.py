"""mup's coordinate check on any factory: its own statistics, and the rule of its test suite.

The rule (CoordCheckCase in mup/test/__main__.py of github.com/microsoft/mup at 0518b39): between
two widths that differ by 4, the mean of |h| of every layer, before each of 3 steps, differs by a
factor of less than 1.2.  It is given every chance: means over 3 networks a width, the factory's
rates and ten times them, either of which may find a fault (SGD's alone, which ten times as large
would diverge); an output may shrink, as that of a correct network does, and its init does not
count; nor does a tensor of fixed size that is not the output, such as logits before their
multiplier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.audit.zoo.cases import Factory, Made

TOLERANCE, STEPS, NETWORKS = 1.2, 3, 3
PAIR = (128, 512)
RATES = (1.0, 10.0)


class Farthest(NamedTuple):
    """The ratio between the widths that is farthest from 1."""

    ratio: float
    layer: str
    step: int
    rate: float

    @property
    def is_flat(self) -> bool:
        return 1 / TOLERANCE < self.ratio < TOLERANCE

    def __str__(self) -> str:
        if self.is_flat:
            return "flat"
        return f"`{self.layer}` × {self.ratio:.2g} at t = {self.step}"


class Reporting(nn.Module):
    """A factory's products as mup wants them: called with a batch, it returns its loss."""

    def __init__(self, made: Made) -> None:
        super().__init__()
        self.model = made["model"]
        self.loss = made.get("loss")
        self.trained = made

    def forward(self, batch: Any) -> dict[str, Tensor]:
        if isinstance(batch, dict):
            output = self.model(**batch)
        else:
            output = self.model(*batch) if isinstance(batch, tuple) else self.model(batch)
        return {"loss": self.loss(output) if self.loss else output.loss}


class Steps:
    """All optimizers of a factory, and its scheduler, as one."""

    def __init__(self, made: Made, rate: float) -> None:
        given = made["optimizer"]
        self.parts = given if isinstance(given, list) else [given]
        self.scheduler = made.get("scheduler")
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] *= rate

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        for part in self.parts:
            part.step()
        if self.scheduler is not None:
            self.scheduler.step()


def statistics(make: Factory, widths: Sequence[int], networks: int, rate: float = 1.0) -> Any:
    """mup's table of mean |h|, before each step; its own loop."""
    from mup import coord_check

    torch.compiler.set_stance("force_eager")
    shapes = shapes_of(make, widths[0])
    return coord_check._get_coord_data(
        {width: _maker(make, width) for width in widths},
        [{"batch": make(widths[0])["batch"]}],
        lambda model: Steps(model.trained, rate),
        nsteps=STEPS,
        nseeds=networks,
        dict_in_out=True,
        cuda=False,
        show_progress=False,
        filter_module_by_name=shapes.__contains__,
    )


def _maker(make: Factory, width: int) -> Callable[[], Reporting]:
    return lambda: Reporting(make(width))


def shapes_of(make: Factory, width: int) -> dict[str, tuple[int, ...]]:
    """Modules that return a tensor, in the order in which they do, and its shape."""
    torch.manual_seed(0)
    made = make(width)
    model = Reporting(made)
    shapes: dict[str, tuple[int, ...]] = {}

    def record(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)

        return hook

    for name, module in model.named_modules():
        if name:
            module.register_forward_hook(record(name))
    with torch.no_grad():
        model(made["batch"])
    return shapes


def farthest(make: Factory) -> Farthest:
    """What the rule looks at, over all layers, steps and rates."""
    narrow, wide = (shapes_of(make, width) for width in PAIR)
    fixed = {name for name, shape in narrow.items() if shape == wide.get(name)}
    # The last module to return is the model, unless that returns no tensor.
    output = next(reversed(narrow))
    is_sgd = isinstance(make(PAIR[0])["optimizer"], torch.optim.SGD)
    ratios = [
        found
        for rate in (RATES[:1] if is_sgd else RATES)
        for found in _ratios(statistics(make, PAIR, NETWORKS, rate), fixed, output, rate)
    ]
    return max(ratios, key=lambda one: abs(math.log(one.ratio)))


def _ratios(found: Any, fixed: set[str], output: str, rate: float) -> Iterator[Farthest]:
    sizes = found.groupby(["t", "module", "width"])["l1"].mean()
    yield Farthest(1.0, output, 1, rate)
    for step, name, width in sizes.index:
        if width != PAIR[1] or (name in fixed and (name != output or step == 1)):
            continue
        ratio = _ratio(*(float(sizes[step, name, one]) for one in reversed(PAIR)))
        layer = name.removeprefix("model.") if name != "model" else "the output"
        yield Farthest(max(1.0, ratio) if name == output else ratio, layer, int(step), rate)


def _ratio(wide: float, narrow: float) -> float:
    """Of two sizes; what overflows or is not a number is as large as can be."""
    if wide == narrow:
        return 1.0
    ratio = wide / narrow if narrow else math.inf
    return ratio if 0 < ratio < math.inf else 1e30
