"""``richc explain WORD``: a glossary in the terminal; and what is said of unknown words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import COMMANDS, cli
from richc.glossary import CONCEPTS, GLOSSARY, key, names
from richc.rules import pages


def explain(what: str) -> Result:
    return CliRunner().invoke(cli, ["explain", what])


@pytest.mark.parametrize(
    ("word", "head", "says"),
    [
        ("D2", "D2", "The update of each representation contributes to the output's change."),
        ("D2", "D2", "Decided by R301 useless-update."),
        ("gauge", "gauge", "Another way to write the same training"),
        ("gauge", "gauge", "- requirement `gauge`: `gauge stp`: the model is in this gauge"),
        ("richness", "richness", "each step moves a representation by n^(r - 1/2)"),
        ("STP", "STP", "The gauge without multipliers"),
        ("μP", "μP", "The maximal update parameterization, r = 1/2"),
        ("lr", "lr", "- attribute `lr`: Learning rate, times the optimizer's `lr`"),
        ("muon", "muon", "Orthogonalised momentum."),
        ("?", "?", "the checker infers this exponent"),
        ("base width", "base width", "powers of n/n0 leave all values there as they are"),
    ],
)
def test_words(word: str, head: str, says: str) -> None:
    result = explain(word)

    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith(f"# {head}\n\n")
    assert says in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    "spellings",
    [("μP", "mup", "MUP", "μp", "\u00b5P"), ("D2", "d2"), ("Δh", "dh"), ("STP", "stp", "Stp"),
     ("alpha", "α"), ("read-in", "read_in", "Read in"), ("Adam", "adam"),
     ("Depth-μP", "depth-mup", "depthmup", "DepthMuP"), ("CompleteP", "completep")],
)  # fmt: skip
def test_spellings(spellings: tuple[str, ...]) -> None:
    assert len({explain(word).stdout for word in spellings}) == 1


def test_every_word_has_a_page() -> None:
    """Of a rule where there is one of this name, else of its own."""
    listed = list(names())
    assert len(listed) == len(set(map(key, listed)))
    assert {*CONCEPTS, *(w for known in GLOSSARY.values() for w in known)} >= set(listed)
    for word in listed:
        result = explain(word)

        assert result.exit_code == 0, word
        assert result.stdout.startswith("# "), word
        assert max(map(len, result.stdout.splitlines())) <= 100 or pages.known(word), word


def test_concepts_end_as_sentences_do() -> None:
    assert [word for word, about in CONCEPTS.items() if not about.endswith(".")] == []


@pytest.mark.parametrize("beginning", ["R4", "r4", "R40"])
def test_beginnings_of_codes(beginning: str) -> None:
    result = explain(beginning)

    assert result.exit_code == 0
    assert result.stdout.startswith(f"# {beginning.upper()}\n\nD3: ")
    listed = re.findall(r"^- (R\d+) ", result.stdout, re.MULTILINE)
    assert listed == [page.code for page in pages.every() if page.code.startswith("R4")]


def test_a_beginning_of_several_subjects() -> None:
    assert explain("R5").stdout.startswith("# R5\n\n- R501 ")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("guage", "gauge"), ("richnes", "richness"), ("d7", "D0"), ("optimiser", "optimizer")],
)
def test_slips(word: str, meant: str) -> None:
    result = explain(word)

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr == (
        f"error: there is no file, no rule and no word '{word}'; did you mean `{meant}`?\n"
    )


def test_folders_hide_no_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gauge").mkdir()

    assert explain("gauge").stdout.startswith("# gauge\n")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("chekc", "did you mean `check`?"),
        ("Verify", "did you mean `verify`?"),
        ("model.rich", "a file is checked by `richc check model.rich`"),
        ("a b.rich", "a file is checked by `richc check 'a b.rich'`"),
        (".", "a file is checked by `richc check .`"),
        ("model.py", "richc reads .rich files; `richc audit FILE.py:make` audits PyTorch code"),
        ("zzzzz", "`richc --help` lists them"),
    ],
)
def test_unknown_commands(word: str, hint: str) -> None:
    result = run(word)

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr == f"error: there is no command '{word}'; {hint}\n"


@pytest.mark.parametrize("command", ["check", "verify", "gauge"])
def test_unknown_options(command: str) -> None:
    result = run(command, "--modle", "x")

    assert result.exit_code == 2
    assert "--model" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["gauge", "NET", "--to", "rescalling"], "rescaling"),
        (["fix", "NET", "--to", "nearst"], "nearest"),
        (["check", "NET", "--model", "digitz"], "digits"),
        (["fix", "NET", "--model", "digitz"], "digits"),
        (["map", "NET", "--model", "digitz"], "digits"),
        (["gauge", "NET", "--to", "stp", "--model", "digitz"], "digits"),
        (["compile", "NET", "--with", "ckp"], "ckpt"),
        (["init", "--optimizer", "adamv"], "adam"),
    ],
)
def test_what_was_meant_is_guessed_at(arguments: list[str], meant: str, examples: Path) -> None:
    net = str(examples / "digits_mup_sgd.rich")
    result = run(*(word.replace("NET", net) for word in arguments))

    assert (2, "") == (result.exit_code, result.stdout)
    assert 1 == result.stderr.count("error: ")
    assert f"did you mean `{meant}`" in result.stderr


#: Of every command that takes a model, how it is given one.
TAKING = {
    "equiv": ["equiv", "NET", "NET"],
    "gauge": ["gauge", "NET", "--to=mup"],
} | {
    command: [command, "NET"]
    for command in COMMANDS
    if command not in ("audit", "equiv", "gauge", "completion", "init", "lsp", "rules", "schema")
}


@pytest.mark.parametrize("command", TAKING)
@pytest.mark.parametrize("suffix", [".py", ".ipynb"])
def test_python_is_told_in_a_sentence(command: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_text("import torch\n\nclass Net(torch.nn.Module):\n    pass\n", encoding="utf-8")
    before = path.read_bytes()

    result = run(*(word.replace("NET", str(path)) for word in TAKING[command]))

    assert result.exit_code == 2
    said = "this is Python: richc reads .rich files; `richc audit FILE.py:make` audits PyTorch code"
    assert result.output.count(said) == 1
    assert path.read_bytes() == before
