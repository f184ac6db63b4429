"""What grows from network to network: the width, or the depth at one width."""

from __future__ import annotations

from enum import StrEnum

from richc.algebra.joint import depth_of, width_of
from richc.algebra.sizes import Size, Zero
from richc.spec.model import Model


class Growth(StrEnum):
    """The symbol that goes to infinity; the other one stays."""

    WIDTH = "width"
    DEPTH = "depth"

    @property
    def symbol(self) -> str:
        return {Growth.WIDTH: "n", Growth.DEPTH: "L"}[self]

    def power_of(self, size: Size) -> Size:
        """The exponent of this symbol in the power of a size."""
        if isinstance(size, Zero):
            return size
        return width_of(size) if self is Growth.WIDTH else depth_of(size)

    def at(self, spec: Model, size: int) -> Model:
        """The model of that width, or depth."""
        if self is Growth.WIDTH:
            return spec._replace(width=size)
        assert spec.depth is not None
        return spec._replace(depth=spec.depth._replace(value=size))

    def of(self, spec: Model) -> int:
        """The declared width or depth."""
        if self is Growth.WIDTH:
            return spec.width
        assert spec.depth is not None
        return spec.depth.value
