"""What an audit reports, in each format, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

import richc
from richc.cli.main import cli
from richc.report.audit import text
from richc.report.audit_schema import AuditReport, OpenRow
from richc.testing import assert_mup
from tests.audit.factories import WIDTHS, missed, right

FACTORIES = Path(__file__).with_name("factories.py")
CONTRACT = (
    "version factory target verdict richness risk widths networks findings parameters open"
).split()


def audit(name: str, *options: str) -> Result:
    widths = f"--widths={','.join(map(str, WIDTHS))}"
    return CliRunner().invoke(cli, ["audit", f"{FACTORIES}:{name}", widths, *options])


@pytest.fixture(scope="module")
def found() -> AuditReport:
    return richc.audit(missed, widths=WIDTHS)


def test_one_root_with_its_mend(found: AuditReport) -> None:
    (finding,) = found.findings

    assert "fail" == found.verdict
    assert ("A301", "lr", ["body.weight"]) == (finding.code, finding.knob, finding.parameters)
    assert ("1", "0", "lr × n^-1") == (finding.excess, finding.read, finding.help)
    assert finding.measured is not None
    assert abs(finding.measured - 1) < 0.25
    assert found.mended is True
    assert found.risk <= 0.01


def test_what_was_read_of_parameters(found: AuditReport) -> None:
    rows = {p.name: p for p in found.parameters}

    assert ["n", "n"] == rows["body.weight"].shape
    assert ["8", "n"] == rows["head.weight"].shape
    assert ("-1/2", "0", "1") == (
        rows["body.weight"].init, rows["body.weight"].lr, rows["body.weight"].own.read,
    )  # fmt: skip
    assert ("-1", "-1", "0") == (
        rows["head.weight"].init, rows["head.weight"].lr, rows["head.weight"].own.read,
    )  # fmt: skip
    assert "0" == rows["embed.weight"].own.read
    assert {"Adam"} == {row.optimizer for row in found.parameters}


def test_json_is_the_contract(found: AuditReport) -> None:
    document = json.loads(found.model_dump_json())
    schema = json.loads(CliRunner().invoke(cli, ["schema", "audit"]).stdout)

    jsonschema.validate(document, schema)
    assert set(CONTRACT) <= document.keys()
    assert {
        *("code", "slug", "severity", "parameters", "knob", "excess", "read", "measured"),
        *("interval", "help", "source"),
    } <= document["findings"][0].keys()
    assert {"name", "shape", "init", "lr", "decay", "eps", "optimizer", "own"} == set(
        document["parameters"][0]
    )


@pytest.mark.parametrize("seeds", [1, 7, 8])
def test_undecided_says_what_is(seeds: int) -> None:
    report = richc.audit(right, widths=WIDTHS, seeds=seeds)
    said = text(report).splitlines()

    assert ("undecided", 4) == (report.verdict, report.exit_code)
    assert report.risk > 0.01
    assert [f"? undecided: {row.what}" for row in report.open] == said[1:-1] != []
    if seeds > 1:  # Each can be told; all of them together err too often.
        assert all("is told wrongly with a risk of 0.0" in row.what for row in report.open)


def test_what_several_rows_say_is_said_once(found: AuditReport) -> None:
    rows = [OpenRow(parameters=[], what=what) for what in ("a size", "a size", "an update")]
    said = text(found.model_copy(update={"open": rows})).splitlines()

    assert ["? undecided: a size (2 rows)", "? undecided: an update"] == [
        line for line in said if line.startswith("?")
    ]


def test_right_is_said_in_a_line() -> None:
    result = audit("right")
    head, last = result.stdout.splitlines()

    assert 0 == result.exit_code, result.output
    assert f"{FACTORIES}:right: 6 parameters in 6 groups, Adam, widths 64 to 256, " in head
    assert last.startswith("✓ μP; such a run errs in less than 1 of ")


def test_a_fault_as_text() -> None:
    result = audit("missed", "--fix")
    lines = result.stdout.splitlines()

    assert 1 == result.exit_code
    assert "error[A301]: the update of `body.weight` is too large at `body`" == lines[1]
    assert "   read       lr ~ n^0" == lines[2]
    assert lines[3].startswith("   measured   n^+")
    assert "   help       lr × n^-1" == lines[4]
    assert "  changed: lr × n^-1: body.weight" == lines[5]
    assert lines[6].startswith("✗ not μP: 1 fault; measured again with what the help says: μP; ")


def test_a_fault_as_json() -> None:
    result = audit("wide_init", "--format", "json")
    document = json.loads(result.stdout)

    assert 1 == result.exit_code
    assert [("A101", "init", "1/2", ["body.weight"])] == [
        (f["code"], f["knob"], f["excess"], f["parameters"]) for f in document["findings"]
    ]


def test_what_a_factory_prints_is_kept_out_of_the_report(tmp_path: Path) -> None:
    path = tmp_path / "talking.py"
    path.write_text("def make(n):\n    print('width', n)\n", encoding="utf-8")

    result = CliRunner().invoke(cli, ["audit", f"{path}:make", "--format", "json"])

    assert "refused" == json.loads(result.stdout)["verdict"]
    assert "width 64" in result.stderr


def test_a_fault_as_sarif() -> None:
    result = audit("missed", "--format", "sarif")
    (run,) = json.loads(result.stdout)["runs"]
    (one,) = run["results"]
    (location,) = one["locations"]

    assert 1 == result.exit_code
    assert ("A301", "error") == (one["ruleId"], one["level"])
    assert "body.weight" == location["logicalLocations"][0]["fullyQualifiedName"]
    assert location["physicalLocation"]["artifactLocation"]["uri"].endswith("factories.py")
    assert ["A301"] == [rule["id"] for rule in run["tool"]["driver"]["rules"]]


def test_a_fault_as_annotation() -> None:
    result = audit("missed", "--format", "github")

    assert 1 == result.exit_code
    assert result.stdout.startswith(f"::error file={FACTORIES},title=A301 own-update-too-large::")


@pytest.mark.parametrize(("pattern", "code"), [("body.*=A301", 0), ("head.*=A301", 1)])
def test_what_is_ignored_fails_nothing(pattern: str, code: int) -> None:
    assert code == audit("missed", "--ignore", pattern).exit_code


def test_refused_and_undecided_have_codes_of_their_own() -> None:
    undecided = audit("missed", "--seeds=1")
    refused = audit("nothing")

    assert 4 == undecided.exit_code
    assert "✓" not in undecided.stdout
    assert "μP;" not in undecided.stdout
    assert (2, "") == (refused.exit_code, refused.stdout)
    assert f"✗ {FACTORIES}:nothing: not audited: there is no function 'nothing'" in refused.stderr


@pytest.mark.parametrize(
    "options", [["--widths=64,x"], ["--ignore=A301"], ["--ignore=*=R401"], ["--target=sp"]]
)
def test_wrong_usage(options: list[str]) -> None:
    result = CliRunner().invoke(cli, ["audit", "json:loads", *options])

    assert (2, "") == (result.exit_code, result.stdout)


def test_reading_alone_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: Any, **__: Any) -> None:
        raise AssertionError("a step was made")

    monkeypatch.setattr("torch.optim.Adam.step", step)
    report = richc.audit(missed, widths=WIDTHS, read_only=True)

    assert [("A301", "1", None)] == [(f.code, f.excess, f.measured) for f in report.findings]
    assert "pass" == richc.audit(right, widths=WIDTHS, read_only=True).verdict


def test_pytest_is_shown_the_report() -> None:
    assert_mup(right, widths=WIDTHS)
    with pytest.raises(AssertionError, match=r"error\[A301\]: the update of `body.weight`"):
        assert_mup(missed, widths=WIDTHS, read_only=True)


def test_the_same_networks_in_every_run() -> None:
    first, second = (richc.audit(right, widths=WIDTHS, seeds=2) for _ in range(2))

    assert first.model_copy(update={"seconds": 0.0}) == second.model_copy(update={"seconds": 0.0})


def test_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "audit.svg"

    result = audit("missed", "--read-only", "--plot", str(path))

    assert 1 == result.exit_code
    assert "<svg" in path.read_text(encoding="utf-8")
