"""Random specifications, for hypothesis: as data that tests can change, and as .rich texts.

The exponents come from docs/theory.md by way of tests/verdict/reference.py, not from richc.
Everything shrinks towards one hidden layer of tanh under SGD at r = 0, written plainly in the STP
gauge.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from hypothesis import strategies as st

from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, KAPPA, Number

ZERO = Fraction(0)

HOMOGENEOUS = ("relu", "leaky_relu(0.1)", "linear")
ACTIVATIONS = ("tanh", *HOMOGENEOUS, "gelu", "silu", "elu", "softplus", "sigmoid", "erf")

#: (name, shape factor, options beside lr).
Optimizer = tuple[str, str | None, str]

OPTIMIZERS: tuple[Optimizer, ...] = (
    ("sgd", None, ""),
    ("sgd", None, "momentum = 0.9"),
    ("sgd", None, "momentum = 1/3, nesterov = true"),
    ("adam", None, ""),
    ("adam", None, "betas = (0.8, 0.95), amsgrad = true"),
    ("adamw", None, ""),
    ("lion", None, "betas = (0.95, 0.98)"),
    ("signsgd", None, ""),
    ("signsgd", None, "momentum = 0.9"),
    ("adafactor", None, ""),
    ("adafactor", None, "beta2_decay = -0.8"),
    *(("muon", shape, "") for shape in KAPPA),
    ("muon", "spectral", "momentum = 0.95, nesterov = true, ns_steps = 5"),
)

#: The gauge move is a + theta, b - theta, c - k theta; elsewhere k is 1.
_RATE_MOVES = {"sgd": 2, "adafactor": 0}


class Tensor(NamedTuple):
    """Multiplier n^-a, init std n^-b (infinite: zero), rate n^-c (infinite: frozen).

    ``decay`` and ``eps`` are exponents of the same kind, None where nothing is written.
    """

    a: Fraction
    b: Number
    c: Number
    decay: Fraction | None = None
    eps: Fraction | None = None

    def moved(self, optimizer: str, theta: Fraction) -> Tensor:
        """The same tensor in another gauge: docs/theory.md, "Gauge invariants"."""
        power = _RATE_MOVES.get(optimizer, 1)
        # Under Adam an L2 term meets the gradient, which grows as the weight shrinks; elsewhere
        # rate * decay is kept.
        decay_power = 2 if optimizer == "adam" else power
        # Adam's epsilon goes with the gradient, Adafactor's with the weight.
        eps_power = -1 if optimizer == "adafactor" else 1
        return Tensor(
            self.a + theta,
            self.b - theta,
            self.c - power * theta,
            None if self.decay is None else self.decay + decay_power * theta,
            None if self.eps is None else self.eps + eps_power * theta,
        )


class Layer(NamedTuple):
    weight: Tensor
    bias: Tensor | None
    #: Of a hidden representation, as a multiple of n; of the output, as it is.
    size: int
    #: None after the read-out.
    activation: str | None
    dist: str


class Style(NamedTuple):
    """How exponents are spelt, without a change to any."""

    #: What stands before every power, for example "0.3 * ".
    factor: str = ""
    #: Of r, in every exponent: n^(1/4) is n^(2*r - 1/4) at r = 1/4.
    slope: int = 0
    alpha: bool = False
    ratio: bool = False
    var: bool = False


class Written(NamedTuple):
    """A model with all exponents written out."""

    optimizer: Optimizer
    richness: Fraction
    layers: tuple[Layer, ...]
    input_dim: int
    #: Whether there is a base width.
    base: bool
    #: Whether equal neighbours are one statement.
    repeats: bool
    style: Style

    @property
    def thetas_needed(self) -> int:
        """A gauge move for every tensor."""
        return 2 * len(self.layers)

    def moved(self, thetas: Sequence[Fraction]) -> Written:
        """In another gauge: a theta for every weight and then for every bias."""
        name = self.optimizer[0]
        count = len(self.layers)
        layers = tuple(
            layer._replace(
                weight=layer.weight.moved(name, of_weight),
                bias=None if layer.bias is None else layer.bias.moved(name, of_bias),
            )
            for layer, of_weight, of_bias in zip(
                self.layers, thetas[:count], thetas[count:], strict=True
            )
        )
        return self._replace(layers=layers)

    @property
    def text(self) -> str:
        lines = [f"width n = 256{', base n0 = 64' if self.base else ''}"]
        if self.style.slope:
            lines.append(f"richness r = {self.richness}, gamma = 3/2")
        lines.append(f"input {self.input_dim}")
        last = len(self.layers) - 1
        runs = groupby(
            enumerate(self.layers),
            key=lambda item: item[1] if self.repeats and item[0] < last else item[0],
        )
        for _, run in runs:
            members = list(run)
            index, layer = members[0]
            name = "out" if index == last else f"h{index + 1}"
            repeat = f"[{len(members)}]" if len(members) > 1 else ""
            dim = layer.size if index == last else "n" if layer.size == 1 else f"{layer.size}*n"
            lines.append(f"{name}{repeat}: dense -> {dim} {{ {self._items(layer)} }}")
            lines += [layer.activation] if layer.activation else []
        name, shape, options = self.optimizer
        knobs = filter(None, ["lr = 0.1", shape and f"shape_factor = {shape}", options])
        lines.append(f"optimizer {name} {{ {', '.join(knobs)} }}")
        return _model(lines)

    def _items(self, layer: Layer) -> str:
        items = self._tensor(layer.weight)
        if layer.dist != "normal":
            items.append(f"dist = {layer.dist}")
        if layer.bias is not None:
            items.append(f"bias {{ {', '.join(self._tensor(layer.bias))} }}")
        return ", ".join(items)

    def _tensor(self, tensor: Tensor) -> list[str]:
        items = [f"scale = {self._power(tensor.a)}"]
        if self.style.var:
            items.append(f"var = {self._power(2 * tensor.b)}")
        else:
            items.append(f"std = {self._power(tensor.b)}")
        items.append("frozen" if tensor.c == INFINITE else f"lr = {self._power(tensor.c)}")
        if tensor.decay is not None:
            items.append(f"decay = {self._power(tensor.decay)}")
        if tensor.eps is not None:
            items.append(f"eps = {self._power(tensor.eps)}")
        return items

    def _power(self, exponent: Number) -> str:
        """n^-exponent; 0 for an infinite one."""
        if exponent == INFINITE:
            return "0"
        factor, slope, alpha, ratio, _ = self.style
        rest = -Fraction(exponent) - slope * self.richness
        base = "(n / n0)" if ratio and self.base else "n"
        if not slope:
            return f"{factor}{base}^({rest})"
        if alpha:
            return f"{factor}{base}^({rest}) * alpha^{slope}"
        return f"{factor}{base}^({slope}*r + {rest})"


class Inferred(NamedTuple):
    """A model whose exponents richc infers."""

    optimizer: Optimizer
    richness: Fraction
    gauge: str
    activations: tuple[str, ...]
    sizes: tuple[int, ...]
    biases: bool
    base: bool
    decay: bool
    zero_readout: bool
    frozen: int | None
    #: Whether equal neighbours are one statement.
    repeats: bool

    @property
    def gauges(self) -> list[str]:
        """The gauges that its optimizer has."""
        return ["stp", *(["mup"] if self.optimizer[0] != "adafactor" else []), "rescaling"]

    @property
    def text(self) -> str:
        names = {ZERO: "ntp", HALF: "mup"}
        point = names.get(self.richness, f"rich(r = {self.richness})")
        lines = [
            f"width n = 256{', base n0 = 64' if self.base else ''}",
            f"parameterization {point}, gauge = {self.gauge}",
            "input 16",
        ]
        below = [
            (size, activation, self._block(index))
            for index, (size, activation) in enumerate(
                zip(self.sizes, self.activations, strict=True)
            )
        ]
        runs = groupby(enumerate(below), key=lambda item: item[1] if self.repeats else item[0])
        for _, run in runs:
            (index, (size, activation, block)), *others = run
            repeat = f"[{1 + len(others)}]" if others else ""
            dim = "n" if size == 1 else f"{size}*n"
            lines += [f"h{index + 1}{repeat}: dense -> {dim} {block}".rstrip(), activation]
        lines.append(f"out: dense -> 10 {self._block(len(self.sizes))}".rstrip())
        name, shape, options = self.optimizer
        decay = "weight_decay = 0.01" if self.decay else None
        knobs = filter(None, ["lr = 0.1", shape and f"shape_factor = {shape}", options, decay])
        lines.append(f"optimizer {name} {{ {', '.join(knobs)} }}")
        return _model(lines)

    def _block(self, index: int) -> str:
        items = []
        if self.zero_readout and index == len(self.sizes):
            items.append("std = 0")
        if self.frozen == index:
            items.append("frozen")
        if self.biases:
            # A written std would mean another size in another gauge; but Adafactor, which has no
            # gauge for biases, never moves one that starts at zero.
            items.append("bias { std = 1 }" if self.optimizer[0] == "adafactor" else "bias")
        return f"{{ {', '.join(items)} }}" if items else ""


def _model(lines: Sequence[str]) -> str:
    return "\n".join(["model net {", *(f"  {line}" for line in lines), "}", ""])


def richness() -> st.SearchStrategy[Fraction]:
    """A point of the richness scale, the well-known ones more often."""
    eighths = st.sampled_from([Fraction(i, 8) for i in (0, 4, 2, 1, 3)])
    return st.one_of(eighths, st.fractions(0, HALF, max_denominator=12))


def thetas(count: int) -> st.SearchStrategy[list[Fraction]]:
    """Gauge moves."""
    return st.lists(st.fractions(-2, 2, max_denominator=6), min_size=count, max_size=count)


def _quarters(least: int = -4) -> st.SearchStrategy[Fraction]:
    return st.integers(least, 4).map(lambda i: Fraction(i, 4))


def _maybe(found: st.SearchStrategy[Fraction]) -> st.SearchStrategy[Fraction | None]:
    return st.one_of(st.none(), found)


@st.composite
def _activations(draw: st.DrawFn, count: int) -> list[str]:
    # Homogeneous networks are judged in their own way: mixed ones must not crowd them out.
    palette = draw(st.sampled_from([("tanh",), HOMOGENEOUS, ACTIVATIONS]))
    return draw(st.lists(st.sampled_from(palette), min_size=count, max_size=count))


@st.composite
def _biases(draw: st.DrawFn, optimizer: Optimizer, r: Fraction, *, is_last: bool) -> Tensor:
    """A weight with fan-in 1 (docs/theory.md, "The richness scale"), now and then off."""
    name, shape, _ = optimizer
    b: Number = INFINITE if draw(st.booleans()) else ZERO
    if is_last:
        c = ZERO
    elif name == "sgd":
        c = -2 * r
    elif name == "muon":
        assert shape is not None
        c = KAPPA[shape][0] - r
    else:
        c = HALF - r
    return Tensor(ZERO, b, c + draw(st.sampled_from([ZERO, ZERO, HALF, -HALF])))


def _stp(optimizer: Optimizer, depth: int, r: Fraction) -> list[Tensor]:
    """The richness scale without multipliers."""
    name, shape, _ = optimizer
    pairs = reference.scale(name, depth, r)
    return [
        Tensor(knobs.a, knobs.b, knobs.c)
        for knobs in reference.knobs(name, shape, pairs, [ZERO] * len(pairs))
    ]


@st.composite
def _damaged(draw: st.DrawFn, tensors: Sequence[Tensor]) -> list[Tensor]:
    """One or several rates and stds off by quarters, perhaps a zero read-out and a frozen layer."""
    found = list(tensors)
    indices = st.integers(0, len(found) - 1)
    for index, knob, change in draw(
        st.lists(st.tuples(indices, st.sampled_from("cb"), _quarters()), max_size=3)
    ):
        tensor = found[index]
        found[index] = (
            tensor._replace(c=tensor.c + change)
            if knob == "c"
            else tensor._replace(b=tensor.b + change)
        )
    if draw(st.booleans()):
        found[-1] = found[-1]._replace(b=INFINITE)
    frozen = draw(st.one_of(st.none(), indices))
    if frozen is not None:
        found[frozen] = found[frozen]._replace(c=INFINITE)
    return found


@st.composite
def _carried(draw: st.DrawFn, optimizer: Optimizer, tensor: Tensor) -> Tensor:
    """Perhaps with a decay and an epsilon of its own."""
    name = optimizer[0]
    # What keeps rate * decay, where there is a rate.
    follows = ZERO if tensor.c == INFINITE else -Fraction(tensor.c)
    decay = draw(_maybe(st.sampled_from([follows, follows + HALF, ZERO])))
    eps = draw(_maybe(_quarters())) if name in ("adam", "adamw", "adafactor") else None
    return tensor._replace(decay=decay, eps=eps)


@st.composite
def styles(draw: st.DrawFn) -> Style:
    """Spellings."""
    return Style(
        factor=draw(st.sampled_from(["", "0.3 * ", "sqrt(2/3) * "])),
        slope=draw(st.sampled_from([0, 1, 2, -1])),
        alpha=draw(st.booleans()),
        ratio=draw(st.booleans()),
        var=draw(st.booleans()),
    )


@st.composite
def written(draw: st.DrawFn) -> Written:
    """Models with their exponents written out: on the scale or off it, in any gauge."""
    optimizer = draw(st.sampled_from(OPTIMIZERS))
    depth = draw(st.integers(1, 5))
    r = draw(richness())
    tensors = _stp(optimizer, depth, r)
    if draw(st.booleans()):
        tensors = draw(_damaged(tensors))
    with_biases, with_carried = draw(st.booleans()), draw(st.booleans())
    activations = [*draw(_activations(depth)), None]
    layers = []
    for index, tensor in enumerate(tensors):
        is_last = index == depth
        weight, bias = tensor, None
        if with_biases and draw(st.booleans()):
            bias = draw(_biases(optimizer, r, is_last=is_last))
        if with_carried:
            weight = draw(_carried(optimizer, weight))
            bias = None if bias is None else draw(_carried(optimizer, bias))
        size = draw(st.sampled_from([10, 1] if is_last else [1, 2, 3]))
        dist = draw(st.sampled_from(["normal", "uniform", "trunc_normal", "orthogonal"]))
        layers.append(Layer(weight, bias, size, activations[index], dist))
    plain = Written(
        optimizer=optimizer,
        richness=r,
        layers=tuple(layers),
        input_dim=draw(st.sampled_from([16, 1, 784])),
        base=draw(st.booleans()),
        repeats=draw(st.booleans()),
        style=draw(styles()),
    )
    return plain.moved(draw(_gauges(plain)))


@st.composite
def _gauges(draw: st.DrawFn, plain: Written) -> list[Fraction]:
    """From the gauge without multipliers to a named one, or to any."""
    kind = draw(st.sampled_from(["stp", "mup", "rescaling", "random"]))
    if kind == "random":
        return draw(thetas(plain.thetas_needed))
    power = _RATE_MOVES.get(plain.optimizer[0], 1)
    found = []
    tensors = [*(layer.weight for layer in plain.layers), *(layer.bias for layer in plain.layers)]
    for tensor in tensors:
        theta: Number = ZERO
        if tensor is not None and kind == "rescaling":
            theta = tensor.b
        elif tensor is not None and kind == "mup" and power:
            theta = tensor.c
            if theta != INFINITE:
                theta = Fraction(theta) / power
        found.append(ZERO if theta == INFINITE else Fraction(theta))
    return found


@st.composite
def inferred(draw: st.DrawFn) -> Inferred:
    """Models that leave their exponents to a ``parameterization``."""
    optimizer = draw(st.sampled_from(OPTIMIZERS))
    depth = draw(st.integers(1, 5))
    sizes = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=depth, max_size=depth))
    plain = Inferred(
        optimizer=optimizer,
        richness=draw(richness()),
        gauge="stp",
        activations=tuple(draw(_activations(depth))),
        sizes=tuple(sizes),
        biases=draw(st.booleans()),
        base=draw(st.booleans()),
        decay=draw(st.booleans()),
        zero_readout=draw(st.booleans()),
        frozen=draw(st.one_of(st.none(), st.integers(0, depth))),
        repeats=draw(st.booleans()),
    )
    return plain._replace(gauge=draw(st.sampled_from(plain.gauges)))


def texts() -> st.SearchStrategy[str]:
    """Files of one model of either kind, some with layers of no whole multiple of the width."""
    found = st.one_of(written().map(lambda spec: spec.text), inferred().map(lambda spec: spec.text))
    return st.builds(_with_ratios, found, st.booleans())


def _with_ratios(text: str, ratios: bool) -> str:
    return text.replace("-> 2*n", "-> 3/4*n").replace("-> 3*n", "-> 5/2*n") if ratios else text


_NAMES = ("up", "mlp", "depth", "residual", "rmsnorm", "tokens")
_GAIN = "gain { lr = 1, optimizer = adamw }"
_PARTS = (
    "up: dense -> 4*n { std = 1 / sqrt(fan_in), lr = 1 }",
    "down: dense -> n { var = 2 / fan_in, lr = L^(-1/2), optimizer = muon }",
    "repeat[2]: dense -> n",
    "linear",
    "gelu",
    "leaky_relu(0.1)",
    "rmsnorm",
    "layernorm",
    "layernorm { eps = 1e-6 }",
    f"norm1: rmsnorm {{ {_GAIN} }}",
    f"norm2: layernorm {{ {_GAIN}, bias {{ std = 0, lr = 1 }} }}",
)
_MULTIPLIERS = ("scale = L0 / L", "skip = 1 - 1/L", "scale = L^?, skip = 1", "optimizer = muon")


@st.composite
def _parts(draw: st.DrawFn, levels: int) -> list[str]:
    """Statements of a body, some with bodies of their own."""
    found: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        if levels == 0 or draw(st.booleans()):
            found.append(draw(st.sampled_from(_PARTS)))
            continue
        is_residual = draw(st.booleans())
        kind = "residual" if is_residual else draw(st.sampled_from(["repeat L", "repeat 4"]))
        inside = draw(_parts(levels - 1))
        if is_residual and draw(st.booleans()):
            inside.insert(0, draw(st.sampled_from(_MULTIPLIERS)))
        lines = "\n".join(inside)
        found.append(f"{draw(st.sampled_from(_NAMES))}: {kind} {{\n{lines}\n}}")
    return found


@st.composite
def deep_texts(draw: st.DrawFn) -> str:
    """Files of one deep network, right as to their form; what they mean is not looked at."""
    lines = [
        draw(st.sampled_from(["width n = 512", "width n = 512, base n0 = 64"])),
        draw(st.sampled_from(["depth L = 24, base L0 = 4", "depth depth = 2"])),
        draw(st.sampled_from(["richness r = 1/2", "parameterization mup, depth = 1/2"])),
        draw(st.sampled_from(["input 16", "input tokens 50257"])),
        "embed: embedding -> n { std = 1, lr = 1 }",
        *draw(_parts(3)),
        "optimizer adamw { lr = 1e-3 }",
        "optimizer muon { shape_factor = spectral }",
        draw(st.sampled_from(["require mup", "require completep", "require depth(1/2)"])),
    ]
    body = "\n".join(lines)
    return f"model m {{\n{body}\n}}\n"
