"""Exponents to .rich texts."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import richc
from richc.report import schema
from tests.verdict.reference import INFINITE, Knobs, Number


def power(exponent: Number) -> str:
    """n^-exponent, and 0 for an infinite one."""
    return "0" if exponent == INFINITE else f"n^({-Fraction(exponent)})"


def layer_names(count: int) -> list[str]:
    """h1 ... hL and out."""
    return [*(f"h{index}" for index in range(1, count)), "out"]


def model(
    name: str,
    optimizer: str,
    shape: str | None,
    layers: Sequence[Knobs],
    activation: str = "tanh",
    options: str = "",
) -> str:
    """One model, its exponents written out."""
    lines = [f"model {name} {{", "  width n = 256", "  input 16"]
    names = layer_names(len(layers))
    for layer, word in zip(layers, names, strict=True):
        dim = "10" if word == "out" else "n"
        bias = "" if layer.bias is None else f", bias {{ {_items(layer.bias)} }}"
        lines.append(f"  {word}: dense -> {dim} {{ {_items(layer)}{bias} }}")
        if word != "out":
            lines.append(f"  {activation}")
    options = ", ".join(filter(None, ["lr = 0.1", options, shape and f"shape_factor = {shape}"]))
    lines += [f"  optimizer {optimizer} {{ {options} }}", "}", ""]
    return "\n".join(lines)


def _items(tensor: Knobs) -> str:
    rate = "frozen" if tensor.c == INFINITE else f"lr = {power(tensor.c)}"
    return f"scale = {power(tensor.a)}, std = {power(tensor.b)}, {rate}"


class Answer(NamedTuple):
    """What the public API says of a text with one model."""

    model: schema.Model
    diagnostics: list[schema.Diagnostic]

    @property
    def codes(self) -> list[str]:
        return [d.code for d in self.diagnostics]

    @property
    def notes(self) -> list[str]:
        return [note for d in self.diagnostics for note in d.notes]

    def only(self, code: str) -> schema.Diagnostic:
        """The one diagnostic with this code."""
        (found,) = (d for d in self.diagnostics if d.code == code)
        return found

    def judgement(self) -> dict[str, Any]:
        """Everything but how it is written: what no gauge move may change."""
        fields = self.model.model_dump(exclude={"gauges", "point"})
        for layer in fields["layers"]:
            for key in ("a", "b", "c", "values", "bias_values"):
                del layer[key]
        return fields


def ask(text: str) -> Answer:
    (file,) = richc.check(text).files
    assert len(file.models) == 1, [(d.code, d.message) for d in file.diagnostics]
    # R606 is about a word of Muon's, not about the network.
    return Answer(file.models[0], [d for d in file.diagnostics if d.code != "R606"])
