"""Gauge moves of a file: its text rewritten, with everything a move does not concern as it was."""
