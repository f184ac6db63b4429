"""``--select`` and ``--ignore``: what is shown, and what it does to exit code and verdict."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st

from richc.cli.main import cli
from richc.diagnostics import SLUGS
from richc.pipeline import FileResult, analyse
from richc.rules import LASTING
from richc.rules.selection import UnknownRules, wanted

HERE = Path(__file__).parent
GOLDEN = {
    path.stem: path for path in sorted(HERE.glob("golden/*.rich")) if path.stat().st_size < 4000
}
analysed = cache(lambda name: analyse(GOLDEN[name].read_text(encoding="utf-8"), f"{name}.rich"))
CODES = sorted(SLUGS)

UNKNOWN = "there is no rule `R99` (`richc rules` lists all rules)"

#: R301 (D2), R601.
TEXT = """\
model net {
  width n = 256
  input 64
  embed: dense -> n { std = 1/8, lr = 1 / n }
  tanh
  head: dense -> 10 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 0.1, eps = 1e-8 }
}
"""


def check(*options: str, text: str = TEXT, command: str = "check") -> Result:
    return CliRunner().invoke(cli, [command, *options, "-"], input=text)


def codes(*options: str, text: str = TEXT) -> list[str]:
    shown = check("--format", "concise", *options, text=text).stdout
    return [line.split()[1] for line in shown.splitlines()]


def report(*options: str, text: str = TEXT) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(check("--format", "json", *options, text=text).stdout)
    (file,) = loaded["files"]
    return dict(file)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["R301", "R601"]),
        (["--select", "R301"], ["R301"]),
        (["--select", "r3"], ["R301"]),
        (["--select", "R6,R3"], ["R301", "R601"]),
        (["--select", "R6", "--select", "useless-update"], ["R301", "R601"]),
        (["--select", "useless_update , EPSILON"], ["R301", "R601"]),
        (["--select", "R4"], []),
        (["--select", "R"], ["R301", "R601"]),
        (["--select", ","], ["R301", "R601"]),
        (["--ignore", "R301"], ["R601"]),
        (["--ignore", "R3,R6"], []),
        (["--ignore", "R"], []),
        (["--select", "R3,R6", "--ignore", "epsilon"], ["R301"]),
        (["--select", "R301", "--ignore", "R3"], []),
    ],
)
def test_what_is_shown(options: list[str], expected: list[str]) -> None:
    assert expected == codes(*options)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--select", "R301"], 1),
        (["--select", "R601"], 0),
        (["--select", "R601", "--strict"], 1),
        (["--ignore", "R301"], 0),
        (["--ignore", "R301", "--strict"], 1),
        (["--ignore", "R301,R601", "--strict"], 0),
    ],
)
def test_exit_code(options: list[str], code: int) -> None:
    assert code == check(*options).exit_code


def test_verdict_follows_and_desiderata_stay() -> None:
    before, after = (report(*options)["models"][0] for options in ((), ("--ignore", "R301")))

    assert ("fail", "pass") == (before.pop("verdict"), after.pop("verdict"))
    assert before == after
    assert "violated" == after["desiderata"]["D2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("R411", "there is no rule `R411`, did you mean `R401`?"),
        ("epsilom", "there is no rule `epsilom`, did you mean `epsilon`?"),
        ("R99", UNKNOWN),
        ("R4011", "there is no rule `R4011`, did you mean `R401`?"),
        (
            "R99, R401,epsilom",
            f"{UNKNOWN}; there is no rule `epsilom`, did you mean `epsilon`?",
        ),
    ],
)
@pytest.mark.parametrize("option", ["--select", "--ignore"])
@pytest.mark.parametrize("command", ["check", "fix"])
def test_unknown_rules(command: str, option: str, words: str, message: str) -> None:
    result = check(option, words, command=command)

    assert (2, "", f"error: {message}\n") == (result.exit_code, result.stdout, result.stderr)


@pytest.mark.parametrize("words", ["R001", "syntax", "R0", "undetermined-exponent"])
def test_what_leaves_no_verdict_cannot_be_ignored(words: str) -> None:
    result = check("--ignore", words)

    assert (
        f"error: `{words}` cannot be ignored: it leaves a model without a verdict\n"
    ) == result.stderr


@pytest.mark.parametrize("options", [["--select", "R4"], ["--ignore", "R"], ["--ignore", "R5"]])
@pytest.mark.parametrize("old", ["input 64", "optimizer adam", "std = 1/8"])
def test_syntax_errors_are_always_shown(old: str, options: list[str]) -> None:
    text = TEXT.replace(old, "= ")
    result = check(*options, text=text)

    assert (1, True) == (result.exit_code, "error[R0" in result.stdout)


def keys(result: FileResult) -> list[tuple[str, int]]:
    return [(d.code, d.span.start) for d in result.diagnostics]


@given(name=st.sampled_from(sorted(GOLDEN)), chosen=st.sets(st.sampled_from(CODES), min_size=1))
def test_selecting_and_ignoring_partition(name: str, chosen: set[str]) -> None:
    """What is selected and what is left when it is ignored are all, and nothing is both."""
    result = analysed(name)
    selected = result.of_rules(wanted(sorted(chosen), []))
    others = result.of_rules(wanted([], sorted(chosen - LASTING)))
    lasting = [key for key in keys(result) if key[0] in LASTING]

    assert sorted(keys(result) + lasting) == sorted(keys(selected) + keys(others))
    assert set(keys(selected)) & set(keys(others)) == set(lasting)
    for part in (selected, others):
        assert [m.spec for m in part.models] == [m.spec for m in result.models]
        assert [m.statuses for m in part.models] == [m.statuses for m in result.models]
        assert all(
            model.passes == (not any(d.is_error for d in model.diagnostics))
            for model in part.models
        )


@given(st.lists(st.sampled_from([*CODES, *SLUGS.values(), "R", "R1", "R40"])))
def test_words_in_any_form(words: list[str]) -> None:
    """One list, or many options, in any order, say the same."""
    assert wanted(words, []) == wanted([",".join(reversed(words))], [])


@pytest.mark.parametrize("word", ["A101", "init-size"])
def test_what_only_the_audit_reports_cannot_be_selected(word: str) -> None:
    with pytest.raises(UnknownRules, match=f"`{word}` is of PyTorch code"):
        wanted([word], [])


@example("A101")
@given(st.text(max_size=12))
def test_any_word(text: str) -> None:
    try:
        found = wanted([text], [])
    except UnknownRules:
        return  # with a hint, as above
    assert LASTING <= found <= set(SLUGS)


#: `net` breaks R301, `other` R402.
TWO_FAULTS = TEXT + TEXT.replace("model net", "model other").replace(
    "lr = 1 / n }\n  tanh", "lr = 1 }\n  tanh"
).replace("lr = 1 / n }\n  opt", "lr = 1 / n^2 }\n  opt")


@pytest.mark.parametrize(
    ("options", "mended"),
    [
        ([], ["net", "other"]),
        (["--select", "R301"], ["net"]),
        (["--ignore", "R301"], ["other"]),
        (["--select", "R6"], []),
        (["--ignore", "R3,R4"], []),
    ],
)
def test_fix_mends_what_is_selected(options: list[str], mended: list[str]) -> None:
    result = check(*options, command="fix", text=TWO_FAULTS)
    after = analyse(result.stdout)

    assert 0 == result.exit_code
    assert mended == [model.spec.name for model in after.models if model.passes]
    faults = {d.model for d in after.diagnostics if d.is_error}
    assert {"net", "other"} - faults == set(mended)


def test_fix_fills_holes_as_a_rule_of_its_own() -> None:
    text = TEXT.replace("lr = 1 / n }\n  tanh", "lr = n^? }\n  tanh").replace(", eps = 1e-8", "")

    assert "?" not in check("--select", "R503", command="fix", text=text).stdout
    assert text == check("--ignore", "R503", command="fix", text=text).stdout
