"""R102 is about the read-out's own init: an output too large by what it reads is no fault."""

from __future__ import annotations

import pytest

from richc.pipeline import analyse

MODEL = """\
model net {{
  width n = 256
  input 16
  a: dense -> n {{ std = n^({hidden}), lr = 1 }}
  relu
  out: dense -> 10 {{ std = n^({readout}), lr = 1 / n }}
  optimizer adam {{ lr = 1e-3 }}
}}
"""


@pytest.mark.parametrize(
    ("hidden", "readout", "codes"),
    [
        ("0", "-1", set()),
        ("0", "-1/4", {"R102"}),
        ("1", "-1", {"R101"}),
        ("1", "-1/2", {"R101"}),
        ("1", "-1/4", {"R101", "R102"}),
    ],
)
def test_each_init_answers_for_itself(hidden: str, readout: str, codes: set[str]) -> None:
    found = analyse(MODEL.format(hidden=hidden, readout=readout)).diagnostics

    assert {d.code for d in found if d.code in ("R101", "R102")} == codes
