"""What words mean: those of the language in a line or two each, and those of the theory.

A condensed reference for hover, completion and ``richc explain``; tests/editor/test_glossary.py
holds it to the words that the language really has.
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.activations import NONLINEARITIES
from richc.emit.features import FEATURES
from richc.optimizers import law, laws, shape_factor
from richc.optimizers.knobs import EPS
from richc.words import OPTIMIZERS

#: What the theory and the reports speak of, as it is written there.
CONCEPTS: dict[str, str] = {
    "D0": "Every representation is of order one, at init and after updates, and the output at init "
    "is no larger. Violated where one grows or vanishes with the width, or explodes in an update.",
    "D1": "Each step moves the output by order one. More, and training blows up; less, and nothing "
    "is learnt.",
    "D2": "The update of each representation contributes to the output's change. Violated where a "
    "representation moves too little for the output to notice.",
    "D3": "The update of each weight matters to the update of the representation that follows it. "
    "Violated where it vanishes beside what the layers below have changed already.",
    "D4": "In a residual branch with two layers or more, each layer's update matters to the "
    "branch's own change at every depth (what Dey et al. 2025 call complete). Violated where "
    "training is the linearised one in the limit of large depth: a warning, and an error where "
    "`require completep` asks for it.",
    "desiderata": "D0 to D3: what is asked of a network whose width goes to infinity (Karkada "
    "2024), and D4 of one whose depth does. What they leave free is the richness, and the gauge.",
    "richness": "The exponent r, from 0 to 1/2: each step moves a representation by n^(r - 1/2), "
    "and the output starts at n^-r. At r = 0 the network is lazy (NTP), at r = 1/2 it learns "
    "features (μP); between them it is lazy in the limit, and slower to become so.",
    "gauge": "Another way to write the same training: what a layer's multiplier takes over, its "
    "init and its rate give up, by an amount that the optimizer decides. Gauges with names switch "
    "one of the three off: `stp`, `mup`, `rescaling`. `richc gauge` moves a file to another one, "
    "`richc equiv` tells whether two models are one network, and `richc map` draws where they are.",
    "STP": "The gauge without multipliers (a = 0 everywhere): std and rates do all the scaling. In "
    "it r = 0 is called NTP-lr, and r = 1/2 μP-lr.",
    "μP": "The maximal update parameterization, r = 1/2: features are learnt at every width, and "
    "rates that are tuned at a small one stay the best. Also the gauge in which it is usually "
    "written: no rate of a layer's own (c = 0 everywhere), multipliers do what the rates did.",
    "NTP": "The neural tangent parameterization, r = 0: each representation moves by n^(-1/2), and "
    "in the limit training is kernel regression with the tangent kernel of the init.",
    "MFP": "The mean-field parameterization: r = 1/2 in the rescaling gauge. It trains as μP does.",
    "SP": "PyTorch's habit, `parameterization standard`: scale 1, std = gain / sqrt(fan_in), one "
    "rate for all layers. What it does depends on the width.",
    "rescaling": "The gauge of unit weights (b = 0 everywhere): every std is 1 or its gain, and "
    "multipliers do what the init did.",
    "CompleteP": "The depth exponent 1: branch multipliers are 1/L, and rates are such that every "
    "layer of a branch learns at every depth (Dey et al. 2025). `depth = 1` in a "
    "`parameterization`, which is its default; `require completep` asserts it.",
    "Depth-μP": "The depth exponent 1/2: branch multipliers are L^(-1/2) (Yang et al. 2023, "
    "Bordelon et al. 2023). Rates carry over depths as well, and branches of several layers are "
    "linearised in the limit. `depth = 1/2` in a `parameterization`.",
    "stream": "What a residual adds to: h ← skip · h + scale · branch(h).",
    "branch": "What a residual adds to its stream: the layers between its braces.",
    "family": "The weights in one place of a repeated block, L of them. D1 to D3 judge what they "
    "do together.",
    "abc": "The exponents of a layer (Yang & Hu 2020): multiplier n^-a, initial std n^-b, learning "
    "rate n^-c.",
    "invariants": "A and C, which no gauge changes: A = a + b, the init of what a layer computes, "
    "and C, the rate of what it computes: c + 2a for SGD, c + a for Adam and its like.",
    "activity": "`alpha = gamma * n^r`, with a base width `gamma * (n/n0)^r`: the word in which a "
    "file says its richness.",
    "base width": "`base n0 = INT` in the `width` statement: where hyperparameters were tuned. It "
    "is a constant, so it changes no exponent; powers of n/n0 leave all values there as they are.",
    "hole": "`n^?`: an exponent that the check infers from D0 to D3, saying what decided it. "
    "`richc fix` writes it into the file.",
    "exponent": "The power of the width n, or of the depth L, by which a number scales: what goes "
    "as n^-1/2 halves where n is four times as large. The check decides with exponents, exactly.",
    "multiplier": "A number that a layer's W x is times, M in formulas and `scale` in a file. It "
    "can depend on the width, and is not trained.",
    "init": "How a weight is drawn before training: its entries' std, s in formulas.",
    "rate": "A learning rate: the optimizer's `lr` times the layer's.",
    "feature": "What a hidden layer computes of an example, its representation. Features are "
    "learnt where training moves it by as much as its own size at every width: at r = 1/2.",
    "prefactor": "What stands before the power of n, as the 2 of `2 / n`. It changes no verdict on "
    "D0 to D3; rules R7xx look at it.",
    "undecided": "A verdict where constants, and not exponents, decide: a warning, an error under "
    "`--strict`. Every `require` on it fails.",
    "read-in": "The first layer: from the input, whose dimension is fixed, to the width.",
    "hidden": "A layer from the width to the width.",
    "read-out": "The last layer: from the width to the output, whose dimension is fixed.",
    "representation": "h, what a layer hands on for one example; `Δh` is its update in a step.",
    "Δh": "The update of a representation in a step, as a power of n: n^0 learns features, n^-1/2 "
    "is lazy.",
    "Δf": "The change of the output in a step; a layer's share of it is what its own update adds.",
    "lazy": "Features stay as they were at init while the output is learnt: r below 1/2.",
    "kernel": "The limit where r is below 1/2: the network is a kernel machine, with the tangent "
    "kernel of its init.",
}

#: The attributes of a bias are those of a layer, but for two; those of a norm's gain are fewer.
BIAS = "bias attribute"
GAIN = "gain attribute"
_NOT_OF_A_BIAS = ("bias", "dist")
_OF_A_GAIN = ("lr", "decay", "eps", "frozen", "optimizer")

GLOSSARY: dict[str, dict[str, str]] = {
    "statement": {
        "model": "`model NAME { … }`: one network and its optimizer. A file may hold several.",
        "width": "`width n = INT [, base n0 = INT]`: the symbol that goes to infinity, its value "
        "in this file, and the width at which the hyperparameters were tuned.",
        "depth": "`depth L = INT [, base L0 = INT]`: the number of repeated blocks, which goes to "
        "infinity after the width; its value here, and the depth at which the hyperparameters were "
        "tuned.",
        "richness": "`richness r = Q [in [Q, Q]] [, gamma = X]`: the richness exponent, 0 lazy "
        "(NTP) to 1/2 rich (μP). Defines `alpha = gamma * n^r`; with `in`, every verdict must hold "
        "for all r of the interval.",
        "parameterization": "`parameterization P [, gauge = G]`: where omitted `scale`, "
        "`std`/`var` and `lr` come from. What is written on a layer wins.",
        "input": "`input INT`: the input dimension; `input tokens INT`: the number of tokens, one "
        "of which is an example.",
        "optimizer": "`optimizer NAME { … }`: required, because it decides the exponents. Of "
        "several the first is the default; `optimizer = NAME` on a layer chooses another.",
        "loss": "`loss mse` or `loss cross_entropy`: what the compiled program minimises.",
        "train": "`train { … }`: what the compiled program does by default.",
        "require": "`require P`: an assertion; the check fails unless it is so.",
        "with": "`with NAME, …`: parts of the compiled program that it has not by default.",
    },
    "layer kind": {
        "dense": "`NAME[k]: dense -> DIM { … }`: k fully connected layers, each followed by the "
        "activation on the next line. DIM is an integer for the last layer, else `n`, `4*n`, "
        "`8/3*n`.",
        "embedding": "`NAME: embedding -> n { … }`: a row for each token, looked up; after `input "
        "tokens`. Its input is one-hot: `fan_in` is 1.",
    },
    "norm": {
        "rmsnorm": "`NAME: rmsnorm { gain { … }, eps = E }`, or the word alone: divides a "
        "representation by its RMS. Trained only where a gain is written.",
        "layernorm": "`NAME: layernorm { gain { … }, bias { … }, eps = E }`, or the word alone: "
        "takes the mean away and divides by the standard deviation. Trained only where a gain or "
        "bias is written.",
    },
    "body": {
        "repeat": "`NAME: repeat COUNT { … }`: COUNT blocks in a row, each with weights of its "
        "own. COUNT is the depth's symbol or an integer.",
        "residual": "`NAME: residual { [scale = E] [skip = E] … }`: h ← skip · h + scale · "
        "branch(h); what the braces hold is the branch.",
    },
    "residual attribute": {
        "scale": "The branch multiplier: what the branch gives, times this. Inferred, else 1.",
        "skip": "What the stream is multiplied by: 1 unless written; `1 - 1/L` counts as 1.",
    },
    "norm attribute": {
        "gain": "`gain { lr = E }`: a trained factor for each entry, 1 at init; with its own `lr "
        "decay eps frozen optimizer`. No gain unless written.",
        "bias": "`bias { std = 0, lr = E }`: a trained shift of each entry. No bias unless "
        "written.",
        "eps": "What keeps the norm from dividing by zero, beside the mean square of its input; "
        "PyTorch's own unless written.",
    },
    "input word": {
        "tokens": "`input tokens INT`: an example is one of so many tokens, which an `embedding` "
        "looks up.",
    },
    "activation": {one.name: one.about for one in NONLINEARITIES.values()},
    "optimizer": {known.name: known.about for known in laws()},
    "loss": {
        "mse": "Mean squared error; the default with one output.",
        "cross_entropy": "Softmax cross-entropy; the default with two outputs or more.",
    },
    "parameterization": {
        "mup": "Maximal update, r = 1/2: features learn at every width.",
        "ntp": "Neural tangent, r = 0: the lazy, kernel limit.",
        "rich": "`rich(r = 1/4)`: the richness given, between `ntp` (0) and `mup` (1/2). Plain "
        "`rich` takes the `richness` statement's r.",
        "standard": "PyTorch's habit: scale 1, std = gain / sqrt(fan_in), one rate for all layers. "
        "Its behaviour depends on the width.",
    },
    "gauge": {
        "stp": "No multipliers: std and rates do all the scaling (a = 0 everywhere).",
        "mup": "Every rate is 1: multipliers do what the rates did (c = 0 everywhere).",
        "rescaling": "Every std is 1, up to its gain: mean-field style (b = 0 everywhere).",
    },
    "regime": {
        "rich": "r = 1/2 and all of D0 to D3 hold: features learn.",
        "lazy": "0 ≤ r < 1/2 and all of D0 to D3 hold.",
        "mixed": "All of D0 to D3 hold, with representations of different richness: beside a bias "
        "of order one, one may learn features while another is lazy.",
        "partial": "Stable, learns, but D2 or D3 fails: some layers do not take part.",
        "trivial": "Nothing moves.",
        "unstable": "Something blows up, or a representation is not of order one at init.",
    },
    "requirement": {
        "mup": "The model is μP: on the richness scale at r = 1/2.",
        "ntp": "The model is NTP: on the richness scale at r = 0.",
        "rich": "`rich(r = 1/4)`: the model is on the richness scale at this r.",
        "gauge": "`gauge stp`: the model is in this gauge: `stp`, `mup` or `rescaling`.",
        "regime": "`regime lazy`: `rich`, `lazy`, `mixed`, `partial`, `trivial` or `unstable`.",
        "completep": "The depth exponent is 1, and D4 holds.",
        "depth": "`depth(1/2)`: the depth exponent is this one.",
        "equivalent": '`equivalent "other.rich"`: this model trains as the one in that file does.',
    },
    "attribute": {
        "scale": "Multiplier M: the layer computes M W x; M ~ n^-a. Inferred, else 1.",
        "std": "Standard deviation of the initial weights, ~ n^-b; 0 is allowed. Inferred, else an "
        "error.",
        "var": "Variance of the initial weights, std²; 0 is allowed. Instead of `std`.",
        "lr": "Learning rate, times the optimizer's `lr`; ~ n^-c. 0 freezes. Inferred, else an "
        "error.",
        "frozen": "The layer does not train.",
        "bias": "`bias { … }`: adds a bias with its own `scale std var lr decay eps frozen`: a "
        "weight with fan-in 1, not multiplied by the layer's `scale`. No bias unless written.",
        "dist": "Shape of the initial distribution: `normal` (default), `uniform`, `trunc_normal`, "
        "`orthogonal`, each with entries of the given std.",
        "decay": "This layer's weight decay, an absolute value; else the optimizer's "
        "`weight_decay`.",
        "eps": EPS.about,
        "optimizer": "Which of the model's optimizers trains this, by its name; else the first.",
    },
    "distribution": {
        "normal": "Independent Gaussian entries; the default.",
        "uniform": "Uniform entries of the given std.",
        "trunc_normal": "Gaussian entries without their tails, of the given std.",
        "orthogonal": "A random orthogonal matrix, scaled to entries of the given std.",
    },
    "option": {
        "lr": "The global learning rate, a scaling expression; every layer's `lr` multiplies it.",
        "weight_decay": "Weight decay, a scaling expression; under a `parameterization` it is "
        "spread so that every layer shrinks by the same share a step at every width.",
        **{knob.name: knob.about for known in laws() for knob in known.knobs},
    },
    "shape factor": {
        word: f"{formula}: {shape_factor.ABOUT[word]}"
        for word, formula in shape_factor.SHAPE_FACTORS.items()
    },
    "train option": {
        "data": '`data = "digits.csv"`: a path, relative to this file.',
        "target": "The column or key of the labels.",
        "steps": "How many steps to train.",
        "batch": "Examples a step.",
        "precision": "`fp32`, `bf16` or `fp16`.",
        "schedule": "`constant`, `cosine` or `linear`.",
        "warmup": "Steps (or a share of them, below 1) over which the rate rises to its value.",
        "seed": "Seed of the init and of the order of the data.",
    },
    "precision": {
        "fp32": "Single precision.",
        "bf16": "bfloat16: the range of single precision, 8 bits of mantissa.",
        "fp16": "Half precision: a narrow range, 11 bits of mantissa.",
    },
    "schedule": {
        "constant": "The same rate at every step.",
        "cosine": "The rate follows half a cosine down to zero.",
        "linear": "The rate falls linearly to zero.",
    },
    "feature": {name: feature.about for name, feature in FEATURES.items()},
    "symbol": {
        "alpha": "The activity, gamma * n^r, with a base width gamma * (n/n0)^r.",
        "gamma": "The activity's prefactor, 1 unless the `richness` statement says.",
        "fan_in": "The layer's own input dimension. Not in a bias, where it could be read in two "
        "ways: write `1` or `layer_fan_in`.",
        "layer_fan_in": "In a bias, the input dimension of its layer's weight.",
        "fan_out": "The layer's own output dimension, in a bias too.",
        "sqrt": "`sqrt(…)`: the square root, the only function.",
        "r": "The richness exponent; it may stand in exponents only.",
    },
    "hole": {
        "?": "`n^?`: the checker infers this exponent from D0 to D3; `richc fix` writes it.",
    },
    "truth": {
        "true": "Yes.",
        "false": "No.",
    },
    "base": {
        "base": "`, base n0 = INT`: the width at which the hyperparameters were tuned; behind "
        "`depth`, the depth. It is a constant, so it changes no exponent; inferred rates become "
        "relative, (n/n0)^….",
    },
    "in": {
        "in": "`in [0, 1/2]`: every verdict must hold for all r of the interval.",
    },
    "richness option": {
        "gamma": "`gamma = X`: the activity's prefactor, 1 unless written.",
    },
    "parameterization option": {
        "gauge": "`gauge = stp`, `mup` or `rescaling`: how scaling is shared out between "
        "multipliers, stds and rates. All train identically.",
        "depth": "`depth = 1` (CompleteP, the default) or `1/2` (Depth-μP): how the multipliers of "
        "branches scale with the depth.",
    },
    "richness": {
        "r": "`r = 1/4`: the richness, from 0 (NTP) to 1/2 (μP).",
    },
}


def words(kind: str, optimizer: str = "") -> dict[str, str]:
    """The words of a kind, each with its explanation; options are those of the optimizer."""
    known = GLOSSARY.get("attribute" if kind in (BIAS, GAIN) else kind, {})
    if kind == GAIN:
        return {word: known[word] for word in _OF_A_GAIN}
    if kind == BIAS:
        return {word: about for word, about in known.items() if word not in _NOT_OF_A_BIAS}
    if kind != "option":
        return known
    if optimizer not in OPTIMIZERS:
        return {word: known[word] for word in ("lr", "weight_decay")}
    allowed = ("lr", *law(optimizer).options, "weight_decay")
    return {word: known[word] for word in allowed}


def names() -> Iterator[str]:
    """Every word that has a meaning, concepts as they are written."""
    seen = {key(concept) for concept in CONCEPTS}
    yield from CONCEPTS
    for known in GLOSSARY.values():
        for word in known:
            if word not in seen:
                seen.add(word)
                yield word


def key(word: str) -> str:
    """What spellings of one word have in common: ``Depth-μP``, ``depth_mup`` and ``DepthMuP``."""
    plain = word.casefold()
    for letter, latin in (("μ", "mu"), ("δ", "d"), ("α", "alpha"), ("γ", "gamma")):
        plain = plain.replace(letter, latin)
    return plain.replace("-", "").replace("_", "").replace(" ", "")


def concept(word: str) -> str | None:
    """A concept as it is written, however ``word`` spells it."""
    return next((known for known in CONCEPTS if key(known) == key(word)), None)


def meanings(word: str) -> list[tuple[str, str, str]]:
    """A word of the language in all its kinds: kind, word, what it means."""
    return [
        (kind, known, about)
        for kind, entries in GLOSSARY.items()
        for known, about in entries.items()
        if key(known) == key(word)
    ]
