"""Rooms import what is below them only, lazily or not; names say one thing; no module is long."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "richc"

#: From the bottom to the top: room, and the rooms that it may import.  A module of the package
#: itself is a room of its own; ``richc`` is the package's ``__init__``, the public API.
ROOMS: dict[str, str] = {
    "_version": "",
    "spelling": "",
    "activations": "",
    "words": "spelling activations",
    "diagnostics": "",
    "files": "diagnostics",
    "algebra": "activations",
    "optimizers": "words algebra",
    "calculus": "activations words algebra optimizers",
    "syntax": "spelling activations words diagnostics",
    "spec": "spelling activations words diagnostics algebra optimizers calculus syntax",
    "inference": "diagnostics algebra optimizers calculus spec",
    "resolve": "words diagnostics algebra syntax spec inference",
    "gauge": "activations words algebra optimizers calculus spec",
    "rules": "activations words diagnostics algebra optimizers calculus syntax spec resolve gauge",
    "repair": "words diagnostics algebra optimizers calculus syntax spec resolve rules",
    "pipeline": "words diagnostics calculus syntax spec resolve rules repair",
    "emit": "words diagnostics files algebra optimizers spec",
    "compilation": "_version words diagnostics algebra rules pipeline emit spec",
    "fixing": "words diagnostics algebra optimizers syntax spec gauge rules repair pipeline",
    "lab": "_version words diagnostics files algebra calculus spec rules pipeline emit compilation",
    "torchfront": "files optimizers pipeline lab",
    "glossary": "activations words optimizers emit",
    "report": "_version activations words diagnostics algebra optimizers calculus syntax spec "
    "gauge rules pipeline lab torchfront glossary",
    "figures": "_version words files algebra optimizers calculus rules lab report",
    "page": "_version diagnostics files algebra optimizers calculus syntax spec rules pipeline "
    "lab glossary report figures",
    "editor": "_version words diagnostics algebra optimizers syntax spec rules pipeline fixing "
    "glossary",
    "richc": "_version diagnostics syntax gauge pipeline emit compilation fixing lab torchfront "
    "report",
    "testing": "report richc",
    "cli": "_version spelling words diagnostics files optimizers syntax spec gauge rules repair "
    "pipeline emit compilation fixing lab torchfront glossary report figures page editor",
    "__main__": "cli",
}

#: Lines of a module, at most.
LONGEST = 400

#: Names that more than one class still has: of the syntax tree, of the model and of its JSON.  The
#: list only shrinks.
SHARED = (
    "Activation Best Diagnostic Difference Dim Drift Edit Equivalence Fault File Finding Knob "
    "Layer Measured Model Monomial Move Norm Optimizer Place Power Requirement Residual Row Rule "
    "Run Span Spot Structure Tensor Train Values "
)


@cache
def modules() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """``richc.rules.common`` is in ``rules``."""
    return module.split(".")[1] if "." in module else module


def imported(tree: ast.Module) -> Iterator[str]:
    """Modules of the package, wherever they are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "richc":
            yield from (f"richc.{n.name}" if n.name in ROOMS else "richc" for n in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_rooms_import_what_is_below_them() -> None:
    order = list(ROOMS)
    upward = [
        (above, below)
        for above, allowed in ROOMS.items()
        for below in allowed.split()
        if order.index(below) >= order.index(above)
    ]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path, tree in modules().items():
        here = path.relative_to(PACKAGE).with_suffix("").parts[0].replace("__init__", "richc")
        found[here] |= {room(m) for m in imported(tree) if m.partition(".")[0] == "richc"} - {here}

    assert not upward
    assert found.keys() <= ROOMS.keys()
    assert [(r, b) for r in ROOMS for b in sorted(found[r] - set(ROOMS[r].split()))] == []


def test_a_class_name_occurs_once() -> None:
    counts = Counter(
        node.name
        for path, tree in modules().items()
        if path.parent.name != "parts"  # names of the emitted program
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )

    assert {name for name, count in counts.items() if count > 1} == set(SHARED.split())


def test_no_module_is_long() -> None:
    lengths = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules()
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
