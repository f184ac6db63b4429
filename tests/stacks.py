"""A text of a deep network, for tests that ask about its depth."""

from __future__ import annotations


def residual_mlp(
    name: str, point: str, optimizer: str, *, bases: tuple[str, str] = ("", "")
) -> str:
    """A pre-norm residual MLP; ``bases`` are those of the width and of the depth."""
    width, depth = (base and f", base {base}" for base in bases)
    return f"""\
model {name} {{
  width n = 64{width}
  depth L = 8{depth}
  parameterization {point}
  input 8
  embed: dense -> n
  blocks: repeat L {{
    mlp: residual {{
      rmsnorm
      up: dense -> n
      relu
      down: dense -> n
    }}
  }}
  rmsnorm
  head: dense -> 4
  optimizer {optimizer}
}}
"""
