"""``richc map`` from outside: paths in; drawing, JSON, pictures and exit codes out.

``RICHC_UPDATE_GOLDEN=1 pytest tests/map`` writes the golden texts anew; their diff is then what
to review.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from richc.report.map_schema import Map
from tests.verdict.reference import INFINITE, Knobs
from tests.verdict.writing import model

GOLDEN = Path(__file__).parent / "golden"

MUP = """\
model net {
  width n = 64
  parameterization mup
  input 8
  embed: dense -> n
  tanh
  body: dense -> n
  tanh
  head: dense -> 4
  optimizer sgd
}
"""
NTP = MUP.replace("mup", "ntp")
SLOW = MUP.replace("body: dense -> n", "body: dense -> n { lr = 1 / n }")
OWN = (
    MUP.replace("parameterization mup", "richness r = 1/2")
    .replace("body: dense -> n", "body: dense -> n { scale = n, std = n^(-3/2), lr = n^(-2) }")
    .replace("embed: dense -> n", "embed: dense -> n { std = 1, lr = n }")
    .replace("head: dense -> 4", "head: dense -> 4 { std = 1/n, lr = 1/n }")
)
WRONG = MUP.replace("input 8", "input = 8")


def run(*arguments: str | Path, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["map", *map(str, arguments)], input=text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"mup": MUP, "ntp": NTP, "slow": SLOW, "own": OWN}.items():
        (tmp_path / f"{name}.rich").write_text(text, encoding="utf-8")
    return tmp_path


def compare(path: Path, actual: str) -> None:
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    assert path.read_text(encoding="utf-8") == actual


def test_golden_of_the_examples(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)

    result = run("examples")

    assert ("", 0) == (result.stderr, result.exit_code)
    compare(GOLDEN / "examples.txt", result.stdout)


def known_text(case: dict[str, Any]) -> str:
    layers = []
    for layer in case["layers"]:
        b, c = (INFINITE if layer.get(k) == "inf" else Fraction(layer[k]) for k in ("b", "c"))
        layers.append(Knobs(Fraction(layer["a"]), b, INFINITE if layer.get("frozen") else c))
    momentum = case["options"].get("momentum")
    options = "" if momentum is None else f"momentum = {momentum}"
    shape = case["options"].get("shape_factor")
    return model("known", case["optimizer"], shape, layers, "tanh", options)


def test_golden_of_what_the_literature_knows(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every point that tests/verdict/known.json has, and its place agrees with the table."""
    monkeypatch.chdir(tmp_path)
    table = (root / "tests" / "verdict" / "known.json").read_text(encoding="utf-8")
    cases = json.loads(table)["cases"]
    names = [
        f"{at:02}_" + re.sub(r"\W+", "_", case["name"]) + ".rich" for at, case in enumerate(cases)
    ]
    for name, case in zip(names, cases, strict=True):
        Path(name).write_text(known_text(case), encoding="utf-8")

    result = run(*names)
    places = Map.model_validate_json(run(*names, "--format", "json").stdout).places

    assert ("", 0) == (result.stderr, result.exit_code)
    compare(GOLDEN / "known.txt", result.stdout)
    for place, case in zip(places, cases, strict=True):
        expected = case["expected"]
        assert (expected["verdict"] == "pass") == place.on_scale, case["name"]
        assert expected["gauges"] == place.gauges
        assert expected["point"] == place.point
        if place.on_scale:
            assert expected["richness"] == place.richness


def test_numbers_and_legend(folder: Path) -> None:
    lines = run("ntp.rich", "mup.rich", "slow.rich", "own.rich").stdout.splitlines()

    assert "SGD" == lines[0]
    legend = [line for line in lines if re.match(r"\d [✓✗] |    \w", line)]
    assert [
        "1 ✓ ntp.rich: NTP (r = 0), STP gauge: lazy, the kernel limit",
        "    at the vertex NTP-lr",
        "2 ✓ mup.rich: μP (r = 1/2), STP gauge: features learn",
        "    at the vertex μP-lr",
        "3 ✗ slow.rich: partial (D3 fails): only `embed`, `head` move the output; features learn",
        "    outside (D3): a size that is n^1 off, nearest to r = 1/2",
    ] == legend[:6]
    assert legend[6].startswith("4 ✓ own.rich: μP (r = 1/2), a gauge without a name")
    assert "    drawn at the nearest named θ = STP, r = 1/2: up to 1 off" == legend[7]
    drawing = "\n".join(lines[: lines.index(legend[0])])
    assert all(mark in drawing for mark in ("●", "◇", "×", "3: D3"))


def test_folders_and_the_current_one(folder: Path) -> None:
    assert (
        run(".").stdout
        == run().stdout
        == run("mup.rich", "ntp.rich", "own.rich", "slow.rich").stdout
    )


def test_several_models_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "two.rich"
    path.write_text(MUP + NTP.replace("model net", "model other"), encoding="utf-8")

    both, one = run(path).stdout, run(path, "--model", "other").stdout

    assert f"1 ✓ {path}::net: " in both
    assert f"2 ✓ {path}::other: " in both
    assert f"1 ✓ {path}::other: " in one
    assert "::net" not in one


def test_standard_input() -> None:
    assert "1 ✓ <stdin>: μP" in run("-", text=MUP).stdout
    assert "1 ✓ mine.rich: μP" in run("-", "--stdin-filename", "mine.rich", text=MUP).stdout


def test_optimizers_have_prisms_of_their_own(folder: Path) -> None:
    Path("adam.rich").write_text(MUP.replace("sgd", "adam"), encoding="utf-8")
    Path("adamw.rich").write_text(MUP.replace("sgd", "adamw"), encoding="utf-8")

    lines = run("mup.rich", "adam.rich", "adamw.rich").stdout.splitlines()

    assert ["SGD", "Adam, AdamW"] == [line for line in lines if re.match("[A-Z]", line)]


def test_color(folder: Path) -> None:
    assert "\x1b[" not in run("mup.rich").stdout
    colored = CliRunner().invoke(cli, ["map", "mup.rich", "--color", "always"], color=True).stdout
    assert "\x1b[32m✓" in colored
    assert run("mup.rich").stdout == re.sub("\x1b\\[[0-9;]*m", "", colored)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_these_letters(folder: Path, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "richc", "map", "mup.rich", "own.rich", "slow.rich"]

    done = subprocess.run(command, capture_output=True, env=environment)

    assert (0, b"") == (done.returncode, done.stderr)
    text = done.stdout.decode("ascii")
    assert "\\" not in text
    assert "muP-lr (STP gauge)" in text
    assert "@" in text
    unicode = run("mup.rich", "own.rich", "slow.rich").stdout
    assert len(unicode.splitlines()) == len(text.splitlines())


def test_json(folder: Path) -> None:
    result = run("mup.rich", "slow.rich", "own.rich", "--format", "json")

    report = Map.model_validate_json(result.stdout)
    mup, slow, own = report.places
    assert [1, 2, 3] == [place.number for place in report.places]
    assert ("mup.rich", "net", "sgd") == (mup.path, mup.model, mup.optimizer)
    assert ({"stp": "1"}, "0", "mup-lr", True) == (
        mup.shares,
        mup.distance,
        mup.point,
        mup.is_exact,
    )
    assert (["D3"], "1", {}, None) == (slow.violated, slow.excess, slow.shares, slow.distance)
    assert (False, None, "1/2") == (own.is_exact, own.point, own.richness)
    assert Fraction(1) == sum(Fraction(share) for share in own.shares.values())


def test_schema(folder: Path) -> None:
    import jsonschema

    schema = json.loads(CliRunner().invoke(cli, ["schema", "map"]).stdout)

    jsonschema.validate(json.loads(run(".", "--format", "json").stdout), schema)
    assert {False} == {p["additionalProperties"] for p in (schema, *schema["$defs"].values())}


def test_a_file_with_errors_leaves_the_others(folder: Path) -> None:
    Path("bad.rich").write_text(WRONG, encoding="utf-8")

    result = run("mup.rich", "bad.rich", "ntp.rich", "-o", "map.png")

    assert 1 == result.exit_code
    assert result.stderr.startswith("error[R001]")
    assert "--> bad.rich:4:9" in result.stderr
    assert "1 ✓ mup.rich" in result.stdout
    assert "2 ✓ ntp.rich" in result.stdout
    assert Path("map.png").exists()


def test_nothing_but_errors(folder: Path) -> None:
    Path("bad.rich").write_text(WRONG, encoding="utf-8")

    result = run("bad.rich", "-o", "map.png")

    assert (1, "") == (result.exit_code, result.stdout)
    assert "error[R001]" in result.stderr
    assert not Path("map.png").exists()


def test_an_unreadable_file_leaves_the_others(folder: Path) -> None:
    Path("binary.rich").write_bytes(b"\xff\x00")

    result = run("binary.rich", "mup.rich")

    assert 2 == result.exit_code
    assert "error[R006]" in result.stderr
    assert "1 ✓ mup.rich" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.rich"], "there is no file or folder 'nowhere.rich'"),
        (["empty"], "no .rich file in the folder 'empty'"),
        (["mup.rich", "--model", "other"], "no model `other`"),
        (["mup.rich", "-o", "map.pdf"], "must end in .png or .svg"),
        (["mup.rich", "-o", "no/map.png"], "no is not a folder"),
        (["mup.rich", "-o", "mine.png"], "richc did not draw this file"),
        (["mup.rich", "--format", "yaml"], "'yaml' is not one of"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], words: str) -> None:
    Path("empty").mkdir()
    Path("mine.png").write_bytes(b"mine")

    result = run(*arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert words in result.stderr
    assert b"mine" == Path("mine.png").read_bytes()


def test_without_matplotlib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("richc.figures.style.find_spec", lambda _: None)

    result = run("mup.rich", "-o", "map.svg")

    assert (2, "") == (result.exit_code, result.stdout)
    assert 'pip install "richc[plot]"' in result.stderr
    assert 1 == len(result.stderr.splitlines())
    assert 0 == run("mup.rich").exit_code


def test_the_drawing_in_characters_needs_no_matplotlib(folder: Path) -> None:
    script = (
        "import sys\nfrom richc.cli.main import cli\n"
        "cli(['map', 'mup.rich'], standalone_mode=False)\n"
        "assert not {'matplotlib', 'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_pictures(folder: Path) -> None:
    pictures = [Path("map.png"), Path("map.svg")]
    options = [word for picture in pictures for word in ("-o", str(picture))]

    first = [(run(".", *options).exit_code, [p.read_bytes() for p in pictures]) for _ in range(2)]

    assert first[0] == first[1], "the same picture for the same files"
    assert first[0][0] == 0
    png, svg = first[0][1]
    assert png.startswith(b"\x89PNG")
    assert b"<svg" in svg
    assert "mup.rich" in run("mup.rich").stdout


def crowd(folder: Path) -> list[Path]:
    """Many models of several optimizers, many of them at one place."""
    optimizers = ["sgd", "adam", "adafactor", "muon { shape_factor = spectral }"]
    for at, optimizer in enumerate(optimizers):
        for r in ("0", "1/8", "1/4", "3/8", "1/2"):
            for gauge in ("stp", "mup", "rescaling"):
                if (optimizer, gauge) == ("adafactor", "mup"):
                    continue
                text = MUP.replace("mup", f"rich(r = {r}), gauge = {gauge}")
                path = folder / f"{at}_{r.replace('/', '')}_{gauge}_$x_{{.rich"
                path.write_text(text.replace("sgd", optimizer), encoding="utf-8")
    return sorted(folder.glob("*.rich"))


STACK = """\
model net {
  width n = 64
  depth L = 8
  parameterization POINT, depth = ALPHA
  input 8
  embed: dense -> n
  blocks: repeat L {
    mlp: residual {
      rmsnorm { gain }
      up: dense -> n
      relu
      down: dense -> n
    }
  }
  rmsnorm
  head: dense -> 4
  optimizer adam
}
"""


def deep(folder: Path) -> list[Path]:
    """Networks of three depth exponents and three richnesses."""
    paths = []
    for alpha in ("1/2", "3/4", "1"):
        for r in ("0", "1/4", "1/2"):
            paths.append(folder / f"stack_{alpha}_{r}.rich".replace("/", "over"))
            text = STACK.replace("POINT", f"rich(r = {r})").replace("ALPHA", alpha)
            paths[-1].write_text(text, encoding="utf-8")
    return paths


def test_the_power_of_the_depth_is_an_axis_of_its_own(folder: Path) -> None:
    """Rows: from CompleteP to Depth-μP; columns: from lazy to rich."""
    result = run(*deep(folder), "mup.rich")

    assert 0 == result.exit_code
    before, _, drawing = result.stdout.partition("Adam: branches of L blocks, each times L^-α\n")
    assert "SGD" not in before
    drawing = drawing.partition("lazy")[0]
    rows = [line for line in drawing.splitlines() if "●" in line]
    assert 3 == len(rows)
    assert all(3 == row.count("●") for row in rows)
    assert rows[0].endswith("CompleteP")
    assert rows[2].endswith("Depth-μP")
    columns = {tuple(i for i, sign in enumerate(row) if sign == "●") for row in rows}
    assert 1 == len(columns), "r is where it is in the prism above"
    legend = result.stdout.splitlines()
    assert "     at the vertex μP-lr, at depth α = 1 (CompleteP)" in legend
    assert "     on the STP edge, r = 1/4, at depth α = 3/4" in legend
    assert 9 == result.stdout.count("at depth α = ")
    places = Map.model_validate_json(run(*deep(folder), "--format", "json").stdout).places
    assert [*["1/2"] * 3, *["3/4"] * 3, *["1"] * 3] == [place.depth for place in places]
    assert [None] == [
        place.depth
        for place in Map.model_validate_json(run("mup.rich", "--format", "json").stdout).places
    ]


@pytest.mark.parametrize(
    ("scale", "norms", "mark", "words"),
    [
        ("1 / sqrt(L)", "pre", "✗", "outside (D0, D1, D3): by powers of L only"),
        ("1", "no", "✗", "outside (D0): a stream that grows faster than any power of L"),
        ("1", "post", "?", "nowhere on it: the desiderata are not decided"),
    ],
)
def test_off_the_scale_by_the_depth(
    scale: str, norms: str, mark: str, words: str, folder: Path
) -> None:
    text = STACK.replace("POINT", "mup").replace("ALPHA", "1")
    norm = "rmsnorm { gain }"
    text = text.replace(norm, f"scale = {scale}\n      {norm if norms == 'pre' else ''}")
    if norms == "post":
        text = text.replace("    }\n", "    }\n    rmsnorm\n")
    (folder / "deep.rich").write_text(text, encoding="utf-8")

    first, second = run("deep.rich", "--quiet").stdout.splitlines()

    assert first.startswith(f"1 {mark} deep.rich: ")
    assert second.strip().startswith(words)


@pytest.mark.parametrize("what", ["one", "examples", "crowd", "deep"])
def test_no_text_of_a_picture_is_on_another(what: str, folder: Path, examples: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from richc.cli.map import read_entries
    from richc.figures.prism import figure
    from richc.figures.style import styled

    paths: dict[str, Callable[[], list[Path]]] = {
        "one": lambda: [Path("mup.rich")],
        "examples": lambda: [examples],
        "crowd": lambda: crowd(folder),
        "deep": lambda: [*deep(folder), examples / "depth"],
    }
    entries, worst = read_entries(tuple(map(str, paths[what]())), None, "-")
    with styled():
        drawn = figure(entries)
        canvas: Any = FigureCanvasAgg(drawn)
        canvas.draw()
        texts = [text for axes in drawn.axes for text in axes.texts if text.get_text()]
        boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]

    assert 0 == worst
    for (one, a), (other, b) in combinations(zip(texts, boxes, strict=True), 2):
        overlaps = min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
        assert not overlaps, (one.get_text(), other.get_text())
    width, height = canvas.get_width_height()
    assert all(0 <= box.x0 and box.x1 <= width for box in boxes)
    assert all(0 <= box.y0 and box.y1 <= height for box in boxes)


def test_hostile_names(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb.rich"
    path.write_text(MUP)

    result = CliRunner().invoke(cli, ["map", str(path), "-o", str(tmp_path / "a.svg")], color=True)

    assert 0 == result.exit_code
    assert r"a\x1b[31m\nb.rich" in result.stdout
    assert "\x1b[31m\n" not in result.stdout
