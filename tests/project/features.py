"""The feature table of docs/editors.md: what richc does, what command shows it, and who else does.

``tests/project/test_features.py`` runs every command.  The other columns are what the tools'
documentation says, behind each mark; ruff 0.15 and sqlfluff 4.5 were looked at as well.
``RICHC_UPDATE_DOCS=1 pytest tests/project/test_features.py`` writes it there.
"""

from __future__ import annotations

from typing import NamedTuple

BEGIN, END = "<!-- feature-table -->", "<!-- /feature-table -->"

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

#: The files that the commands find.
FILES = {
    "good.rich": GOOD,
    "bad.rich": GOOD.replace("dense -> n", "dense -> n { lr = 1 / n }"),
    "typo.rich": GOOD.replace("input 16", "input = 16").replace("sgd", "sdg"),
    "holes.rich": GOOD.replace("dense -> n", "dense -> n { lr = n^? }"),
    "ugly.rich": GOOD.replace("  input 16", "      input   16"),
    "excused.rich": GOOD.replace(
        "dense -> n", "dense -> n { lr = 1 / n }  # richc: ignore[R301] -- baseline"
    ),
    "unexcused.rich": GOOD.replace(
        "dense -> n", "dense -> n { lr = 1 / n }  # richc: ignore[R301]"
    ),
    "stale.rich": GOOD.replace("dense -> n", "dense -> n  # richc: ignore[R301] -- baseline"),
    "fades.rich": GOOD.replace(", base n0 = 64", "").replace(
        "  tanh", "  relu\n  h2[9]: dense -> n { var = 1 / fan_in }\n  relu"
    ),
    "gauge.rich": GOOD.replace("mup", "mup, gauge = mup"),
}

YES, NO = "✓", "–"

_RUFF = "https://docs.astral.sh/ruff"
_ACTIONLINT = "https://github.com/rhysd/actionlint/blob/main/docs"
_SQLFLUFF = "https://docs.sqlfluff.com/en/stable"
_TAPLO = "https://taplo.tamasfe.dev"


class Mark(NamedTuple):
    """What another tool does, and where its documentation says so."""

    text: str = NO
    link: str = ""

    def __str__(self) -> str:
        return f"[{self.text}]({self.link})" if self.link else self.text


def ruff(page: str, text: str = YES) -> Mark:
    return Mark(text, f"{_RUFF}/{page}")


def actionlint(page: str, text: str = YES) -> Mark:
    return Mark(text, f"{_ACTIONLINT}/{page}.md")


def sqlfluff(page: str, text: str = YES) -> Mark:
    return Mark(text, f"{_SQLFLUFF}/{page}.html")


def taplo(page: str, text: str = YES) -> Mark:
    return Mark(text, f"{_TAPLO}/{page}.html")


NONE = Mark()


class Feature(NamedTuple):
    """A row: ``command`` exits with ``code`` and prints each of ``shows``."""

    what: str
    command: str
    code: int
    shows: tuple[str, ...]
    ruff: Mark = NONE
    actionlint: Mark = NONE
    sqlfluff: Mark = NONE
    taplo: Mark = NONE
    stdin: str | None = None


FEATURES = (
    Feature(
        "source snippets with carets and labels",
        "richc check bad.rich",
        1,
        ("--> bad.rich:5:25", "^^^^^", "= help: "),
        ruff("linter/"),
        actionlint("usage"),
        taplo=taplo("cli/usage/validation"),
    ),
    Feature(
        "every mistake of every file in one run, past syntax errors",
        "richc check --format concise typo.rich bad.rich",
        1,
        ("typo.rich:4:9: R001", "typo.rich:8:13: R011", "bad.rich:5:25: R301"),
        ruff("linter/"),
        actionlint("checks"),
        sqlfluff("reference/cli"),
        taplo("cli/usage/validation"),
    ),
    Feature(
        "a guess at what a misspelt word was meant to be",
        "richc check typo.rich",
        1,
        ("did you mean `sgd`?",),
        actionlint=actionlint("checks", "lists words"),
    ),
    Feature(
        "a rule's page in the terminal",
        "richc explain R301",
        0,
        ("# R301 useless-update (D2)", "## How to fix it"),
        ruff("linter/"),
        sqlfluff=sqlfluff("reference/cli", "one line"),
    ),
    Feature(
        "the verdict derived step by step",
        "richc explain good.rich",
        0,
        ("Forward", "D3"),
    ),
    Feature(
        "what is left out is inferred, and why",
        "richc check holes.rich",
        0,
        ("info[R503]", "`richc fix` writes"),
    ),
    Feature(
        "what will go wrong at this width, depth and precision",
        "richc check fades.rich",
        0,
        ("warning[R701]", "warning[R704]"),
    ),
    Feature(
        "automatic fixes, as a diff",
        "richc fix --diff bad.rich",
        1,
        ("-  h1: dense -> n { lr = 1 / n }", "bad.rich: would be fixed"),
        ruff("linter/#fixes"),
        sqlfluff=sqlfluff("reference/cli", "no diff"),
    ),
    Feature(
        "a formatter, as a check and as a diff",
        "richc fmt --diff --check ugly.rich",
        1,
        ("-      input   16", "+  input 16"),
        ruff("formatter/"),
        sqlfluff=sqlfluff("reference/cli", "no diff"),
        taplo=taplo("cli/usage/formatting"),
    ),
    Feature(
        "do two files mean the same?",
        "richc equiv good.rich gauge.rich",
        0,
        ("are identical",),
    ),
    Feature(
        "JSON",
        "richc check --format json good.rich",
        0,
        ('"version": 1', '"verdict": "pass"'),
        ruff("settings/#output-format"),
        actionlint("usage"),
        sqlfluff("reference/cli"),
    ),
    Feature(
        "SARIF for code scanning",
        "richc check --format sarif bad.rich",
        1,
        ('"version": "2.1.0"', '"ruleId": "R301"', '"partialFingerprints"', '"fixes"'),
        ruff("settings/#output-format"),
        actionlint("usage", "by a template"),
        sqlfluff("reference/cli"),
    ),
    Feature(
        "annotations of pull requests on GitHub",
        "richc check --format github bad.rich",
        1,
        ("::error file=bad.rich,line=5,col=25,endLine=5,endColumn=30,title=R301",),
        ruff("integrations/#github-actions"),
        actionlint("usage", "by a template"),
        sqlfluff("production/github_actions"),
    ),
    Feature(
        "rules chosen by code, beginning or name",
        "richc check --select R3,epsilon --ignore useless-update bad.rich",
        0,
        ("1 file, 1 model: no errors",),
        ruff("linter/#rule-selection", "no names"),
        actionlint("usage", "by message"),
        sqlfluff("reference/cli"),
    ),
    Feature(
        "suppression by a comment",
        "richc check excused.rich",
        0,
        ("no errors, 1 suppressed",),
        ruff("linter/#error-suppression"),
        sqlfluff=sqlfluff("configuration/ignoring_configuration"),
    ),
    Feature(
        "grave findings are suppressed with a reason only",
        "richc check unexcused.rich",
        1,
        ("suppressed only with a reason: `# richc: ignore[R301] -- REASON`",),
    ),
    Feature(
        "suppressions for nothing are reported, and removed",
        "richc check stale.rich",
        0,
        ("warning[R801]", "[fix available]"),
        ruff("rules/unused-noqa/"),
        sqlfluff=sqlfluff("reference/cli", "no fix"),
    ),
    Feature(
        "standard input under a name",
        "richc check --format concise --stdin-filename editor.rich -",
        1,
        ("editor.rich:5:25: R301",),
        ruff("settings/"),
        actionlint("usage"),
        sqlfluff("reference/cli"),
        taplo("cli/usage/validation", "no name"),
        stdin="bad.rich",
    ),
    Feature(
        "checks again whenever a file changes",
        "richc check --help",
        0,
        ("--watch",),
        ruff("linter/"),
    ),
    Feature(
        "completion in bash, zsh and fish",
        "richc completion bash",
        0,
        ("_richc_completion",),
        ruff("configuration/#shell-autocompletion"),
        sqlfluff=Mark("by click", "https://click.palletsprojects.com/en/stable/shell-completion/"),
        taplo=Mark(YES, "https://github.com/tamasfe/taplo/releases"),
    ),
    Feature(
        "language server",
        "richc lsp --help",
        0,
        ("language server",),
        ruff("editors/"),
        taplo=taplo("cli/usage/language-server"),
    ),
    Feature(
        "hooks for pre-commit",
        "pre-commit validate-manifest .pre-commit-hooks.yaml",
        0,
        (),
        ruff("integrations/#pre-commit"),
        actionlint("usage"),
        sqlfluff("production/pre_commit"),
        Mark("by others", "https://github.com/ComPWA/taplo-pre-commit"),
    ),
)

_HEAD = (
    "| | shown by | "
    f"[ruff]({_RUFF}/) | [actionlint](https://github.com/rhysd/actionlint) | "
    f"[sqlfluff]({_SQLFLUFF}/) | [taplo]({_TAPLO}/) |\n"
    "|---|---|---|---|---|---|\n"
)


def table() -> str:
    """The table as Markdown, between its markers."""
    rows = (
        f"| {f.what} | `{f.command}` | {f.ruff} | {f.actionlint} | {f.sqlfluff} | {f.taplo} |\n"
        for f in FEATURES
    )
    return f"{BEGIN}\n{_HEAD}{''.join(rows)}{END}\n"
