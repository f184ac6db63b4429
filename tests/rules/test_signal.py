"""R701, R702 and R705 in networks with blocks: sizes at the declared width and depth."""

from __future__ import annotations

from math import log2
from pathlib import Path
from types import ModuleType

import pytest
import torch

import richc
from richc.emit import emit_program
from richc.pipeline import ModelResult, analyse
from richc.rules.signal import Closed, forward
from richc.rules.step_sizes import measure
from tests.deep import convert, writing

ROOT = Path(__file__).parents[2]

MODEL = """\
model net {{
  width n = 256
  depth L = 16
  input 64
  embed: dense -> n {{ std = {embed}, lr = 1 }}
  blocks: repeat L {{
    mlp: residual {{
      scale = {scale}
      {first}
      up: dense -> n {{ std = {up}, lr = 1 / n{more} }}
      {act}
      down: dense -> n {{ std = 1 / sqrt(n), lr = 1 / n }}
      {end}
    }}
  }}
  {final}
  head: dense -> 10 {{ std = 1 / n, lr = 1 / n }}
  optimizer adam {{ lr = 0.001{eps} }}
  {train}
}}
"""
PLAIN = {
    "embed": "1/8",
    "scale": "1 / L",
    "first": "",
    "up": "sqrt(2 / n)",
    "more": "",
    "act": "relu",
    "end": "",
    "final": "",
    "eps": "",
    "train": "",
}
CHAIN = """\
model net {{
  width n = 256
  input 64
  embed: dense -> n {{ std = 1/8, lr = 1 }}
  {activation}
  body[7]: dense -> n {{ std = 1 / sqrt(n), lr = 1 / n }}
  {activation}
  head: dense -> 10 {{ std = 1 / n, lr = 1 / n }}
  optimizer adam {{ lr = 0.001 }}
}}
"""
NORMS = {"first": "rmsnorm", "final": "rmsnorm"}


def one(**words: str) -> ModelResult:
    (found,) = analyse(MODEL.format(**{**PLAIN, **words})).models
    return found


def program(result: ModelResult) -> ModuleType:
    module = ModuleType("program")
    source = emit_program(result.spec, summary="", module_only=True, richc_version="0")
    exec(compile(source, "<program>", "exec"), module.__dict__)
    return module


def sevens(result: ModelResult) -> list[tuple[str, str | None, str]]:
    return [(d.code, d.layer, d.message) for d in result.diagnostics if d.code[:2] == "R7"]


@pytest.mark.parametrize(
    "words",
    [
        {"scale": "2 / sqrt(L)", "act": "tanh", "up": "2 / sqrt(n)"},
        {"scale": "1 / sqrt(L)", **NORMS, "act": "gelu", "more": ", bias { std = 1, lr = 0.1 }"},
        {"scale": "3 / L", "act": "tanh", "end": "relu"},
        {"scale": "2 / L", "act": "tanh", "end": "gelu"},
    ],
)
def test_sizes_are_those_of_the_program(words: dict[str, str]) -> None:
    result = one(**words)
    module = program(result)
    torch.manual_seed(0)
    seen: dict[str, list[float]] = {}
    for _ in range(3):
        net = module.Net()
        for name, part in net.named_modules():
            if isinstance(part, module.Dense) or (
                name.startswith("blocks.") and name.count(".") == 1
            ):
                part.register_forward_hook(
                    lambda _, __, out, name=name: seen.setdefault(name, []).append(
                        out.square().mean().item()
                    )
                )
        net(torch.randn(128, 64))

    block = -1
    predicted: dict[str, float] = {}
    for at in forward(result.context):
        if isinstance(at.step, Closed):
            predicted[f"blocks.{block}"] = at.size
        elif isinstance(at.step, int):
            layer = result.spec.layers[at.step]
            block += layer.name == "blocks.mlp.up"
            predicted[layer.name.replace("blocks.mlp", f"blocks.{block}")] = at.size
    for name, sizes in seen.items():
        if name != "head":  # Ten numbers.
            assert abs(log2(sum(sizes) / len(sizes)) - predicted[name]) < 0.35, name
    assert len(seen) == 50


@pytest.mark.parametrize(
    "words",
    [{}, NORMS, {**NORMS, "embed": "2", "scale": "4 / L"}, {"act": "tanh", "scale": "1/sqrt(L)"}],
)
def test_gradients_are_those_of_the_program(words: dict[str, str]) -> None:
    """To a factor of 1.2."""
    check_gradients(one(**words), 1.2)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "leaky_relu(0.3)"])
def test_gradients_in_a_chain_are_those_of_the_program(activation: str) -> None:
    """Eight activations below the output, too: to a factor of 1.6, which one network varies by."""
    text = CHAIN.format(activation=activation)
    (result,) = analyse(text).models

    check_gradients(result, 1.6)


def check_gradients(result: ModelResult, factor: float) -> None:
    module = program(result)
    torch.manual_seed(0)
    net = module.Net()
    loss = torch.nn.functional.cross_entropy(net(torch.randn(128, 64)), torch.randint(10, (128,)))
    loss.backward()

    for layer, at in zip(result.spec.layers, measure(result.context), strict=True):
        if layer.kind.is_norm:
            continue
        name = layer.name.replace("blocks.mlp", "blocks.0")
        gradient = net.get_parameter(f"{name}.weight").grad
        # The estimate is of later steps, when the read-out has grown by its update.
        off = log2(gradient.square().mean().sqrt()) - at.weight_gradient
        assert abs(off) < log2(factor), layer.name


def test_there_are_no_false_alarms() -> None:
    """What was measured to be right, and the examples."""
    right = 0
    for case in convert.CASES:
        if convert.why_not(case["net"]):
            continue
        text = writing.text(convert.network(case["net"]), "net")
        (result,) = analyse(text).models
        right += not result.verdict.violations
        assert [] == sevens(result), text
    assert right > 20
    for path in [*(ROOT / "examples").glob("resmlp_*"), *(ROOT / "examples/depth").glob("*.rich")]:
        for result in analyse(path.read_text(encoding="utf-8")).models:
            assert [] == sevens(result), path


def test_a_stream_outgrows_its_beginning() -> None:
    ((code, layer, message),) = sevens(one(scale="2 * sqrt(2) / sqrt(L)"))

    assert ("R701", "blocks.mlp") == (code, layer)
    start = "the stream grows with depth: it starts at about 1 and reaches about "
    assert message.startswith(start)
    # The square is 1 + 8/16 in every block.
    assert 1.5**8 == pytest.approx(float(message.removeprefix(start).split()[0]), rel=0.03)
    assert message.endswith(" at L = 16")
    # Norms read it alone, and it may.
    assert [] == sevens(one(scale="2 * sqrt(2) / sqrt(L)", **NORMS))


def test_a_layer_inside_of_a_branch_is_mended() -> None:
    text = MODEL.format(**{**PLAIN, **NORMS, "up": "20 / sqrt(n)", "scale": "1 / (20 * L)"})
    (found,) = [d for d in analyse(text).diagnostics if d.code == "R701"]

    assert ("blocks.mlp.up", 1) == (found.layer, len(found.edits))
    (edit,) = found.edits
    mended = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert [] == [d for d in analyse(mended).diagnostics if d.code == "R701"]


ROWS = """\
model net {{
  width n = 256
  input 64
  embed: dense -> n {{ std = 1/8, lr = 1 }}
  {first}
  {row}
  head: dense -> 10 {{ std = 1 / n, lr = 1 / n }}
  optimizer adam {{ lr = 1 }}
}}
"""
LAYER = "{0}: dense -> n {{ var = 1 / fan_in, lr = 1 / n }}\nrelu"


@pytest.mark.parametrize(
    ("first", "row", "layer"),
    [
        ("rmsnorm", LAYER.format("body[9]"), "body.8"),
        (
            "relu",
            f"rows: repeat 5 {{ {LAYER.format('one')}\n{LAYER.format('two')} }}",
            "rows.two",
        ),
    ],
    ids=["behind a norm", "in blocks"],
)
def test_layers_in_a_row_drift_as_those_of_a_chain(first: str, row: str, layer: str) -> None:
    """With a norm in front, or in blocks without a skip."""
    text = ROWS.format(first=first, row=row)
    result = analyse(text)
    (found,) = [d for d in result.diagnostics if d.code == "R701"]
    assert found.message.startswith("the signal fades with depth: entries of ")
    start = f"the last representation, `{layer}`, starts at about "
    (note,) = [n.removeprefix(start) for n in found.notes if n.startswith(start)]

    module = program(result.models[0])
    sizes = []
    for seed in range(5):
        torch.manual_seed(seed)
        net = module.Net()
        net.head.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].detach()))
        net(torch.randn(128, 64))
    # relu has halved the square.
    actual = torch.cat(sizes).square().mean().sqrt() * 2**0.5
    assert float(note) == pytest.approx(float(actual), rel=0.2)

    mended = text
    for edit in sorted(found.edits, key=lambda edit: -edit.span.start):
        mended = mended[: edit.span.start] + edit.text + mended[edit.span.end :]
    assert "2 / fan_in" in mended
    assert [] == [d for d in analyse(mended).diagnostics if d.code == "R701"]


INFERRED = """\
model net {{
  width n = 128, base n0 = 128
  parameterization mup
  input 64
  first: dense -> n
  {activation}
  rows: repeat {count} {{
    one: dense -> n
    {activation}
    two: dense -> n
    {activation}
  }}
  last: dense -> n
  {activation}
  head: dense -> 10
  optimizer adam {{ lr = 1e-3 }}
}}
"""


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_what_is_inferred_in_blocks_in_a_row_keeps_the_size(activation: str) -> None:
    """The first layer of a block reads what the block before ends with."""
    (result,) = analyse(INFERRED.format(activation=activation, count=6)).models

    assert [] == sevens(result)
    assert max(abs(at.size) for at in forward(result.context)[:-1]) < 0.6


def test_blocks_in_a_row_are_as_deep_as_their_layers_are() -> None:
    (blocks,) = analyse(INFERRED.format(activation="relu", count=31)).models
    chain = INFERRED.format(activation="relu", count=1).replace("one:", "one[61]:")
    (plain,) = analyse(chain).models

    found = [(d.code, d.message, d.label) for d in blocks.diagnostics]
    assert ["R706"] == [code for code, _, _ in found]
    assert found == [(d.code, d.message, d.label) for d in plain.diagnostics]


def test_a_layer_of_a_branch_fades() -> None:
    small = one(act="tanh", up="1e-3 / sqrt(n)")

    assert [("R701", "blocks.mlp.up")] == [found[:2] for found in sevens(small)]


def test_an_eps_outgrows_what_it_normalises() -> None:
    small = {"embed": "1 / 80000", "first": "layernorm", "final": "layernorm", "scale": "1e-3 / L"}
    ((code, layer, message),) = sevens(one(**small))

    assert ("R701", "blocks.mlp.layernorm") == (code, layer)
    assert "the eps of `blocks.mlp.layernorm`, which is PyTorch's own, outgrows" in message
    assert [] == sevens(one(**{**small, "embed": "1/8"}))


def test_a_stack_overflows_half_precision() -> None:
    half = {**NORMS, "train": "train { precision = fp16 }"}
    ((code, layer, message),) = sevens(one(**half, more=", scale = 2^-20", up="2^20 * sqrt(2 / n)"))

    assert ("R702", "blocks.mlp.up") == (code, layer)
    assert "overflow fp16" in message
    assert [] == sevens(one(**half))


def test_an_epsilon_rules_the_steps_of_a_branch() -> None:
    ((code, _, message),) = sevens(one(**NORMS, eps=", eps = 2 / (n * L)"))

    assert "R705" == code
    assert "epsilon is larger than the gradient of " in message
    assert "`blocks.mlp.up`" in message
    assert [] == sevens(one(**NORMS, eps=", eps = 1e-6 / (n * L)"))


def test_a_stack_that_is_too_deep_to_follow_is_not_judged_so() -> None:
    text = MODEL.format(**{**PLAIN, "scale": "3 / sqrt(L)"}).replace("L = 16", "L = 10000")
    (file,) = richc.check(text).files

    assert [] == [d for d in file.diagnostics if d.code == "R701"]
    assert ["R701"] == [code for code, *_ in sevens(one(scale="3 / sqrt(L)"))]
