"""The playground as it is published, in a real browser that reaches no network."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.report_page.browser import Page, find_browser, opened

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm, which brings Pyodide"),
]

#: What is wider than the window, and in no scroller.
OVERFLOW = """
[...document.querySelectorAll("body *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".editor, pre, svg"))
  .map(e => e.outerHTML.slice(0, 80)).join("\\n")
"""
#: The contrast of the fainter texts with what is behind them, by WCAG 2's formula.
CONTRAST = """
(() => {
  const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!color.endsWith(", 0)")) return color;
    }
  };
  const names = ["#status", "#lines", "#verdict", "#output", ".asked", "[role=tab]", "footer a"];
  return Math.min(...names.map((name) => document.querySelector(name))
    .map((e) => [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a))
    .map(([more, less]) => (more + 0.05) / (less + 0.05)));
})()
"""


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("playground")
    built = folder / "built"
    # Without isolation: what the build needs is in the development environment.
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*wheel, "-w", str(built), str(root)], check=True, capture_output=True)
    (path,) = built.glob("*.whl")
    build = [sys.executable, str(root / "docs/playground/build.py"), str(folder / "site")]
    done = subprocess.run([*build, "--wheel", str(path)], capture_output=True, text=True)
    if done.returncode == 2:
        pytest.skip(f"the registries of npm and PyPI are needed: {done.stderr.strip()[-200:]}")
    assert 0 == done.returncode, done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def playground(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/index.html"
    try:
        with opened(url, tmp_path_factory.mktemp("profile")) as page:
            assert "Loading Python" in page.evaluate(
                "document.getElementById('status').textContent"
            )
            settle(page, 240)
            yield page
            assert [] == page.complaints
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _same_beginning(playground: Page) -> None:
    write(playground, MUP)
    playground.evaluate("document.getElementById('tab-check').click()")
    settle(playground)
    assert "passes" == playground.evaluate("document.getElementById('verdict').className")


MUP = """\
model digits {
  width n = 256, base n0 = 64
  richness r = 1/2
  input 64
  embed: dense -> n { var = 1 / fan_in, lr = alpha^2 }
  relu
  body[2]: dense -> n { var = 2 / fan_in, lr = alpha^2 * n0 / n }
  relu
  head: dense -> 10 { var = 1 / (alpha^2 * fan_in), lr = n0 / n }
  optimizer sgd { lr = 0.1 }
}
"""


def settle(page: Page, seconds: float = 60) -> None:
    """Until the page shows what its text is."""
    ready = "document.getElementById('status').textContent === 'Ready'"
    page.wait(f"{ready} && !document.body.classList.contains('busy')", seconds)


def write(page: Page, text: str) -> None:
    """As a user who replaces everything by typing."""
    page.evaluate("document.getElementById('text').focus()")
    page.evaluate("document.getElementById('text').select()")
    page.type(text)
    settle(page)


def text_of(page: Page, name: str) -> str:
    found = page.evaluate(f"document.getElementById('{name}').textContent")
    assert isinstance(found, str)
    return found


def text(page: Page) -> str:
    found = page.evaluate("document.getElementById('text').value")
    assert isinstance(found, str)
    return found


def test_a_fault_shows_its_rule_and_line_and_a_slider_mends_it(playground: Page) -> None:
    write(playground, MUP.replace("lr = alpha^2 * n0 / n", "lr = alpha^2 * n0^2 / n^2"))

    assert "fails" == playground.evaluate("document.getElementById('verdict').className")
    assert "line 7 error R401" in text_of(playground, "problems")
    assert "error[R401]" in text_of(playground, "output")
    assert "7\n" == playground.evaluate("document.querySelector('#lines .error').textContent")
    assert "D3 violated" in text_of(playground, "map")

    # By keyboard: each step is an eighth, from n^-1 to n^0.
    playground.evaluate("document.getElementById('body.lr.n').focus()")
    for _ in range(8):
        playground.press("ArrowRight", 39)
    settle(playground)

    assert text_of(playground, "verdict").startswith("✓ digits: μP (r = 1/2), STP gauge")
    assert text(playground) == MUP
    assert "" == text_of(playground, "problems")
    assert playground.evaluate("document.activeElement.id") == "body.lr.n"
    assert playground.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "n^0"
    assert playground.evaluate("document.querySelector('#map .on') !== null")


def test_mistakes_of_syntax_leave_the_page_usable(playground: Page) -> None:
    write(playground, MUP.replace("relu", "rellu", 1) + "model {\n")

    assert "No verdict" in text_of(playground, "verdict")
    assert "line 6 error R0" in text_of(playground, "problems")
    assert playground.evaluate("document.getElementById('body.lr.n').disabled")
    playground.evaluate("document.querySelector('#problems button').click()")
    assert "rellu" == playground.evaluate("getSelection().toString()")
    write(playground, MUP)
    assert "✓" in text_of(playground, "verdict")


def test_a_slider_leads_back_from_where_there_is_no_verdict(playground: Page) -> None:
    holes = MUP.replace("lr = n0 / n", "lr = n^?")
    write(playground, holes)
    playground.evaluate("document.getElementById('embed.lr.n').focus()")

    for key, number in (("ArrowRight", 39), ("ArrowLeft", 37)):
        playground.press(key, number)
        settle(playground)
        if key == "ArrowRight":
            assert "No verdict" in text_of(playground, "verdict")

    assert holes == text(playground)
    assert "✓ digits: μP" in text_of(playground, "verdict")


def test_the_point_moves_with_richness_and_gauge(playground: Page) -> None:
    def point() -> tuple[str, str]:
        place = "document.querySelector('#map .on').getAttribute"
        return playground.evaluate(f"{place}('cx')"), playground.evaluate(f"{place}('cy')")

    places = {point()}
    playground.evaluate("document.getElementById('richness').focus()")
    playground.press("ArrowLeft", 37)
    settle(playground)
    places.add(point())
    assert "richness r = 3/8" in text(playground)
    assert "on the STP edge, r = 3/8" in text_of(playground, "position")
    playground.evaluate("document.getElementById('gauge-rescaling').click()")
    settle(playground)
    places.add(point())

    assert "scale = 1 / sqrt(fan_in)" in text(playground)
    assert 3 == len(places)


def test_compile_prints_what_the_command_line_prints(playground: Page, tmp_path: Path) -> None:
    (tmp_path / "model.rich").write_text(MUP, "utf-8")
    command = [sys.executable, "-m", "richc", "compile", "model.rich"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    # By keyboard, from the first tab to the last.
    playground.evaluate("document.getElementById('tab-check').focus()")
    playground.press("End", 35)
    playground.wait("document.getElementById('output').dataset.command === 'compile'")

    asked, _, program = text_of(playground, "output").partition("\n")
    assert "$ richc compile model.rich" == asked
    assert done.stdout.decode("utf-8") == program


def test_of_several_models_one_is_chosen(playground: Page) -> None:
    write(playground, MUP + MUP.replace("digits", "other").replace("r = 1/2", "r = 1/4"))
    assert text_of(playground, "verdict").startswith("✓ digits: μP")

    playground.evaluate(
        "(e => { e.value = 'other'; e.onchange(); })(document.getElementById('model'))"
    )
    settle(playground)

    assert text_of(playground, "verdict").startswith("✓ other: r = 1/4")
    assert "$ richc check model.rich --model other" in text_of(playground, "output")
    playground.evaluate("document.getElementById('gauge-mup').click()")
    settle(playground)
    first, second = text(playground).split("model other")
    assert (MUP, True) == (first, "scale = " in second)


def test_a_link_holds_the_text(playground: Page) -> None:
    link = playground.evaluate("location.hash")
    other = MUP.replace("digits", "Ziffern")
    write(playground, other)
    assert link != playground.evaluate("location.hash")

    playground.evaluate(f"location.hash = {link!r}")
    playground.wait(f"document.getElementById('text').value === {MUP!r}")
    settle(playground)

    assert "✓ digits" in text_of(playground, "verdict")


def test_themes_and_widths(playground: Page) -> None:
    shots = set()
    for scheme in ("light", "dark"):
        for width in (360, 1300):
            playground.show(width, scheme)
            assert playground.evaluate("document.documentElement.scrollWidth") <= width
            assert "" == playground.evaluate(OVERFLOW)
            shots.add(playground.screenshot())
        background = playground.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ("rgb(255, 255, 255)" == background) == (scheme == "light")
        assert 4.5 <= playground.evaluate(CONTRAST)
    assert 4 == len(shots)
