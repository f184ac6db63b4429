"""R101 where a norm's eps is larger than what the norm reads."""

from __future__ import annotations

import pytest

import richc

MODEL = """\
model net {
  width n = 128, base n0 = 64
  depth L = 8, base L0 = 4
  input 64
  embed: dense -> n { std = 1 / n, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm: rmsnorm { eps = 1e-6, gain { lr = 1 } }
      up: dense -> n { std = sqrt(2 / n), lr = n0 / n, bias { std = 0, lr = 1 } }
      relu
      down: dense -> n { std = 1 / sqrt(n), lr = n0 / n }
    }
  }
  final: rmsnorm { eps = 1e-6, gain { lr = 1 } }
  head: dense -> 10 { std = 1 / n, lr = n0 / n }
  optimizer adam { lr = 1e-3 }
}
"""


def errors(text: str) -> list[tuple[str, str | None, str]]:
    (file,) = richc.check(text).files
    found = [d for d in file.diagnostics if d.severity == "error"]
    return [(d.code, d.layer, " ".join(d.notes)) for d in found]


@pytest.mark.parametrize("bias", [", bias { std = 0, lr = 1 }", ""])
@pytest.mark.parametrize("act", ["relu", "tanh"])
def test_the_init_below_eps_is_one_finding_that_names_the_norm(act: str, bias: str) -> None:
    text = MODEL.replace("relu", act).replace(", bias { std = 0, lr = 1 }", bias)

    ((code, layer, notes),) = errors(text)

    assert (code, layer) == ("R101", "embed")
    assert "`blocks.mlp.norm` does not make it of order one: its eps outgrows" in notes
    assert "`final`" not in notes
    assert richc.fix(text) == text.replace("std = 1 / n,", "std = 1 / n0,", 1)


@pytest.mark.parametrize("eps", ["eps = 1e-6 / n^2", "eps = 1e-6 / n^3", "eps = 0"])
def test_an_eps_that_vanishes_as_well_leaves_the_stream_free(eps: str) -> None:
    """The rate of `embed` then has to follow its init."""
    text = MODEL.replace("eps = 1e-6", eps).replace(
        "std = 1 / n, lr = 1 }", "std = 1 / n, lr = n0 / n }", 1
    )
    text = text.replace("scale = L0 / L", "scale = n0 * L0 / (n * L)")

    assert not errors(text)
