"""``richc check --format sarif``, held to the schema of SARIF 2.1.0 and to what a consumer needs.

The schema is OASIS's, version 2.1.0-rtm.5, as Microsoft's npm package @microsoft/jest-sarif has it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft4Validator

from richc import __version__
from richc.cli.main import cli
from richc.diagnostics import SLUGS
from richc.report.sarif import FINGERPRINT
from richc.rules import pages

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "sarif-2.1.0.schema.json").read_text(encoding="utf-8"))
GOLDEN = sorted((HERE / "golden").glob("*.rich"))

BAD = """\
model net {
  width n = 256
  input 64
  embed: dense -> n { std = 1/8, lr = 1 }
  tanh
  head: dense -> 10 { std = 1 / n, lr = 1 / n^2 }
  optimizer adam { lr = 0.1, eps = 1e-8 }
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sarif(*arguments: str | Path, stdin: str | None = None) -> dict[str, Any]:
    """The only run of a valid log."""
    command = ["check", "--format", "sarif", *map(str, arguments)]
    log = json.loads(CliRunner().invoke(cli, command, input=stdin).stdout)
    Draft4Validator(SCHEMA, format_checker=Draft4Validator.FORMAT_CHECKER).validate(log)
    (run,) = log["runs"]
    return dict(run)


def results(text: str, *options: str) -> list[dict[str, Any]]:
    Path("net.rich").write_text(text, encoding="utf-8")
    found: list[dict[str, Any]] = sarif("net.rich", *options)["results"]
    return found


def uris(run: dict[str, Any]) -> list[dict[str, str]]:
    return [
        location["physicalLocation"]["artifactLocation"]
        for result in run["results"]
        for location in result["locations"]
    ]


def test_the_schema_is_a_schema() -> None:
    Draft4Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_valid(path: Path) -> None:
    run = sarif(path)
    rules = run["tool"]["driver"]["rules"]

    assert {r["ruleId"] for r in run["results"]} == {rule["id"] for rule in rules}
    for result in run["results"]:
        assert result["ruleId"] == rules[result["ruleIndex"]]["id"]


def test_nothing_found_is_valid() -> None:
    (path,) = (path for path in GOLDEN if path.stem == "clean_mup")

    run = sarif(path)

    assert [] == run["results"] == run["tool"]["driver"]["rules"]


def test_many_files_are_one_run(folder: Path) -> None:
    for name in "abc":
        (folder / f"{name}.rich").write_text(BAD, encoding="utf-8")

    run = sarif(".")

    assert ["a.rich", "b.rich", "c.rich"] == list(dict.fromkeys(uri["uri"] for uri in uris(run)))
    codes = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(codes) == len(set(codes))


def test_the_tool() -> None:
    driver = sarif("-", stdin=BAD)["tool"]["driver"]

    assert ("richc", __version__) == (driver["name"], driver["version"])


def test_rules_have_their_pages() -> None:
    seen: dict[str, dict[str, Any]] = {}
    for path in GOLDEN:
        seen |= {rule["id"]: rule for rule in sarif(path)["tool"]["driver"]["rules"]}

    assert len(seen) > 20
    for code, rule in seen.items():
        page = pages.read(code)
        assert SLUGS[code] == rule["name"]
        assert page.summary == rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert "## " not in rule["fullDescription"]["markdown"]
        assert page.text == rule["help"]["markdown"]
        assert not re.search(r"^#|`", rule["help"]["text"].replace("# ", ""), re.MULTILINE)
        level = {"info": "note"}.get(page.severity, page.severity)
        assert level == rule["defaultConfiguration"]["level"]
        assert ([page.desideratum] if page.desideratum else []) == rule["properties"]["tags"][1:]


def test_paths_are_relative_and_encoded(folder: Path) -> None:
    inside = folder / "größe μ"
    inside.mkdir()
    file = inside / "a:b #1.rich"
    file.write_text(BAD, encoding="utf-8")
    expected = {
        "uri": "gr%C3%B6%C3%9Fe%20%CE%BC/a%3Ab%20%231.rich",
        "uriBaseId": "%SRCROOT%",
    }

    for given in (file, file.relative_to(folder), "./größe μ", "größe μ/../größe μ/a:b #1.rich"):
        run = sarif(given)
        assert [expected] * len(run["results"]) == uris(run)
        assert run["results"]
        assert "%SRCROOT%" in run["originalUriBaseIds"]


@pytest.mark.parametrize("is_absolute", [True, False])
def test_files_elsewhere_are_absolute(
    is_absolute: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "net.rich").write_text(BAD, encoding="utf-8")
    (folder / "deep").mkdir()
    monkeypatch.chdir(folder / "deep")

    run = sarif(folder / "net.rich" if is_absolute else "../net.rich")

    assert {(folder / "net.rich").as_uri()} == {uri["uri"] for uri in uris(run)}
    assert all("uriBaseId" not in uri for uri in uris(run))


def test_standard_input_has_a_name() -> None:
    run = sarif("-", "--stdin-filename", "models/net.rich", stdin=BAD)

    assert {"models/net.rich"} == {uri["uri"] for uri in uris(run)}


def test_regions_count_characters_from_one() -> None:
    found = results(BAD.replace("{ std = 1 / n", "{   std = 1 / n"))
    (region,) = (
        r["locations"][0]["physicalLocation"]["region"] for r in found if r["ruleId"] == "R402"
    )

    assert {"startLine": 6, "startColumn": 43, "endLine": 6, "endColumn": 50} == region


def test_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "net.rich").write_bytes(b"\xff")

    run = sarif("net.rich")

    assert ["R006"] == [result["ruleId"] for result in run["results"]]
    assert "region" not in run["results"][0]["locations"][0]["physicalLocation"]
    assert [{"executionSuccessful": False}] == run["invocations"]


def test_labels_are_related_locations() -> None:
    (path,) = (path for path in GOLDEN if path.stem == "r701_prefactor")
    related = [r["relatedLocations"] for r in sarif(path)["results"] if "relatedLocations" in r]

    assert related
    assert all(place["physicalLocation"]["region"] for places in related for place in places)


def _at(text: str, line: int, column: int) -> int:
    return sum(len(part) for part in text.splitlines(keepends=True)[: line - 1]) + column - 1


def test_fixes_mend() -> None:
    """Applied by a reader of SARIF alone, in characters."""
    text = BAD.replace("tanh", "tanh  # μ is one character")
    (result,) = (r for r in results(text) if r["ruleId"] == "R402")
    ((change,),) = (fix["artifactChanges"] for fix in result["fixes"])
    mended = text
    # The last first, so that the others' places stay.
    for replacement in sorted(
        change["replacements"], key=lambda r: -r["deletedRegion"]["startLine"]
    ):
        region = replacement["deletedRegion"]
        start = _at(text, region["startLine"], region["startColumn"])
        end = _at(text, region["endLine"], region["endColumn"])
        mended = mended[:start] + replacement["insertedContent"]["text"] + mended[end:]

    assert "net.rich" == change["artifactLocation"]["uri"]
    assert "R402" not in [r["ruleId"] for r in results(mended)]


def prints(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(r["ruleId"], r["partialFingerprints"][FINGERPRINT]) for r in found]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model net", "# a comment\n\nmodel net"),
        ("  tanh\n", "\n\n    tanh  # here\n"),
        ("{ std = 1 / n", "{\n    std = 1 / n"),
        ("width n = 256", "width n = 512"),
    ],
)
def test_fingerprints_follow_the_finding(old: str, new: str) -> None:
    assert prints(results(BAD)) == prints(results(BAD.replace(old, new)))


def test_fingerprints_are_distinct() -> None:
    twice = BAD + BAD.replace("model net", "model other")
    found = prints(results(twice))

    assert 2 * len(results(BAD)) == len(found)
    assert len({fingerprint for _, fingerprint in found}) == len(found)


def test_suppressed_findings_say_why() -> None:
    comment = "# richc: ignore[R402] -- the read-out is frozen, nearly\n"
    text = BAD.replace("  head", f"  {comment}  head").replace(
        "  optimizer", "  # richc: ignore[epsilon]\n  optimizer"
    )
    found = {r["ruleId"]: r["suppressions"] for r in results(text)}

    assert [{"kind": "inSource", "justification": "the read-out is frozen, nearly"}] == found.pop(
        "R402"
    )
    assert [{"kind": "inSource"}] == found.pop("R601")
    assert all([] == suppressions for suppressions in found.values())


def test_what_is_left_out_is_no_result() -> None:
    every = [r["ruleId"] for r in results(BAD)]
    left = [r["ruleId"] for r in results(BAD, "--ignore", "R4")]

    assert left == [code for code in every if code != "R402"]
    assert left != every
