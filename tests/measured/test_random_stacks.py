"""Random residual networks: the exponents of ``richc check`` against training written by hand.

The trainer (stacks.py) shares no code with richc.  It sees an exponent within a quarter: over these
sizes what differs by a half is told apart.  Where something explodes, steps are tiny and only the
first is taken; a change that is a sum is not asked for there, since the sizes at which the growing
part outweighs the others are larger.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fractions import Fraction

import pytest

from tests.deep import generate, writing
from tests.deep.asking import Said, ask
from tests.deep.network import MUON, NOTHING, Norm, Repeat, Residual, all_ops
from tests.deep.writing import tensors
from tests.measured.stacks import Sweep

pytestmark = pytest.mark.measured

SPECS = 40
TOLERANCE = 0.25
WIDTHS, WIDTHS_OF_MUON, DEPTHS = (64, 128, 256, 512), (64, 128, 256), (4, 8, 16, 32)
#: The depth of a sweep over widths, and the width of one over depths.
DEPTH, WIDTH = 4, 96
RATE, STEPS = 0.03, 3
TINY_RATE, ONE_STEP = 1e-4, 1


@functools.cache
def chosen() -> list[generate.Spec]:
    """The first specs whose limit can be seen: evaluated, and without quarters of a power of L."""
    found: list[generate.Spec] = []
    number = 0
    while len(found) < SPECS:
        spec = generate.spec(number)
        number += 1
        if spec.expected.families and not _has_quarters(spec) and not _is_chain_like(spec):
            found.append(spec)
    return found


def _has_quarters(spec: generate.Spec) -> bool:
    sizes = [tensor.rate for tensor in tensors(spec.network.ops) if tensor.rate != NOTHING]
    return any((2 * size.L) % 1 != 0 for size in sizes)


def _is_chain_like(spec: generate.Spec) -> bool:
    """A few post-norms whose branch may outweigh the skip: a chain of many layers."""
    tops = [op for op in spec.network.ops if isinstance(op, Repeat) and op.count is not None]
    return any(residual.post is not None for top in tops for residual in top.block)


def _sweeps(spec: generate.Spec) -> Iterator[tuple[int, Sweep]]:
    muon = any(tensor.optimizer == MUON for tensor in tensors(spec.network.ops))
    yield 0, Sweep("n", WIDTHS_OF_MUON if muon else WIDTHS, DEPTH)
    if any(isinstance(op, Repeat) and op.count is None for op in spec.network.ops):
        yield 1, Sweep("L", DEPTHS, WIDTH)


def _exponent(said: Said, name: str, quantity: str, axis: int) -> float:
    word = said.sizes[name, quantity][axis]
    assert word is not None, (name, quantity)
    return float(word) if word.endswith("inf") else float(Fraction(word))


def _first(spec: generate.Spec, name: str, quantity: str, axis: int) -> float | None:
    """The first step's exponent of what is then on its way to another, woken by its update."""
    first, last = (
        max(float(getattr(one, quantity)[axis]) for one in families[name])
        for families in (spec.expected.first, spec.expected.families)
    )
    return None if first == last else first


def _disagreements(spec: generate.Spec, said: Said) -> Iterator[str]:
    explodes = spec.expected.explodes
    rate, steps = (TINY_RATE, ONE_STEP) if explodes else (RATE, STEPS)
    # Without norms products fluctuate from seed to seed.
    seeds = range(2 if any(isinstance(op, Norm) for op in all_ops(spec.network.ops)) else 4)
    for axis, sweep in _sweeps(spec):
        slopes = sweep.slopes(spec.network, rate, steps, seeds)
        for name in spec.expected.families:
            layer = name.removesuffix(".gain")
            quantities = ["df"] if explodes else ["dh", "df"]
            # The output at init is one random number a seed.
            quantities += [] if name == "head" else ["h"]
            for quantity in quantities:
                predicted = _exponent(said, name, quantity, axis)
                since = _first(spec, name, quantity, axis)
                if explodes and since is not None:
                    continue
                parts = ("dh", "own", "passed") if quantity == "dh" else (quantity,)
                # Of two parts of a sum the one that grows faster is the sum in the limit.
                measured = max(slopes[layer, part] for part in parts)
                low, high = sorted((predicted, predicted if since is None else since))
                if predicted != measured and not low - TOLERANCE <= measured <= high + TOLERANCE:
                    yield (
                        f"{sweep.symbol}: {name} {quantity} said {predicted:+.2f} "
                        f"(first step {since}), measured {measured:+.2f}"
                    )


@pytest.mark.nightly(by_day=6)
@pytest.mark.parametrize("index", range(SPECS))
def test_training_agrees(index: int) -> None:
    spec = chosen()[index]
    text = writing.text(spec.network, style=spec.style)
    (said,) = ask(text)

    assert [] == list(_disagreements(spec, said)), f"number {spec.number}\n{text}"


def test_a_wrong_exponent_would_show() -> None:
    spec = next(spec for spec in chosen() if not spec.faults)
    (said,) = ask(writing.text(spec.network, style=spec.style))
    moved: dict[tuple[str, str], tuple[str | None, str | None]] = {
        key: (str(Fraction(width) + Fraction(1, 2)), depth)
        for key, (width, depth) in said.sizes.items()
        if width is not None and key[1] in ("h", "dh", "df")
    }
    rows = [(name, quantity) for name, quantity in moved if (name, quantity) != ("head", "h")]

    found = [row for row in _disagreements(spec, said._replace(sizes=moved)) if row[:2] == "n:"]

    assert len(rows) == len(found)


def test_specs_are_of_many_kinds() -> None:
    specs = chosen()
    optimizers = {t.optimizer for spec in specs for t in tensors(spec.network.ops)}

    assert {"sgd", "adam", "adamw", "lion", "muon"} == optimizers
    assert 5 < sum(spec.expected.explodes for spec in specs) < SPECS / 2
    tops = [op for spec in specs for op in spec.network.ops]
    assert {Repeat, Residual} <= {type(op) for op in tops}
    deep = [op for op in tops if isinstance(op, Repeat) and op.count is None]
    assert len(deep) > SPECS / 2
    assert sum(bool(spec.faults) for spec in specs) > SPECS / 2
