"""What every test starts from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from richc.lab.threads import calm

# Two processes of tests share the cores; said before any of them imports torch.
calm(os.environ)

# A deadline fails a test on a busy machine and says nothing about the code.
settings.register_profile("default", deadline=None)
# The same examples in every run of CI, and the means to repeat one that fails.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

#: Variables that change what richc prints: a test that wants one sets it.
_UNSET = ("CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PY_COLORS")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--random-specs",
        type=int,
        default=8,
        metavar="N",
        help="how many random specs tests/measured trains; from 200 on, false alarms as many",
    )


#: From so many random specs on, a run is a nightly one.
_NIGHTLY = 200


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """By day a ``nightly`` test runs as many of its cases as its mark says, spread over all."""
    if config.getoption("--random-specs") >= _NIGHTLY:
        return
    cases: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        if mark := item.get_closest_marker("nightly"):
            test = item.nodeid.partition("[")[0], mark.kwargs.get("by_day", 0)
            cases.setdefault(test, []).append(item)
    left: set[pytest.Item] = set()
    for (_, by_day), same in cases.items():
        left.update(same)
        left.difference_update(same[at * len(same) // by_day] for at in range(by_day))
    config.hook.pytest_deselected(items=[item for item in items if item in left])
    items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same surroundings for everybody, and no cache of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _UNSET:
            patch.delenv(name, raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def at_night(pytestconfig: pytest.Config) -> bool:
    """Whether a test may take minutes."""
    return bool(pytestconfig.getoption("--random-specs") >= _NIGHTLY)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def examples(root: Path) -> Path:
    """The folder of examples, with their data."""
    return root / "examples"
