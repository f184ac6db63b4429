"""Emitted models train with every optimizer, and every trainable tensor is in one group."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.emit.tables import Load, ReadModel

OPTIMIZERS = {
    "sgd": "lr = 0.05, momentum = 0.9, nesterov = true, weight_decay = 1e-4",
    "adam": "lr = 1e-2, weight_decay = 1e-4",
    "adamw": "lr = 1e-2, betas = (0.9, 0.99), amsgrad = true, weight_decay = 0.1",
    "lion": "lr = 1e-3, weight_decay = 0.1",
    "signsgd": "lr = 1e-3, momentum = 0.9",
    "adafactor": "lr = 0.05, eps = 1e-3",
    "muon": "lr = 0.02, shape_factor = none, momentum = 0.9",
}
BIASES = {
    "no-bias": "",
    "bias": "bias { std = 0.1, lr = 1 }",
    "scaled-bias": "bias { std = 0.1, lr = 0.5, scale = 2 }",
}

MODEL = """
model net_under_test {{
  width n = 32, base n0 = 16
  parameterization mup, gauge = {gauge}
  input 6
  embed: dense -> n {{ dist = {dist} {bias} }}
  tanh
  body[3]: dense -> 2*n {{ {frozen} {bias} }}
  relu
  head: dense -> 3 {{ dist = uniform {bias} }}
  optimizer {optimizer} {{ {options} }}
  loss cross_entropy
}}
"""


def model_text(optimizer: str, bias: str = "no-bias", frozen: str = "", **others: str) -> str:
    told = {"gauge": "stp", "dist": "normal", **others}
    words = BIASES[bias]
    return MODEL.format(
        optimizer=optimizer,
        options=OPTIMIZERS[optimizer],
        bias=", " + words if words else "",
        frozen="frozen" if frozen else "dist = trunc_normal",
        **told,
    )


def losses(module: ModuleType, model: Any, steps: int) -> list[float]:
    generator = torch.Generator().manual_seed(0)
    x: Tensor = torch.randn(32, 6, generator=generator)
    y = torch.randint(0, 3, (32,), generator=generator)
    optimizer = model.make_optimizer()
    found = []
    for _ in range(steps):
        loss = module.loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("frozen", ["", "frozen"])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trains(optimizer: str, bias: str, frozen: str, load: Load, read_model: ReadModel) -> None:
    module = load(read_model(model_text(optimizer, bias, frozen)))
    torch.manual_seed(0)
    model = module.NetUnderTest()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}

    found = losses(module, model, 20)

    assert found[-1] < found[0]
    for name, parameter in model.named_parameters():
        is_frozen = frozen and name.startswith("body") and name.endswith("weight")
        assert torch.equal(parameter, before[name]) == bool(is_frozen), name


@pytest.mark.parametrize("frozen", ["", "frozen"])
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_groups(optimizer: str, bias: str, frozen: str, load: Load, read_model: ReadModel) -> None:
    module = load(read_model(model_text(optimizer, bias, frozen)))
    model = module.NetUnderTest()

    groups = model.param_groups()

    grouped = [id(p) for group in groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)
    knobs = [{k: v for k, v in g.items() if k not in ("name", "params")} for g in groups]
    assert all("lr" in k and "weight_decay" in k for k in knobs)


def test_equal_formulas_are_one_group(load: Load, read_model: ReadModel) -> None:
    """Formulas, not values: at n = 8 all rates agree, and two groups stay two."""
    text = """
    model m {
      width n = 8
      input 8
      a: dense -> n    { std = 1, lr = 8 / n, bias { std = 0, lr = 1 } }
      relu
      b[4]: dense -> n { std = 1, lr = 1 }
      relu
      c: dense -> 1    { std = 1, lr = 2^3 * n^(-1) }
      optimizer sgd { lr = 1e-3 }
      loss mse
    }
    """

    groups = load(read_model(text)).M().param_groups()

    assert {g["name"]: len(g["params"]) for g in groups} == {"a+c": 2, "b+a.bias": 5}
    assert {g["lr"] for g in groups} == {1e-3}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_rate_is_an_argument(optimizer: str, load: Load, read_model: ReadModel) -> None:
    model = load(read_model(model_text(optimizer))).NetUnderTest()

    default, doubled = model.param_groups(), model.param_groups(2.0)

    ratios = {b["lr"] / a["lr"] for a, b in zip(default, doubled, strict=True)}
    assert max(ratios) == pytest.approx(min(ratios))


def test_parameter_names_follow_the_source(load: Load, read_model: ReadModel) -> None:
    model = load(read_model(model_text("sgd", "bias"))).NetUnderTest()

    names = [name for name, _ in model.named_parameters()]

    layers = ["embed", "body.0", "body.1", "body.2", "head"]
    assert names == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


def test_everything_frozen(load: Load, read_model: ReadModel) -> None:
    model = load(
        read_model(
            "model m { width n = 4\n input 2\n a: dense -> n { std = 1, lr = 0 }\n relu\n"
            "b: dense -> 1 { std = 1, lr = 1, frozen }\n optimizer adam { lr = 1 }\n loss mse }"
        )
    ).M()

    assert model.param_groups() == []
    with pytest.raises(ValueError, match="nothing to train"):
        model.make_optimizer()


def test_fused_where_torch_has_it(load: Load, read_model: ReadModel) -> None:
    for optimizer, is_fused in {"sgd": True, "adam": True, "adamw": True, "lion": None}.items():
        built = load(read_model(model_text(optimizer))).NetUnderTest().make_optimizer()

        assert built.defaults.get("fused") is is_fused


def test_bf16_autocast(load: Load, read_model: ReadModel) -> None:
    """Matrix products in bf16; weights, the loss and the optimizer's state in fp32."""
    module = load(read_model(model_text("adam", gauge="mup")))
    torch.manual_seed(0)
    model = module.NetUnderTest()
    optimizer = model.make_optimizer()
    x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model(x)
    loss = module.loss_of(outputs, y)
    loss.backward()
    optimizer.step()

    assert outputs.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    states = [t for state in optimizer.state.values() for t in state.values()]
    assert {t.dtype for t in (*model.parameters(), *states)} == {torch.float32}


@pytest.mark.slow
# torch's own compiler uses parts of torch that torch deprecates.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torch_compile(load: Load, read_model: ReadModel, at_night: bool) -> None:
    """One graph with the eager model's values, with multipliers and without."""
    backend = "inductor" if at_night else "aot_eager"
    for gauge in ("stp", "rescaling"):
        module = load(read_model(model_text("sgd", "scaled-bias", gauge=gauge)))
        torch.manual_seed(0)
        model = module.NetUnderTest()
        x = torch.randn(16, 6)
        expected = model(x)

        compiled: Any = torch.compile(model, fullgraph=True, backend=backend)

        torch.testing.assert_close(compiled(x), expected)
