"""Networks and optimizers of which one kind of thing is unusual."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.audit.zoo import gpt, mlp
from tests.audit.zoo.building import (
    BASE,
    NONE,
    Table,
    draw,
    groups,
    optimizer_of,
    scaled,
    vectors,
)
from tests.audit.zoo.cases import (
    DECAY,
    EPS,
    INIT,
    LR,
    MULTIPLIER,
    SCHEDULE,
    Case,
    Factory,
    Made,
    fault,
    grouped,
)

INPUTS, CLASSES = mlp.INPUTS, mlp.CLASSES
IN, BODY, OUT = mlp.WEIGHTS.values()


# ---- several optimizers ----------------------------------------------------------------------


class Both:
    """Optimizers that step together, as training frameworks wrap them."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, state: Iterable[dict[str, Any]]) -> None:
        for part, kept in zip(self.parts, state, strict=True):
            part.load_state_dict(kept)


def muon(
    join: Callable[..., Any] = Both, adjust: str = "original", lr: Table = NONE, base: float = 0.02
) -> Factory:
    """Muon for hidden matrices, AdamW for the rest.

    PyTorch's ``original`` leaves the orthogonal update of a square matrix as it is, which is right
    at a rate of n^0; ``match_rms_adamw`` multiplies it by n^(1/2).
    """

    def make(n: int) -> Made:
        made = mlp.mlp()(n)
        hidden = dict(made["model"].hidden.named_parameters(prefix="hidden"))
        rate = base * scaled({}, lr, "hidden.0.weight", n)
        inside = torch.optim.Muon(hidden.values(), lr=rate, weight_decay=0.0, adjust_lr_fn=adjust)
        rest = nn.ModuleDict({k: v for k, v in made["model"].named_children() if k != "hidden"})
        outside = optimizer_of("adam", rest, {OUT: -1}, lr, n)
        return {**made, "optimizer": join(inside, outside)}

    return make


def as_list(*parts: Any) -> list[Any]:
    return list(parts)


class Sign(torch.optim.Optimizer):
    """An optimizer that nobody knows: the sign of the gradient."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(parameter.grad.sign(), alpha=group["lr"])


def by_sign(lr: Table = NONE) -> Factory:
    def make(n: int) -> Made:
        made = mlp.mlp()(n)
        right = mlp.RIGHT_RATES["adam"]
        return {**made, "optimizer": Sign(groups(made["model"], 1e-3, right, lr, n), 1e-3)}

    return make


def adafactor(init: Table = NONE, lr: Table = NONE) -> Factory:
    """The weight's own size stands for part of the rate."""

    def make(n: int) -> Made:
        made = mlp.mlp(init=init)(n)
        rates = groups(made["model"], 1e-2, {BODY: -1 / 2}, lr, n)
        return {**made, "optimizer": torch.optim.Adafactor(rates, weight_decay=0.0)}

    return make


def penalised(decay: float) -> Factory:
    """Adam's own decay, which is part of the gradient that it normalises."""

    def make(n: int) -> Made:
        made = mlp.mlp()(n)
        rates = groups(made["model"], 1e-3, mlp.RIGHT_RATES["adam"], NONE, n)
        return {**made, "optimizer": torch.optim.Adam(rates, weight_decay=decay)}

    return make


OPTIMIZERS = grouped(
    "optimizers",
    Case("Muon and AdamW, two optimizers", muon(as_list)),
    Case("Muon and AdamW, wrapped", muon()),
    Case(
        "two optimizers, Muon's rate by 1/n",
        muon(as_list, lr={BODY: -1}),
        (fault(BODY, LR, -1),),
    ),
    Case(
        "wrapped, AdamW's head rate not scaled",
        muon(lr={OUT: 1}),
        (fault(OUT, LR, 1),),
    ),
    Case(
        "Muon, match_rms_adamw at one rate",
        muon(as_list, "match_rms_adamw"),
        (fault(BODY, LR, 1 / 2),),
    ),
    Case("Muon, match_rms_adamw by 1/√n", muon(as_list, "match_rms_adamw", {BODY: -1 / 2})),
    Case("an optimizer of one's own", by_sign()),
    Case(
        "one's own, hidden rate not scaled",
        by_sign({BODY: 1}),
        (fault(BODY, LR, 1),),
    ),
    Case(
        "AdamW, decay 0.1 at every width",
        mlp.mlp(weight_decay=0.1),
        # Decoupled: rate × decay is what shrinks a weight in a step.
        warnings=(fault(f"{BODY}|{OUT}", DECAY, -1),),
    ),
    Case(
        "Adam, L2 at every width",
        penalised(1e-4),
        # Beside gradients of n^-1 before the read-out, and of n^0 at it.
        warnings=(fault(IN, DECAY, 1), fault(BODY, DECAY, 1 / 2)),
    ),
    Case("Adafactor", adafactor()),
    Case(
        "Adafactor, read-out's std by 1/√n",
        adafactor(init={OUT: 1 / 2}),
        # The update is as large as the weight: one knob for both.
        (fault(OUT, INIT, 1 / 2),),
    ),
    Case(
        "Adam, eps beside some gradients",
        mlp.mlp(eps=3e-3),
        (fault(f"{IN}|{BODY}", EPS, 1),),
    ),
    Case(
        "Adam, eps above every gradient",
        mlp.mlp(eps=1.0),
        # Gradients are n^-1 before the read-out and n^0 at it: this is SGD with Adam's rates.
        (fault(f"{IN}|{BODY}", EPS, 1),),
        otherwise=(fault(f"{IN}|{BODY}", LR, -1),),
    ),
)


# ---- schedulers ------------------------------------------------------------------------------


def scheduled(scheduler: Callable[[torch.optim.Optimizer], Any]) -> Factory:
    def make(n: int) -> Made:
        made = mlp.mlp()(n)
        return {**made, "scheduler": scheduler(made["optimizer"])}

    return make


class OneRateForAll:
    """Warm-up as it is often written by hand: every group gets the same rate."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer, self.steps = optimizer, 0

    def step(self) -> None:
        self.steps += 1
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, self.steps / 4)


def warm_up(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 4))


def cosine(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1000)


SCHEDULERS = grouped(
    "schedulers",
    Case("warm-up by a factor", scheduled(warm_up)),
    Case("cosine to zero", scheduled(cosine)),
    Case(
        "warm-up that sets one rate for all",
        scheduled(OneRateForAll),
        (fault(f"{BODY}|{OUT}", SCHEDULE, 1),),
    ),
    Case(
        "OneCycleLR with one max_lr",
        scheduled(
            lambda made: torch.optim.lr_scheduler.OneCycleLR(made, max_lr=1e-3, total_steps=100)
        ),
        (fault(f"{BODY}|{OUT}", SCHEDULE, 1),),
        # It overwrites the rates when it is made, so they are wrong from the start.
        otherwise=(fault(f"{BODY}|{OUT}", LR, 1),),
    ),
)


# ---- networks --------------------------------------------------------------------------------


def network(
    build: Callable[[int], nn.Module],
    stds: Table,
    right_init: Table,
    right_rates: Table,
    *,
    batch: Callable[[Tensor], Any] = lambda x: x,
) -> Callable[..., Factory]:
    """A family on vectors, under AdamW: called with powers to add, it gives a factory."""

    def family(init: Table = NONE, lr: Table = NONE) -> Factory:
        def make(n: int) -> Made:
            model = build(n)
            draw(model, stds, right_init, init, n)
            x, y = vectors(32, INPUTS, CLASSES)
            return {
                "model": model,
                "optimizer": optimizer_of("adam", model, right_rates, lr, n),
                "batch": batch(x),
                "loss": lambda output: functional.cross_entropy(output, y),
            }

        return make

    return family


class Gated(nn.Module):
    """A residual block of gated units between a read-in and a read-out."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.read_in = nn.Linear(INPUTS, n, bias=False)
        self.norm = nn.RMSNorm(n)
        self.gate, self.up, self.down = (
            nn.Linear(*sizes, bias=False) for sizes in ((n, 2 * n), (n, 2 * n), (2 * n, n))
        )
        self.read_out = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Any:
        h = self.read_in(x)
        z = self.norm(h)
        return self.read_out(h + self.down(functional.silu(self.gate(z)) * self.up(z)))


GATED = r"(gate|up|down)\.weight"
gated = network(
    Gated,
    {IN: 1 / 8, GATED: 1 / 8, OUT: 1 / 8},
    {GATED: -1 / 2, OUT: -1},
    {GATED: -1, OUT: -1},
)


class Experts(nn.Module):
    """Two of four experts a token, their weights raw tensors with the expert first."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.read_in = nn.Linear(INPUTS, n, bias=False)
        self.router = nn.Linear(n, 4, bias=False)
        self.up = nn.Parameter(torch.empty(4, n, 2 * n))
        self.down = nn.Parameter(torch.empty(4, 2 * n, n))
        self.read_out = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Any:
        h = torch.tanh(self.read_in(x))
        share, chosen = torch.softmax(self.router(h), -1).topk(2, -1)
        all_of_them = torch.einsum(
            "bes,esn->ben", functional.gelu(torch.einsum("bn,ens->bes", h, self.up)), self.down
        )
        found = all_of_them.gather(1, chosen[..., None].expand(-1, -1, h.shape[-1]))
        return self.read_out(h + (share[..., None] * found).sum(1))


EXPERTS = "up|down"
ROUTER = r"router\.weight"
experts = network(
    Experts,
    {IN: 1 / 8, EXPERTS: 1 / 8, ROUTER: 1 / 16, OUT: 1 / 8},
    {EXPERTS: -1 / 2, ROUTER: -1, OUT: -1},
    {EXPERTS: -1, ROUTER: -1, OUT: -1},
)


class Multiplied(nn.Module):
    """One rate for all: multipliers of n^-1 on weights that grow, as Adam's μP gauge asks."""

    def __init__(self, n: int, missed: bool) -> None:
        super().__init__()
        self.chain = mlp.Chain(n)
        self.scale = BASE / n
        self.missed = missed

    def forward(self, x: Tensor) -> Any:
        first, second = self.chain.hidden
        h = functional.relu(self.chain.read_in(x))
        h = functional.relu(first(h) * self.scale)
        h = functional.relu(second(h) if self.missed else second(h) * self.scale)
        return self.chain.read_out(h) * self.scale


def multiplied(missed: bool = False, lr: Table = NONE) -> Factory:
    body, out = r"chain\.hidden.*", r"chain\.read_out.*"

    def build(n: int) -> nn.Module:
        return Multiplied(n, missed)

    stds = {r"chain\.read_in.*": 1 / 8, body: (2 / 64) ** 0.5, out: 1 / 8}
    return network(build, stds, {body: 1 / 2}, {})(lr=lr)


class Concatenated(nn.Module):
    """Half of the width from each of two embeddings."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.wte, self.kind = nn.Embedding(64, n // 2), nn.Embedding(64, n // 2)
        self.hidden = nn.ModuleList([nn.Linear(n, n)])
        self.read_out = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Any:
        ids = x[:, 0].abs().mul(20).long().clamp(max=63)
        h = torch.cat([self.wte(ids), self.kind(63 - ids)], -1)
        for layer in self.hidden:
            h = torch.tanh(layer(h))
        return self.read_out(h)


concatenated = network(
    Concatenated,
    {r"hidden\.0\.weight": 1 / 8, r"hidden\.0\.bias": 0, OUT: 1 / 8},
    {r"hidden\.0\.weight": -1 / 2, OUT: -1},
    {r"hidden\.0\.weight": -1, OUT: -1},
)


class Residual(nn.Module):
    """Two blocks without norms, whose last layers start at zero."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.read_in = nn.Linear(INPUTS, n, bias=False)
        self.first = nn.ModuleList(nn.Linear(n, n, bias=False) for _ in range(2))
        self.last = nn.ModuleList(nn.Linear(n, n, bias=False) for _ in range(2))
        self.read_out = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Any:
        h = self.read_in(x)
        for first, last in zip(self.first, self.last, strict=True):
            h = h + last(torch.tanh(first(h)))
        return self.read_out(h)


BLOCKS, LAST = r"(first|last)\.\d\.weight", r"last\.\d\.weight"
RESIDUAL: tuple[Table, Table] = ({BLOCKS: -1 / 2, OUT: -1}, {BLOCKS: -1, OUT: -1})
zero_branches = network(Residual, {IN: 1 / 8, BLOCKS: 1 / 8, LAST: 0, OUT: 1 / 8}, *RESIDUAL)
all_zero = network(Residual, {IN: 1 / 8, BLOCKS: 1 / 8, LAST: 0, OUT: 0}, *RESIDUAL)


class RootOfWidth(nn.Module):
    """Embeddings of std n^-1/2, multiplied by √n, as Gemma has them."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, n)
        self.norm = nn.RMSNorm(n)
        self.hidden = nn.ModuleList([nn.Linear(n, n, bias=False)])
        self.read_out = nn.Linear(n, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Any:
        ids = x[:, 0].abs().mul(20).long().clamp(max=63)
        h = self.embed(ids) * self.embed.embedding_dim**0.5
        h = h + torch.tanh(self.hidden[0](self.norm(h)))
        return self.read_out(h)


EMBED = r"embed\.weight"
root_of_width = network(
    RootOfWidth,
    {EMBED: 1 / 8, BODY: 1 / 8, OUT: 1 / 8},
    {EMBED: -1 / 2, BODY: -1 / 2, OUT: -1},
    {EMBED: -1 / 2, BODY: -1, OUT: -1},
)


class Unused(mlp.Chain):
    """A layer that nothing calls."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.unused = nn.Linear(n, n)


class Nested(mlp.Chain):
    """Called with a tuple in a tuple, and a number."""

    def forward(self, pair: tuple[Tensor, Tensor], weight: Tensor) -> Any:  # type: ignore[override]
        left, right = pair
        return super().forward(left * weight + right * (1 - weight))


class Losing(mlp.Chain):
    """Returns its loss beside its output."""

    def forward(self, x: Tensor, y: Tensor) -> Any:  # type: ignore[override]
        output = super().forward(x)
        return SimpleNamespace(logits=output, loss=functional.cross_entropy(output, y))


def chain(
    kind: type[mlp.Chain], lr: Table = NONE, batch: Callable[..., Any] | None = None
) -> Factory:
    """A chain of another kind, with its own batch; a loss of its own where it has none."""

    def make(n: int) -> Made:
        model = kind(n)
        draw(model, mlp.STDS, mlp.RIGHT_INIT, {}, n)
        x, y = vectors(32, INPUTS, CLASSES)
        made = {
            "model": model,
            "optimizer": optimizer_of("adam", model, mlp.RIGHT_RATES["adam"], lr, n),
            "batch": batch(x, y) if batch else x,
        }
        if kind is not Losing:
            made["loss"] = lambda output: functional.cross_entropy(output, y)
        return made

    return make


def nested(x: Tensor, y: Tensor) -> Any:
    return (x, x.flip(0)), torch.tensor(0.75)


def with_labels(x: Tensor, y: Tensor) -> Any:
    return x, y


def compiled(make: Factory) -> Factory:
    def made(n: int) -> Made:
        found = make(n)
        return {**found, "model": torch.compile(found["model"])}

    return made


def seeded(make: Factory) -> Factory:
    """As scripts do it: whatever is set from outside, the weights are always these."""

    def made(n: int) -> Made:
        torch.manual_seed(1337)
        return make(n)

    return made


def frozen_positions() -> Factory:
    """Positions that nobody trains, as sinusoids are; tokens beside them are trained."""
    make = gpt.gpt()

    def made(n: int) -> Made:
        found = make(n)
        positions = found["model"].wpe.weight
        positions.requires_grad_(False)
        for group in found["optimizer"].param_groups:
            group["params"] = [one for one in group["params"] if one is not positions]
        return found

    return made


def as_dict(make: Factory) -> Factory:
    def made(n: int) -> Made:
        found = make(n)
        return {**found, "batch": {"ids": found["batch"]}}

    return made


NETWORKS = grouped(
    "unusual networks",
    Case("gated units", gated()),
    Case(
        "gate's rate not scaled", gated(lr={r"gate\.weight": 1}), (fault(r"gate\.weight", LR, 1),)
    ),
    Case(
        "gated units, down's std not scaled",
        gated(init={r"down\.weight": 1 / 2}),
        (fault(r"down\.weight", INIT, 1 / 2),),
    ),
    Case("MoE, experts as raw tensors", experts()),
    Case("MoE, experts' rate not scaled", experts(lr={EXPERTS: 1}), (fault(EXPERTS, LR, 1),)),
    Case("MoE, router's rate not scaled", experts(lr={ROUTER: 1}), (fault(ROUTER, LR, 1),)),
    Case("one rate, multipliers everywhere", multiplied()),
    Case(
        "a multiplier missed",
        multiplied(missed=True),
        (fault(r"chain\.hidden\.1\.weight", MULTIPLIER, 1),),
        otherwise=(
            fault(r"chain\.hidden\.1\.weight", INIT, 1),
            fault(r"chain\.hidden\.1\.weight", LR, 1),
        ),
    ),
    Case("two embeddings, concatenated", concatenated()),
    Case(
        "concatenated, one's rate by 1/n",
        concatenated(lr={r"kind\.weight": -1}),
        (fault(r"kind\.weight", LR, -1),),
    ),
    Case("branches that start at zero", zero_branches()),
    Case(
        "zero branches, their first layers' rate by 1/√n too small",
        zero_branches(lr={r"first\.\d\.weight": -1 / 2}),
        (fault(r"first\.\d\.weight", LR, -1 / 2),),
    ),
    Case("branches and read-out that start at zero", all_zero()),
    Case(
        "zero branches and read-out, last layers' rate by 1/n too small",
        all_zero(lr={LAST: -1}),
        (fault(LAST, LR, -1),),
    ),
    Case(
        "zero branches and read-out, last layers' rate not scaled",
        all_zero(lr={LAST: 1}),
        (fault(LAST, LR, 1),),
    ),
    Case("embeddings times √n", root_of_width()),
    Case(
        "embeddings times √n, rate n^0",
        root_of_width(lr={EMBED: 1 / 2}),
        (fault(EMBED, LR, 1 / 2),),
    ),
    Case("positions frozen", frozen_positions()),
    Case("a layer that nothing calls", chain(Unused), idle=r"unused\..*"),
    Case("a tuple in a tuple as batch", chain(Nested, batch=nested)),
    Case("a dict as batch", as_dict(gpt.gpt())),
    Case("loss inside the model", chain(Losing, batch=with_labels)),
    Case(
        "loss inside, hidden rate not scaled",
        chain(Losing, {BODY: 1}, with_labels),
        (fault(BODY, LR, 1),),
    ),
    Case("torch.compile'd", compiled(mlp.mlp())),
    Case(
        "torch.compile'd, read-out's rate not scaled",
        compiled(mlp.mlp(lr={OUT: 1})),
        (fault(r"(_orig_mod\.)?" + OUT, LR, 1),),
    ),
    Case("torch.manual_seed in the factory", seeded(mlp.mlp())),
    Case(
        "NTP, asked for as NTP",
        mlp.mlp(init={OUT: 1 / 2}, lr={f"{IN}|{BODY}": -1 / 2}),
        target="ntp",
        richness=0,
    ),
    Case(
        "μP, asked for as NTP",
        mlp.mlp(),
        (fault(OUT, INIT, -1 / 2), fault(f"{IN}|{BODY}", LR, 1 / 2)),
        target="ntp",
    ),
)
