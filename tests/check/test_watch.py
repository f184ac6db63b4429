"""``richc check --watch``, for real: a process, files that change, and what it prints."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli

#: Nothing here takes so long; a test that waits for it has failed.
PATIENCE = 30.0

GOOD = """\
model good {
  width n = 256, base n0 = 64
  parameterization mup
  input 16
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer sgd
}
"""
BAD = GOOD.replace("dense -> n", "dense -> n { lr = 1 / n }")
WATCHING = "watching "

WITHOUT_WATCHFILES = """
import sys
sys.modules["watchfiles"] = None
sys.argv = ["richc", "check", "--watch", "."]
from richc.__main__ import main
main()
"""


class Watching:
    """A process, and its lines as they come; both streams are one, in order."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "richc", "check", "--watch", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # `✓` is a character that the C locale lacks.
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
            encoding="utf-8",
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def round(self) -> str:
        """What one check prints, up to the line that says that it waits again."""
        shown = ""
        while True:
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"it ended: {shown}"
            if line.startswith(WATCHING):
                return shown
            shown += line

    def until(self, words: str) -> str:
        """The first check that says this: one change of a file may be seen as two."""
        while words not in (shown := self.round()):
            pass
        return shown

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def started() -> Iterator[list[Watching]]:
    """What a test starts is ended, whatever happens."""
    processes: list[Watching] = []
    yield processes
    for process in processes:
        process.close()


def start(started: list[Watching], folder: Path, *arguments: str) -> Watching:
    watching = Watching(folder, *arguments)
    started.append(watching)
    return watching


def test_what_changes_is_checked(tmp_path: Path, started: list[Watching]) -> None:
    (tmp_path / "a.rich").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.rich").write_text(GOOD, encoding="utf-8")
    watching = start(started, tmp_path, ".")
    assert "2 files, 2 models: no errors" in watching.round()

    (tmp_path / "a.rich").write_text(BAD, encoding="utf-8")
    shown = watching.until("error[R301]")
    assert "a.rich:5:25" in shown
    assert "b.rich" not in shown

    (tmp_path / "a.rich").write_text(GOOD, encoding="utf-8")
    assert "R301" not in watching.until("1 file, 1 model: no errors")

    assert 0 == watching.stop()


def test_files_come_and_go(tmp_path: Path, started: list[Watching]) -> None:
    (tmp_path / "a.rich").write_text(GOOD, encoding="utf-8")
    watching = start(started, tmp_path, "--format", "concise", ".")
    assert "" == watching.round()

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "new.rich").write_text(BAD, encoding="utf-8")
    assert watching.until("R301").startswith(f"deep{os.sep}new.rich:5:25: R301 error: ")

    (tmp_path / "a.rich").unlink()
    assert "a.rich: gone\n" == watching.until("gone")

    assert 0 == watching.stop()


def test_a_file_that_an_editor_replaces(tmp_path: Path, started: list[Watching]) -> None:
    """It is written beside the old one, and renamed; twice, since the new one is another file."""
    file = tmp_path / "a.rich"
    file.write_text(GOOD, encoding="utf-8")
    watching = start(started, tmp_path, "--format", "concise", "a.rich")
    assert "" == watching.round()

    for text, words in ((BAD, "R301"), (GOOD.replace("tanh", "tanhh"), "R011")):
        (tmp_path / "swap").write_text(text, encoding="utf-8")
        os.replace(tmp_path / "swap", file)
        assert watching.until(words).startswith("a.rich:")

    assert 0 == watching.stop()


def test_a_model_that_another_is_held_against(tmp_path: Path, started: list[Watching]) -> None:
    held = GOOD.replace("sgd\n", 'sgd\n  require equivalent "other.rich"\n')
    (tmp_path / "held.rich").write_text(held, encoding="utf-8")
    (tmp_path / "other.rich").write_text(GOOD, encoding="utf-8")
    watching = start(started, tmp_path, "--format", "concise", ".")
    assert "" == watching.round()

    (tmp_path / "other.rich").write_text(GOOD.replace("mup", "ntp"), encoding="utf-8")
    assert watching.until("R502").startswith("held.rich:")

    assert 0 == watching.stop()


def test_selection_holds(tmp_path: Path, started: list[Watching]) -> None:
    (tmp_path / "a.rich").write_text(BAD, encoding="utf-8")
    watching = start(started, tmp_path, "--format", "concise", "--ignore", "R301", "a.rich")
    assert "" == watching.round()

    (tmp_path / "a.rich").write_text(BAD.replace("tanh", "tanhh"), encoding="utf-8")
    assert "R011" in watching.until("R0")

    assert 0 == watching.stop()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--watch", "-"], "--watch takes files and folders, not standard input"),
        (["--watch", "--format", "json", "."], "--watch prints text or concise, not json"),
        (["--watch", "missing.rich"], "there is no file or folder 'missing.rich'"),
        (["--watch", "--select", "R999", "."], "there is no rule `R999`"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["check", *arguments])

    assert 2 == result.exit_code
    assert message in result.stderr


def test_without_watchfiles(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_WATCHFILES], cwd=tmp_path, capture_output=True, text=True
    )

    assert (2, "") == (run.returncode, run.stdout)
    assert "error: --watch needs watchfiles: pip install 'richc[watch]'\n" == run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_is_redrawn(tmp_path: Path) -> None:
    import pty

    (tmp_path / "a.rich").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b.rich").write_text(GOOD.replace("good", "other"), encoding="utf-8")
    main, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "richc", "check", "--watch", "."],
        cwd=tmp_path,
        stdout=other,
        stderr=other,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
    )
    os.close(other)
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        first = _read_until(main, b"Ctrl-C ends\r\n")
        (tmp_path / "a.rich").write_text(BAD, encoding="utf-8")
        second = _read_until(main, b"Ctrl-C ends\r\n", b"R301")
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE)
    finally:
        timer.cancel()
        process.kill()
        process.wait(PATIENCE)
        os.close(main)

    assert [True, True] == [shown.startswith(b"\x1b[2J\x1b[1;1H") for shown in (first, second)]
    # Everything is shown again, not only what changed.
    assert b"other" in second
    assert 0 == code


def _read_until(descriptor: int, end: bytes, words: bytes = b"") -> bytes:
    shown = b""
    while not (shown.endswith(end) and words in shown):
        shown += os.read(descriptor, 4096)
    return shown
