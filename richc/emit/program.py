"""The emitted file, put together: header, docstring, imports, constants, classes, program."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from richc.emit.dense import dense_class
from richc.emit.features import FEATURES, chosen
from richc.emit.module import model_class
from richc.emit.optimizer import UNSHARDED, functions, group_methods
from richc.emit.plan import RATE, Block, Plan, Run, dim, is_frozen, plan
from richc.emit.predictions import Prediction
from richc.emit.state import state_functions
from richc.emit.text import (
    LINE_LENGTH,
    Items,
    Part,
    indented,
    literal,
    load_part,
    number,
    prose,
    wrapped,
)
from richc.scaling.formula import rich_formula
from richc.scaling.monomial import symbol
from richc.spec.model import Model, Tensor, Train
from richc.spec.printer import print_model

#: How a file that richc wrote begins: what ``richc compile`` may overwrite.
MARKER = "# Compiled by richc "

#: The emitted training run's defaults where the specification has none.
_STEPS, _BATCH, _SEED, _PRECISION, _SCHEDULE = 1000, 128, 0, "fp32", "constant"

#: Optimizers that PyTorch lacks: written out in the file.
_OWN = ("lion", "signsgd")

#: What stands for the model's class in the parts, and for the class that is made whole.
_CLASS, _WHOLE = "Network", "torch.optim.Muon"

#: Features' parts with decorators for others.
_EARLY = ("ranks", "shards", "whole")

#: What the network's own text needs.
_IMPORTS = (
    "from typing import Any",
    "import torch",
    "import torch.nn.functional as F",
    "from torch import Tensor, nn",
)


def emit_program(
    model: Model,
    *,
    summary: str,
    violations: Sequence[str] = (),
    features: Iterable[str] = (),
    predictions: Mapping[str, Prediction] | None = None,
    richc_version: str,
) -> str:
    """One standalone PyTorch file for ``model``: torch and the standard library, nothing else.

    ``summary`` is the verdict's sentence and ``violations`` what is wrong with the specification,
    as ``CODE: message``; both go to the docstring.  ``features`` are added to the model's own;
    ``predictions`` are for the feature ``monitor``.  The same arguments give the same bytes.

    Raises ValueError for a name that is no ASCII identifier, and for an optimizer's option that
    PyTorch has no counterpart of; UnknownFeature, which is one, for a name of no feature.
    """
    decided = plan(model)
    features = chosen(model.features, features)
    network = [
        *_rule("The network"),
        *dense_class(decided),
        "",
        "",
        *model_class(decided),
        "",
        *indented(group_methods(decided, sharded="fsdp" in features), 4),
        "",
        "",
        *functions(decided),
        "",
        "",
        *state_functions(decided),
    ]
    optimizers = [load_part(model.optimizer.name)] if model.optimizer.name in _OWN else []
    parts = _parts(model, features)
    flags = frozenset({model.loss, *features, *parts})
    program = [load_part(name, flags) for name in parts]
    text = "\n\n".join(_joined(program)).replace(
        _WHOLE, UNSHARDED.get(model.optimizer.name, _WHOLE)
    )
    sections = [
        *_joined(optimizers),
        "\n".join(network) + "\n",
        "\n".join(_rule("The training program"))
        + "\n"
        # Only here does the stand-in occur as such: a layer may well have its name.
        + re.sub(rf"\b{_CLASS}\b", decided.class_name, text),
        'if __name__ == "__main__":\n    sys.exit(main())\n',
    ]
    body = "\n\n".join(sections)
    head = [
        f"{MARKER}{richc_version} from a .rich model. Change the model, not this file.",
        *_docstring(decided, summary, violations),
        "",
        "from __future__ import annotations",
        "",
        *_imports([*optimizers, *program]),
        "",
        *_constants(decided, features, richc_version),
        *(_predicted(predictions or {}) if "monitor" in features else ()),
        "",
        "",
    ]
    return "\n".join(head) + "\n" + body


def _parts(model: Model, features: Iterable[str]) -> list[str]:
    """The parts of the training program, in their order."""
    own = dict.fromkeys(part for feature in features for part in FEATURES[feature].parts)
    if "shards" in own and model.optimizer.name in UNSHARDED:
        own["whole"] = None
    early = [part for part in own if part in _EARLY]
    return [
        *(
            "readers",
            "labels",
            *early,
            "split",
            model.loss,
            "saving",
            "progress",
            "batches",
            "schedule",
        ),
        "trainer",
        *(part for part in own if part not in _EARLY),
        *("training", "program"),
    ]


def _joined(parts: Iterable[Part]) -> list[str]:
    return [part.body for part in parts]


def _rule(title: str) -> list[str]:
    return [f"# ---- {title} ".ljust(LINE_LENGTH, "-"), "", ""]


def _imports(parts: Iterable[Part]) -> list[str]:
    """The import block: what the network and the parts need, merged and sorted."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for line in [*_IMPORTS, *(line for part in parts for line in part.imports)]:
        if line.startswith("import "):
            plain.add(line)
            continue
        module, _, names = line.removeprefix("from ").partition(" import ")
        if not module.startswith("richc."):
            named.setdefault(module, set()).update(names.split(", "))
    lines = sorted(plain)
    for module, found in sorted(named.items()):
        line = f"from {module} import {', '.join(sorted(found))}"
        if len(line) > LINE_LENGTH:
            names = "".join(f"    {name},\n" for name in sorted(found))
            line = f"from {module} import (\n{names})"
        lines.append(line)
    torch = [line for line in lines if line.split()[1].split(".")[0] == "torch"]
    return [line for line in lines if line not in torch] + [""] + torch


def _constants(decided: Plan, features: Sequence[str], richc_version: str) -> list[str]:
    """The specification's values that the program takes as defaults."""
    model, train = decided.model, decided.model.train
    outputs = model.layers[-1].fan_out
    if outputs.wide:
        raise ValueError("the read-out's size must not depend on the width")
    richness = "None" if model.richness is None else number(model.richness)
    base = []
    if "n0" in decided.used or (decided.symbols.base and "alpha" in decided.used):
        base = [f"BASE_WIDTH = {model.base_width}"]
    steps = _STEPS if train.steps is None else train.steps
    batch = _BATCH if train.batch is None else train.batch
    seed = _SEED if train.seed is None else train.seed
    precision, schedule = train.precision or _PRECISION, train.schedule or _SCHEDULE
    warmup = Fraction(0) if train.warmup is None else train.warmup
    return [
        f"MODEL, COMPILER = {literal(model.name)}, {literal(f'richc {richc_version}')}",
        f"WIDTH, RICHNESS, GAMMA = {model.width}, {richness}, {number(model.gamma)}",
        *base,
        f"FEATURES, OUTPUTS = {model.input_dim}, {outputs.factor}",
        f"DATA: str | None = {_optional(train.data)}",
        f"TARGET: str | None = {_optional(train.target)}",
        f"STEPS, BATCH, SEED = {steps}, {batch}, {seed}",
        f"PRECISION, SCHEDULE = {literal(precision)}, {literal(schedule)}",
        f"WARMUP = {number(warmup)}",
        *(_identity(decided) if "ckpt" in features else ()),
    ]


def _identity(decided: Plan) -> list[str]:
    """What a checkpoint must have in common with the program: a hash, and the groups' rates.

    The hash is of all that the file says of the network and its optimizer, however it is written;
    the width and the other arguments are compared by what follows from them.
    """
    model = decided.model
    base = None if model.base_width is None else "n0"
    bare = model._replace(
        width=1, width_symbol="n", base_symbol=base, train=Train(), requirements=(), features=()
    )
    digest = hashlib.sha256(print_model(bare).encode()).hexdigest()[:16]
    rates = [
        f"{literal(g.name)}: {literal(rich_formula(g.lr, decided.symbols))}" for g in decided.groups
    ]
    return [
        f"SPEC = {literal(digest)}",
        *wrapped(Items("RATES = {", rates, "}"), 0, margin=0),
    ]


def _predicted(predictions: Mapping[str, Prediction]) -> list[str]:
    """Per layer: RMS of h at WIDTH, and the exponents of n of that and of its change."""

    def exponent(value: Fraction | None) -> str:
        return "None" if value is None else number(value)

    rows = [
        f"{literal(name)}: ({'None' if p.size is None else f'{p.size:.6g}'}, "
        f"{exponent(p.power)}, {exponent(p.power_of_change)})"
        for name, p in predictions.items()
    ]
    return [
        "# RMS of h at init at WIDTH; the power of n of that, and of the RMS of h's change.",
        "PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {",
        *(f"    {row}," for row in rows),
        "}",
    ]


def _optional(text: str | None) -> str:
    return "None" if text is None else literal(text)


def _docstring(decided: Plan, summary: str, violations: Sequence[str]) -> list[str]:
    lines = [f'"""{decided.class_name}: a multilayer perceptron of width n.']
    lines += ["", *prose(summary)] if summary else []
    if violations:
        lines += ["", "WARNING. Compiled although the specification violates what makes it scale:"]
        for violation in violations:
            lines += prose("- " + violation, hanging="  ")
    lines += ["", *indented(_table(decided), 4), "", *prose(_legend(decided))]
    return [*lines, '"""']


def _legend(decided: Plan) -> str:
    model = decided.model
    rate = rich_formula(model.optimizer.lr, decided.symbols)
    known = [f"lr = {rate} is the learning rate of {model.optimizer.name}"]
    if "n0" in decided.used or ("alpha" in decided.used and decided.symbols.base):
        known.append(f"n0 = {model.base_width} is the width at which it was tuned")
    if "alpha" in decided.used:
        ratio = "(n / n0)" if decided.symbols.base else "n"
        known.append(f"alpha = gamma * {ratio}^r is the activity, of richness r")
    return f"Here {'; '.join(known)}."


def _table(decided: Plan) -> list[str]:
    """One row per weight and bias; neighbours that are equal share one."""
    rows = [["layer", "shape", "multiplier", "init std", "learning rate"]]
    for block in decided.blocks:
        for run in block.runs:
            layer, name = run.layer, _span(block, run)
            outputs = dim(layer.fan_out)
            rows.append([name, f"{dim(layer.fan_in)} -> {outputs}", *_row(decided, layer.weight)])
            if layer.bias is not None:
                rows.append([f"{name}.bias", outputs, *_row(decided, layer.bias)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(decided: Plan, tensor: Tensor) -> tuple[str, str, str]:
    rate = symbol(RATE).times(tensor.lr)
    return (
        rich_formula(tensor.scale, decided.symbols),
        rich_formula(tensor.std, decided.symbols),
        "frozen" if is_frozen(tensor) else rich_formula(rate, decided.symbols),
    )


def _span(block: Block, run: Run) -> str:
    if not block.is_list:
        return block.name
    if run.end - run.start == 1:
        return f"{block.name}.{run.start}"
    return f"{block.name}.{run.start}-{run.end - 1}"
