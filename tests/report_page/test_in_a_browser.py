"""Pages in a real browser, where one is installed: both themes, narrow and wide, and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli
from tests.report_page.browser import find_browser, opened
from tests.report_page.measuring import measured
from tests.report_page.sweeping import swept

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed"),
]

GOLDEN = Path(__file__).parent / "golden"
LONG = f"""\
model {"m" * 90} {{
  width n = 64
  parameterization mup
  input 8
  {"layer_" * 15}: dense -> n {{ lr = 3.14159265358979323846 * n^(1/7) * sqrt(2 / 3) / n^(22/7) }}
  relu
  head: dense -> 4
  optimizer sgd
}}
"""
#: What is wider than the window, and no scroller of its own.
OVERFLOW = """
[...document.querySelectorAll("body *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest("pre, .wide") && !e.closest(".unseen"))
  .map(e => e.outerHTML.slice(0, 80)).join("\\n")
"""


@pytest.fixture(params=["passes", "fails", "broken", "long"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    source = tmp_path / "net.rich"
    texts = {"broken": "model broken {\n  input ]\n}\n", "long": LONG}
    kept = GOLDEN / f"{request.param}.rich"
    source.write_text(texts.get(request.param) or kept.read_text(encoding="utf-8"), "utf-8")
    arguments = ["report", str(source), "-o", str(tmp_path / "net.html")]
    if request.param == "passes":
        found = measured(source.read_text(encoding="utf-8"), tmp_path / "found.json")
        sweep = swept(source.read_text(encoding="utf-8"), tmp_path / "sweep.json")
        arguments += ["--verification", str(found), "--transfer", str(sweep)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code in (0, 1), result.output
    return tmp_path / "net.html"


def test_themes_widths_and_paper(target: Path, tmp_path: Path) -> None:
    with opened(target.as_uri(), tmp_path / "profile") as page:
        shots = set()
        for scheme in ("light", "dark"):
            for width in (400, 1200):
                page.show(width, scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert "" == page.evaluate(OVERFLOW)
                shot = page.screenshot()
                assert len(shot) > 5_000
                shots.add(shot)
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert ("rgb(255, 255, 255)" == background) == (scheme == "light")
        assert 4 == len(shots)
        # The style sheet was not refused, and applies to paper too, where nothing scrolls.
        page.show(700, "dark", media="print")
        assert "rgb(255, 255, 255)" == page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        assert page.evaluate(
            "[...document.querySelectorAll('pre, .wide')].every("
            "e => getComputedStyle(e).overflowX === 'visible')"
        )
        assert page.pdf().startswith(b"%PDF-")
        assert [] == page.complaints


def test_what_the_policy_forbids_is_noticed(target: Path, tmp_path: Path) -> None:
    """So that no complaints means something."""
    text = target.read_text(encoding="utf-8")
    target.write_text(text.replace("<main", '<p style="color: red">x</p><main'), encoding="utf-8")
    with opened(target.as_uri(), tmp_path / "profile") as page:
        page.show(400)
        assert any("Content Security Policy" in complaint for complaint in page.complaints)
