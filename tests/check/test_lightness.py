"""A commit hook must be light: what ``richc check`` may not import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = [
    "asyncio",
    "email",
    "http",
    "hypothesis",
    "importlib.metadata",
    "lark",
    "logging.config",
    "multiprocessing",
    "numpy",
    "pydantic",
    "rich",
    "socket",
    "ssl",
    "torch",
    "unittest",
    "urllib.request",
]

#: What the design names; the others above are kept out because they cost as much.
PROMISED = [
    *("asyncio", "dataclasses", "importlib.metadata", "lark", "numpy", "pydantic", "rich", "torch"),
]

PROBE = """
import atexit, json, sys
sys.argv = ["richc", *{arguments!r}]
atexit.register(lambda: open({output!r}, "w").write(json.dumps(sorted(sys.modules))))
from richc.__main__ import main
main()
"""

GOOD = """\
model good {
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer adam { weight_decay = 0.1 }
  require mup
}
"""

TEXTS = {
    "clean": GOOD,
    "desiderata": GOOD.replace("-> n", "-> n { lr = 1 / n^3, eps = 1 }"),
    "syntax": GOOD.replace("input 16", "input = 16").replace("mup", "mpu"),
    "suppressed": GOOD.replace("-> n", "-> n { lr = 1 / n^3 }  # richc: ignore[R301] -- why"),
    "badly suppressed": GOOD.replace("-> n", "-> n  # richc: ignore[R31, R601]"),
    "empty": "",
    "holes": GOOD.replace("-> n", "-> n { std = n^?, lr = n^? }"),
    "unsolvable": GOOD.replace("-> n", "-> n { std = n^?, lr = n^2 }"),
    "interval": GOOD.replace("  input", "  richness r = 1/2 in [0, 1/2]\n  input"),
}


def modules(tmp_path: Path, *arguments: str) -> set[str]:
    output = tmp_path / "modules.json"
    script = PROBE.format(arguments=list(arguments), output=str(output))
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=120)
    return set(json.loads(output.read_text(encoding="utf-8")))


@pytest.mark.parametrize("output_format", ["text", "concise"])
@pytest.mark.parametrize("name", TEXTS)
def test_check_imports_nothing_heavy(name: str, output_format: str, tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(TEXTS[name], encoding="utf-8")

    loaded = modules(tmp_path, "check", "--format", output_format, str(path))

    assert "richc.pipeline" in loaded
    assert set() == loaded.intersection(PROMISED)


def test_choosing_imports_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(TEXTS["desiderata"], encoding="utf-8")

    loaded = modules(tmp_path, "check", "--select", "R3,R4", "--ignore", "epsilon", str(path))

    assert "richc.rules.selection" in loaded
    assert set() == loaded.intersection([*PROMISED, "watchfiles", "richc.report.sarif"])


@pytest.mark.parametrize("output_format", ["sarif", "github"])
def test_formats_of_other_programs_need_the_standard_library(
    output_format: str, tmp_path: Path
) -> None:
    path = tmp_path / "net.rich"
    path.write_text(TEXTS["desiderata"], encoding="utf-8")

    loaded = modules(tmp_path, "check", "--format", output_format, str(path))

    assert f"richc.report.{output_format}" in loaded
    assert set() == loaded.intersection(PROMISED)


def test_a_clean_file_needs_even_less(tmp_path: Path) -> None:
    """Messages, rules and edits are for files that have mistakes."""
    path = tmp_path / "net.rich"
    text = GOOD.replace("{ weight_decay = 0.1 }", "# as richc wants it: no options")
    path.write_text(text, encoding="utf-8")

    loaded = modules(tmp_path, "check", str(path))

    unneeded = ["difflib", "richc.emit", "richc.inference", "richc.syntax.messages"]
    unneeded += ["richc.rules.suppressions", "richc.rules.selection", "richc.rules.pages"]
    assert set() == loaded.intersection([*HEAVY, *unneeded])


def test_python_api_imports_nothing_before_it_is_asked(tmp_path: Path) -> None:
    script = "import json, sys, richc; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=120
    ).stdout

    assert set() == set(json.loads(shown)).intersection([*HEAVY, "click", "richc.pipeline"])
