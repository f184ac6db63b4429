"""R901 gives advice that is right where it stands, and none that is followed already."""

from __future__ import annotations

import pytest

import richc
from tests.stacks import residual_mlp

TEXT = residual_mlp("net", "POINT", "adam")


@pytest.mark.parametrize("point", ["mup", "ntp", "rich(r = 1/4)"])
def test_the_way_to_completep_keeps_the_richness(point: str) -> None:
    lazy = TEXT.replace("POINT", f"{point}, depth = 3/4")

    (found,) = richc.check(lazy).files[0].diagnostics

    assert ("R901", "warning") == (found.code, found.severity)
    advice = f"parameterization {point}, depth = 1"
    assert f"`{advice}`" in (found.help or "")
    followed = richc.check(TEXT.replace("parameterization POINT", advice)).files[0]
    assert [] == followed.diagnostics
    assert [richc.check(lazy).files[0].models[0].richness] == [m.richness for m in followed.models]


def test_what_is_declared_needs_no_advice() -> None:
    (found,) = richc.check(TEXT.replace("POINT", "mup, depth = 1/2")).files[0].diagnostics

    assert ("R901", "info", None) == (found.code, found.severity, found.help)


def test_a_frozen_weight_is_told_so() -> None:
    text = TEXT.replace("POINT", "mup").replace("up: dense -> n", "up: dense -> n { frozen }")

    found = [d for d in richc.check(text).files[0].diagnostics if d.code == "R901"]

    assert ["`blocks.mlp.up` is frozen: let it train, or expect nothing of it"] == [
        d.help for d in found
    ]


@pytest.mark.parametrize(("power", "is_offered"), [("-1/2", True), ("-1", False)])
def test_depth_mup_is_a_choice_only_where_all_branches_are_there(
    power: str, is_offered: bool
) -> None:
    """Two residuals a block: the first has Depth-μP's scale and rates."""
    block = TEXT[TEXT.index("    mlp: residual") : TEXT.index("  }\n  rmsnorm")]
    blocks = [
        block.replace("rmsnorm", f"scale = L^({p})\n      norm: rmsnorm") for p in ("-1/2", power)
    ]
    lazy = [one.replace("-> n", "-> n { lr = 1 / n * L^(-1/2) }") for one in blocks]
    second = (lazy if power == "-1/2" else blocks)[1].replace("mlp:", "more:")
    text = TEXT.replace(block, lazy[0] + second).replace("POINT", "mup")

    found = richc.check(text).files[0].diagnostics
    helps = [d.help or "" for d in found if d.code == "R901"]

    assert helps
    assert all(("require depth(1/2)" in help) is is_offered for help in helps)
