"""Texts before and after: edits made by hand, and the numbers at the base width."""

from __future__ import annotations

import re
from collections.abc import Sequence

import richc
from richc.report import schema


def apply(text: str, edits: Sequence[schema.Edit]) -> str:
    """From last to first, each once: several findings may want the same change."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    places = {
        (
            starts[edit.span.line - 1] + edit.span.column - 1,
            starts[edit.span.end_line - 1] + edit.span.end_column - 1,
            edit.text,
        )
        for edit in edits
    }
    for start, end, new in sorted(places, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def values(text: str) -> list[tuple[str, str, float]]:
    """Scale, std and rate of every weight and bias at n = n0, to six digits.

    Where the file has no base width that is the declared width.
    """
    base = re.search(r"width (\w+) = \d+, base \w+ = (\d+)", text)
    if base is not None:
        text = re.sub(r"(width \w+ = )\d+", rf"\g<1>{base[2]}", text)
    (file,) = richc.check(text).files
    return [
        (layer.name, of + knob, float(f"{getattr(numbers, knob):.6g}"))
        for model in file.models
        for layer in model.layers
        for of, numbers in (("", layer.values), ("bias ", layer.bias_values))
        if numbers is not None
        for knob in ("scale", "std", "lr")
    ]
