"""Initialisation: exact deviations, the meta device, arguments and their errors."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from richc.emit import emit_program
from richc.emit.features import FEATURES
from richc.emit.names import MODULE_NAMES
from richc.words import ACTIVATIONS
from tests.emit.tables import Load, ReadModel

DISTRIBUTIONS = ("normal", "uniform", "trunc_normal", "orthogonal")

MODEL = """
model net {{
  width n = 64, base n0 = 16
  richness r = 1/2, gamma = 2
  input 24
  a: dense -> n {{ std = 0.3, lr = 1, dist = {dist}, bias {{ std = 0.7, lr = 1 }} }}
  relu
  b[2]: dense -> 4*n {{ std = alpha / n, lr = alpha, scale = (n / n0)^(1/2), dist = {dist} }}
  relu
  c: dense -> 2 {{ std = 0, lr = 1, dist = {dist} }}
  optimizer sgd {{ lr = 0.1 }}
  loss mse
}}
"""


def network(load: Load, read_model: ReadModel, dist: str = "normal") -> ModuleType:
    return load(read_model(MODEL.format(dist=dist)))


@pytest.mark.parametrize("dist", DISTRIBUTIONS)
def test_deviation(dist: str, load: Load, read_model: ReadModel) -> None:
    """Root mean squares over 100 draws, within five standard errors."""
    model = network(load, read_model, dist).Net()
    generator = torch.Generator().manual_seed(1)
    squares = {name: 0.0 for name, _ in model.named_parameters()}
    for _ in range(100):
        model.reset_parameters(generator)
        for name, p in model.named_parameters():
            squares[name] += p.detach().double().square().mean().item() / 100

    alpha = 2 * (64 / 16) ** 0.5
    expected = {"a.weight": 0.3, "a.bias": 0.7, "b.0.weight": alpha / 64, "b.1.weight": alpha / 64}
    for name, std in expected.items():
        count = dict(model.named_parameters())[name].numel() * 100
        assert math.sqrt(squares[name]) == pytest.approx(std, rel=5 * math.sqrt(0.5 / count))
    assert squares["c.weight"] == 0.0


def test_bounds(load: Load, read_model: ReadModel) -> None:
    uniform = network(load, read_model, "uniform").Net().a.weight.abs().max().item()
    cut = network(load, read_model, "trunc_normal").Net().a.weight.abs().max().item()

    assert uniform <= 0.3 * math.sqrt(3) * 1.000001
    assert cut <= 2 * 0.3 / 0.8796256610342398 * 1.000001


def test_each_layer_has_its_own_distribution(load: Load, read_model: ReadModel) -> None:
    """Also beside a layer of the default, a normal one."""
    text = MODEL.format(dist="uniform").replace(
        "lr = alpha, scale", "lr = alpha, dist = normal, scale"
    )
    text = text.replace("scale = (n / n0)^(1/2), dist = uniform", "scale = (n / n0)^(1/2)")
    model = load(read_model(text)).Net()

    bound = 0.3 * math.sqrt(3) * 1.000001
    assert 0.9 * bound < model.a.weight.abs().max().item() <= bound
    assert model.b[0].weight.abs().max().item() > 3 * model.b[0].std
    assert "dist=uniform" in repr(model.a)
    assert "dist=normal" in repr(model.b[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_orthogonal(dtype: torch.dtype, load: Load, read_model: ReadModel) -> None:
    """Columns of W are orthogonal, all of the same length, in 16 bits as well."""
    weight = network(load, read_model, "orthogonal").Net(dtype=dtype).a.weight.detach()

    gram = weight.double().T @ weight.double()

    assert weight.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 0.1
    torch.testing.assert_close(
        gram, torch.eye(24, dtype=torch.float64) * 0.09 * 64, rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("dist", DISTRIBUTIONS)
def test_meta_device(dist: str, load: Load, read_model: ReadModel) -> None:
    """Nothing is allocated; materialised later, the values are those of a direct construction."""
    module = network(load, read_model, dist)
    later = module.Net(device="meta")
    assert all(p.is_meta for p in later.parameters())
    later.to_empty(device="cpu")
    later.reset_parameters(torch.Generator().manual_seed(3))
    direct = module.Net()
    direct.reset_parameters(torch.Generator().manual_seed(3))
    x = torch.randn(5, 24)

    assert torch.equal(later(x), direct(x))
    for a, b in zip(later.parameters(), direct.parameters(), strict=True):
        assert torch.equal(a, b)


def test_global_seed(load: Load, read_model: ReadModel) -> None:
    module = network(load, read_model)

    torch.manual_seed(5)
    first = module.Net().state_dict()
    torch.manual_seed(5)
    second = module.Net().state_dict()

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_width_and_richness_are_arguments(load: Load, read_model: ReadModel) -> None:
    model = network(load, read_model).Net(width=32, richness=1.0, gamma=3.0)

    assert model.b[0].weight.shape == (128, 32)
    assert model.b[1].weight.shape == (128, 128)
    assert model.alpha == pytest.approx(3 * 32 / 16)
    assert model.b[0].scale == pytest.approx(math.sqrt(2))
    assert model.b[1].std == pytest.approx(6 / 32)
    assert model.param_groups()[1]["lr"] == pytest.approx(0.1 * 6)
    assert model(torch.randn(3, 24)).shape == (3, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"width": 0}, "width"), ({"gamma": 0.0}, "gamma"), ({"gamma": math.nan}, "gamma")],
)
def test_bad_arguments(
    arguments: dict[str, float], message: str, load: Load, read_model: ReadModel
) -> None:
    with pytest.raises(ValueError, match=message):
        network(load, read_model).Net(**arguments)


@pytest.mark.parametrize("declared", ["", "richness r = 1/2"])
def test_richness_that_changes_nothing(declared: str, load: Load, read_model: ReadModel) -> None:
    """Silence would be worse: the network would not be the one asked for."""
    module = load(
        read_model(
            f"model m {{ width n = 4\n {declared}\n input 2\n a: dense -> n {{ std = 1, lr = 1 }}\n"
            "relu\n b: dense -> 1 { std = 1 / n, lr = 1 }\n optimizer sgd { lr = 1 }\n loss mse }"
        )
    )

    with pytest.raises(ValueError, match="richness"):
        module.M(richness=0.25)
    with pytest.raises(ValueError, match="gamma"):
        module.M(gamma=2.0)
    assert module.M(richness=module.RICHNESS, gamma=module.GAMMA).width == 4


def test_activations(load: Load, read_model: ReadModel) -> None:
    """Each word of the language is torch's function of that name."""
    functional = torch.nn.functional
    expected: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "linear": lambda x: x,
        "relu": functional.relu,
        "leaky_relu(0.1)": lambda x: functional.leaky_relu(x, 0.1),
        "tanh": torch.tanh,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "elu": functional.elu,
        "softplus": functional.softplus,
        "sigmoid": torch.sigmoid,
        "erf": torch.erf,
    }
    assert set(ACTIVATIONS) == {word.partition("(")[0] for word in expected}
    x = torch.randn(7, 3)
    for word, function in expected.items():
        model = load(
            read_model(
                "model m { width n = 8\n input 3\n a: dense -> n { std = 1, lr = 1 }\n"
                f"{word}\n b: dense -> 1 {{ std = 1, lr = 1 }}\n"
                "optimizer sgd { lr = 1 }\n loss mse }"
            )
        ).M()

        by_hand = function(x @ model.a.weight.T) @ model.b.weight.T

        torch.testing.assert_close(model(x), by_hand)


@pytest.mark.parametrize("optimizer", ["sgd", "lion", "signsgd"])
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_reserved_names_are_those_of_the_module(
    optimizer: str, loss: str, read_model: ReadModel
) -> None:
    model = read_model(MODEL.format(dist="normal").replace("sgd", optimizer).replace("mse", loss))
    tree = ast.parse(emit_program(model, summary="", features=FEATURES, richc_version="0.1.0"))
    bound = {
        alias.asname or alias.name for node in tree.body for alias in getattr(node, "names", ())
    }
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            bound |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}

    # A class's name begins with a capital and holds no underscore.
    risky = {name for name in bound if name[0].isupper() and "_" not in name} - {"Net"}
    assert risky <= MODULE_NAMES


@pytest.mark.parametrize("name", [*sorted(MODULE_NAMES), "type_error", "__x", "none", "split"])
def test_class_names_hide_nothing(name: str, load: Load, read_model: ReadModel) -> None:
    model = read_model(MODEL.format(dist="normal"))._replace(name=name)

    module = load(model)

    assert module.main(["--data", "/no/such/file.csv", "--quiet"]) == 2
    classes = [c for c in vars(module).values() if isinstance(c, type) and hasattr(c, "alpha")]
    assert len(classes) == 1
    assert classes[0]().width == 64


def test_lists_of_one_and_slopes_without_a_decimal(load: Load, read_model: ReadModel) -> None:
    model = load(
        read_model(
            "model m { width n = 8\n input 3\n a[1]: dense -> n { std = 1, lr = 1 }\n"
            "leaky_relu(1/3)\n b[1]: dense -> 1 { std = 1, lr = 1 }\n"
            "optimizer sgd { lr = 1 }\n loss mse }"
        )
    ).M()
    x = torch.randn(7, 3)

    hidden = torch.nn.functional.leaky_relu(x @ model.a[0].weight.T, 1 / 3)

    assert list(model.state_dict()) == ["a.0.weight", "b.0.weight"]
    torch.testing.assert_close(model(x), hidden @ model.b[0].weight.T)


INTERVAL = """
model net {
  width n = 16
  richness r = 1/4 in [1/8, 1/2]
  input 4
  a: dense -> n { std = 1/2, lr = n^? }
  tanh
  b: dense -> 2 { std = n^?, lr = 1 / n }
  optimizer sgd { lr = 0.1 }
}
"""


@pytest.mark.parametrize("richness", [1 / 8, 0.3, 1 / 2])
def test_every_richness_of_an_interval_is_accepted(
    richness: float, load: Load, read_model: ReadModel
) -> None:
    model = load(read_model(INTERVAL)).Net(richness=richness)

    rates = [group["lr"] for group in model.make_optimizer().param_groups]
    assert rates == pytest.approx([0.1 * 16 ** (2 * richness), 0.1 / 16])
    assert model.b.std == pytest.approx(16 ** (-0.5 - richness))


@pytest.mark.parametrize("richness", [0.0, 0.124, 0.501, -1.0, math.nan, math.inf])
def test_other_richness_is_refused(richness: float, load: Load, read_model: ReadModel) -> None:
    module = load(read_model(INTERVAL))

    with pytest.raises(ValueError, match="richness must be from 1/8 to 1/2, not"):
        module.Net(richness=richness)
