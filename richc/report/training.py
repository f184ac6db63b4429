"""What ``richc train`` tells of a training: what it is, and what is left of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from shlex import quote

from richc.algebra.monomial import number
from richc.pipeline import ModelResult
from richc.report.scale import LOSSES
from richc.report.table import group_name, groups
from richc.spec.declared_values import place, values
from richc.spec.model import LayerKind, Model
from richc.words import counted

#: Options as the command line has them, None where one is not given.
Given = Mapping[str, str | float | None]


def before(judged: ModelResult, given: Given, steps: int, batch: int) -> Iterator[str]:
    """What is about to be trained; ``steps`` and ``batch`` where neither file nor options say.

    Of a rate that is no number nothing is told: the program refuses it.
    """
    model = judged.spec
    yield f"{model.name}: {judged.sentence}"
    sizes = counted(len(model.layers), "layer"), counted(_parameters(model), "parameter")
    yield f"  {place(model)}: {', '.join(sizes)}"
    rates = _rates(model, given)
    if rates:
        titles = " and ".join(optimizer.law.title for optimizer in model.optimizers)
        yield f"  {titles}, rates: {rates}"
    train = model.train
    data = given["data"] or train.data or "no data"
    rows = f"{given['batch'] or train.batch or batch} rows of {data}"
    epochs, taken = given.get("epochs"), given["steps"] or train.steps or steps
    yield (
        f"  {_number_of(epochs, 'epoch')}, in batches of {rows}"
        if epochs
        else (f"  {_number_of(taken, 'step')} of {rows}")
    )
    yield f"  loss: {LOSSES[model.loss]}"


def after(judged: ModelResult, file: str, given: Given) -> Iterator[str]:
    """What is left of the training, what is not, and what to do next."""
    if given.get("checkpoint"):
        yield f"saved: weights and the optimizer's state, in {given['checkpoint']}"
    elif given["save"]:
        yield f"saved: the weights, in {given['save']}; not the optimizer's state (--checkpoint)"
    else:
        yield "saved: nothing (--save FILE.safetensors keeps the weights)"
    named = quote(file)
    if judged.passes:
        yield f"next: is the learning rate best at every width? richc transfer {named}"
    else:
        yield f"next: what would mend the model? richc fix --diff {named}"


def _number_of(given: str | float, thing: str) -> str:
    """``20 epochs``; what is no number the program refuses."""
    return counted(int(given), thing) if str(given).isdecimal() else f"{given} {thing}s"


def _parameters(model: Model) -> int:
    """Entries of all weights, biases and gains, at the width and depth that the model declares."""
    n, total = model.width, 0
    for index, times in Counter(model.unrolled).items():
        layer = model.layers[index]
        sources = layer.fan_in.at(n)
        if layer.kind == LayerKind.EMBEDDING:
            sources = model.input_dim
        elif layer.kind.is_norm:
            sources = int(not layer.weight.frozen)
        total += times * layer.fan_out.at(n) * (sources + (layer.bias is not None))
    return total


def _rates(model: Model, given: Given) -> str:
    """The rate of every layer's weight, as the program has it; empty where one is no number."""
    first, *others = model.optimizers
    asked = {first.name: given["lr"], **{o.name: given.get(f"{o.name}_lr") for o in others}}
    try:
        told = {
            name: number(Fraction(repr(float(rate))))
            for name, rate in asked.items()
            if rate is not None
        }
    except ValueError:
        return ""
    factor = told.get(first.name, first.lr).over(first.lr)
    first, *others = (
        optimizer._replace(lr=told.get(optimizer.name, optimizer.lr.times(factor)))
        for optimizer in model.optimizers
    )
    model = model._replace(optimizer=first, others=tuple(others))
    # A norm without a gain has nothing to train.
    trained = [g for g in groups(model.layers) if not (g[0].kind.is_norm and g[0].weight.frozen)]
    found = ((group_name(g), values(model, g[0].weight).lr) for g in trained)
    return ", ".join(f"{name} {rate:.4g}" for name, rate in found)
