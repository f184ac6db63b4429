"""What is on a page, and how it is built: for readers, printers and screen readers."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli
from tests.report_page.measuring import measured
from tests.report_page.reading import Element, read
from tests.report_page.sweeping import swept
from tests.stacks import residual_mlp

GOLDEN = Path(__file__).parent / "golden"
NAMES = ["passes", "fails"]

DEEP = residual_mlp("deep", "mup, depth = ALPHA", "adam { lr = 0.01 }", bases=("n0 = 64", "L0 = 2"))
BROKEN = "model broken {\n  width n = 64\n  input ]\n}\n"
EXPLODES = """\
model net {
  width n = 256
  input 8
  embed: dense -> n { std = 1, lr = n^2 }
  tanh
  head: dense -> 4 { std = n, lr = 1 / n }
  optimizer sgd
}
"""


def page(path: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["report", str(path), *arguments])
    assert result.exit_code in (0, 1), result.output
    return result.stdout


@pytest.fixture(scope="session", params=[*NAMES, "measured", "broken", "unknown", "deep"])
def text(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Pages of every kind."""
    tmp_path = tmp_path_factory.mktemp("pages")
    if request.param == "broken":
        path = tmp_path / "broken.rich"
        path.write_text(BROKEN, encoding="utf-8")
        return page(path)
    if request.param == "unknown":
        path = tmp_path / "unknown.rich"
        path.write_text(EXPLODES, encoding="utf-8")
        return page(path)
    if request.param == "deep":
        path = tmp_path / "deep.rich"
        path.write_text(DEEP.replace("ALPHA", "1"), encoding="utf-8")
        return page(path)
    if request.param == "measured":
        pytest.importorskip("matplotlib")
        path = GOLDEN / "passes.rich"
        verification = measured(path.read_text(encoding="utf-8"), tmp_path / "found.json")
        return page(path, "--verification", str(verification))
    return page(GOLDEN / f"{request.param}.rich")


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``RICHC_UPDATE_GOLDEN=1 pytest tests/report_page`` writes the files anew."""
    monkeypatch.chdir(GOLDEN)
    actual = page(Path(f"{name}.rich"))
    path = GOLDEN / f"{name}.html"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    assert path.read_text(encoding="utf-8") == actual


def test_nothing_comes_from_elsewhere_and_nothing_runs(text: str) -> None:
    tree = read(text)

    assert "http:" not in text
    assert "https:" not in text
    assert [] == list(tree.all("script", "link", "img", "iframe", "object", "embed", "base"))
    for element in tree.all():
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        for name in ("href", "src", "xlink:href"):
            assert element.attributes.get(name, "#").startswith("#")
    assert "url(" not in tree.one("style").text
    assert "@import" not in tree.one("style").text


def test_the_policy_allows_the_style_sheet_and_nothing_else(text: str) -> None:
    tree = read(text)
    (policy,) = (
        meta.attributes["content"]
        for meta in tree.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search("<style>(.*)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert "'none'" == rules.pop("default-src")
    assert f"'sha256-{digest}'" == rules.pop("style-src")
    assert {"base-uri": "'none'", "form-action": "'none'"} == rules


def test_ids_are_unique_and_references_lead_somewhere(text: str) -> None:
    tree = read(text)
    names = [e.attributes["id"] for e in tree.all() if "id" in e.attributes]

    assert sorted(set(names)) == sorted(names)
    for element in tree.all():
        links = [element.attributes.get("href", "")[1:]]
        for key in ("aria-labelledby", "aria-describedby"):
            links += element.attributes.get(key, "").split()
        links += re.findall(r"url\(#(.*?)\)", element.attributes.get("clip-path", ""))
        assert set(filter(None, links)) <= set(names)


def test_headings_are_in_order(text: str) -> None:
    levels = [int(heading.tag[1]) for heading in read(text).all("h1", "h2", "h3", "h4", "h5", "h6")]

    assert levels.count(1) == 1 == levels[0]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_landmarks_and_the_way_past_them(text: str) -> None:
    tree = read(text)

    assert "en" == tree.one("html").attributes["lang"]
    assert tree.one("head").one("title").text
    for tag in ("header", "main", "footer"):
        assert tree.one(tag).text
    first = next(tree.one("body").all("a", "button", "summary"))
    assert f"#{tree.one('main').attributes['id']}" == first.attributes["href"]
    for section in tree.all("section", "article"):
        assert tree.by_id(section.attributes["aria-labelledby"]).tag in ("h2", "h3")


def test_every_picture_has_words(text: str) -> None:
    for picture in read(text).all("svg"):
        assert "img" == picture.attributes["role"]
        title, description = picture.one("title"), picture.one("desc")
        assert title.text
        assert len(description.text) > 20
        assert title.attributes["id"] == picture.attributes["aria-labelledby"]
        assert description.attributes["id"] == picture.attributes["aria-describedby"]


def test_every_table_is_labelled_and_every_scroller_can_be_reached(text: str) -> None:
    tree = read(text)

    for table in tree.all("table"):
        assert table.one("caption").text
        assert all(cell.attributes["scope"] in ("col", "row") for cell in table.all("th"))
        columns = len(list(table.one("thead").all("th")))
        for row in table.one("tbody").all("tr"):
            cells = list(row.all("th", "td"))
            assert columns == sum(int(cell.attributes.get("colspan", "1")) for cell in cells)
    for scroller in tree.all("div", "pre"):
        if scroller.tag == "pre" or scroller.attributes.get("class") == "wide":
            assert "0" == scroller.attributes["tabindex"]
            assert scroller.attributes["aria-label"]
            assert "group" == scroller.attributes["role"]


def statuses(tree: Element) -> dict[str, str]:
    lists = [e for e in tree.all("ul") if e.attributes.get("class") == "desiderata"]
    headings = (next(item.all("h4")).text.split() for item in lists[0].all("li") if item.attributes)
    return {words[0]: " ".join(words[2:]) for words in headings}


def test_a_model_that_passes() -> None:
    tree = read(page(GOLDEN / "passes.rich"))

    assert dict.fromkeys(("D0", "D1", "D2", "D3"), "holds") == statuses(tree)
    assert "Passes its check" in tree.text
    assert "μP (r = 1/2), STP gauge: features learn." in tree.text
    assert "rich passes – richc report" == tree.one("head").one("title").text
    assert "R203 first-step-readout" in tree.text
    assert "✗" not in tree.text
    # In the first step the zero read-out sends no gradient down.
    (description,) = (d.text for d in tree.all("desc"))
    assert "Δh 0 in the first step, n^0 in later ones" in description
    assert "0 → n^0" in tree.text


def test_a_model_that_fails_and_one_that_is_silenced() -> None:
    tree = read(page(GOLDEN / "fails.rich"))
    wild, quiet = tree.all("article")

    assert ["violated", "violated"] == [statuses(wild)[d] for d in ("D1", "D3")]
    assert "Fails its check" in wild.text
    assert "R201 output-explodes, D1" in wild.text
    assert "^^^^^ its share of the output's change ~ n^1" in wild.text
    (description, *_) = (d.text for d in wild.all("desc"))
    explodes = "n^1/2 in the first step, n^1 in later ones (violates D1)"
    assert f"share of Δf {explodes}, the bias {explodes}" in description
    assert "✗ D1" in wild.one("svg").text
    assert "R201" not in quiet.text
    assert "Passes its check, with 1 finding suppressed" in quiet.text
    assert "frozen on purpose" in quiet.text


def test_what_the_theory_does_not_decide_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(EXPLODES, encoding="utf-8")
    tree = read(page(path))

    assert ["not evaluated"] * 3 == [statuses(tree)[d] for d in ("D1", "D2", "D3")]
    (description,) = (d.text for d in tree.all("desc"))
    assert "own share of Δh not evaluated" in description
    assert "Signals depend on the width at init" in tree.text


@pytest.mark.parametrize(
    ("alpha", "end", "words"),
    [("1", "CompleteP", "α = 1"), ("1/2", "Depth-μP", "α = 1/2"), ("3/4", None, "α = 3/4")],
)
def test_a_network_with_a_depth_has_its_place_by_alpha(
    alpha: str, end: str | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "deep.rich"
    path.write_text(DEEP.replace("ALPHA", alpha), encoding="utf-8")
    tree = read(page(path))
    plane = next(e for e in tree.all("figure") if "plane" in e.attributes.get("class", "").split())
    heights = {
        e.text: float(e.attributes["y"])
        for e in plane.all("text")
        if e.text in ("CompleteP", "Depth-μP")
    }
    mark = float(plane.one("circle").attributes["cy"])

    assert f"r = 1/2, {words}" in plane.one("figcaption").text
    top, bottom = heights["CompleteP"], heights["Depth-μP"]
    # The names stand by the ends of the axis; their lines are some points below.
    expected = heights[end] if end else (top + bottom) / 2
    assert abs(mark - expected) < 10
    assert top + 50 < bottom


def test_powers_of_the_depth_are_raised_and_a_norm_has_one_size(tmp_path: Path) -> None:
    path = tmp_path / "deep.rich"
    path.write_text(DEEP.replace("ALPHA", "1"), encoding="utf-8")
    found = read(page(path))

    raised = {element.text for element in found.all("span") if element.text.startswith("L^")}
    assert {"L^-1", "L^-α"} <= raised
    assert "1 → n" not in found.text
    assert "exponents of n and of the depth L" in found.text


def test_a_norm_without_a_gain_has_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "deep.rich"
    text = DEEP.replace("ALPHA", "1")
    path.write_text(text, encoding="utf-8")
    bare = [table.text for table in read(page(path)).all("table")]
    path.write_text(
        text.replace("  rmsnorm\n  head", "  rmsnorm { gain }\n  head"), encoding="utf-8"
    )
    gained = [table.text for table in read(page(path)).all("table")]

    assert ["In numbers" in table for table in bare] == ["In numbers" in table for table in gained]
    assert [0] == [table.count("rmsnorm") for table in bare if "In numbers" in table]
    assert [1] == [table.count("rmsnorm") for table in gained if "In numbers" in table]


def test_networks_off_the_scale_or_without_a_depth_have_no_place_by_alpha(tmp_path: Path) -> None:
    path = tmp_path / "deep.rich"
    text = DEEP.replace(", depth = ALPHA", "").replace("repeat L", "repeat 4")
    path.write_text(text.replace("  depth L = 8, base L0 = 2\n", ""), encoding="utf-8")

    assert "plane-title" not in page(path)
    assert "plane-title" not in page(GOLDEN / "passes.rich")


def test_only_one_model() -> None:
    tree = read(page(GOLDEN / "fails.rich", "--model", "quiet"))

    (article,) = tree.all("article")
    assert "Model quiet" == next(article.all("h2")).text
    assert "wild" not in tree.text


def test_a_text_without_a_verdict_has_its_findings(tmp_path: Path) -> None:
    path = tmp_path / "broken.rich"
    path.write_text(BROKEN, encoding="utf-8")
    result = CliRunner().invoke(cli, ["report", str(path)])
    tree = read(result.stdout)

    assert 1 == result.exit_code
    assert "error[R001]" in result.stderr
    assert "No verdict" in tree.text
    assert "this ] closes nothing" in tree.text


def test_many_layers_are_a_picture_of_few(tmp_path: Path) -> None:
    layers = "".join(f"  h{i}: dense -> n\n  relu\n" for i in range(40))
    path = tmp_path / "deep.rich"
    text = f"model deep {{\n  width n = 64\n  parameterization mup\n  input 4\n{layers}"
    path.write_text(text + "  out: dense -> 2\n  optimizer sgd\n}\n", encoding="utf-8")
    tree = read(page(path))

    assert "32 layers more are not shown." in tree.one("desc").text
    assert 9 == sum(e.attributes.get("class") == "box" for e in tree.all("rect"))


def test_a_measurement(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    source = (GOLDEN / "passes.rich").read_text(encoding="utf-8")
    verification = measured(source, tmp_path / "found.json")
    tree = read(page(GOLDEN / "passes.rich", "--verification", str(verification)))

    assert 5 == len(list(tree.all("svg")))
    assert "✓ training agrees with the check in 16 of 16 exponents" in tree.text
    (table,) = (t for t in tree.all("table") if "measured exponents" in t.one("caption").text)
    rows = [[cell.text for cell in row.all("th", "td")] for row in table.all("tr")]
    assert ["h at init", "body.1", "n^0", "n^+0.010", "± 0.030", "✓ yes"] in rows
    descriptions = [d.text for d in tree.all("desc")]
    assert any("body.1: measured n^+0.01, predicted n^0" in text for text in descriptions)


@pytest.mark.parametrize(("drift", "words"), [(0.0, "carries over"), (-1.0, "moves")])
def test_a_sweep(drift: float, words: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    source = (GOLDEN / "passes.rich").read_text(encoding="utf-8")
    sweep = swept(source, tmp_path / "found.json", drift=drift)
    tree = read(page(GOLDEN / "passes.rich", "--transfer", str(sweep)))

    assert 3 == len(list(tree.all("svg")))
    assert f"the best learning rate {words}" in tree.text
    (table,) = (t for t in tree.all("table") if "geometric mean" in t.one("caption").text)
    heads = [cell.text for cell in next(iter(table.all("tr"))).all("th")]
    assert ["Learning rate", "n = 64", "n = 128", "n = 256", "n = 512"] == heads
    assert 4 == len(list(table.all("b")))
    ids = [e.attributes["id"] for e in tree.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))


def test_without_matplotlib_there_is_the_table_and_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("richc.figures.style.find_spec", lambda _: None)
    source = (GOLDEN / "passes.rich").read_text(encoding="utf-8")
    verification = measured(source, tmp_path / "found.json")
    tree = read(page(GOLDEN / "passes.rich", "--verification", str(verification)))

    assert 1 == len(list(tree.all("svg")))
    assert 'pip install "richc[plot]"' in tree.text
    assert "Predicted and measured exponents" in tree.text


def test_twice_the_same(tmp_path: Path) -> None:
    source = (GOLDEN / "passes.rich").read_text(encoding="utf-8")
    verification = measured(source, tmp_path / "found.json")
    arguments = ("--verification", str(verification))

    first, second = (page(GOLDEN / "passes.rich", *arguments) for _ in range(2))
    assert first == second


def _luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_contrast_in_every_theme() -> None:
    style = read(page(GOLDEN / "passes.rich")).one("style").text
    themes = re.findall(r":root \{(.*?)\}", style)
    on_paper = "ink muted good bad warn info".split()
    pairs = [(name, "paper") for name in on_paper] + [(name, "panel") for name in on_paper]
    pairs += [("ink", "good-panel"), ("good", "good-panel"), ("muted", "good-panel")]
    pairs += [("ink", "bad-panel"), ("bad", "bad-panel"), ("muted", "bad-panel")]
    pairs += [("on-bad", "bad"), ("paper", "ink")]

    assert 3 == len(themes)
    for theme in themes:
        colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", theme))
        for ink, paper in pairs:
            low, high = sorted(map(_luminance, (colors[ink], colors[paper])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)
