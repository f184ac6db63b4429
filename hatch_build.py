"""Build hook: compile the grammar's LALR tables whenever a wheel of richc is built.

A standard wheel gets ``richc/syntax/_tables.json``, a copy of the grammar, and the examples that
``richc init`` copies; an editable one
gets the tables written into the checkout, beside the module that reads them, and the checkout's
modules compiled.
"""

from __future__ import annotations

import compileall
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TablesHook(BuildHookInterface):  # type: ignore[type-arg]  # generic in a configuration that it has none of
    """Writes the tables before hatchling collects the files of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate what this kind of wheel (``standard`` or ``editable``) lacks."""
        root = Path(self.root)
        grammar = root / "grammar" / "rich.lark"
        # What `richc init` copies.
        examples = [*(root / "examples").glob("*.rich"), root / "examples" / "digits.csv.gz"]
        tables = _module(root / "richc" / "syntax" / "tables.py")
        tables.write(grammar=grammar.read_text(encoding="utf-8"))
        if version == "editable":
            # pip compiles the modules of a standard wheel when it installs it, but no checkout's.
            # Where PYTHONDONTWRITEBYTECODE is set, nobody else ever would, and every `richc check`
            # would compile all that it imports, which takes longer than the check.  A module that
            # cannot be compiled (yet) is no reason not to install.
            compileall.compile_dir(root / "richc", quiet=2)
        else:
            # Not through `force-include`: that would put a richc folder without any module into
            # the site-packages of an editable install.
            taken = {"_grammar": [grammar], "_examples": examples}
            build_data["force_include"] |= {
                str(path): f"richc/{folder}/{path.name}"
                for folder, paths in taken.items()
                for path in paths
            }


def _module(path: Path) -> ModuleType:
    """Import a file by its path: importing richc itself would need its dependencies."""
    spec = importlib.util.spec_from_file_location("_richc_tables", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
