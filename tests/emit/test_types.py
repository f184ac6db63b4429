"""Emitted programs under mypy --strict, as the project's own settings have it: one run over a few.

Each optimizer, loss and feature is in one of them, and blocks, norms and tokens.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from richc.compilation import choose, program
from richc.pipeline import analyse
from richc.words import FEATURES
from tests.emit.tables import MODEL
from tests.emit.test_deep import EVERY, FACTORED, SEVERAL, TOKENS
from tests.emit.test_training import model_text

#: `fsdp` has the place of `ddp` where both are asked for.
SIX = tuple(name for name in FEATURES if name != "options")
MSE = MODEL.format(name="line", outputs=1, loss="mse", train="")

PROGRAMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sgd_page": (model_text("sgd", "no-bias"), ()),
    "adam_six": (model_text("adam", "bias"), SIX),
    "adamw_mse": (MSE.replace("adam {", "adamw {"), ("ckpt", "ddp", "options", "stream")),
    "lion_ddp": (model_text("lion", "scaled-bias"), ("ddp",)),
    "signsgd_log": (model_text("signsgd", "no-bias", "frozen"), ("log", "monitor")),
    "muon_fsdp": (model_text("muon", "bias"), ("fsdp", "options")),
    "adafactor_ckpt": (model_text("adafactor", "bias"), ("ckpt",)),
    "blocks_of_every_kind": (EVERY, ("ckpt", "monitor")),
    "muon_beside_adafactor": (FACTORED, FEATURES),
    "tokens": (TOKENS, ("log", "fsdp")),
}
MODULES = {"mse_module": MSE, "several_module": SEVERAL}


def test_every_kind_of_program_is_typed(tmp_path: Path) -> None:
    for name, (text, features) in PROGRAMS.items():
        chosen = choose(analyse(text), None, allow_violations=True)
        (tmp_path / f"{name}.py").write_text(program(chosen, features), encoding="utf-8")
    for name, text in MODULES.items():
        chosen = choose(analyse(text), None, allow_violations=True)
        source = program(chosen, module_only=True)
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, sorted(tmp_path.glob("*.py")))],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout
