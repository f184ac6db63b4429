"""The files of examples/ that an installed richc has with it."""

from __future__ import annotations

import os

from richc.cli.inputs import SUFFIX
from richc.diagnostics import RichError


def packaged(name: str = "") -> str:
    """A file of examples/: the wheel's copy, or the checkout's.  Raises RichError."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = os.path.join(package, "_examples"), os.path.join(package, os.pardir, "examples")
    found = next((p for p in (os.path.join(f, name) for f in folders) if os.path.exists(p)), None)
    if found is None:
        raise RichError(f"richc's own {name or 'examples'} are not where they were installed")
    return os.path.normpath(found)


def example_names() -> list[str]:
    """Names of the examples that pass their check."""
    names = (name.removesuffix(SUFFIX) for name in os.listdir(packaged()) if SUFFIX in name)
    return sorted(name for name in names if "fails" not in name)
