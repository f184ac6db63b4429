# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the line that shows how far training is."""

from __future__ import annotations

import sys
import time

from richc.emit.parts.cross_entropy import SCORE
from richc.emit.parts.ranks import one_voice

# ---- emitted from here on ----


class Progress:
    """One line on stderr: rewritten in place on a terminal, ten times a run elsewhere."""

    def __init__(self, steps: int, quiet: bool, in_place: bool, begin: int = 0) -> None:
        self.steps, self.quiet, self.begin = steps, quiet, begin
        self.in_place = in_place or sys.stderr.isatty()
        self.start = self.last = time.perf_counter()
        self.is_open = False

    def is_due(self, step: int) -> bool:
        """True when a line should be shown after this step (so its loss is worth a sync)."""
        if self.quiet:
            return False
        # keep if not ranks
        if self.in_place:
            return step == self.steps or time.perf_counter() - self.last > 0.1
        # end
        # keep if ranks
        # Never by the clock: processes must agree on when they exchange their outputs.
        # end
        return step * 10 // self.steps > (step - 1) * 10 // self.steps

    # keep if ranks
    @one_voice()
    # end
    def show(self, step: int, loss: float, value: float) -> None:
        self.last = time.perf_counter()
        left = (self.last - self.start) / (step - self.begin) * (self.steps - step)
        clock = f"{int(left) // 60}:{int(left) % 60:02}"
        line = f"step {step}/{self.steps}  loss {loss:.4g}  {SCORE} {value:.4f}  {clock} left"
        print(f"\r{line}\x1b[K" if self.in_place else line, end="", file=sys.stderr)
        if not self.in_place:
            print(file=sys.stderr)
        sys.stderr.flush()
        self.is_open = self.in_place

    def close(self) -> None:
        """End the line that is being rewritten, if any."""
        if self.is_open:
            print(file=sys.stderr)
        self.is_open = False
