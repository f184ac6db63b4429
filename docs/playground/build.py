"""Assemble the playground, a folder that any web server can serve as it is.

    python docs/playground/build.py FOLDER [--wheel WHEEL]

It holds this folder's page, richc's wheel (built, unless one is given), click's and Pyodide: what
runs in the browser fetches nothing from elsewhere.  Exit codes: 0 done, 2 something that is needed
could not be had (npm, the registries).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: Its Python is 3.14, and richc asks for 3.11.
PYODIDE = "314.0.7"
#: Of its npm package: what loadPyodide imports, and then what it fetches.
IMPORTED = ("pyodide.mjs", "pyodide.asm.mjs")
FETCHED = ("pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
PAGE = ("index.html", "playground.css", "playground.js", "worker.js", "glue.py")


def main() -> None:
    parser = argparse.ArgumentParser(description="Assemble the playground.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wheel", type=Path, help="richc's, if it is built already")
    options = parser.parse_args()
    try:
        assemble(options.folder, options.wheel)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        sys.exit(sys.stderr.write(f"error: {said.strip()}\n") and 2)


def assemble(folder: Path, wheel: Path | None) -> None:
    """Raises OSError and CalledProcessError, with what the failing command said."""
    (folder / "pyodide").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        scratch = Path(name)
        if wheel is None:
            _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", name, str(ROOT))
            (wheel,) = scratch.glob("richc-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (entry,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            metadata = archive.read(entry).decode()
        needed = re.search(r"^Requires-Dist: (click\S*)", metadata, re.MULTILINE)
        assert needed is not None
        _run(
            *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"),
            *("-d", name, needed[1]),
        )
        (click,) = scratch.glob("click-*.whl")
        wheels = [wheel, click]
        for built in wheels:
            shutil.copy(built, folder)
        # npm compares what comes with the registry's checksum.
        _run("npm", "pack", "--silent", f"pyodide@{PYODIDE}", "--pack-destination", name)
        with tarfile.open(scratch / f"pyodide-{PYODIDE}.tgz") as package:
            for part in (*IMPORTED, *FETCHED):
                found = package.extractfile(f"package/{part}")
                assert found is not None
                (folder / "pyodide" / part).write_bytes(found.read())
    for part in PAGE:
        shutil.copy(HERE / part, folder)
    fetched = [folder / "glue.py", *(folder / w.name for w in wheels)]
    fetched += [folder / "pyodide" / part for part in FETCHED]
    examples = sorted((ROOT / "examples").glob("*.rich"))
    manifest = {
        "wheels": [w.name for w in wheels],
        "bytes": sum(path.stat().st_size for path in fetched),
        "pyodide": PYODIDE,
        "examples": {path.stem: path.read_text(encoding="utf-8") for path in examples},
    }
    text = json.dumps(manifest, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own


if __name__ == "__main__":
    main()
