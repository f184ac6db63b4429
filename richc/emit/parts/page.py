# ruff: noqa: T201 - the emitted program talks to its user
"""Part: a run from the data to the last line, of a program without features."""

from __future__ import annotations

import math
import sys

import torch

from richc.emit.parts.data import load
from richc.emit.parts.evaluate import evaluate
from richc.emit.parts.loop import train
from richc.emit.parts.network import Network
from richc.emit.parts.parse import parse

SCORE = "accuracy"


# ---- emitted from here on ----


def main(argv: list[str] | None = None) -> int:
    """Train, report, save; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    options = parse(argv)
    try:
        train_x, train_y, test_x, test_y = (part.to(options.device) for part in load(options))
        torch.manual_seed(options.seed)
        model = Network(options.width, options.richness, options.gamma).to(options.device)
        train(model, train_x, train_y, options)
        loss, known = evaluate(model, train_x, train_y, options.precision)
        held_out, unseen = evaluate(model, test_x, test_y, options.precision)
        shown = f"train loss {loss:.6g} {SCORE} {known:.4f}"
        print(f"{shown}  held-out loss {held_out:.6g} {SCORE} {unseen:.4f}", flush=True)
        if options.save is not None:
            draft = options.save.with_name(f"{options.save.name}.tmp")
            torch.save(model.state_dict(), draft)
            draft.replace(options.save)
        return 0 if math.isfinite(loss) else 1
    except KeyboardInterrupt:
        line, code = "interrupted", 130
    except (ArithmeticError, AssertionError, OSError, RuntimeError, ValueError) as error:
        line, code = f"error: {error}", 2
    print("".join(c if c.isprintable() else "?" for c in line.split("\n")[0]), file=sys.stderr)
    return code
