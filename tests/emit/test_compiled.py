"""The module under torch.compile, torch.export, ONNX and FSDP: the same numbers as eager.

Every optimizer x activation x gauge is exported.  What takes longer covers every pair of activation
and gauge (compiled forward and backward), of optimizer and gauge (a compiled step), and every
activation (ONNX), with biases, widths and the third factor in turn.
"""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from richc.pipeline import analyse
from richc.words import ACTIVATIONS, GAUGES
from tests.emit.gauge_training import imported

#: torch's own use of what it deprecates.
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning"),
]

MODEL = """
model net {{
  width n = {width}, base n0 = 4
  {scaling}
  input 5
  a: dense -> n {bias}
  {activation}
  body[2]: dense -> 2*n {bias}
  {activation}
  head: dense -> 3
  optimizer {optimizer}
  loss mse
}}
"""
OPTIMIZERS = {
    "sgd": "sgd { lr = 0.1, momentum = 0.9, nesterov = true, weight_decay = 0.01 }",
    "adam": "adam { lr = 1e-2 }",
    "adamw": "adamw { lr = 1e-2, weight_decay = 0.1 }",
    "lion": "lion { lr = 1e-2, weight_decay = 0.1 }",
    "signsgd": "signsgd { lr = 1e-2, momentum = 0.9 }",
    "adafactor": "adafactor { lr = 1e-2 }",
    "muon": "muon { lr = 1e-2, shape_factor = spectral }",
}
#: Adafactor's rates do not move with a gauge, so there is no gauge without rates.
PAIRS = [p for p in itertools.product(OPTIMIZERS, GAUGES) if p != ("adafactor", "mup")]
#: Adafactor's step is a share of the weight: a bias of zero stays there, and is an error.
BIAS = "{ bias { std = 1 } }"
TURNS = ((4, ""), (6, BIAS), (16, BIAS), (8, ""))


def turn(number: int) -> tuple[int, str]:
    """A width, and whether there are biases."""
    return TURNS[number % len(TURNS)]


def network(optimizer: str, gauge: str, activation: str, width: int = 8, bias: str = "") -> Any:
    """A module, initialised by a fixed seed."""
    scaling = f"parameterization mup, gauge = {gauge}"
    if activation == "leaky_relu":
        activation = "leaky_relu(0.1)"
    text = MODEL.format(
        width=width,
        scaling=scaling,
        bias=bias,
        activation=activation,
        optimizer=OPTIMIZERS[optimizer],
    )
    program = imported(analyse(text).models[0].spec)
    # Where torch.compile looks for the names of a function's module.
    sys.modules[program.__name__] = program
    model = program.Net()
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model


def inputs(rows: int = 7, seed: int = 0) -> Tensor:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No test profits from, or is slowed down by, what another compiled."""
    yield
    torch._dynamo.reset()
    sys.modules.pop("program", None)


# ---- export ----------------------------------------------------------------------------------


@pytest.mark.nightly(by_day=8)
@pytest.mark.parametrize(("optimizer", "gauge"), PAIRS)
def test_export(optimizer: str, gauge: str) -> None:
    """Each activation, for any number of rows."""
    batch = {0: torch.export.Dim("batch", min=1, max=4096)}
    for number, activation in enumerate(ACTIVATIONS, PAIRS.index((optimizer, gauge))):
        model = network(optimizer, gauge, activation, *turn(number))

        exported = torch.export.export(model, (inputs(),), dynamic_shapes=(batch,))

        for rows in (1, 30):
            torch.testing.assert_close(exported.module()(inputs(rows)), model(inputs(rows)))


def test_exported_program_is_saved_and_loaded() -> None:
    model = network("muon", "rescaling", "gelu", bias=BIAS)
    file = io.BytesIO()
    torch.export.save(torch.export.export(model, (inputs(),)), file)
    file.seek(0)

    loaded = torch.export.load(file).module()

    torch.testing.assert_close(loaded(inputs()), model(inputs()))
    assert set(loaded.state_dict()) == set(model.state_dict())


@pytest.mark.nightly(by_day=5)
@pytest.mark.parametrize(
    ("activation", "optimizer", "gauge"),
    [
        (activation, *PAIRS[(7 * i) % len(PAIRS)])  # 7: each optimizer and gauge comes up
        for i, activation in enumerate(ACTIVATIONS)
    ],
)
def test_onnx(activation: str, optimizer: str, gauge: str) -> None:
    """Evaluated by ONNX's own reference, for other numbers of rows than it was exported with."""
    pytest.importorskip("onnxscript")
    reference = pytest.importorskip("onnx.reference")

    model = network(optimizer, gauge, activation, *turn(ACTIVATIONS.index(activation))).eval()

    program = torch.onnx.export(
        model,
        (inputs(),),
        input_names=["x"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        verbose=False,
    )

    assert program is not None
    evaluator = reference.ReferenceEvaluator(program.model_proto)
    for rows in (1, 30):
        (outputs,) = evaluator.run(None, {"x": inputs(rows).numpy()})
        torch.testing.assert_close(torch.from_numpy(outputs), model(inputs(rows)).detach())


# ---- compile ---------------------------------------------------------------------------------


def train(model: nn.Module, forward: Any, step: Any, steps: int = 3) -> list[Tensor]:
    """The losses of some steps."""
    losses = []
    for seed in range(steps):
        loss = mse_loss(forward(inputs(seed=seed)), torch.ones(7, 3))
        loss.backward()
        step()
        model.zero_grad()
        losses.append(loss.detach())
    return losses


@pytest.mark.parametrize("gauge", GAUGES)
def test_compiled_module(gauge: str) -> None:
    """Outputs and gradients of one graph, without a break."""
    for number, activation in enumerate(ACTIVATIONS, GAUGES.index(gauge)):
        model = network("sgd", gauge, activation, *turn(number))
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        found = []
        for forward in (model, compiled):
            model.zero_grad()
            outputs = forward(inputs())
            outputs.square().sum().backward()
            found.append([outputs, *(p.grad for p in model.parameters())])

        torch.testing.assert_close(found[0], found[1])


@pytest.mark.nightly(by_day=8)
@pytest.mark.parametrize(("optimizer", "gauge"), PAIRS)
def test_compiled_step(optimizer: str, gauge: str) -> None:
    """torch's own optimizers break the graph where they begin; ours need not."""
    width, bias = turn(PAIRS.index((optimizer, gauge)))
    whole = optimizer in ("lion", "signsgd")
    eager, twin = (network(optimizer, gauge, "tanh", width, bias) for _ in range(2))
    step, its = eager.make_optimizer().step, twin.make_optimizer().step

    expected = train(eager, eager, step)
    compiled = torch.compile(its, backend="eager", fullgraph=whole)
    actual = train(twin, torch.compile(twin, backend="eager", fullgraph=True), compiled)

    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(dict(twin.named_parameters()), dict(eager.named_parameters()))


@pytest.mark.nightly
@pytest.mark.slow
def test_inductor() -> None:
    """Generated kernels, of an optimizer of ours as well."""
    eager, twin = (network("lion", "mup", "gelu", 16, BIAS) for _ in range(2))
    step, its = eager.make_optimizer().step, twin.make_optimizer().step

    expected = train(eager, eager, step)
    actual = train(twin, torch.compile(twin, fullgraph=True), torch.compile(its))

    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


# ---- shards ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="gloo over a file")
# torch's own Adafactor takes no sharded parameters, with foreach or without.
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS.keys() - {"adafactor"}))
def test_fully_sharded(optimizer: str, tmp_path: Path) -> None:
    """Made on the meta device, sharded, filled, trained as the whole one is; and it says which."""
    from torch.distributed.fsdp import fully_shard

    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1
    )
    try:
        whole = network(optimizer, "stp", "relu", 8, BIAS)
        sharded = type(whole)(device="meta")
        for layer in sharded.body:
            fully_shard(layer)
        fully_shard(sharded)
        sharded.to_empty(device="cpu")
        sharded.load_state_dict(
            {
                name: torch.distributed.tensor.distribute_tensor(
                    tensor, sharded.get_parameter(name).device_mesh
                )
                for name, tensor in whole.state_dict().items()
            }
        )
        losses = [train(m, m, m.make_optimizer().step) for m in (whole, sharded)]
        torch.testing.assert_close(losses[0], losses[1])
        with pytest.raises(RuntimeError, match="the width is 4 in these weights"):
            sharded.load_state_dict(network(optimizer, "stp", "relu", 4, BIAS).state_dict())
    finally:
        torch.distributed.destroy_process_group()
