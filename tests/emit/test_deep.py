"""Networks with blocks, norms, a depth and several optimizers, as their programs build them."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from richc.compilation import choose, program
from richc.pipeline import analyse
from tests.emit.on_ranks import precise_muon
from tests.emit.tables import Captured

Text = Callable[[str], ModuleType]

#: All that a block may hold, with two residuals and a norm behind them.
EVERY = """
model net {
  width n = 64, base n0 = 32
  depth L = 4, base L0 = 2
  input 5
  embed: dense -> n { std = 1, lr = 1 }
  tanh
  blocks: repeat L {
    a: residual {
      scale = L0 / L
      rmsnorm { eps = 1e-3 }
      relu
      up: dense -> 2*n { scale = 3, std = 2 / sqrt(fan_in), lr = n0 / n }
      layernorm { gain { lr = 1 }, bias { std = 0, lr = 1 } }
      gelu
      down: dense -> n { std = 1 / sqrt(fan_in), lr = n0 * L / n, bias { std = 1/2, lr = 1 } }
    }
    b: residual {
      skip = 1 - 1/L
      scale = 1 / L
      tanh
      w[2]: dense -> n { std = 1 / sqrt(fan_in), lr = 1 / n }
      linear
      norm: rmsnorm { gain { lr = 1 / L }, bias { std = 1/4, scale = 2, lr = 1 } }
    }
    layernorm
  }
  head: dense -> 3 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 0.01 }
  loss mse
}
"""

#: Muon for matrices inside of blocks, beside another optimizer.
SEVERAL = """
model mixed {
  width n = 16
  depth L = 3
  input 3
  embed: dense -> n { std = 1, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = 1 / L
      rmsnorm { gain { lr = 1 } }
      up: dense -> 2*n { std = 1 / sqrt(fan_in), lr = 1, optimizer = muon }
      relu
      down: dense -> n { std = 1 / sqrt(fan_in), lr = 1, optimizer = muon }
    }
  }
  head: dense -> 3 { std = 1 / n, lr = 1 / n }
  optimizer adamw { lr = 0.01, weight_decay = 0.1 }
  optimizer muon { lr = 0.02, shape_factor = spectral, nesterov = false }
  loss cross_entropy
  train { steps = 8, batch = 8 }
}
"""


#: And beside one that has no step on shards either.
FACTORED = SEVERAL.replace("adamw { lr = 0.01, weight_decay = 0.1 }", "adafactor { lr = 0.01 }")

TOKENS = SEVERAL.replace("input 3", "input tokens 6").replace("embed: dense", "embed: embedding")


def emitted(text: str, *features: str, module_only: bool = False) -> str:
    chosen = choose(analyse(text), None, allow_violations=True)
    return program(chosen, features, module_only=module_only)


def test_forward_is_the_written_network(load_text: Text) -> None:
    net: Any = load_text(emitted(EVERY, module_only=True)).Net(width=8, depth=3)
    state = net.state_dict()
    x = start = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))

    def dense(name: str, x: Tensor) -> Tensor:
        return F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))

    x = torch.tanh(dense("embed", x))
    for at in (f"blocks.{i}" for i in range(3)):
        y = dense(f"{at}.a.up", 3 * F.relu(F.rms_norm(x, (8,), eps=1e-3)))
        gain, bias = state[f"{at}.a.layernorm.weight"], state[f"{at}.a.layernorm.bias"]
        x = x + 2 / 3 * dense(f"{at}.a.down", F.gelu(F.layer_norm(y, (16,), gain, bias)))
        y = dense(f"{at}.b.w.1", dense(f"{at}.b.w.0", torch.tanh(x)))
        y = F.rms_norm(y, (8,), state[f"{at}.b.norm.norm.weight"]) + 2 * state[f"{at}.b.norm.bias"]
        x = F.layer_norm((1 - 1 / 3) * x + 1 / 3 * y, (8,))

    torch.testing.assert_close(net(start), dense("head", x))


@pytest.mark.parametrize(("n", "depth"), [(64, 4), (64, 8), (256, 4), (256, 8)])
def test_init_and_rates_follow_width_and_depth(load_text: Text, n: int, depth: int) -> None:
    net: Any = load_text(emitted(EVERY, module_only=True)).Net(width=n, depth=depth, device="meta")
    net.to_empty(device="cpu").reset_parameters(torch.Generator().manual_seed(1))
    found = {group["name"]: group for group in net.param_groups()}
    rates = {name: group["lr"] / 0.01 for name, group in found.items()}
    blocks = list(net.blocks)

    assert len(blocks) == depth
    assert {block.a.scale for block in blocks} == {2 / depth}
    assert {(block.b.skip, block.b.scale) for block in blocks} == {(1 - 1 / depth, 1 / depth)}
    for tensors, std in (
        ([block.a.up.weight for block in blocks], 2 / math.sqrt(n)),
        ([block.a.down.weight for block in blocks], 1 / math.sqrt(2 * n)),
        ([block.a.down.bias for block in blocks], 1 / 2),
        ([block.b.norm.bias for block in blocks], 1 / 4),
        ([net.head.weight], 1 / n),
    ):
        assert torch.cat([t.flatten() for t in tensors]).std().item() == pytest.approx(std, rel=0.2)
    assert all((block.b.norm.norm.weight == 1).all() for block in blocks)
    assert rates == pytest.approx(
        {
            "embed+blocks.a.layernorm.gain+blocks.a.layernorm.bias": 1,
            "blocks.a.up": 32 / n,
            "blocks.a.down": 32 * depth / n,
            "blocks.b.w": 1 / n,
            "blocks.b.norm.gain": 1 / depth,
            "head": 1 / n,
            "blocks.a.down.bias": 1,
            "blocks.b.norm.bias": 1,
        }
    )
    grouped = [parameter for group in found.values() for parameter in group["params"]]
    assert sorted(map(id, grouped)) == sorted(map(id, net.parameters()))


def test_several_optimizers_step_as_each_alone_and_are_saved_as_one(load_text: Text) -> None:
    module = load_text(emitted(SEVERAL, module_only=True))
    torch.manual_seed(0)
    net, twin = module.Mixed(), module.Mixed()
    twin.load_state_dict(net.state_dict())
    optimizer = net.make_optimizer(muon_lr=0.05)
    alone = [
        torch.optim.AdamW(twin.adamw_groups(), betas=(0.9, 0.999)),
        torch.optim.Muon(
            twin.muon_groups(0.05), momentum=0.95, nesterov=False, adjust_lr_fn="original"
        ),
    ]
    x, y = torch.randn(8, 3), torch.randint(0, 3, (8,))

    def step(model: Any, *optimizers: torch.optim.Optimizer) -> None:
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for each in optimizers:
            each.step()

    for _ in range(3):
        step(net, optimizer)
        step(twin, *alone)
    for mine, its in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, its)

    again = module.Mixed()
    again.load_state_dict(net.state_dict())
    resumed = again.make_optimizer()
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(net, optimizer)
    step(again, resumed)
    assert all(map(torch.equal, net.parameters(), again.parameters()))
    assert len({group["name"] for group in resumed.param_groups}) == len(resumed.param_groups) == 5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [0.01, 0.02]),
        ({"lr": 0.05}, [0.05, 0.1]),
        ({"muon_lr": 0.3}, [0.01, 0.3]),
        ({"lr": 0.05, "muon_lr": 0.3}, [0.05, 0.3]),
    ],
)
def test_rates_keep_their_ratio_to_the_first(
    given: dict[str, float], expected: list[float], load_text: Text
) -> None:
    net: Any = load_text(emitted(SEVERAL, module_only=True)).Mixed()

    groups = {group["name"]: group["lr"] for group in net.param_groups(**given)}
    made = {group["name"]: group["lr"] for group in net.make_optimizer(**given).param_groups}

    assert groups == made
    assert groups["embed"] == pytest.approx(expected[0])
    of_one = {group["name"]: group["lr"] for group in net.muon_groups(1.0)}
    assert groups["blocks.mlp.up"] == pytest.approx(expected[1] * of_one["blocks.mlp.up"])


@pytest.mark.parametrize(
    ("text", "features"), [(SEVERAL, ()), (FACTORED, ()), (FACTORED, ("fsdp",))]
)
def test_a_run_of_two_optimizers_resumes_to_the_bit(
    text: str, features: tuple[str, ...], load_text: Text, tmp_path: Path, capsys: Captured
) -> None:
    module = load_text(emitted(text, "ckpt", "options", *features))
    table = tmp_path / "table.csv"
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)).tolist()
    table.write_text("\n".join(f"{a},{b},{c},{int(a > 0) + int(b > 0)}" for a, b, c in rows))
    saved = [tmp_path / "whole.safetensors", tmp_path / "resumed.safetensors"]

    def run(path: Path, *more: str) -> None:
        folder = ["--checkpoint", str(tmp_path / "states"), "--every", "4", "--keep", "9"]
        schedule = ["--schedule", "cosine", "--accumulate", "2", "--quiet"]
        arguments = ["--data", str(table), "--save", str(path), *folder, *schedule, *more]
        assert module.main(arguments) == 0, capsys.readouterr().err

    run(saved[0])
    (tmp_path / "states" / "step-00000008").rename(tmp_path / "last")
    run(saved[1], "--resume")
    whole, resumed = map(load_file, saved)

    assert "going on from step 4" in capsys.readouterr().err
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_branch_multiplier_moved_into_std_and_rate_trains_alike(load_text: Text) -> None:
    """SGD: std times M, rate times M^2; the same function at every step."""
    text = SEVERAL.replace(", optimizer = muon", "").replace("optimizer muon", "# ")
    text = text.replace("adamw { lr = 0.01, weight_decay = 0.1 }", "sgd { lr = 0.5 }")
    down = "down: dense -> n { std = 1 / sqrt(fan_in), lr = 1"
    assert down in text
    moved = text.replace("scale = 1 / L\n", "\n").replace(
        down, "down: dense -> n { std = 1 / (L * sqrt(fan_in)), lr = 1 / L^2"
    )
    x = torch.randn(16, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    y = torch.arange(16) % 3
    losses: list[list[float]] = []
    for each in (text, moved):
        net: Any = load_text(emitted(each, module_only=True)).Mixed(depth=5, dtype=torch.float64)
        net.reset_parameters(torch.Generator().manual_seed(3))
        optimizer = net.make_optimizer()
        losses.append([])
        for _ in range(20):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())

    assert losses[0][-1] < 0.9 * losses[0][0]
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def made(text: str, load_text: Text) -> tuple[Any, Tensor]:
    """A small network, and inputs for it."""
    torch.manual_seed(0)
    module: Any = load_text(emitted(text, module_only=True))
    net = (module.Net if text is EVERY else module.Mixed)(width=8, depth=2)
    if text is TOKENS:
        return net, torch.arange(6).reshape(6, 1)
    return net, torch.randn(6, 5 if text is EVERY else 3)


@pytest.mark.parametrize("text", [EVERY, SEVERAL, TOKENS], ids=["every", "several", "tokens"])
def test_compiled_and_exported_it_is_the_same_function(text: str, load_text: Text) -> None:
    net, x = made(text, load_text)
    rows = {0: torch.export.Dim("rows", min=1, max=64)}

    compiled: Any = torch.compile(net, fullgraph=True, backend="aot_eager")
    exported = torch.export.export(net, (x,), dynamic_shapes=(rows,)).module()

    torch.testing.assert_close(compiled(x), net(x))
    torch.testing.assert_close(exported(x), net(x))
    torch.testing.assert_close(exported(x[:2]), net(x[:2]))


@pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)`:FutureWarning")
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.parametrize("text", [EVERY, TOKENS], ids=["every", "tokens"])
def test_onnx_computes_the_same(text: str, load_text: Text) -> None:
    """By ONNX's own reference."""
    pytest.importorskip("onnxscript")
    reference = pytest.importorskip("onnx.reference")
    net, x = made(text, load_text)

    program = torch.onnx.export(net.eval(), (x,), input_names=["x"], dynamo=True, verbose=False)

    assert program is not None
    (outputs,) = reference.ReferenceEvaluator(program.model_proto).run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(outputs), net(x).detach())


def test_tokens_are_looked_up_and_their_range_is_checked(
    load_text: Text, tmp_path: Path, capsys: Captured
) -> None:
    module = load_text(emitted(TOKENS))
    table = tmp_path / "tokens.csv"
    table.write_text("token,label\n" + "\n".join(f"{i % 6},{i % 3}" for i in range(60)))
    arguments = ["--data", str(table), "--steps", "60", "--quiet"]

    assert module.main(arguments) == 0
    assert "held-out loss" in (shown := capsys.readouterr().out)
    assert float(shown.split("accuracy ")[1].split()[0]) == 1.0
    table.write_text(table.read_text().replace("\n5,", "\n6,", 1))
    assert module.main(arguments) == 2
    assert capsys.readouterr().err.endswith("an index is no integer from 0 to 5\n")


@pytest.mark.parametrize("name", ["resmlp_completep", "resmlp_muon_adamw"])
def test_an_example_learns_digits(
    load_text: Text, examples: Path, capsys: Captured, name: str
) -> None:
    module = load_text(emitted((examples / f"{name}.rich").read_text(encoding="utf-8")))
    sizes = ["--width", "32", "--depth", "3", "--steps", "150", "--batch", "64", "--quiet"]

    assert module.main(["--data", str(examples / "digits.csv.gz"), *sizes]) == 0
    assert float(capsys.readouterr().out.split()[-1]) > 0.9


@pytest.mark.parametrize("several", [SEVERAL, FACTORED])
def test_divided_among_processes_it_trains_alike(
    several: str, load_text: Text, tmp_path: Path, capsys: Captured
) -> None:
    """Of a group of one: what is drawn, gathered and updated is the same."""
    biased = "rmsnorm { gain { lr = 1 }, bias { std = 1/2, lr = 1 } }"
    text = several.replace("rmsnorm { gain { lr = 1 } }", biased)
    table = tmp_path / "table.csv"
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)).tolist()
    table.write_text("\n".join(f"{a},{b},{c},{int(a > 0) + int(b > 0)}" for a, b, c in rows))
    shown = []
    for features in ((), ("fsdp",)):
        module = load_text(emitted(text, *features))
        with precise_muon():
            assert module.main(["--data", str(table), "--quiet", "--device", "cpu"]) == 0
        shown.append(capsys.readouterr().out)

    assert biased in text
    assert shown[0].startswith("train loss ")
    assert shown[0] == shown[1]


def test_sizes_inside_of_blocks_are_predicted(
    load_text: Text, examples: Path, tmp_path: Path, capsys: Captured
) -> None:
    """At init, and how changes go with the width: from a narrow run to a wide one."""
    text = (examples / "resmlp_completep.rich").read_text(encoding="utf-8")
    module = load_text(emitted(text, "monitor", "log"))
    data = ["--data", str(examples / "digits.csv.gz"), "--quiet", "--monitor", "5", "--steps", "5"]

    def rows(width: int, *more: str) -> list[dict[str, Any]]:
        path = tmp_path / f"{width}{len(more)}.jsonl"
        assert module.main([*data, f"--width={width}", f"--log={path}", *more]) == 0
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [line["monitor"] for line in lines if "monitor" in line]

    rows(32)
    start, later = rows(256, f"--monitor-like={tmp_path / '320.jsonl'}")
    (other, _) = rows(32, "--depth=2")
    of_8 = f"--monitor-like={tmp_path / '320.jsonl'}"
    assert module.main([*data, "--depth=2", of_8]) == 2
    refusal = "a run of depth 8; only its width may be another"
    assert capsys.readouterr().err.endswith(f"320.jsonl: {refusal}\n")

    assert list(start) == [
        "embed",
        *(f"blocks.{i}.{w}" for i in range(8) for w in ("up", "down")),
        "head",
    ]
    inside = [name for name in start if name.startswith("blocks")]
    assert [start[name]["h"] for name in inside] == pytest.approx(
        [start[name]["h_predicted"] for name in inside], rel=0.1
    )
    factors = [later[name]["dh"] / later[name]["dh_predicted"] for name in later]
    assert all(0.6 < factor < 1.6 for factor in factors), factors
    assert {row["h_predicted"] for row in other.values()} == {None}


def test_a_stream_without_a_norm_is_followed_to_the_read_out(load_text: Text) -> None:
    """In blocks it has not one size: it grows from each to the next."""
    text = SEVERAL.replace("rmsnorm { gain { lr = 1 } }\n", "relu\n")
    module: Any = load_text(emitted(text, "monitor"))
    torch.manual_seed(0)
    squares = [module.Mixed()(torch.randn(64, 3)).detach().square().mean() for _ in range(200)]

    sizes = {name: row[0] for name, row in module.PREDICTED.items()}

    assert sizes["embed"] is not None
    assert sizes["blocks.*.up"] is sizes["blocks.*.down"] is None
    assert sizes["head"] == pytest.approx(float(torch.stack(squares).mean().sqrt()), rel=0.05)
