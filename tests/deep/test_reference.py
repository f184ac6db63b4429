"""Random residual networks, judged twice: by the checker from their text, and by the reference."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from richc.repair import repair
from tests.deep import generate, reading, writing
from tests.deep.asking import ask, differences
from tests.deep.network import (
    DEPTH,
    HALF,
    NOTHING,
    Dense,
    N,
    Network,
    Norm,
    Repeat,
    Residual,
    all_ops,
)

SPECS, OF_SEVERAL = 2000, 500
PER_TEXT = 50


@pytest.mark.parametrize(
    ("several", "start"),
    [
        *((False, start) for start in range(0, SPECS, PER_TEXT)),
        *((True, start) for start in range(0, OF_SEVERAL, PER_TEXT)),
    ],
)
def test_verdicts_agree(several: bool, start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if start or several:
        # What would mend them takes longer than the verdict, and is compared with nothing here.
        monkeypatch.setattr(repair, "advise", lambda _context, found: (None, found))
    numbers = range(start, start + PER_TEXT)
    specs = [generate.spec(number, several=several) for number in numbers]
    texts = [writing.text(spec.network, f"m{spec.number}", spec.style) for spec in specs]

    said = ask("".join(texts))

    assert len(specs) == len(said)
    found = {
        spec.number: (list(differences(spec.expected, one)), text)
        for spec, one, text in zip(specs, said, texts, strict=True)
    }
    wrong = {number: words for number, (words, _) in found.items() if words}
    assert {} == wrong, found[min(wrong)][1]


def test_specs_are_of_many_kinds() -> None:
    """No kind of answer is missing, and a text says all of its network."""
    statuses: dict[str, set[str | None]] = {}
    explode = 0
    drawn = [(number, False) for number in range(0, SPECS, 5)]
    for number, several in [*drawn, *((number, True) for number in range(0, OF_SEVERAL, 10))]:
        spec = generate.spec(number, several=several)
        explode += spec.expected.explodes
        for name, status in spec.expected.desiderata.items():
            statuses.setdefault(name, set()).add(status)
        text = writing.text(spec.network, style=spec.style)
        assert spec.network == reading.read(text), text

    every = {"holds", "violated", "not_evaluated"}
    assert dict.fromkeys(("D0", "D1", "D2", "D3", "D4"), every) == statuses
    assert 40 < explode < 200


def _residuals(network: Network) -> Iterator[tuple[Residual, bool]]:
    """Each, and whether L of them stand in a row."""
    for op in network.ops:
        if isinstance(op, Repeat):
            yield from ((residual, op.count is None) for residual in op.block)
        elif isinstance(op, Residual):
            yield op, False


def _is_lazy(residual: Residual) -> bool:
    """A branch larger than 1 / L in which a weight stands before something else."""
    last = [op for op in residual.branch if isinstance(op, Dense)][-1]
    size = residual.scale
    if not isinstance(residual.branch[-1], Norm):
        size = size + last.weight.scale + last.weight.std + N.times(HALF)
    return size > -DEPTH and not (isinstance(residual.branch[-1], Dense) and _is_single(residual))


def _is_single(residual: Residual) -> bool:
    return 1 == sum(isinstance(op, Dense) for op in residual.branch)


def test_the_table_satisfies_the_reference() -> None:
    """Without a fault D0 to D3 hold, and D4 where branches are no larger than 1 / L."""
    seen: set[str | None] = set()
    for number in range(SPECS):
        spec = generate.spec(number)
        residuals = list(_residuals(spec.network))
        layers = [op for op in all_ops(spec.network.ops) if isinstance(op, Dense)]
        if spec.faults or any(layer.weight.std == NOTHING for layer in layers[1:-1]):
            continue
        statuses = dict(spec.expected.desiderata)
        lazy = any(many and _is_lazy(residual) for residual, many in residuals)
        expected = {**dict.fromkeys(("D0", "D1", "D2", "D3"), "holds")}
        expected["D4"] = "violated" if lazy else "holds"
        assert expected == statuses, writing.text(spec.network)
        seen.add(statuses["D4"])
    assert {"holds", "violated"} == seen
