"""Writing: whole or not at all, and never over what somebody else wrote."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from richc.emit import MARKER
from richc.emit.program import write_program
from richc.files import OutputError, write_file

OURS = f"{MARKER}0.1.0\nprint(1)\n"


def test_new_file_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_program(tmp_path / "new.py", OURS)
    finally:
        os.umask(before)

    assert (tmp_path / "new.py").read_text() == OURS
    assert stat.S_IMODE((tmp_path / "new.py").stat().st_mode) == 0o640


def test_overwrites_its_own_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(f"{MARKER}0.0.1\n")
    path.chmod(0o755)

    write_program(path, OURS)

    assert path.read_text() == OURS
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


@pytest.mark.parametrize("content", ["", "import torch\n", " " + MARKER])
def test_foreign_file(content: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.py"
    path.write_text(content)

    with pytest.raises(OutputError, match="did not write"):
        write_program(path, OURS)

    assert path.read_text() == content
    write_program(path, OURS, force=True)
    assert path.read_text() == OURS


@pytest.mark.parametrize("force", [False, True])
def test_links(force: bool, tmp_path: Path) -> None:
    """A link to a file of ours is written through; any other is left alone, forced or not."""
    ours, foreign, missing = (tmp_path / f"{name}.py" for name in ("ours", "foreign", "missing"))
    ours.write_text(OURS)
    foreign.write_text("precious")
    for target in (ours, foreign, missing):
        (tmp_path / f"to_{target.name}").symlink_to(target)

    write_program(tmp_path / "to_ours.py", OURS + "# new\n", force=force)
    for name in ("to_foreign.py", "to_missing.py"):
        with pytest.raises(OutputError, match="link"):
            write_program(tmp_path / name, OURS, force=force)

    assert ours.read_text() == OURS + "# new\n"
    assert (tmp_path / "to_ours.py").is_symlink()
    assert foreign.read_text() == "precious"
    assert not missing.exists()


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_file(force: bool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in {
        tmp_path: "folder",
        tmp_path / "pipe": "regular",
        tmp_path / "none" / "x.py": "folder",
        Path("/dev/null"): "regular",
    }.items():
        with pytest.raises(OutputError, match=reason):
            write_program(path, OURS, force=force)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pipe"]


def test_folders_that_are_links(tmp_path: Path) -> None:
    """The folder is the user's own choice; a file of somebody else in it still is not."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "foreign.py").write_text("precious")

    write_program(tmp_path / "link" / "new.py", OURS)
    with pytest.raises(OutputError, match="did not write"):
        write_program(tmp_path / "link" / "foreign.py", OURS)

    assert (tmp_path / "real" / "new.py").read_text() == OURS
    assert (tmp_path / "real" / "foreign.py").read_text() == "precious"


def test_links_that_go_round(tmp_path: Path) -> None:
    for name, target in (("a.py", "b.py"), ("b.py", "a.py"), ("c.py", "c.py/x")):
        (tmp_path / name).symlink_to(target)

    for name in ("a.py", "c.py"):
        with pytest.raises(OutputError):
            write_program(tmp_path / name, OURS, force=True)


def test_other_names_of_the_file_keep_its_content(tmp_path: Path) -> None:
    """A hard link, as to a file elsewhere, is not written through."""
    (tmp_path / "elsewhere.py").write_text(OURS)
    os.link(tmp_path / "elsewhere.py", tmp_path / "own.py")

    write_program(tmp_path / "own.py", OURS + "# new\n")

    assert (tmp_path / "elsewhere.py").read_text() == OURS


def test_no_privileges_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(OURS)
    path.chmod(0o6755)

    write_program(path, OURS)

    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_drafts_have_names_that_nobody_foresees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder where everybody may write, a link could wait under a name that is known."""
    drafts = []

    def spied(path: Path, *rest: int) -> int:
        drafts.append((path.name, rest[0]))
        return opened(path, *rest)

    opened = os.open
    monkeypatch.setattr(os, "open", spied)
    for _ in range(3):
        write_program(tmp_path / "own.py", OURS)

    assert len({name for name, _ in drafts}) == 3
    assert all(flags & os.O_EXCL for _, flags in drafts)


def test_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.py"
    path.write_text(OURS)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_program(path, OURS + "# new\n")

    assert path.read_text() == OURS
    assert [p.name for p in tmp_path.iterdir()] == ["own.py"]


def test_open_files_have_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is behind /dev/stdin is not what the user named, be it ours or not."""
    path = tmp_path / "own.py"
    path.write_text(OURS)
    (tmp_path / "link.py").symlink_to("/dev/stdin")
    with path.open() as file:
        names = [f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}"]
        for name in [*names, "/dev/stdin", str(tmp_path / "link.py")]:
            with pytest.raises(OutputError, match="open file; `-` is standard input"):
                write_program(Path(name), OURS + "# new\n", force=True)

    assert path.read_text() == OURS


#: Writes to a file, and stops in the middle of it.
STOPPED = """
import os, sys
from pathlib import Path
from richc.files import write_file
synchronise = os.fsync
def stopped(descriptor):
    synchronise(descriptor)
    print("written", flush=True)
    sys.stdin.readline()
os.fsync = stopped
write_file(Path(sys.argv[1]), b"whole", lambda _: True)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has written a draft of ``out``, and not put it into its place yet."""
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "out")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def test_what_a_kill_left_goes_with_the_next_write(
    writer: subprocess.Popen[str], tmp_path: Path
) -> None:
    writer.kill()
    writer.wait()
    assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
    (tmp_path / ".richc-of-a-user.tmp.rich").touch()

    write_file(tmp_path / "out", b"new", lambda _: True)

    assert {p.name for p in tmp_path.iterdir()} == {"out", ".richc-of-a-user.tmp.rich"}
    assert (tmp_path / "out").read_bytes() == b"new"


def test_a_write_that_goes_on_meanwhile_is_left_alone(
    writer: subprocess.Popen[str], tmp_path: Path
) -> None:
    write_file(tmp_path / "out", b"new", lambda _: True)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", ".tmp"]

    writer.communicate("go on\n", timeout=60)

    assert writer.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert (tmp_path / "out").read_bytes() == b"whole"


def test_many_writers_of_one_file(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from richc.files import write_file
for _ in range(100):
    write_file(Path(sys.argv[1]), sys.argv[2].encode() * 1000, lambda _: True)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "out")]
    writers = [subprocess.Popen([*command, letter]) for letter in "abcd"]

    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() in {letter * 1000 for letter in "abcd"}
