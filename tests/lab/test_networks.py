"""``richc.lab.networks`` against the plainest loop: the emitted module and the emitted optimizer.

The loop trains one network in double precision, and asks what a part of a step did by putting that
part alone in its place and subtracting.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from richc.compilation import program as emit
from richc.lab.networks import Networks, Record, Slice
from richc.lab.program import Program
from richc.lab.weights import Dense, Factored
from richc.pipeline import analyse

WIDTH, RATE, STEPS = 10, 0.5, 3
INPUTS, OUTPUTS, BATCH = 5, 3, 7

#: What is held in double precision throughout, and products in single precision over three steps.
EXACT, SINGLE = 1e-10, 3e-6

SGD = (
    "sgd { lr = 0.1 }",
    "sgd { lr = 0.1, momentum = 0.9 }",
    "sgd { lr = 0.1, momentum = 0.7, nesterov = true }",
)
ADAM = "adam { lr = 0.05 }"
OTHERS = (
    ADAM,
    "adam { lr = 0.05, betas = (0.8, 0.95), amsgrad = true }",
    "adamw { lr = 0.05 }",
    "lion { lr = 0.02 }",
    "signsgd { lr = 0.02 }",
    "signsgd { lr = 0.02, momentum = 0.9 }",
    "adafactor { lr = 0.05 }",
    "muon { lr = 0.05, shape_factor = spectral }",
    "muon { lr = 0.05, shape_factor = match_rms_adamw, momentum = 0.9, nesterov = true }",
)

BIAS = "bias { std = 0.5, scale = 2, lr = 0.7 }"

#: Read-in, hidden layer and read-out: multipliers on either side of the product, own rates.
LAYERS = {
    "plain": ("std = 1, lr = 1", "std = n^(-1/2), lr = 1", "std = n^(-1/2), lr = 1"),
    "biases": (
        f"std = 1, lr = 1, {BIAS}",
        f"std = n^(-1/2), lr = 1, {BIAS}",
        f"std = n^(-1/2), lr = 1, {BIAS}",
    ),
    "multipliers": (
        "scale = 3/2, std = 1, lr = 2",
        f"scale = n^(-1/2), std = 1, lr = 3, dist = uniform, {BIAS}",
        "scale = n^(-1), std = 2, lr = 1/2, dist = orthogonal",
    ),
    "frozen": (
        f"std = 1, lr = 1, {BIAS}",
        "std = n^(-1/2), frozen",
        f"std = n^(-1/2), lr = 1, {BIAS}",
    ),
    "frozen ends": (
        "std = 1, frozen",
        f"std = n^(-1/2), lr = 1, {BIAS}",
        "std = n^(-1/2), frozen, bias { std = 1, frozen }",
    ),
    "still": ("std = 1, frozen", "std = n^(-1/2), frozen", "std = n^(-1/2), frozen"),
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small matrices gain nothing from threads, which wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


MOVING = [name for name in LAYERS if name != "still"]


@functools.cache
def program_of(optimizer: str, layers: str = "biases", loss: str = "mse") -> Program:
    read_in, hidden, head = LAYERS[layers]
    text = f"""
model net {{
  width n = {WIDTH}
  input {INPUTS}
  a: dense -> n {{ {read_in} }}
  tanh
  b: dense -> 2*n {{ {hidden} }}
  gelu
  out: dense -> {OUTPUTS} {{ {head} }}
  optimizer {optimizer}
  loss {loss}
}}
"""
    found = analyse(text)
    assert 1 == len(found.models), [d.message for d in found.diagnostics]
    (result,) = found.models
    return Program(emit(result), result.spec)


def networks(
    program: Program, seeds: Sequence[int], *, is_linear: bool | None = None, mirrored: bool = False
) -> Networks:
    return Networks(
        program.module,
        program.network(WIDTH),
        seeds,
        rate=RATE,
        steps=STEPS,
        is_linear=program.is_linear if is_linear is None else is_linear,
        mirrored=mirrored,
    )


class Loop:
    """One network, as a user's loop would train it; only the loss is of f less f at init."""

    def __init__(self, program: Program, seed: int, *, negated: bool = False) -> None:
        self.program = program
        self.batch = program.batch(BATCH, None, None)
        self.model = program.network(WIDTH)
        self.model.reset_parameters(torch.Generator().manual_seed(seed))  # type: ignore[operator]
        self.model.double()
        self.layers = [m for m in self.model.modules() if isinstance(m, program.module.Dense)]
        if negated:
            self.layers[-1].weight.data.neg_()
        self.optimizer = self.model.make_optimizer()  # type: ignore[operator]
        for group in self.optimizer.param_groups:
            group["lr"] *= RATE
        self.origin = self.heights(self.parameters())[-1]

    def parameters(self) -> dict[Slice, Tensor]:
        return {part: p.detach().clone() for part, p in self.tensors()}

    def tensors(self) -> Iterator[tuple[Slice, nn.Parameter]]:
        for index, layer in enumerate(self.layers):
            for name in ("weight", "bias"):
                tensor = getattr(layer, name, None)
                if tensor is not None:
                    yield Slice(index, name == "bias"), tensor

    def heights(self, values: dict[Slice, Tensor]) -> list[Tensor]:
        """What each layer puts out where the network has these values."""
        found: list[Tensor] = []
        handles = [
            layer.register_forward_hook(lambda _module, _inputs, output: found.append(output))
            for layer in self.layers
        ]
        own = {part: p.data for part, p in self.tensors()}
        with torch.no_grad():
            for part, p in self.tensors():
                p.data = values[part]
            self.model(self.batch.x)
            for part, p in self.tensors():
                p.data = own[part]
        for handle in handles:
            handle.remove()
        return found

    def step(self) -> None:
        self.optimizer.zero_grad()
        moved = self.model(self.batch.x) - self.origin
        self.program.loss(moved, self.batch.y).backward()
        self.optimizer.step()


class Seen(NamedTuple):
    """What networks show in one step: heights before it, and their changes by what moved."""

    heights: list[Tensor]
    changes: list[list[Tensor]]


def by_loop(loop: Loop) -> tuple[list[Seen], list[Tensor]]:
    """Every step, and the changes over all of them."""
    seen = []
    first = loop.heights(loop.parameters())
    parts = [part for part, p in loop.tensors() if p.requires_grad]
    for _ in range(STEPS):
        before = loop.parameters()
        heights = loop.heights(before)
        loop.step()
        after = loop.parameters()
        variants = [after, *({**before, part: after[part]} for part in parts)]
        changes = [
            [new - old for new, old in zip(loop.heights(variant), heights, strict=True)]
            for variant in variants
        ]
        seen.append(Seen(heights, changes))
    last = loop.heights(loop.parameters())
    return seen, [new - old for new, old in zip(last, first, strict=True)]


def by_networks(found: Networks, program: Program) -> tuple[list[Seen], list[Tensor]]:
    """The same of stacked networks: a leading dimension more."""
    batch = program.batch(BATCH, None, None)
    seen = []
    records: list[Record] = []
    variants = [frozenset(found.parts), *(frozenset({part}) for part in found.parts)]
    for _ in range(STEPS):
        record = found.step(batch.x, batch.y, program.loss)
        records.append(record)
        after = found.after_step(record, variants)
        changes = [
            [h[:, v] - old for h, old in zip(after, record.heights, strict=True)]
            for v in range(len(variants))
        ]
        seen.append(Seen(record.heights, changes))
    last = found.since_start(records[0])
    return seen, [new - old for new, old in zip(last, records[0].heights, strict=True)]


def distance(expected: Tensor, actual: Tensor) -> float:
    """Relative to the expected: 0 where both are exactly zero."""
    assert expected.shape == actual.shape
    size = float(expected.norm())
    error = float((expected - actual).norm())
    return error / size if size else error


def assert_same(program: Program, found: Networks, loops: Sequence[Loop], tolerance: float) -> None:
    seen, travel = by_networks(found, program)
    for place, loop in enumerate(loops):
        plain, plain_travel = by_loop(loop)
        assert len(plain) == len(seen)
        for expected, actual in zip(plain, seen, strict=True):
            pairs = [*zip(expected.heights, actual.heights, strict=True)]
            for wanted, got in zip(expected.changes, actual.changes, strict=True):
                pairs += zip(wanted, got, strict=True)
            worst = max(distance(wanted, got[place]) for wanted, got in pairs)
            assert worst < tolerance
        for far, its_far in zip(plain_travel, travel, strict=True):
            assert distance(far, its_far[place]) < tolerance
        # Something moved, or nothing was compared.
        assert 0.001 < float(plain_travel[-1].square().mean().sqrt()) < 100


@pytest.mark.parametrize("layers", MOVING)
@pytest.mark.parametrize("optimizer", [*SGD, *OTHERS])
def test_stacked_networks_train_as_a_plain_loop(optimizer: str, layers: str) -> None:
    program = program_of(optimizer, layers)
    seeds = [3, 14]

    found = networks(program, seeds)
    loops = [Loop(program, seed) for seed in seeds]
    assert_same(program, found, loops, SINGLE if program.is_linear else EXACT)


@pytest.mark.parametrize("optimizer", [SGD[2], ADAM])
def test_a_classifier(optimizer: str) -> None:
    program = program_of(optimizer, loss="cross_entropy")

    found = networks(program, [3, 14])
    loops = [Loop(program, seed) for seed in (3, 14)]
    assert_same(program, found, loops, SINGLE if program.is_linear else EXACT)


@pytest.mark.parametrize("optimizer", [SGD[1], ADAM])
def test_mirrored_networks_are_those_of_the_negative_readout(optimizer: str) -> None:
    program = program_of(optimizer)

    found = networks(program, [3, 14], mirrored=True)
    loops = [Loop(program, seed, negated=True) for seed in (3, 14)]
    assert len(loops) == found.count
    assert_same(program, found, loops, SINGLE if program.is_linear else EXACT)


@pytest.mark.parametrize("optimizer", [*SGD, *OTHERS])
def test_no_network_knows_of_its_neighbours(optimizer: str) -> None:
    program = program_of(optimizer)
    together, travel = by_networks(networks(program, [1, 2, 3]), program)

    for place, seed in enumerate((1, 2, 3)):
        alone, its_travel = by_networks(networks(program, [seed]), program)
        for expected, actual in zip(alone, together, strict=True):
            for wanted, got in zip(expected.heights, actual.heights, strict=True):
                assert distance(wanted[0], got[place]) < (SINGLE if program.is_linear else EXACT)
        assert distance(its_travel[-1][0], travel[-1][place]) < (
            SINGLE if program.is_linear else EXACT
        )
    assert distance(travel[-1][0], travel[-1][1]) > 0.01


@pytest.mark.parametrize("optimizer", SGD)
@pytest.mark.parametrize("layers", MOVING)
def test_factors_are_what_the_weights_are(optimizer: str, layers: str) -> None:
    """The same optimizer on coefficients and on the weights themselves."""
    program = program_of(optimizer, layers)
    factored = networks(program, [1, 2], is_linear=True)
    dense = networks(program, [1, 2], is_linear=False)
    assert [{Factored}, {Dense}] == [
        {type(weight) for weight in found._weights.values()} for found in (factored, dense)
    ]

    expected, travel = by_networks(dense, program)
    actual, its_travel = by_networks(factored, program)
    for wanted, got in zip(expected, actual, strict=True):
        for one, other in zip(wanted.changes, got.changes, strict=True):
            for a, b in zip(one, other, strict=True):
                assert distance(a, b) < SINGLE
    assert distance(travel[-1], its_travel[-1]) < SINGLE
    assert dense.states().keys() == factored.states().keys()
    for part, size in dense.states().items():
        assert distance(size, factored.states()[part]) < SINGLE


@pytest.mark.parametrize("optimizer", SGD)
def test_dense_weights_of_sgd_are_exact(optimizer: str) -> None:
    program = program_of(optimizer)

    found = networks(program, [3], is_linear=False)
    assert_same(program, found, [Loop(program, 3)], EXACT)


#: What is remembered, in torch's words or in the emitted optimizer's, and whether it is squared.
STATES = {
    SGD[0]: None,
    SGD[1]: ("momentum_buffer", False),
    SGD[2]: ("momentum_buffer", False),
    ADAM: ("exp_avg_sq", True),
    "adamw { lr = 0.05 }": ("exp_avg_sq", True),
    "lion { lr = 0.02 }": ("momentum", False),
    "signsgd { lr = 0.02 }": None,
    "signsgd { lr = 0.02, momentum = 0.9 }": ("momentum", False),
    "muon { lr = 0.05, shape_factor = spectral }": ("momentum_buffer", False),
}


@pytest.mark.parametrize("optimizer", STATES)
@pytest.mark.parametrize("layers", ["biases", "frozen"])
def test_states_are_what_the_optimizer_remembers(optimizer: str, layers: str) -> None:
    program = program_of(optimizer, layers)
    found = networks(program, [3, 14])
    by_networks(found, program)
    state = found.states()

    wanted = STATES[optimizer]
    if wanted is None:
        assert {} == state
        return
    name, is_square = wanted
    trained = 0
    for place, seed in enumerate((3, 14)):
        loop = Loop(program, seed)
        by_loop(loop)
        for part, tensor in loop.tensors():
            if not tensor.requires_grad:
                assert part not in state
                continue
            trained += 1
            held = loop.optimizer.state[tensor][name]
            size = (held if is_square else held.square()).mean().sqrt()
            assert distance(size, state[part][place]) < (SINGLE if program.is_linear else EXACT)
    assert 2 * len(state) == trained


def test_states_of_adafactor() -> None:
    """Second moments by rows, and of a bias as they are."""
    program = program_of("adafactor { lr = 0.05 }")
    found = networks(program, [3])
    by_networks(found, program)
    loop = Loop(program, 3)
    by_loop(loop)

    for part, tensor in loop.tensors():
        held = loop.optimizer.state[tensor]
        name = "variance" if part.is_bias else "row_var"
        assert distance(held[name].double().mean().sqrt(), found.states()[part][0]) < EXACT


def test_a_network_of_nothing_that_trains() -> None:
    program = program_of(ADAM, "still")
    found = networks(program, [1, 2])

    assert [] == found.parts
    assert [Slice(0, False), Slice(1, False), Slice(2, False)] == found.tensors
    seen, travel = by_networks(found, program)
    assert {} == found.states()
    assert 0.0 == max(float(change.abs().max()) for change in travel)
    assert distance(seen[0].heights[-1], seen[-1].heights[-1]) == 0.0


@pytest.mark.parametrize("layers", ["biases", "multipliers"])
def test_readouts_are_drawn_anew_on_the_last_pass(layers: str) -> None:
    program = program_of(ADAM, layers)
    found = networks(program, [3, 14])
    batch = program.batch(BATCH, None, None)
    found.step(batch.x, batch.y, program.loss)
    before = found.model.state_dict()["out.weight"].clone()
    outputs = found.readouts(2)

    assert (2, 2, BATCH, OUTPUTS) == outputs.shape
    assert torch.equal(before, found.model.state_dict()["out.weight"])
    for place, seed in enumerate((3, 14)):
        # The generator goes on where it drew the network.
        generator = torch.Generator().manual_seed(seed)
        loop = Loop(program, seed)
        again = program.network(WIDTH)
        again.reset_parameters(generator)  # type: ignore[operator]
        for draw in range(2):
            loop.layers[-1].float().reset_parameters(generator)
            values = {part: p.detach().double() for part, p in loop.tensors()}
            assert distance(loop.heights(values)[-1], outputs[place, draw]) < SINGLE
