"""Coverage-guided fuzzing of everything that richc does with a text.

``pip install atheris`` into the development environment, and from the checkout::

    mkdir work
    python -m tests.fuzz.target -max_total_time=600 work tests/fuzz/corpus

``work`` is for new inputs; what failed is left in ``crash-*``, and a run with that file as
the only argument repeats it.  All options are libFuzzer's.  Unless they are given: inputs of at
most 4,000 bytes, a timeout of 30 s, and a dictionary of the language's vocabulary.

Two thirds of the mutations are those of tests/fuzz/mutations.py, on tokens; the others are
libFuzzer's own.  Every step of tests/fuzz/oracles.py has a second of processor time, or
``RICHC_FUZZ_LIMIT`` seconds, counted without instrumentation: a step that takes longer with it is
repeated in a process without.

Small files that cover what a run has found: run again with
``-merge=1 NEW_FOLDER work tests/fuzz/corpus``.  tests/fuzz/corpus is 60 of those, each chosen for
the lines of richc that it ran and none before it did.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from zlib import crc32

import atheris

import richc
from tests.fuzz.words import VOCABULARY

_ROOT = Path(__file__).parents[2]
_LIMIT = float(os.environ.get("RICHC_FUZZ_LIMIT", "1"))
_DEFAULTS = {"-max_len": "4000", "-timeout": "30", "-rss_limit_mb": "4096"}
#: Imported where the oracles want them; the rest needs torch, or a terminal.
_APART = ("richc.lab", "richc.cli", "richc.__main__", "richc.editor.pygments_lexer")
#: One input in so many goes through the server, most of whose time is the protocol's.
_RARITY = 8

with atheris.instrument_imports(include=["richc"], enable_loader_override=False):
    for _module in pkgutil.walk_packages(richc.__path__, "richc."):
        if not _module.name.startswith(_APART) and "_grammar" not in _module.name:
            importlib.import_module(_module.name)
    from tests.fuzz import oracles
    from tests.fuzz.mutations import mutate


def main() -> None:
    # libFuzzer runs itself again to merge, by the first argument.
    arguments = [f"{sys.executable} -m tests.fuzz.target", *sys.argv[1:]]
    given = {argument.partition("=")[0] for argument in arguments}
    arguments += [f"{name}={value}" for name, value in _DEFAULTS.items() if name not in given]
    if "-dict" not in given:
        arguments.append(f"-dict={_dictionary()}")
    atheris.Setup(arguments, examine, custom_mutator=_mutated, internal_libfuzzer=True)
    atheris.Fuzz()


def examine(data: bytes) -> None:
    """One input: bytes, as a file holds them; what is not UTF-8 becomes a text all the same."""
    text = data.decode("utf-8", "surrogateescape")
    for name, step in oracles.steps(text):
        if name == "lsp" and crc32(data) % _RARITY:
            continue
        start = time.process_time()
        step()
        taken = time.process_time() - start
        if taken > _LIMIT:
            alone = _alone(data, name)
            assert alone <= _LIMIT, f"{name} takes {alone:.2f} s"


def _alone(data: bytes, name: str) -> float:
    """Seconds that a step takes where nothing is instrumented."""
    program = (
        "import sys, time\n"
        "from tests.fuzz.oracles import steps\n"
        "text = sys.stdin.buffer.read().decode('utf-8', 'surrogateescape')\n"
        "for name, step in steps(''): step()\n"
        "for name, step in steps(text):\n"
        "    start = time.process_time()\n"
        "    step()\n"
        "    if name == sys.argv[1]: print(time.process_time() - start); break\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, name],
        input=data,
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    return float(run.stdout)


def _mutated(data: bytes, size: int, seed: int) -> bytes:
    pick = Random(seed)
    if pick.random() < 1 / 3:
        mutated: bytes = atheris.Mutate(data, size)
        return mutated
    text = data.decode("utf-8", "surrogateescape")
    new = mutate(text, pick.choice(_SEEDS), pick)
    return new.encode("utf-8", "surrogateescape")[:size]


def _seeds() -> list[str]:
    """What to splice with: all examples and goldens."""
    paths = [*_ROOT.glob("examples/*.rich"), *_ROOT.glob("tests/*/golden/*.rich")]
    texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in sorted(paths)]
    return [text for text in texts if len(text) < 4000]


def _dictionary() -> str:
    """The vocabulary as libFuzzer reads it, in a file that stays until the process ends."""
    file = tempfile.NamedTemporaryFile("w", suffix=".dict", delete=False)  # noqa: SIM115
    with file:
        for word in VOCABULARY:
            escaped = "".join(f"\\x{byte:02x}" for byte in word.encode())
            file.write(f'"{escaped}"\n')
    return file.name


_SEEDS = _seeds()

if __name__ == "__main__":
    main()
