"""R103 says by how much a layer's own update is too large, whatever comes from below."""

from __future__ import annotations

import pytest

from richc.pipeline import analyse

MODEL = """\
model net {{
  width n = 256
  input 16
  a: dense -> n {{ std = 1, lr = n^({below}) }}
  tanh
  b: dense -> n {{ std = n^(-1/2), lr = n^(-1/2) }}
  tanh
  out: dense -> 10 {{ std = 1 / n, lr = 1 / n }}
  optimizer adam {{ lr = 1e-3 }}
}}
"""


@pytest.mark.parametrize("below", ["0", "1/4", "2"])
def test_what_is_carried_does_not_count(below: str) -> None:
    result = analyse(MODEL.format(below=below))

    said = {d.layer: d.label for d in result.diagnostics if d.code == "R103"}
    assert said["b"] == "its own update of h ~ n^1/2, should be at most n^0"
    assert ("a" in said) is (below != "0")
