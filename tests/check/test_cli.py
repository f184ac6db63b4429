"""``richc check`` from outside: arguments in; output and exit code out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc import __version__
from richc.cli.main import cli

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
#: One error.
BAD = GOOD.replace("good", "bad").replace("dense -> n", "dense -> n { lr = 1 / n }")
#: One warning.
WARN = GOOD.replace("good", "warn").replace("sgd", "adam { eps = 1e-8 }")
#: One piece of information.
INFO = GOOD.replace("good", "info").replace("-> 10", "-> 10 { std = 0 }")
UNREADABLE = b"\xff\xfe\x00"


def run(*arguments: str | Path, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(cli, ["check", *map(str, arguments)], input=stdin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **texts: str | bytes) -> None:
    for name, text in texts.items():
        path = folder / f"{name}.rich"
        path.write_bytes(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    ("texts", "options", "code"),
    [
        ([GOOD], [], 0),
        ([INFO], [], 0),
        ([INFO], ["--strict"], 0),
        ([WARN], [], 0),
        ([WARN], ["--strict"], 1),
        ([WARN], ["--strict", "--exit-zero"], 0),
        ([BAD], [], 1),
        ([BAD], ["--strict"], 1),
        ([BAD], ["--exit-zero"], 0),
        ([BAD], ["-q"], 1),
        ([GOOD, BAD], [], 1),
        ([GOOD, UNREADABLE], [], 2),
        ([BAD, UNREADABLE], [], 2),
        ([BAD, UNREADABLE], ["--exit-zero"], 2),
        (["model"], [], 1),
        ([""], [], 1),
    ],
)
@pytest.mark.parametrize("output_format", ["text", "concise", "json"])
def test_exit_code(
    texts: list[str | bytes], options: list[str], code: int, output_format: str, folder: Path
) -> None:
    for index, text in enumerate(texts):
        write(folder, **{f"file{index}": text})

    result = run("--format", output_format, *options, ".")

    assert (code, "") == (result.exit_code, result.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.rich"],
        ["missing/"],
        ["--model", "nobody", "good.rich"],
        ["empty"],
        ["good.rich", "missing.rich"],
    ],
)
def test_nothing_to_check(arguments: list[str], folder: Path) -> None:
    """One line says why, and no total claims that something was checked."""
    write(folder, good=GOOD)
    (folder / "empty").mkdir()

    result = run(*arguments, "-q")

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("error: ")
    assert 1 == result.stderr.count("\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--colour", "always"], "there is no option `--colour`; did you mean `--color`?"),
        (["--zzz"], "there is no option `--zzz`; `richc check --help` lists them"),
        (
            ["--color", "atuo"],
            "--color: 'atuo' is not one of 'auto', 'always', 'never'; did you mean `auto`?",
        ),
        (["--model"], "option '--model' requires an argument"),
    ],
)
def test_wrong_usage(arguments: list[str], line: str, folder: Path) -> None:
    """One line, in the way of all errors."""
    write(folder, good=GOOD)

    result = run(*arguments)

    assert (2, "", f"error: {line}\n") == (result.exit_code, result.stdout, result.stderr)


def test_a_bug_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, one line, and a request to report it."""
    from richc import __main__, pipeline

    write(folder, good=GOOD)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(pipeline, "resolve", broken)
    monkeypatch.setattr("sys.argv", ["richc", "check", "good.rich"])

    with pytest.raises(SystemExit) as exit_:
        __main__.main()

    assert 3 == exit_.value.code


def test_a_bug_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from richc import __main__, pipeline

    write(folder, good=GOOD)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(pipeline, "resolve", broken)
    monkeypatch.setattr("sys.argv", ["richc", "check", "good.rich"])

    with pytest.raises(SystemExit):
        __main__.main()

    shown = capsys.readouterr().err
    assert (True, True, False) == (
        "internal error: ZeroDivisionError" in shown,
        "please report" in shown,
        "Traceback" in shown,
    )


def test_the_current_folder_is_the_default(folder: Path) -> None:
    write(folder, good=GOOD)

    assert run(".").stdout == run().stdout


def test_totals(folder: Path) -> None:
    write(folder, a=GOOD, b=BAD + GOOD, c=WARN)

    assert "3 files, 4 models: 1 error, 1 warning" == run().stdout.splitlines()[-1]
    assert "1 file, 1 model: no errors" == run("a.rich").stdout.splitlines()[-1]


def test_quiet(folder: Path) -> None:
    """Errors and warnings only: nothing at all for what is fine."""
    write(folder, good=GOOD, info=INFO)

    assert ["", ""] == [run("-q").stdout, run("-q", "--format", "concise").stdout]


def test_quiet_still_shows_errors(folder: Path) -> None:
    write(folder, bad=BAD, warn=WARN)

    assert ["error[R301]", "warning[R601]"] == [
        line.split(":")[0] for line in run("-q").stdout.splitlines() if "[R" in line
    ]


def test_model(folder: Path) -> None:
    write(folder, two=GOOD + BAD)

    good, bad = run("--model", "good"), run("--model", "bad")

    assert [0, 1] == [good.exit_code, bad.exit_code]
    assert (True, False) == ("good: " in good.stdout, "bad: " in good.stdout)
    assert (False, True) == ("good: " in bad.stdout, "bad: " in bad.stdout)


def test_model_of_several_files(folder: Path) -> None:
    write(folder, a=GOOD, b=BAD)

    assert 0 == run("--model", "good", "--format", "concise").exit_code


def test_a_model_that_cannot_be_judged_exists(folder: Path) -> None:
    write(folder, a=GOOD.replace("optimizer sgd", "optimizer sdg"))

    result = run("--model", "good")

    assert (1, "") == (result.exit_code, result.stderr)
    assert "R011" in result.stdout


def test_standard_input() -> None:
    result = run("-", stdin=BAD)

    assert 1 == result.exit_code
    assert "--> <stdin>:5:25" in result.stdout


def test_standard_input_has_a_name() -> None:
    result = run("-", "--stdin-filename", "editor.rich", "--format", "concise", stdin=BAD)

    assert result.stdout.startswith("editor.rich:5:25: R301 error: ")


def test_standard_input_that_cannot_be_read() -> None:
    result = run("-", "--stdin-filename", "editor.rich", "--format", "concise", stdin=b"\xff")

    assert (2, True) == (result.exit_code, "editor.rich:1:1: R006 error: " in result.stdout)


def test_standard_input_beside_files(folder: Path) -> None:
    write(folder, good=GOOD)

    result = run("good.rich", "-", "--format", "json", stdin=BAD)

    assert ["good.rich", "<stdin>"] == [f["path"] for f in json.loads(result.stdout)["files"]]


def test_folders_are_searched(folder: Path) -> None:
    (folder / "b" / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "b" / ".git").mkdir()
    write(folder, z=GOOD)
    write(folder / "b", y=GOOD)
    write(folder / "b" / "deep", x=GOOD)
    write(folder / ".hidden", secret=BAD)
    write(folder / "b" / ".git", secret=BAD)
    (folder / "note.txt").write_text("model")
    (folder / "a.rich.orig").write_text("model")

    result = run("--format", "json")

    assert [str(Path("z.rich")), str(Path("b/y.rich")), str(Path("b/deep/x.rich"))] == [
        file["path"] for file in json.loads(result.stdout)["files"]
    ]


def test_a_hidden_folder_can_be_named(folder: Path) -> None:
    (folder / ".hidden").mkdir()
    write(folder / ".hidden", good=GOOD)

    assert 0 == run(".hidden").exit_code


def test_any_suffix_can_be_named(folder: Path) -> None:
    (folder / "model.txt").write_text(GOOD)

    assert 0 == run("model.txt").exit_code


def test_a_file_is_checked_once(folder: Path) -> None:
    write(folder, good=GOOD)
    (folder / "link.rich").symlink_to("good.rich")

    result = run("good.rich", ".", "./good.rich", "--format", "json")

    assert ["good.rich"] == [file["path"] for file in json.loads(result.stdout)["files"]]


def test_a_link_to_nothing(folder: Path) -> None:
    (folder / "gone.rich").symlink_to("nowhere.rich")

    result = run("gone.rich", "--format", "concise")

    assert (2, True) == (
        result.exit_code,
        result.stdout.startswith("gone.rich:1:1: R006 error: cannot read: No such file"),
    )


def test_a_loop_of_links(folder: Path) -> None:
    (folder / "a.rich").symlink_to("b.rich")
    (folder / "b.rich").symlink_to("a.rich")

    result = run("a.rich", "--format", "concise")

    assert (2, True) == (result.exit_code, "R006 error: cannot read: " in result.stdout)


def test_a_folder_that_is_called_a_file(folder: Path) -> None:
    (folder / "odd.rich").mkdir()
    write(folder / "odd.rich", good=GOOD)

    assert 0 == run("odd.rich").exit_code


def test_names_of_files_are_shown_as_they_are(folder: Path) -> None:
    write(folder, **{"größe μ": BAD})

    assert run("--format", "concise").stdout.startswith("größe μ.rich:5:25: ")


def test_one_bad_file_does_not_hide_others(folder: Path) -> None:
    write(folder, a=UNREADABLE, b=BAD, c="rubbish", d=GOOD)

    lines = run("--format", "concise").stdout.splitlines()

    assert [("a.rich", "R006"), ("b.rich", "R301"), ("c.rich", "R001")] == [
        (line.split(":")[0], line.split()[1]) for line in lines
    ]


COLOR = [
    ([], {}, False),
    ([], {"FORCE_COLOR": "1"}, True),
    ([], {"NO_COLOR": "1"}, False),
    ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ([], {"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
    (["--color", "auto"], {"FORCE_COLOR": "1"}, True),
    (["--color", "always"], {}, True),
    (["--color", "always"], {"NO_COLOR": "1"}, True),
    (["--color", "never"], {"FORCE_COLOR": "1"}, False),
]


@pytest.mark.parametrize(("options", "environment", "colored"), COLOR)
@pytest.mark.parametrize("output_format", ["text", "concise"])
def test_color(
    options: list[str],
    environment: dict[str, str],
    colored: bool,
    output_format: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(folder, bad=BAD)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    result = run(*options, "--format", output_format)

    assert colored == ("\x1b[" in result.stdout)


def test_json_is_never_colored(folder: Path) -> None:
    write(folder, bad=BAD)

    assert "\\u001b" not in run("--color", "always", "--format", "json").stdout
    assert "\x1b" not in run("--color", "always", "--format", "json").stdout


def test_color_changes_nothing_else(folder: Path) -> None:
    import re

    write(folder, bad=BAD, good=GOOD, warn=WARN)

    plain, colored = run("--color", "never").stdout, run("--color", "always").stdout

    assert plain == re.sub(r"\x1b\[[0-9;]*m", "", colored)


def test_help() -> None:
    text = run("--help").stdout

    for word in ("PATHS", "--format", "--model", "--strict", "--exit-zero", "--quiet", "--color"):
        assert word in text
    assert "Exit codes: 0 no errors, 1 errors found, 2 wrong usage" in text


def test_help_of_richc() -> None:
    text = CliRunner().invoke(cli, ["--help"]).stdout

    assert [True] * 4 == [
        f"\n  {name} " in text for name in ("check", "compile", "schema", "train")
    ]


def test_version() -> None:
    assert f"richc, version {__version__}\n" == CliRunner().invoke(cli, ["--version"]).stdout


VALUES = """\
model net {
  width m = 1024, base m0 = 64
  richness r = 1/4, gamma = 3
  input 49
  embed: dense -> m   { var = 1 / fan_in, lr = alpha^2, bias { scale = 2, std = 0, lr = 0 } }
  relu
  body[2]: dense -> m { std = sqrt(2 / m), lr = m0 / m, decay = 0.5 }
  relu
  head:  dense -> 10  { std = 1 / m, lr = m0 / m }
  optimizer adam { lr = 0.1 * (m / m0)^(-1/2) }
}
"""


def test_values() -> None:
    """Rates are the optimizer's, 0.025, times the layer's; eps follows each layer's gradient."""
    plain, found = (run("-", *options, stdin=VALUES).stdout for options in ([], ["--values"]))

    assert "    at m = 1024, r = 1/4, gamma = 3, with the whole rates:" not in plain
    assert (
        """\
    at m = 1024, r = 1/4, gamma = 3, with the whole rates:
    layer         scale  std           lr         decay  eps
    embed         1      0.142857143   0.9        0      6.25e-10
      bias        2      0             0          0      1.25e-09
    body.0 ... 1  1      0.0441941738  0.0015625  0.5    6.25e-10
    head          1      0.0009765625  0.0015625  0      1e-08
"""
        in found
    )


def test_values_of_a_model_that_fails() -> None:
    found = run("-", "--values", stdin=BAD).stdout

    assert "✗ <stdin>: bad: " in found
    assert "    h1     1      0.25     0.000390625  0      -" in found


def test_values_at_another_width() -> None:
    one, other = (
        run("-", "--values", stdin=GOOD.replace("n = 256", f"n = {width}")).stdout
        for width in (64, 4096)
    )

    # alpha^2 of the read-in is n / n0, and the optimizer's rate 0.1.
    assert "h1     1      0.25   0.1  0      -" in one
    assert "h1     1      0.25         6.4 " in other


def test_no_values_where_nothing_is_said_of_models() -> None:
    assert "" == run("-", "--values", "--quiet", stdin=GOOD).stdout
