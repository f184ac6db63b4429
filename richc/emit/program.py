"""The emitted file, put together: header, docstring, imports, constants, parts."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from richc.emit.docstring import docstring
from richc.emit.features import PARTS, UnknownFeature, chosen
from richc.emit.module import block_fills, fills, sizes, words_of
from richc.emit.optimizer import rates_of
from richc.emit.plan import BASES, Plan, plan
from richc.emit.text import (
    LINE_LENGTH,
    Part,
    assigned,
    formatted,
    holds,
    literal,
    load_part,
    number,
)
from richc.files import starts_with, write_file
from richc.spec.model import Model, Train
from richc.spec.printer import print_model

#: How a file that richc wrote begins: what ``richc compile`` may overwrite.
MARKER = "# Compiled by richc "
#: How the second line of a file that was compiled from a file begins.
ORIGIN = "# sha256 "

#: The emitted training run's defaults where the specification has none.
STEPS, BATCH, _SEED, _PRECISION, _SCHEDULE = 1000, 128, 0, "fp32", "constant"

#: What the program shows beside the loss.
_SCORES = {"cross_entropy": "accuracy", "mse": "R^2"}

#: What stands for the model's class in the parts, which no layer can be called.
_CLASS = "_Network"


class Origin(NamedTuple):
    """Which file a program is of, and how it was asked for: enough to compile it again."""

    #: As the user gave it.
    path: str
    #: Of the file's bytes: sha256, in hexadecimal.
    digest: str
    #: What stood on the command line behind the path.
    options: tuple[str, ...] = ()


class Prediction(NamedTuple):
    """What ``--monitor`` knows of one layer's output, before its activation; else None."""

    #: RMS at init, at the declared width.
    size: float | None
    #: Exponents of n: of that RMS, and of the RMS of what training changes.
    power: Fraction | None
    power_of_change: Fraction | None


def emit_program(
    model: Model,
    *,
    summary: str,
    violations: Sequence[str] = (),
    features: Iterable[str] = (),
    predictions: Mapping[str, Prediction] | None = None,
    richc_version: str,
    origin: Origin | None = None,
    module_only: bool = False,
) -> str:
    """One standalone PyTorch file for ``model``, which imports torch and numpy.

    ``summary`` is the verdict's sentence and ``violations`` what is wrong with the specification,
    as ``CODE: message``; both go to the docstring.  ``features`` are added to the model's own;
    ``predictions`` are for the feature ``monitor``.  ``module_only``: the network and its optimizer
    without a training program.  The same arguments give the same bytes.

    Raises ValueError for a name that is no ASCII identifier, and for an optimizer's option that
    PyTorch has no counterpart of; UnknownFeature, which is one, for a name of no feature.
    """
    decided = plan(model)
    asked = chosen(model.features, features, train=model.train)
    words = words_of(decided) | {"module_only" if module_only else "program"}
    if asked and not module_only:
        words |= {*asked, "features", *(("ranks",) if {"ddp", "fsdp"} & {*asked} else ())}
    if {"stream", "embedding"} <= words:
        raise UnknownFeature("`stream` reads features, not indices of tokens")
    parts, filled = [], fills(decided, words)
    for name in (name for name, condition in PARTS.items() if holds(condition, words)):
        each = [filled]
        if name == "blocks":
            each = [block_fills(decided, module) for module in decided.modules]
        parts += [load_part(name, words, fill) for fill in each]
    text = "\n\n".join(part.body for part in parts if part.body.strip())
    # Parts have one return, for the type checker; what is returned at once needs no name, but that
    # what a layer returns is a tensor shows by the name of the argument.
    text = re.sub(r"(\n +)(?!x )(\w+) = (.*)\1return \2\n", r"\1return \3\n", text)
    head = [
        *_header(origin, richc_version),
        *docstring(decided, summary, violations),
        "",
        *_imports(parts, text),
        "",
        *_constants(decided, words, richc_version),
        *(_predicted(decided, predictions or {}) if "monitor" in words else ()),
        "",
        "",
    ]
    # What parts say in one way for all models, and by the names of other parts.
    body = re.sub(rf"\b{_CLASS}\b", decided.class_name, text).replace("training.train(", "train(")
    body = body.replace("*sizes_of(options)", _options(sizes(model)))
    body = body.replace("(options.lr)", f"({_options(rates_of(decided))})")
    return "\n".join(head) + "\n" + formatted(body)


def write_program(path: Path, text: str, *, force: bool = False) -> None:
    """Write an emitted program, over nothing but another one: see ``write_file``."""
    write_file(path, text.encode(), lambda there: starts_with(there, MARKER.encode()), force=force)


def _options(names: Iterable[str]) -> str:
    return ", ".join(f"options.{name}" for name in names)


def _header(origin: Origin | None, richc_version: str) -> list[str]:
    words = "" if origin is None else shlex.join([origin.path, *origin.options])
    if origin is None or not words.isprintable():
        # A name that cannot stand in a comment is as if it came from standard input.
        return [f"{MARKER}{richc_version} from a .rich model. Change the model, not this file."]
    return [
        f"{MARKER}{richc_version} from {shlex.quote(origin.path)}. Change that, not this file.",
        f"{ORIGIN}{origin.digest[:16]}, richc compile {words}",
    ]


def _imports(parts: Iterable[Part], text: str) -> list[str]:
    """The import block: what the parts need and the text mentions, merged and sorted."""
    mentioned = set(re.findall(r"\w+", text))
    found: dict[tuple[str, str], set[str]] = {}
    for line in (line for part in parts for line in part.imports if " richc." not in line):
        head, _, names = line.rpartition("import ")
        for name in names.split(", "):
            if name.split()[-1].split(".")[0] in mentioned:
                # A module, and what gets another name, stand on a line of their own.
                alone = name if not head or " as " in name else ""
                found.setdefault((head, alone), set()).add(name)
    lines = []
    for (head, _), wanted in sorted(found.items()):
        line = f"{head}import {', '.join(sorted(wanted))}"
        if len(line) > LINE_LENGTH:
            line = f"{head}import (\n" + "".join(f"    {name},\n" for name in sorted(wanted)) + ")"
        lines.append(line)
    others = [line for line in lines if line.split()[1].split(".")[0] in ("numpy", "torch")]
    own = [line for line in lines if line not in others]
    return [*own, *([""] if own else []), *others]


def _constants(decided: Plan, words: frozenset[str], richc_version: str) -> list[str]:
    """The specification's values that the file takes as defaults."""
    model, train = decided.model, decided.model.train
    outputs = model.layers[-1].fan_out
    if outputs.wide:
        raise ValueError("the read-out's size must not depend on the width")
    sizes = {"WIDTH": str(model.width)}
    sizes |= {} if model.depth is None else {"DEPTH": str(model.depth.value)}
    sizes["RICHNESS"] = "None" if model.richness is None else number(model.richness)
    sizes["GAMMA"] = number(model.gamma)
    sizes |= {BASES[base]: str(value) for base, value in decided.bases.items()}
    if "program" not in words:
        return [assigned(sizes)]
    named = {"SCORE": literal(_SCORES[model.loss])}
    if "features" in words:
        named |= {"MODEL": literal(model.name), "COMPILER": literal(f"richc {richc_version}")}
    named["FEATURES"] = "1" if model.is_token_input else str(model.input_dim)
    named |= {"TOKENS": str(model.input_dim)} if model.is_token_input else {}
    named["OUTPUTS"] = str(outputs.factor)
    data = {} if train.data is None else {"DATA": literal(train.data)}
    data["TARGET"] = "None" if train.target is None else literal(train.target)
    defaults = {
        "STEPS": str(STEPS if train.steps is None else train.steps),
        "BATCH": str(BATCH if train.batch is None else train.batch),
        "SEED": str(_SEED if train.seed is None else train.seed),
        "PRECISION": literal(train.precision or _PRECISION),
    }
    if "options" in words:
        defaults["SCHEDULE"] = literal(train.schedule or _SCHEDULE)
        defaults["WARMUP"] = number(Fraction(0) if train.warmup is None else train.warmup)
    return [
        *map(assigned, (sizes, named, data, defaults)),
        'MISSING, UNPACKED_BYTES = ("", "?", "na", "n/a", "nan", "null", "none"), 1 << 30',
        *([f"SPEC = {literal(_digest(decided))}"] if "ckpt" in words else ()),
    ]


def _digest(decided: Plan) -> str:
    """What a checkpoint must have in common with the program, however the file is written.

    It is of all that the file says of the network and its optimizer; the width and the other
    arguments are compared by what follows from them.
    """
    model = decided.model
    base = None if model.base_width is None else "n0"
    bare = model._replace(
        width=1, width_symbol="n", base_symbol=base, train=Train(), requirements=(), features=()
    )
    return hashlib.sha256(print_model(bare).encode()).hexdigest()[:16]


def _predicted(decided: Plan, predictions: Mapping[str, Prediction]) -> list[str]:
    """Per layer: RMS of h at WIDTH, and the exponents of n of that and of its change."""

    def exponent(value: Fraction | None) -> str:
        return "None" if value is None else number(value)

    rows = []
    for block in decided.blocks:
        for position, layer in enumerate(block.layers):
            if layer.name in predictions:
                size, *powers = predictions[layer.name]
                values = ["None" if size is None else f"{size:.6g}", *map(exponent, powers)]
                rows.append(f"{literal(block.path(position))}: ({', '.join(values)})")
    return [
        "# RMS of h at init at WIDTH; the power of n of that, and of the RMS of h's change.",
        "PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {",
        *(f"    {row}," for row in rows),
        "}",
    ]
