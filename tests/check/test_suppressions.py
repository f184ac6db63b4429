"""``# richc: ignore[CODE]``: where it holds, what it takes, what is said of one for nothing."""

from __future__ import annotations

import json
import time

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import richc
from richc.cli.main import cli
from richc.diagnostics import SLUGS, Diagnostic
from richc.fixing.fix import fix
from richc.pipeline import FileResult, analyse
from richc.syntax.source import Source

#: R301 (D2) in `embed`, R601 in `optimizer`; where comments go is marked.
TEXT = """\
#0
model net {
  width n = 256
  input 64#3
#4
  embed: dense -> n { std = 1/8, lr = 1 / n }#5
  tanh
#7
  head: dense -> 10 { std = 1 / n, lr = 1 / n }#8
#9
  optimizer adam { lr = 0.1, eps = 1e-8 }#10
}#11
"""


def place(**comments: str) -> str:
    """The text with comments at marks: a5 is the one at #5."""
    text = TEXT
    for number in (11, 10, 9, 8, 7, 5, 4, 3, 0):
        words = comments.get(f"a{number}", "")
        text = text.replace(f"#{number}\n", f" # richc: {words}\n" if words else "\n")
    return text


def codes(result: FileResult) -> list[str]:
    return [d.code for d in result.diagnostics]


def gone(result: FileResult) -> list[tuple[str, str | None]]:
    return [(s.diagnostic.code, s.reason) for m in result.models for s in m.suppressed]


def only(result: FileResult, code: str) -> Diagnostic:
    (found,) = (d for d in result.diagnostics if d.code == code)
    return found


BOTH = ["R301", "R601"]


def test_nothing_is_suppressed() -> None:
    assert BOTH == codes(analyse(place()))


@pytest.mark.parametrize("line", ["a0", "a9", "a10"])
@pytest.mark.parametrize("word", ["R601", "epsilon", "r601", "EPSILON", " R601 ", "R601,"])
def test_where_it_holds(line: str, word: str) -> None:
    result = analyse(place(**{line: f"ignore[{word}]"}))

    assert ["R301"] == codes(result)
    assert [("R601", None)] == gone(result)


@pytest.mark.parametrize("line", ["a3", "a4", "a5", "a7", "a8", "a11"])
def test_where_it_does_not_hold(line: str) -> None:
    result = analyse(place(**{line: "ignore[R601]"}))

    assert sorted([*BOTH, "R801"]) == sorted(codes(result))
    assert [] == gone(result)


@pytest.mark.parametrize("line", ["a0", "a4", "a5"])
def test_desiderata_need_a_reason(line: str) -> None:
    result = analyse(place(**{line: "ignore[R301]"}))

    assert BOTH == codes(result)
    assert (
        "a broken desideratum is suppressed only with a reason: `# richc: ignore[R301] -- REASON`"
    ) == only(result, "R301").notes[-1]


@pytest.mark.parametrize("line", ["a0", "a4", "a5"])
def test_a_reason_is_enough(line: str) -> None:
    result = analyse(place(**{line: "ignore[R301] --  random-feature baseline, see #12 "}))

    assert ["R601"] == codes(result)
    assert [("R301", "random-feature baseline, see #12")] == gone(result)
    assert result.models[0].passes


def test_several_on_one_line_and_in_one_comment() -> None:
    both = place(a0="ignore[R301, epsilon] -- baseline")
    two = place(a0="ignore[R301] -- baseline # richc: ignore[R601]")
    after_prose = place(a0="ignore[R601]").replace("# richc", "# Prose first. # richc")

    assert [[], [], ["R301"]] == [codes(analyse(text)) for text in (both, two, after_prose)]


def test_comments_above_each_other() -> None:
    text = place(a4="ignore[R301] -- baseline\n # and more\n\n # richc: ignore[R402]")

    assert ["R801", "R601"] == codes(analyse(text))


def test_inside_a_statement_it_holds_for_the_next_line() -> None:
    text = """\
model net {
  width n = 256
  input 64
  embed: dense -> n {
    std = 1/8
    # richc: ignore[R301] -- baseline
    # next line
    lr = 1 / n
  }
  tanh
  head: dense -> 10 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 0.1 }
}
"""
    found = analyse(text.replace("# richc: ignore[R301] -- baseline", ""))
    line = found.source.position(only(found, "R301").span.start).line

    assert [] == codes(analyse(text))
    assert 8 == line


def test_above_a_model_it_holds_for_that_model() -> None:
    other = place().replace("model net", "model other").lstrip()
    text = place() + "# richc: ignore[R301, R601] -- baseline\n" + other

    result = analyse(text)

    assert BOTH == codes(result)
    assert {"net"} == {d.model for d in result.diagnostics}


def test_above_the_first_model_it_holds_for_the_file() -> None:
    other = place().replace("model net", "model other")
    text = place(a0="ignore[R301] -- baseline") + other

    assert ["R601", "R601"] == codes(analyse(text))


def test_a_file_without_models() -> None:
    assert ["R002"] == codes(analyse("# richc: ignore[R601]\n"))


@pytest.mark.parametrize("code", sorted(SLUGS))
def test_every_rule_can_be_named(code: str) -> None:
    """And those that cannot be suppressed are named."""
    refused = code[1] == "0" or code in ("R501", "R504", "R505", "R801", "R802")
    result = analyse(place(a0=f"ignore[{code}] -- why"))
    own = {"R802"} if refused else set() if code in BOTH else {"R801"}

    assert sorted({*BOTH} - {code} | own) == sorted(codes(result))
    if refused:
        assert f"{code} ({SLUGS[code]}) cannot be suppressed" == only(result, "R802").message


def test_syntax_errors_stay() -> None:
    text = place(a3="ignore[R001] -- why").replace("input 64", "input = 64")

    assert ["R001", "R802"] == codes(analyse(text))


def test_nothing_is_unused_where_there_is_no_verdict() -> None:
    text = place(a0="ignore[R102]", a9="ignore[R402]").replace("input 64", "input = 64")

    assert ["R001"] == codes(analyse(text))


@pytest.mark.parametrize(
    ("words", "message", "help"),
    [
        ("ignore", "names no rule", "write `# richc: ignore[R401]`"),
        ("ignore[]", "names no rule", "write `# richc: ignore[R401]`"),
        ("ignore[ , ]", "names no rule", "write `# richc: ignore[R401]`"),
        ("ignore[R601", "no closing `]`", "write `# richc: ignore[R401]`"),
        ("ignore R601", "names no rule", "write `# richc: ignore[R401]`"),
        ("ignore[R601] why", "a reason begins with `--`", "`# richc: ignore[R401] -- REASON`"),
        ("ignore[R601] --", "the reason after `--` is missing", None),
        ("ignore[R611]", "there is no rule `R611`", "did you mean `R601`?"),
        ("ignore[epsilom]", "there is no rule `epsilom`", "did you mean `epsilon`?"),
        ("ignore[R999]", "there is no rule `R999`", "`richc rules` lists all rules"),
        ("ignore[R6]", "there is no rule `R6`", "comments name single rules"),
        ("noqa", "unknown word `noqa`", "it holds for its line"),
        ("disable=R601", "unknown word `disable`", "write `# richc: ignore[R401]`"),
        ("ignroe", "unknown word `ignroe`", "write `# richc: ignore[R401]`"),
        ("ingore[R601]", "unknown word `ingore`", "write `# richc: ignore[R401]`"),
        ("ignore-file[R601]", "unknown word `ignore-file`", "or for what stands below it"),
    ],
)
def test_malformed(words: str, message: str, help: str | None) -> None:
    result = analyse(place(a10=words))
    found = only(result, "R802")

    assert [*BOTH, "R802"] == codes(result)
    assert message in found.message
    assert (help is None) == (found.help is None)
    assert help is None or help in str(found.help)


@pytest.mark.parametrize(
    "comment",
    [
        "# richc: compiles this",
        "# richc: the checker",
        "# see richc: ignore is a word",
        "# richc ignore[R601]",
        "# richc:",
        "# Richc: ignore[R601]",
    ],
)
def test_prose_is_left_alone(comment: str) -> None:
    assert BOTH == codes(analyse(place().replace("eps = 1e-8 }", f"eps = 1e-8 }} {comment}")))


@pytest.mark.parametrize(
    ("comments", "expected"),
    [
        ({"a0": "ignore[R402]"}, {}),
        ({"a3": "ignore[R402] -- with a reason"}, {}),
        ({"a9": "ignore[R402, R601, R202]"}, {"a9": "ignore[R601]"}),
        ({"a9": "ignore[ R202,epsilon ] -- why"}, {"a9": "ignore[ epsilon ] -- why"}),
        ({"a9": "ignore[R402] # prose"}, None),
    ],
)
def test_fix_removes_what_is_unused(
    comments: dict[str, str], expected: dict[str, str] | None
) -> None:
    text = place(**comments)
    mended = fix(Source("net.rich", text), codes={"R801"}).result

    assert "R801" in codes(analyse(text))
    assert BOTH[: 1 + ("epsilon" not in text and "R601" not in text)] == codes(mended)
    if expected is None:
        assert " # prose\n" in mended.source.text
    else:
        lines = [line for line in place(**expected).splitlines() if line.strip()]
        assert lines == [line for line in mended.source.text.splitlines() if line.strip()]


def test_what_is_mended_needs_no_suppression() -> None:
    """The fault goes, and its excuse with it; what is suppressed with a reason is left alone."""
    text = place(a4="ignore[R301]")
    excused = place(a4="ignore[R301] -- baseline")

    assert "ignore" not in richc.fix(text)
    assert [] == codes(analyse(richc.fix(text)))
    mended = fix(Source("net.rich", excused), codes=SLUGS.keys() - {"R601"})
    assert excused == mended.result.source.text


def test_exit_code_and_verdict() -> None:
    text = place(a0="ignore[R301] -- baseline")
    run = CliRunner().invoke(cli, ["check", "--format", "json", "-"], input=text)
    (model,) = json.loads(run.stdout)["files"][0]["models"]

    assert (0, "pass") == (run.exit_code, model["verdict"])
    assert "violated" == model["desiderata"]["D2"]


def test_text_counts_what_is_suppressed() -> None:
    text = place(a0="ignore[R301, R601] -- baseline")
    last = CliRunner().invoke(cli, ["check", "-"], input=text).stdout.splitlines()[-1]

    assert "1 file, 1 model: no errors, 2 suppressed" == last


def test_a_program_says_what_is_excused() -> None:
    program = richc.compile(place(a0="ignore[R301] -- baseline"))

    assert "does not learn (D2) (suppressed: baseline)" in program


WORDS = [
    *["# richc:", "#richc:", "ignore", "[", "]", "--", "R301", "R601", "epsilon", "R9", ","],
    *["why", "#", "noqa", "\n", "\n  ", "  ", "ignore[R601]", "ignore[R301] -- so"],
]


@given(
    st.dictionaries(
        st.sampled_from(["a0", "a3", "a4", "a5", "a7", "a8", "a9", "a10", "a11"]),
        st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
    )
)
def test_any_comments(comments: dict[str, str]) -> None:
    """Findings are reported or suppressed, never lost; R801's edits change nothing but comments."""
    comments = {key: words.replace("\n", "\n# ") for key, words in comments.items()}
    text = place(**comments)
    result = analyse(text)
    own = [d for d in result.diagnostics if d.code in ("R801", "R802")]
    others = [code for code in codes(result) if code not in ("R801", "R802")]

    assert BOTH == sorted(others + [code for code, _ in gone(result)])
    assert all(0 <= d.span.start < d.span.end <= len(text) for d in own)
    after = fix(result.source, codes=["R801"]).result
    assert gone(after) == gone(result)
    assert "R801" not in codes(after)


@pytest.mark.measured
def test_thousands_of_comments_take_no_time() -> None:
    """Every one unused, misspelt or both."""
    lines = "".join(f"  # richc: ignore[R402, epsilom{i}]\n" for i in range(8000))
    began = time.process_time()
    result = analyse(place(a9=f"ignore[R601]\n{lines}"))

    assert time.process_time() - began < 1
    assert "R601" not in codes(result)
