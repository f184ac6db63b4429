"""Factories of what richc compiles, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import richc

#: Of a compiled program, whose network is called NET.
FACTORY = """
import torch
import {module} as program


def make(n):
    model = program.{net}(width=n)
    x, y = torch.{batch}, torch.randint(program.OUTPUTS, (16,))
    return model, model.make_optimizer(), x, lambda output: program.loss_of(output, y)
"""


def factory_of(text: str, folder: Path, name: str) -> Path:
    """A factory of the program that a text compiles to, with its faults."""
    program = richc.compile(text, allow_violations=True)
    # The network stands behind its layers and blocks.
    *_, net = (
        line.split()[1].partition("(")[0]
        for line in program.splitlines()
        if line.startswith("class ") and "nn.Module" in line
    )
    (folder / f"{name}.py").write_text(program, encoding="utf-8")
    batch = "randn(16, program.FEATURES)"
    if "input tokens" in text:
        batch = "randint(program.FEATURES, (16,))"
    path = folder / f"{name}_factory.py"
    path.write_text(FACTORY.format(module=name, net=net, batch=batch), encoding="utf-8")
    return path
