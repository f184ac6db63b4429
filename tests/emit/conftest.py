"""Emitting and importing programs, for the tests of this folder."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from richc.emit import emit_program
from richc.pipeline import analyse
from richc.spec.model import Model
from tests.emit.tables import MODEL, Load, ReadModel

VERSION = "0.1.0"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small matrices gain nothing from threads, which wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def read_model() -> ReadModel:
    """The only model of a text, whatever its verdict."""

    def read(text: str) -> Model:
        result = analyse(text)
        assert len(result.models) == 1, [d.message for d in result.diagnostics]
        return result.models[0].spec

    return read


@pytest.fixture
def load(load_text: Callable[[str], ModuleType]) -> Load:
    """Emit a model and import the program."""

    def loaded(model: Model) -> ModuleType:
        return load_text(
            emit_program(model, summary="", features=["options"], richc_version=VERSION)
        )

    return loaded


@pytest.fixture
def load_module(load_text: Callable[[str], ModuleType]) -> Load:
    """Emit a model's network and optimizer alone, and import them."""

    def loaded(model: Model) -> ModuleType:
        return load_text(emit_program(model, summary="", module_only=True, richc_version=VERSION))

    return loaded


@pytest.fixture
def load_text(tmp_path: Path) -> Callable[[str], ModuleType]:
    """Import a program."""
    numbers = itertools.count()

    def loaded(text: str) -> ModuleType:
        path = tmp_path / f"program_{next(numbers)}.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return loaded


@pytest.fixture
def classifier(load: Load, read_model: ReadModel) -> ModuleType:
    """A program for the table's three classes."""
    return load(read_model(MODEL.format(name="iris", outputs=3, loss="cross_entropy", train="")))


@pytest.fixture
def regressor(load: Load, read_model: ReadModel) -> ModuleType:
    return load(read_model(MODEL.format(name="line", outputs=1, loss="mse", train="")))
