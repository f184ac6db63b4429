"""From a checked model to one standalone PyTorch file.  Nothing here imports torch."""

from richc.emit.program import MARKER, emit_program

__all__ = ["MARKER", "emit_program"]
