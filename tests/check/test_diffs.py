"""What ``--diff`` prints is a patch: ``patch`` makes of the file what richc would have made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import given, note, settings
from hypothesis import strategies as st

from richc.cli.main import cli
from richc.cli.rewriting import diff
from richc.syntax.source import Source
from tests.fuzz.words import CHARACTERS

pytestmark = pytest.mark.skipif(shutil.which("patch") is None, reason="no patch")

#: What Python's own `splitlines` ends a line at, and nobody's editor.
STRANGE = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"

TEXT = """\
model m {
  # STRANGE
  width n = 256
  input 8
  h: dense -> n { std = 1,lr = n^2 } # a STRANGE b
  tanh
  o: dense -> 2 { std = 1/n, lr=1/n } # STRANGE
  optimizer sgd
}
"""
COMMANDS = {
    "fmt": ["fmt"],
    "fix": ["fix"],
    "gauge": ["gauge", "--to", "a=1/2"],
}


def patched(before: bytes, patch: bytes) -> bytes:
    """What ``patch`` makes of a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "net.rich")
        path.write_bytes(before)
        run = subprocess.run(
            ["patch", "--silent", "--no-backup-if-mismatch", str(path)],
            input=patch,
            capture_output=True,
            timeout=60,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert list(Path(folder).iterdir()) == [path], "a hunk was refused"
        return path.read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "unended"])
def test_it_is_what_would_be_written(
    command: str, end: str, mark: str, last: bool, tmp_path: Path
) -> None:
    path = tmp_path / "net.rich"
    text = TEXT.replace("STRANGE", STRANGE) if last else TEXT.replace("STRANGE", STRANGE)[:-1]
    before = (mark + text.replace("\n", end)).encode()
    path.write_bytes(before)

    shown = CliRunner().invoke(cli, [*COMMANDS[command], "--diff", str(path)]).stdout_bytes
    assert path.read_bytes() == before
    CliRunner().invoke(cli, [*COMMANDS[command], str(path)])

    assert path.read_bytes() != before
    assert patched(before, shown) == path.read_bytes()


@settings(max_examples=60)
@given(
    *[st.lists(st.sampled_from(["a\n", "b\n", "\n", "c", *CHARACTERS, *STRANGE])).map("".join)] * 2
)
def test_of_any_two_texts(before: str, after: str) -> None:
    if "\0" in before + after or before == after:
        return
    source = Source("net.rich", before)
    mark = "\ufeff" if source.has_mark else ""
    shown = diff(source, after)
    note(shown)

    assert patched(before.encode(), shown.encode()) == (mark + after).encode()
