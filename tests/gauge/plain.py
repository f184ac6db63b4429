"""Random sources in plain formulas, those that richc itself would print, in a named gauge."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from hypothesis import strategies as st

from richc.algebra.formula import Symbols, rich_formula
from richc.algebra.monomial import ONE, Affine, Monomial, number, symbol
from richc.syntax.parser import lex
from richc.syntax.spacing import spaced

GAUGES = ("stp", "mup", "rescaling")

OPTIMIZERS = (
    "sgd",
    "sgd { lr = 0.1, momentum = 0.9, weight_decay = 1e-3 }",
    "adam { lr = 3e-3, eps = 1e-8 }",
    "adam { weight_decay = 0.01 }",
    "adamw { lr = 1e-3, weight_decay = 0.1, eps = 1e-9 / n }",
    "lion { weight_decay = 0.1 }",
    "signsgd { momentum = 0.9 }",
    "adafactor { eps = 1e-3 }",
    "muon { shape_factor = spectral, weight_decay = 0.01 }",
)

#: How the items of a block are laid out: before, between and after them.
LAYOUTS = (
    ("{ ", ", ", " }"),
    ("{", ",", "}"),
    ("{  # whose { } this is, nobody knows\n    ", "\n    ", "\n  }"),
    ("{\n    ", ",  # a comment, with a comma\n    ", "  # and one at the end\n  }"),
    ("{\n\t", ",\n\t", ",\n  }"),
    ("\n  {\n      ", "\n\n      # above its item\n      ", "\n  }"),
    ("{ ", ", ", ", }"),
    ("{ ", ",\n            ", " }"),
)


class Plain(NamedTuple):
    gauge: str
    optimizer: str
    text: str


#: None of them, nor its root, is what an optimizer's statement gives: a decay or an epsilon that
#: says the same again, where a move would put it, is taken out on the way back.
_NUMBERS = tuple(map(Fraction, ("1", "2", "1/2", "3/10", "3", "2/3")))
_POWERS = tuple(map(Fraction, ("0", "0", "1", "-1", "1/2", "-1/2", "2", "-3/2")))


@st.composite
def _values(draw: st.DrawFn, base: bool, of_bias: bool = False) -> Monomial:
    value = number(draw(st.sampled_from(_NUMBERS)))
    if draw(st.booleans()):
        value = value.root()
    names = ["alpha", "layer_fan_in" if of_bias else "fan_in", "n"]
    for name in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        power = Affine(draw(st.sampled_from(_POWERS)))
        factor = symbol(name)
        if name == "n" and base and draw(st.booleans()):
            factor = factor.over(symbol("n0"))
        value = value.times(factor.power(power))
    return value


@st.composite
def plain(draw: st.DrawFn) -> Plain:
    """Sources that are in the gauge ``gauge`` already."""
    optimizer = draw(st.sampled_from(OPTIMIZERS))
    gauges = [g for g in GAUGES if g != "mup" or not optimizer.startswith("adafactor")]
    gauge = draw(st.sampled_from(gauges))
    base = draw(st.booleans())
    symbols = Symbols("n", "n0" if base else None, apart=True)

    def formula(value: Monomial) -> str:
        return spaced(lex(rich_formula(value, symbols)))

    has_eps = optimizer.startswith("ada")
    lines = [f"width n = 256{', base n0 = 64' if base else ''}", "richness r = 1/2, gamma = 3/2"]
    lines.append("input 16")
    depth = draw(st.integers(1, 3))
    for index in range(depth + 1):
        is_last = index == depth
        repeat = "" if is_last else draw(st.sampled_from(["", "[1]", "[3]"]))
        items = draw(_tensor(gauge, base, has_eps, formula, of_bias=False))
        if draw(st.booleans()):
            own = draw(_tensor(gauge, base, has_eps, formula, of_bias=True))
            items.append(f"bias {draw(_block(own))}")
        if draw(st.booleans()):
            items.insert(draw(st.integers(0, len(items))), "dist = uniform")
        lines.append(f"h{index}{repeat}: dense -> {10 if is_last else 'n'} {draw(_block(items))}")
        lines += [] if is_last else ["tanh  # the activation", ""]
    lines.append(f"optimizer {optimizer}")
    body = "\n".join(f"  {line}" for line in lines)
    text = f"# A file.\nmodel net {{\n{body}\n}}\n"
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return Plain(gauge, optimizer, text)


@st.composite
def _tensor(
    draw: st.DrawFn,
    gauge: str,
    base: bool,
    has_eps: bool,
    formula: Callable[[Monomial], str],
    *,
    of_bias: bool,
) -> list[str]:
    values = _values(base, of_bias)
    std, lr = draw(values), draw(values)
    word = draw(st.sampled_from(["std", "var"]))
    items = [f"{word} = {formula(ONE if gauge == 'rescaling' else std)}"]
    items.append(f"lr = {formula(ONE if gauge == 'mup' else lr)}")
    if draw(st.booleans()):
        items.append(f"decay = {formula(draw(values))}")
    if has_eps and draw(st.booleans()):
        items.append(f"eps = {formula(draw(values))}")
    items = draw(st.permutations(items))
    # A multiplier comes first; where it says nothing, it may be missing.
    scale = ONE if gauge == "stp" else draw(values)
    if scale != ONE or draw(st.booleans()):
        items = [f"scale = {formula(scale)}", *items]
    return list(items)


@st.composite
def _block(draw: st.DrawFn, items: list[str]) -> str:
    head, between, end = draw(st.sampled_from(LAYOUTS))
    return head + between.join(items) + end
