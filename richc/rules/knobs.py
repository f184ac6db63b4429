"""Findings on epsilon and decay: one for each place where one is written.

What the optimizer's statement says of all layers is one mistake, however many layers it concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Edit, Span
from richc.rules.common import Trained

_MOST = 4


class KnobFinding(NamedTuple):
    """What is found of one tensor."""

    item: Trained
    place: Span
    label: str
    #: What to write on its layer: "`eps = 1e-8 * n0 / n`".
    remedy: str
    edits: tuple[Edit, ...] = ()


def findings(
    parts: Iterable[KnobFinding], diagnose: Callable[[Sequence[KnobFinding]], Diagnostic]
) -> Iterator[Diagnostic]:
    """One diagnostic for each place, from what ``diagnose`` says of its first part.

    The label is that of the first part; a note has what is not so for the others.
    """
    places: dict[Span, list[KnobFinding]] = {}
    for part in parts:
        places.setdefault(part.place, []).append(part)
    for group in places.values():
        found, first = diagnose(group), group[0]
        others = [p for p in group if p.label != first.label]
        notes = [f"{p.item.shown}: {p.label}" for p in others[:_MOST]]
        if len(others) > _MOST:
            notes.append(f"and {len(others) - _MOST} more")
        is_offered = all(part.edits for part in group)
        declared = {edit.text for part in group for edit in part.edits if edit.text[:6] == ", base"}
        notes += [f"the edit declares `{text.removeprefix(', ')}` as well" for text in declared]
        edits = (edit for part in group for edit in part.edits)
        yield found._replace(
            span=first.place,
            label=first.label,
            layer=first.item.layer.name if len(group) == 1 else None,
            notes=(*found.notes, *notes),
            edits=tuple(dict.fromkeys(edits)) if is_offered else (),
        )


def named(parts: Sequence[KnobFinding]) -> str:
    """Their names; of many, how many more there are."""
    return _listed([part.item.shown for part in parts])


def _listed(names: list[str]) -> str:
    if len(names) > _MOST:
        names = [*names[: _MOST - 1], f"{len(names) - _MOST + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def remedies(parts: Sequence[KnobFinding]) -> str:
    """What to write on which layers."""
    layers: dict[str, list[KnobFinding]] = {}
    for part in parts:
        layers.setdefault(part.remedy, []).append(part)

    def on(part: KnobFinding) -> str:
        statement, of_bias = part.item.statement
        return f"the bias of `{statement}`" if of_bias else f"`{statement}`"

    words = [f"{remedy} on {_listed(list(map(on, group)))}" for remedy, group in layers.items()]
    return ", ".join([*words[:_MOST], *(["..."] if len(words) > _MOST else [])])
