"""``richc report`` from outside: arguments and files in; page, message and exit code out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from tests.report_page.measuring import measured
from tests.report_page.reading import read
from tests.report_page.sweeping import swept

GOOD = """\
model net {
  width n = 64
  parameterization mup
  input 8
  embed: dense -> n
  relu
  head: dense -> 4
  optimizer sgd { lr = 0.1 }
  loss mse
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.rich").write_text(GOOD, encoding="utf-8")
    return tmp_path


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments], input=text)


def test_a_file_and_standard_output_hold_the_same(folder: Path) -> None:
    assert 0 == run("net.rich", "-o", "net.html").exit_code
    assert (folder / "net.html").read_bytes() == run("net.rich").stdout_bytes
    assert (folder / "net.html").read_bytes() == run("net.rich", "-o", "-").stdout_bytes
    assert [] == list(folder.glob(".*"))


def test_standard_input(folder: Path) -> None:
    result = run("-", text=GOOD)

    assert 0 == result.exit_code
    assert "<stdin>" == read(result.stdout).one("h1").text


def test_a_page_is_written_whatever_the_verdict(folder: Path) -> None:
    text = GOOD.replace("head: dense -> 4", "head: dense -> 4 { lr = 1 }")

    result = run("-", text=text)

    assert (0, "") == (result.exit_code, result.stderr)
    assert "Fails its check" in read(result.stdout).text


@pytest.mark.parametrize("text", ["", "# nothing\n", "model net {\n", "model net {\n input ]\n}\n"])
def test_no_model(text: str, folder: Path) -> None:
    (folder / "none.rich").write_text(text, encoding="utf-8")
    result = run("none.rich", "-o", "none.html")

    assert 1 == result.exit_code
    assert "error[R0" in result.stderr
    assert "No verdict" in read((folder / "none.html").read_text(encoding="utf-8")).text


def test_one_model_of_two_cannot_be_judged(folder: Path) -> None:
    result = run("-", text=GOOD + "model other {\n  input ]\n}\n")

    assert 0 == result.exit_code
    tree = read(result.stdout)
    assert "Findings in the text" in tree.text
    assert 1 == len(list(tree.all("article")))


def test_own_pages_are_written_over_and_others_are_not(folder: Path) -> None:
    target = folder / "net.html"
    for _ in range(2):
        assert 0 == run("net.rich", "-o", "net.html").exit_code
    target.write_text("<!DOCTYPE html>\n<p>mine\n", encoding="utf-8")

    result = run("net.rich", "-o", "net.html")
    assert 2 == result.exit_code
    assert "richc did not write this file" in result.stderr
    assert "mine" in target.read_text(encoding="utf-8")
    assert 0 == run("net.rich", "-o", "net.html", "--force").exit_code
    assert "mine" not in target.read_text(encoding="utf-8")


def test_the_model_itself_is_not_written_over(folder: Path) -> None:
    assert 2 == run("net.rich", "-o", "net.rich").exit_code
    assert GOOD == (folder / "net.rich").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.rich"], "missing.rich"),
        (["net.rich", "-o", "no/net.html"], "is not a folder"),
        (["net.rich", "-o", "."], "is a folder"),
        (["net.rich", "--model", "met"], "there is no model `met`; did you mean `net`?"),
        (["net.rich", "--verification", "missing.json"], "missing.json"),
        (["net.rich", "--verification", "net.rich"], "not what `richc verify --format json`"),
        (["net.rich", "--transfer", "missing.json"], "--transfer: missing.json: No such file"),
        (["net.rich", "--transfer", "net.rich"], "not what `richc transfer --format json`"),
        ([], "FILE is missing"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, folder: Path) -> None:
    result = run(*arguments)

    assert 2 == result.exit_code
    assert message in result.stderr
    assert ["net.rich"] == [path.name for path in folder.iterdir()]


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "net.rich").write_bytes(b"\xff\x00")
    result = run("net.rich", "-o", "net.html")

    assert 2 == result.exit_code
    assert not (folder / "net.html").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "other"}, "there is no model `other` on this page"),
        ({"rows": []}, "of another version of model `net`, with layers none"),
        ({"run": {}}, "run.networks: Field required"),
        ({"extra": 1}, "extra: "),
    ],
)
def test_a_verification_of_something_else(
    change: dict[str, object], message: str, folder: Path
) -> None:
    path = measured(GOOD, folder / "found.json")
    content = json.loads(path.read_text(encoding="utf-8")) | change
    path.write_text(json.dumps(content), encoding="utf-8")

    result = run("net.rich", "--verification", "found.json")
    assert 2 == result.exit_code
    assert message in result.stderr


def test_a_verification_of_an_older_text(folder: Path) -> None:
    measured(GOOD.replace("dense -> 4", "dense -> 4 { lr = 1 / n^2 }"), folder / "found.json")

    result = run("net.rich", "--verification", "found.json")
    assert 2 == result.exit_code
    assert "there the check said" in result.stderr


def test_predictions_that_are_no_numbers(folder: Path) -> None:
    path = measured(GOOD, folder / "found.json")
    text = path.read_text(encoding="utf-8").replace('"predicted": "0"', '"predicted": "1/0"')
    path.write_text(text, encoding="utf-8")

    result = run("net.rich", "--verification", "found.json")
    assert 2 == result.exit_code
    assert "predicted" in result.stderr


def test_a_sweep_of_an_older_text(folder: Path) -> None:
    swept(GOOD.replace("parameterization mup", "parameterization ntp"), folder / "found.json")

    result = run("net.rich", "--transfer", "found.json")
    assert 2 == result.exit_code
    assert "of another version of model `net`" in result.stderr


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m\u202e"


def test_a_hostile_text_is_only_text(folder: Path) -> None:
    """What a stranger may write: comments, strings, names, and what is no language at all."""
    comment = f"lr = 1 / n^3 }}  # richc: ignore[R301] -- {HOSTILE}"
    texts = [
        GOOD.replace("input 8", f"input 8  # {HOSTILE}"),
        GOOD.replace("dense -> 4", f"dense -> 4 {{ {comment}"),
        GOOD.replace("embed", HOSTILE),
        GOOD.replace("model net", f"model {HOSTILE}"),
        GOOD.replace("loss mse", f'loss mse\n  train {{ data = "{HOSTILE}" }}'),
        HOSTILE,
    ]
    for text in texts:
        result = run("-", text=text)
        assert result.exit_code in (0, 1), result.output
        page = result.stdout
        tree = read(page)
        assert [] == list(tree.all("script", "img"))
        assert not [e for e in tree.all() for name in e.attributes if name.startswith("on")]
        assert "\x1b" not in page
        assert "\u202e" not in page


@pytest.mark.skipif(os.name == "nt", reason="such names are for other systems")
def test_a_hostile_path_is_only_text(folder: Path) -> None:
    name = "<b onclick=x>\x1b[31m\n.rich"
    (folder / name).write_text(GOOD, encoding="utf-8")
    page = run(name).stdout

    assert r"<b onclick=x>\x1b[31m\n.rich" == read(page).one("h1").text
    assert [] == list(read(page).one("h1").all("b"))


def test_a_hostile_verification_is_only_text(folder: Path) -> None:
    path = measured(GOOD, folder / "found.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["run"]["data"] = HOSTILE
    content["measured"]["unmet"] = [HOSTILE]
    content["measured"]["broken"] = [
        {"desideratum": "D1", "layer": HOSTILE, "message": HOSTILE, "is_consequence": False}
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    page = run("net.rich", "--verification", "found.json").stdout

    assert [] == list(read(page).all("script", "img"))
    assert "<script>alert(1)</script>" in read(page).text
    assert "\x1b" not in page


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ("jinja2", "markupsafe"):
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
sys.argv = ["richc", "report", "net.rich", "-o", "net.html"]
from richc.__main__ import main
main()
"""


def test_without_jinja(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)

    assert (2, "") == (done.returncode, done.stdout)
    assert [
        'error: pages need Jinja2, which is not installed: pip install "richc[report]"'
    ] == done.stderr.splitlines()
    assert not (folder / "net.html").exists()
