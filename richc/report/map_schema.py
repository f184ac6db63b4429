"""The JSON report of ``richc map``, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from richc._version import __version__
from richc.report import map_entries as values
from richc.report.strict import FileName, Strict

Gauge = Literal["stp", "mup", "rescaling"]


class Place(Strict):
    """One model on the map; rationals are strings."""

    number: int = Field(description="its number in drawings")
    path: FileName
    model: str
    optimizer: str
    shape_factor: str | None = Field(description="Muon's; each has a prism of its own")
    verdict: str = Field(description="in one sentence")
    on_scale: bool = Field(description="all desiderata hold: it is in the prism")
    richness: str = Field(
        description="off the scale the nearest one, which may lie beyond 0 and 1/2"
    )
    gauges: list[Gauge] = Field(description="the named ones that it is in")
    point: Literal["mup-lr", "mup", "mfp", "ntp-lr", "ntp"] | None
    shares: dict[Gauge, str] = Field(
        description="the nearest mixture of named gauges; empty off the scale"
    )
    distance: str | None = Field(
        description="largest difference of an exponent theta from that mixture's"
    )
    is_exact: bool = Field(description="its gauge is that mixture, in every layer")
    depth: str | None = Field(
        description="the power of L that branches of L blocks are small by, on the scale"
    )
    violated: list[Literal["D0", "D1", "D2", "D3", "D4"]]
    excess: str | None = Field(
        description="the power of n by which the gravest violation is off; inf where a size is zero"
    )
    position: str = Field(description="in words")


class Map(Strict):
    """What ``richc map --format json`` prints."""

    version: Literal[1] = 1
    richc: str
    places: list[Place]


def report(entries: Sequence[values.Entry]) -> Map:
    return Map(richc=__version__, places=[_place(entry) for entry in entries])


def _place(entry: values.Entry) -> Place:
    spec, verdict, place = entry.result.spec, entry.result.verdict, entry.place
    return Place.of(
        place,
        number=entry.number,
        path=entry.path,
        model=spec.name,
        optimizer=spec.optimizer.name,
        shape_factor=place.prism.shape,
        verdict=entry.result.sentence,
        gauges=verdict.gauges,
        point=verdict.point,
        shares={gauge: str(share) for gauge, share in place.shares},
        distance=place.distance if place.on_scale else None,
        excess=None if place.on_scale else "inf" if place.excess is None else place.excess,
        position=values.position(place),
    )
