"""``richc scale`` from outside: arguments in; tables, JSON, picture and exit code out."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from richc.cli.main import cli
from richc.compilation import choose
from richc.compilation import program as emit
from richc.lab.linearised import dense_ntk, descend
from richc.lab.movement import rates_of
from richc.lab.program import Program
from richc.pipeline import analyse
from richc.report.scale_schema import ScaleReport, Spot
from tests.kernels import empirical_ntk, kernel_regression

RICH = """\
model net {
  width n = 16, base n0 = 16
  parameterization rich(r = 1/2)
  input 8
  embed: dense -> n
  tanh
  body: dense -> n
  tanh
  head: dense -> 4
  optimizer sgd { lr = 0.1, momentum = 0.9 }
  loss cross_entropy
}
"""
#: Rates and inits are numbers.
FIXED = """\
model net {
  width n = 16
  input 8
  embed: dense -> n { std = 1/4, lr = 1 }
  tanh
  head: dense -> 4 { std = 1/8, lr = 1 }
  optimizer sgd { lr = 0.1 }
}
"""
TINY = (
    *("--widths", "16,32", "--seeds", "2", "--steps", "5"),
    *("--examples", "12", "--points", "0,1/2", "--gammas", "1,2"),
)


def run(folder: Path, text: str, *arguments: str) -> Result:
    path = folder / "net.rich"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["scale", str(path), *arguments])


def as_json(folder: Path, text: str, *arguments: str) -> ScaleReport:
    result = run(folder, text, *arguments, "--format", "json")
    assert result.exit_code in (0, 1, 4), result.output
    return ScaleReport.model_validate_json(result.stdout)


def size(spot: Spot, quantity: str) -> float:
    values = getattr(spot, quantity)
    assert values is not None
    assert values.typical is not None
    return float(values.typical)


# ---- What comes out ------------------------------------------------------------------------------


def test_tables(tmp_path: Path) -> None:
    result = run(tmp_path, RICH, *TINY)

    assert result.exit_code in (0, 1, 4), result.output
    lines = result.stdout.splitlines()
    assert lines[0].endswith("net: from lazy (r = 0, NTP) to rich (r = 1/2, μP)")
    places = [line.split()[:2] for line in lines if re.match(r"  (0|1/2) +\d", line)]
    assert [["0", "16"], ["0", "32"], ["1/2", "16"], ["1/2", "32"]] == places
    assert any(re.match(r"  0 +features +n\^-1/2 ", line) for line in lines)
    assert any(re.match(r"  1/2 +kernel h hᵀ +n\^0 ", line) for line in lines)
    assert "features change as n^(r - 1/2)" in lines[-1]


BLOCKS = """\
model net {
  width n = 16, base n0 = 16
  depth L = 3
  parameterization rich(r = 1/2)
  input 8
  embed: dense -> n
  blocks: repeat L {
    mlp: residual {
      rmsnorm { gain }
      up: dense -> n
      gelu
      down: dense -> n
    }
  }
  head: dense -> 4
  optimizer sgd { lr = 0.1 }
  loss cross_entropy
}
"""


def test_blocks_are_measured_where_the_readout_reads_them(tmp_path: Path) -> None:
    report = as_json(tmp_path, BLOCKS, *TINY)

    assert [("0", "-1/2"), ("1/2", "0")] == [
        (row.richness, row.predicted) for row in report.rows if row.quantity == "features"
    ]
    assert all(size(spot, "features") > 0 for spot in report.spots)
    assert "not computed" in run(tmp_path, BLOCKS, *TINY).stdout


def test_quiet(tmp_path: Path) -> None:
    result = run(tmp_path, RICH, *TINY, "--quiet")

    assert 2 == len(result.stdout.splitlines())
    assert "  to decide it: " in result.stdout
    assert "" == result.stderr


def test_json(tmp_path: Path) -> None:
    report = as_json(tmp_path, RICH, *TINY)

    places = [(spot.richness, spot.width) for spot in report.spots]
    assert [("0", 16), ("0", 32), ("1/2", 16), ("1/2", 32)] == places
    assert [("1", 16), ("2", 16)] == [(spot.gamma, spot.width) for spot in report.prefactors]
    rows = {(row.richness, row.quantity): row.predicted for row in report.rows}
    assert {
        ("0", "features"): "-1/2",
        ("0", "kernel"): "-1",
        ("0", "tangent_kernel"): None,
        ("0", "distance"): None,
        ("1/2", "features"): "0",
        ("1/2", "kernel"): "0",
        ("1/2", "tangent_kernel"): None,
        ("1/2", "distance"): None,
    } == rows
    assert all(len(spot.features.values) == 2 for spot in report.spots)
    assert ("random data", 12, 5) == (report.run.data, report.run.examples, report.run.steps)
    assert (None, None) == (report.no_kernel, report.no_gammas)


def test_every_r_is_one_network_at_the_base_width(tmp_path: Path) -> None:
    """And gamma = 1 is that network, too."""
    report = as_json(tmp_path, RICH, *TINY)

    lazy, wide_lazy, rich, wide_rich = report.spots
    shown = lazy.model_dump(exclude={"richness"})
    assert shown == rich.model_dump(exclude={"richness"})
    assert shown == report.prefactors[0].model_dump(exclude={"richness"})
    assert size(wide_lazy, "features") < size(wide_rich, "features")
    assert size(report.prefactors[0], "features") < size(report.prefactors[1], "features")


def test_the_same_seed_gives_the_same_numbers(tmp_path: Path) -> None:
    first, second = (as_json(tmp_path, RICH, *TINY) for _ in range(2))
    other = as_json(tmp_path, RICH, *TINY, "--seed", "1")

    assert first.spots == second.spots
    assert first.spots != other.spots


@pytest.mark.parametrize("point", ["mup", "ntp", "mup, gauge = mup", "ntp, gauge = rescaling"])
def test_named_points_lie_on_the_scale(tmp_path: Path, point: str) -> None:
    """A file's own point and gauge are of no account."""
    text = RICH.replace("rich(r = 1/2)", point)
    found, plain = as_json(tmp_path, text, *TINY), as_json(tmp_path, RICH, *TINY)

    for one, two in zip(found.spots, plain.spots, strict=True):
        assert one.features.values == pytest.approx(two.features.values, rel=1e-3)
        assert one.distance is not None
        assert two.distance is not None
        assert one.distance.values == pytest.approx(two.distance.values, rel=1e-2)


def test_an_interval_chooses_the_points(tmp_path: Path) -> None:
    declared = RICH.replace("rich(r = 1/2)", "rich\n  richness r = 1/8 in [0, 1/4]")
    without = (*TINY[:8], *TINY[10:])
    report = as_json(tmp_path, declared, *without)

    assert ["0", "1/8", "1/4"] == list(dict.fromkeys(spot.richness for spot in report.spots))
    refused = run(tmp_path, declared, *TINY)
    assert (2, True) == (refused.exit_code, "r in [0, 1/4], and 1/2 is not" in refused.stderr)


def test_divergence_is_reported(tmp_path: Path) -> None:
    result = run(tmp_path, RICH, *TINY, "--lr", "1e30")

    assert 4 == result.exit_code
    assert "2 of 2 diverged" in result.stdout
    assert re.search(r"  0 +features +n\^-1/2 +no exponent +\?", result.stdout)
    assert "try a lower --lr; 8 of 8 networks diverged" in result.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("sgd { lr = 0.1, momentum = 0.9 }", "adam { lr = 0.01 }", "adam"),
        ("momentum = 0.9", "weight_decay = 0.01", "weight decay"),
    ],
)
def test_what_has_no_kernel_is_not_evaluated(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    text = RICH.replace(old, new)
    report = as_json(tmp_path, text, *TINY)
    shown = run(tmp_path, text, *TINY, "--plot", str(tmp_path / "figure.svg"))

    assert reason in (report.no_kernel or "")
    assert {None} == {spot.distance for spot in report.spots}
    assert {"features", "kernel"} == {row.quantity for row in report.rows}
    assert f"not evaluated: {report.no_kernel}" in shown.stdout


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"figure{suffix}"

    # It may overwrite what it has drawn.
    for _ in range(2 if suffix == ".svg" else 1):
        assert "" == run(tmp_path, RICH, *TINY, "-q", "--plot", str(target)).stderr
        assert target.stat().st_size > 10_000


def test_a_picture_of_nothing_but_divergence(tmp_path: Path) -> None:
    target = tmp_path / "figure.svg"
    result = run(tmp_path, RICH, *TINY, "--lr", "1e30", "-q", "--plot", str(target))

    assert (4, "") == (result.exit_code, result.stderr)
    assert target.exists()


def test_data_of_the_file(examples: Path) -> None:
    file = str(examples / "richness_scale.rich")
    result = CliRunner().invoke(cli, ["scale", file, *TINY, "--format", "json"])

    report = ScaleReport.model_validate_json(result.stdout)
    assert ("digits.csv.gz", 12, 359) == (
        report.run.data,
        report.run.examples,
        report.run.held_out,
    )


# ---- Done wrong ----------------------------------------------------------------------------------


def test_a_file_that_does_not_depend_on_r(tmp_path: Path) -> None:
    result = run(tmp_path, FIXED, *TINY)

    assert 2 == result.exit_code
    assert "do not depend on r" in result.stderr
    assert "parameterization rich(r = 1/2)" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        # A rate without alpha: right at r = 0, too small at any other.
        ("body: dense -> n", "body: dense -> n { lr = n0 / n }", "at r = 1/2 (D3 fails)"),
        ("body: dense -> n", "body: dense -> n { frozen }", "at r = 0 (D3 fails)"),
        ("head: dense -> 4", "head: dense -> 4 { std = 0 }", "at r = 0 (D2 fails)"),
    ],
)
def test_a_file_off_the_scale(tmp_path: Path, old: str, new: str, words: str) -> None:
    result = run(tmp_path, RICH.replace(old, new), *TINY)

    assert 2 == result.exit_code
    assert f"is not on the richness scale {words}" in result.stderr


def test_nothing_that_trains(tmp_path: Path) -> None:
    text = re.sub(r"(dense -> \w)", r"\1 { frozen }", RICH)
    result = run(tmp_path, text, *TINY)

    assert (2, True) == (result.exit_code, "not on the richness scale" in result.stderr)


def test_gammas_of_a_file_that_has_none(tmp_path: Path, examples: Path) -> None:
    text = (examples / "holes.rich").read_text(encoding="utf-8")
    refused = run(tmp_path, text, *TINY)
    report = as_json(tmp_path, text, *TINY[:-2], "--lr", "0.001")

    assert (2, True) == (refused.exit_code, "does not depend on gamma" in refused.stderr)
    assert [] == report.prefactors
    assert "does not depend on gamma" in (report.no_gammas or "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--points", "0,3/4"], "3/4 is not from 0 to 1/2"),
        (["--points", "0,often"], "not a list of numbers"),
        (["--points", "1/0"], "not a list of numbers"),
        (["--points", ""], "one number or more"),
        (["--gammas", "0"], "0 is not from"),
        (["--widths", "64"], "two widths"),
        (["--widths", "64,900000"], "GiB"),
        (["--lr", "0"], "range"),
        (["--plot", "figure.jpg"], ".png or .svg"),
        (["--data", "nowhere.csv"], "No such file"),
        (["--model", "other"], "no model `other`"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], words: str) -> None:
    result = run(tmp_path, RICH, *TINY, *arguments)

    assert 2 == result.exit_code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_somebody_elses_picture_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "figure.png"
    target.write_bytes(b"mine")

    result = run(tmp_path, RICH, *TINY, "--plot", str(target))
    assert 2 == result.exit_code
    assert "richc did not draw this file" in result.stderr
    assert b"mine" == target.read_bytes()


def test_errors_of_syntax(tmp_path: Path) -> None:
    result = run(tmp_path, RICH.replace("tanh", "tahn"), *TINY)

    assert (1, True) == (result.exit_code, "tahn" in result.stderr)


# ---- The network linearised at init --------------------------------------------------------------


def drawn(text: str, seed: int = 0) -> tuple[Program, torch.nn.Module, list[torch.nn.Module]]:
    chosen = choose(analyse(text), None, allow_violations=True)
    program = Program(emit(chosen), chosen.spec)
    model = program.network_at(12, 0.25, 2.0, seed).double()
    layers = [m for m in model.modules() if isinstance(m, program.module.Dense)]
    return program, model, layers


@pytest.mark.parametrize("gauge", ["stp", "mup", "rescaling"])
@pytest.mark.parametrize("bias", ["", " { bias { std = 1/2 } }"])
def test_the_tangent_kernel_is_the_empirical_one(gauge: str, bias: str) -> None:
    text = RICH.replace("rich(r = 1/2)", f"rich(r = 1/2), gauge = {gauge}")
    _, model, layers = drawn(text.replace("-> n", f"-> n{bias}"))
    x = torch.randn(6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rates = rates_of(model, model.make_optimizer())  # type: ignore[operator]

    torch.testing.assert_close(
        dense_ntk(model, layers, x, rates), empirical_ntk(model, x, x, rates=rates)
    )


@pytest.mark.parametrize(
    ("options", "loss"),
    [("momentum = 0.9, nesterov = true", "cross_entropy"), ("momentum = 0.5", "mse")],
)
def test_it_descends_as_the_linearised_weights_do(options: str, loss: str) -> None:
    """The reference: weights moved by the emitted optimizer, outputs by the Jacobian at init."""
    text = RICH.replace("momentum = 0.9", options).replace("cross_entropy", loss)
    program, model, layers = drawn(text)
    x, y, _ = program.batch(9, None, None)
    optimizer = model.make_optimizer()  # type: ignore[operator]
    kernel = dense_ntk(model, layers, x, rates_of(model, optimizer))
    kept = {name: optimizer.defaults[name] for name in ("momentum", "dampening", "nesterov")}
    start = {name: p.detach().clone() for name, p in model.named_parameters()}

    def outputs(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        found: torch.Tensor = torch.func.functional_call(model, weights, (x,))
        return found

    f0, jacobians = outputs(start).detach(), torch.func.jacrev(outputs)(start)

    def linear() -> torch.Tensor:
        moves = {name: p.detach() - start[name] for name, p in model.named_parameters()}
        parts = [jacobians[name].flatten(2) @ move.flatten() for name, move in moves.items()]
        return f0 + torch.stack(parts).sum(0)

    for _ in range(6):
        f = linear().detach().requires_grad_()
        (slope,) = torch.autograd.grad(program.loss(f[:5], y[:5]), f)
        for name, p in model.named_parameters():
            p.grad = torch.tensordot(slope, jacobians[name].detach(), dims=2)
        optimizer.step()

    found = descend(kernel[:, :, :5], f0, y[:5], program.loss, 6, kept)
    torch.testing.assert_close(found, linear().detach())


def test_plain_descent_on_squares_is_kernel_regression() -> None:
    text = RICH.replace("cross_entropy", "mse").replace(", momentum = 0.9", "")
    program, model, layers = drawn(text)
    x, y, _ = program.batch(9, None, None)
    kernel = dense_ntk(model, layers, x, rates_of(model, model.make_optimizer()))  # type: ignore[operator]
    with torch.no_grad():
        f0 = model(x)
    train, y = kernel[:5, :, :5], y[:5]

    found = descend(kernel[:, :, :5], f0, y, program.loss, 7, {})
    rate = 2 / y.numel()
    expected = kernel_regression(train, kernel[5:, :, :5], y, f0[:5], f0[5:], rate=rate, steps=7)
    torch.testing.assert_close(found[5:], expected)


# ---- What training shows -------------------------------------------------------------------------


@pytest.mark.measured
def test_from_lazy_to_rich(tmp_path: Path) -> None:
    """At r = 0 the network becomes its own kernel regression as it widens; at r = 1/2 it does not.

    Over seeds 1000 to 1006 the three slopes are -0.45, -0.22 and -0.01, each with a standard
    deviation of 0.03; the distance falls by a factor of 3.4 to 3.9 at r = 0, and to 0.75 to 0.81
    of what it was at r = 1/2.
    """
    arguments = ("--widths", "64,128,256,512", "--points", "0,1/4,1/2", "--gammas", "1/2,1,2")
    report = as_json(tmp_path, RICH.replace("= 16", "= 64"), *arguments, "--seeds", "6",
                     "--steps", "40", "--examples", "32")  # fmt: skip

    fitted = {(row.richness, row.quantity): row.measured for row in report.rows}
    features = [float(fitted[r, "features"] or "nan") for r in ("0", "1/4", "1/2")]
    assert [-0.5, -0.25, 0.0] == pytest.approx(features, abs=0.15)
    assert sorted(set(features)) == features
    assert "pass" == report.verdict
    by_place = {(spot.richness, spot.width): spot for spot in report.spots}
    lazy = [size(by_place["0", n], "distance") for n in (64, 128, 256, 512)]
    rich = [size(by_place["1/2", n], "distance") for n in (64, 128, 256, 512)]
    assert sorted(lazy, reverse=True) == lazy
    assert lazy[-1] < 0.5 * lazy[0]
    assert rich[-1] > 0.65 * rich[0]
    # Gamma moves the same way.
    by_gamma = [size(spot, "distance") for spot in report.prefactors]
    assert sorted(by_gamma) == by_gamma
    assert [Fraction(1, 2), 1, 2] == [Fraction(spot.gamma) for spot in report.prefactors]
