"""What fuzzing has found worth keeping, small files that cover most of richc: replayed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz.oracles import examine, steps

CORPUS = sorted(Path(__file__).parent.glob("corpus/*"))


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_replay(path: Path) -> None:
    examine(text_of(path))


def test_it_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS]

    assert 40 <= len(sizes) <= 60
    assert sum(sizes) <= 100_000


@pytest.mark.measured
def test_nothing_takes_a_second() -> None:
    for path in CORPUS:
        for name, step in steps(text_of(path)):
            start = time.process_time()
            step()
            assert time.process_time() - start < 1, (path.name, name)


#: Once each a bug: a crash, a place outside of the text, a command for a terminal.
REGRESSIONS = {
    "a model that ends with its text": "model { std = 1 /",
    "an escape in a comment's order": "model a { }\n# richc: ignore[\x1b[31m] -- why",
    "a mark in a comment's order": "model a { }\n# richc: ignore[R\u202e301] -- why",
    "a hole in an optimizer's option": (
        "model a {\n  width n = 256\n  richness r = 1/2\n  input 16\n"
        "  h: dense -> n { std = 1, lr = n }\n  tanh\n"
        "  o: dense -> 10 { std = 1 / n, lr = 1 / n }\n"
        "  optimizer sgd { lr = 0.1 * n^? }\n}\n"
    ),
    "a mark that cannot be seen, behind another character": "²\ufeff= net {\n}\n",
    "half an arrow, and nothing before it": ">",
    "half an arrow before a line": "> # quoted\nmodel net {\n  width n = 256\n  input 16\n}\n",
    "half an arrow before a word": ">odel net {\n  width n = 256\n  input 16\n}\n",
    "a hole that no layer takes": (
        "model a {\n  width n = 256\n  input 64\n"
        "  h: dense -> n { std = 1/8, lr = 1, eps = 1e-8 / n }\n  tanh\n"
        "  o: dense -> 10 { std = 1 / n, lr = 1 / n, eps = 1e-8 }\n"
        "  optimizer adam { eps = 1e-8 * n^?, weight_decay = 0.1 * n^? }\n}\n"
    ),
    "a hole in what is zero": (
        "model a {\n  width n = 256\n  input 16\n"
        "  h: dense -> n { std = 1, lr = n, bias { std = 0 * n^?, lr = (n^?)^0 } }\n  tanh\n"
        "  o: dense -> 10 { std = 0 * n^?, lr = 1 / n }\n  optimizer sgd\n}\n"
    ),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_regression(name: str) -> None:
    examine(REGRESSIONS[name])
