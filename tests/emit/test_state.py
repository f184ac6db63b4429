"""Whose weights a network takes: its own kind's, and no other's, by one sentence."""

from __future__ import annotations

import copy
import pickle
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tests.emit.tables import Load, ReadModel

MODEL = """
model net {{
  width n = 8, base n0 = 4
  richness r = 1/2
  parameterization rich, gauge = {gauge}
  input 3
  embed: dense -> {wide} {bias}
  relu
  body[{depth}]: dense -> n
  relu
  head: dense -> 2
  optimizer adam {{ lr = 0.1 }}
  loss mse
}}
"""

Network = Any


@pytest.fixture
def program(load_module: Load, read_model: ReadModel) -> ModuleType:
    return load_module(read_model(text()))


def text(gauge: str = "stp", depth: int = 2, wide: str = "n", bias: str = "") -> str:
    return MODEL.format(gauge=gauge, depth=depth, wide=wide, bias=bias)


def refused(model: nn.Module, state: dict[str, Any], *words: str, strict: bool = True) -> None:
    """The state is refused in one sentence that has ``words``, and nothing of it is loaded."""
    before = copy.deepcopy(dict(model.state_dict()))

    with pytest.raises(RuntimeError) as caught:
        model.load_state_dict(state, strict=strict)

    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message
    for name, tensor in model.state_dict().items():
        assert torch.equal(before[name], tensor)


def through_safetensors(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    save_file(state, folder / "w.safetensors")
    return load_file(folder / "w.safetensors")


def through_torch(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    torch.save(state, folder / "w.pt")
    loaded: dict[str, Any] = torch.load(folder / "w.pt", weights_only=True)
    return loaded


# ---- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("keep", [dict, through_safetensors, through_torch])
def test_another_width(keep: Any, strict: bool, program: ModuleType, tmp_path: Path) -> None:
    """From the file's own words where it has some, else from the shapes."""
    state = program.Net(width=16).state_dict()
    state = keep(state) if keep is dict else keep(state, tmp_path)

    refused(program.Net(), state, "the width is 16", "but 8 in this network", strict=strict)


@pytest.mark.parametrize("bias", ["", "{ bias }"])
@pytest.mark.parametrize("wide", ["n", "4*n"])
def test_width_behind_a_factor(
    wide: str, bias: str, load_module: Load, read_model: ReadModel
) -> None:
    program = load_module(read_model(text(wide=wide, bias=bias)))

    refused(program.Net(), dict(program.Net(width=5).state_dict()), "is 5", "but 8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"richness": 0.25}, ["the richness is 0.25", "but 0.5"]),
        ({"gamma": 2.0}, ["the gamma is 2.0", "but 1.0"]),
    ],
)
def test_another_richness_or_gamma(
    arguments: dict[str, float], words: list[str], program: ModuleType, tmp_path: Path
) -> None:
    refused(program.Net(), through_torch(program.Net(**arguments).state_dict(), tmp_path), *words)


def test_another_gauge(load_module: Load, read_model: ReadModel, tmp_path: Path) -> None:
    """The same shapes, but other multipliers: the weights would be another function."""
    stp, mup = (load_module(read_model(text(gauge=gauge))) for gauge in ("stp", "mup"))

    for ours, theirs in ((stp, mup), (mup, stp)):
        state = through_torch(theirs.Net().state_dict(), tmp_path)
        refused(ours.Net(), state, "the multiplier of ", "in these weights")


def test_another_depth(load_module: Load, read_model: ReadModel) -> None:
    """torch says which layer there is none of; a part may still be loaded on purpose."""
    two, three = (load_module(read_model(text(depth=depth))).Net() for depth in (2, 3))

    with pytest.raises(RuntimeError, match=r"Missing key\(s\).*body\.2\.weight"):
        three.load_state_dict(two.state_dict())
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\).*body\.2\.weight"):
        two.load_state_dict(three.state_dict())
    three.load_state_dict(two.state_dict(), strict=False)
    assert torch.equal(three.head.weight, two.head.weight)


def test_inside_of_another_module(program: ModuleType, tmp_path: Path) -> None:
    outer, other = (
        nn.ModuleDict({"net": program.Net(width=width), "rest": nn.Linear(2, 2)})
        for width in (8, 16)
    )
    other["rest"].load_state_dict(outer["rest"].state_dict())

    refused(outer, through_torch(other.state_dict(), tmp_path), "the width is 16", "but 8")


# ---- what is taken ---------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [through_safetensors, through_torch])
def test_its_own(keep: Any, program: ModuleType, tmp_path: Path) -> None:
    arguments = {"width": 16, "richness": 0.25, "gamma": 2.0}
    first, second = program.Net(**arguments), program.Net(**arguments)

    second.load_state_dict(keep(first.state_dict(), tmp_path))

    x = torch.randn(5, 3)
    assert torch.equal(first(x), second(x))


def test_nothing_but_tensors_is_kept(program: ModuleType) -> None:
    state = program.Net().state_dict()

    assert list(state) == ["embed.weight", "body.0.weight", "body.1.weight", "head.weight"]
    assert all(isinstance(value, torch.Tensor) for value in state.values())


def test_copies_and_pickles_judge_as_the_original(program: ModuleType) -> None:
    model, other = program.Net(), program.Net(width=16).state_dict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, program.__name__, program)
        loaded = pickle.loads(pickle.dumps(model))

    for twin in (copy.deepcopy(model), loaded):
        twin.load_state_dict(model.state_dict())
        refused(twin, other, "the width is 16", "but 8")


def test_compiled_and_averaged_models(program: ModuleType) -> None:
    model = program.Net()
    compiled: Any = torch.compile(program.Net(), backend="eager")
    averaged = torch.optim.swa_utils.AveragedModel(model)

    compiled.load_state_dict(copy.deepcopy(compiled.state_dict()))
    averaged.load_state_dict(copy.deepcopy(averaged.state_dict()))

    for wrapped, prefix in ((compiled, "_orig_mod"), (averaged, "module")):
        other = {f"{prefix}.{k}": v for k, v in program.Net(width=16).state_dict().items()}
        refused(wrapped, OrderedDict(other), "the width is 16", "but 8")


def test_meta_device(program: ModuleType) -> None:
    """Weights are put in place of what was never allocated; those of another width still not."""
    state, later = program.Net().state_dict(), program.Net(device="meta")

    with pytest.raises(RuntimeError, match="the width is 16"):
        later.load_state_dict(program.Net(width=16).state_dict(), assign=True)
    later.load_state_dict(state, assign=True)

    assert torch.equal(later.head.weight, state["head.weight"])
