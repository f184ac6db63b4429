"""What the playground asks of richc, in the browser: text in, JSON or another text out.

Runs in Pyodide (worker.js), with click and the standard library only.  The text is the truth: a
slider is read off it, and what moves it is an edit of the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from richc.algebra.monomial import DEPTH, NO_POWER, WIDTH, Affine, Monomial
from richc.calculus.verdict import named_point
from richc.cli.main import cli
from richc.diagnostics import Diagnostic, Edit, Span, apply
from richc.fixing.gauge.rewrite import regauge
from richc.gauge.moves import read_target
from richc.gauge.place import place
from richc.pipeline import FileResult, ModelResult, analyse
from richc.repair.repair import carried_out, repair
from richc.repair.search import PlannedChange, RepairPlan
from richc.repair.stack import spots
from richc.repair.target import MUP, NTP, Contradiction
from richc.report.map_entries import TICKS, Entry, Panel, clamped, depth, position
from richc.rules.sentence import GAUGE_NAMES, POINT_NAMES
from richc.spec.arrangement import residuals
from richc.spec.infer import STANDARD
from richc.spec.model import Layer
from richc.syntax import tree
from richc.syntax.formatter import format_text, unfolded

#: What the text is called, in messages and in the head of its program.
NAME = "model.rich"
#: Command -> what is asked of it.
COMMANDS: dict[str, tuple[str, ...]] = {
    "check": ("check", "--color", "always"),
    "explain": ("explain", "--color", "always"),
    "map": ("map", "--color", "always"),
    "compile": ("compile",),
}
#: Problems and sliders that are shown: a page, unlike a terminal, is slow with thousands.
MOST = 100


class Refused(Exception):
    """What a slider asks for and no edit gives; the message says why."""


class Knob(NamedTuple):
    """One exponent of a model, with a slider of its own."""

    #: The layer's statement or the residual, and the attribute: "body", "lr".
    subject: str
    attribute: str
    #: "n", or "L": the file's own word.
    symbol: str
    #: At the declared richness; None for a zero.
    exponent: Fraction | None
    #: Why it stays where it is; empty if it moves.
    fixed: str
    #: What multiplies it, by a power of nothing as yet.
    change: PlannedChange
    of_depth: bool

    @property
    def key(self) -> str:
        """What it stays called when `std` becomes `var`, or the file's symbols others."""
        attribute = self.attribute.replace("var", "std")
        return f"{self.subject}.{attribute}.{'L' if self.of_depth else 'n'}"

    def by(self, power: Fraction) -> PlannedChange:
        """The change that multiplies it by a power of n / n0, or of L / L0."""
        if self.of_depth:
            return self.change._replace(depth=Affine(power))
        return self.change._replace(exponent=Affine(power))


# ---- what the page shows ----


def run(text: str, command: str, model: str | None = None) -> str:
    """What a command of the command line prints for the text, and its exit code."""
    Path(NAME).write_bytes(text.encode())
    options = [] if model is None else ["--model", model]
    done = CliRunner().invoke(cli, [*COMMANDS[command], NAME, *options], color=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.dumps({"code": done.exit_code, "output": done.output})


def state(text: str, model: str | None = None) -> str:
    """All that the page shows beside a command's output: problems, verdict, sliders and map."""
    result = analyse(text, NAME)
    found: dict[str, Any] = {
        "problems": [_problem(result, d) for d in result.diagnostics[:MOST]],
        "more_problems": max(0, len(result.diagnostics) - MOST),
        "models": list(result.names),
        "model": None,
    }
    chosen = next((m for m in result.models if model in (None, m.spec.name)), None)
    if chosen is not None:
        found["model"] = _model(chosen)
    return json.dumps(found)


def _problem(result: FileResult, found: Diagnostic) -> dict[str, Any]:
    """One finding, with offsets as JavaScript counts them."""
    text = result.source.text
    start, end = (len(text[:at].encode("utf-16-le")) // 2 for at in found.span)
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "line": result.source.position(found.span.start).line,
        "start": start,
        "end": end,
    }


def _model(result: ModelResult) -> dict[str, Any]:
    spec, where = result.spec, place(result.spec, result.context.network, result.verdict)
    first = list(islice(knobs(result), MOST + 1))
    richness = spec.richness if spec.richness is not None else result.verdict.richness
    return {
        "name": spec.name,
        "passes": result.passes,
        "sentence": result.sentence,
        "position": position(where),
        "richness": str(where.richness if richness is None else richness),
        "gauges": {
            gauge: {"name": name, "is": gauge in result.verdict.gauges}
            for gauge, name in GAUGE_NAMES.items()
        },
        "knobs": [
            {
                "key": knob.key,
                "subject": knob.subject,
                "attribute": knob.attribute,
                "symbol": knob.symbol,
                "exponent": None if knob.exponent is None else str(knob.exponent),
                "fixed": knob.fixed,
            }
            for knob in first[:MOST]
        ],
        "more_knobs": len(first) > MOST,
        "map": _map(Entry(1, NAME, NAME, result, where)),
    }


def _map(entry: Entry) -> dict[str, Any]:
    """The prism as points: x from 0 (r = 0) to 1 (r = 1/2), y from 0 (STP) to 1 (rescaling)."""
    at = entry.place
    prism = at.prism
    edges = [
        {
            "gauge": GAUGE_NAMES[gauge],
            "ends": [_floats(prism.vertex(gauge, end)) for end in (0, 1)],
            "names": [POINT_NAMES[named_point(r, (gauge,)) or gauge] for r in (NTP, MUP)],
            "here": _floats(prism.corner(gauge, at.richness)),
        }
        for gauge in prism.gauges
    ]
    return {
        "title": Panel(prism, (entry,)).title,
        "edges": edges,
        "point": _floats(prism.point(at.richness, at.shares)) if at.on_scale else None,
        "exact": at.is_exact,
        "x": float(clamped(at.richness)),
        "depth": 0.0 if at.on_scale else float(depth(at)),
        "ticks": [[f"n^{tick}", float(tick / (1 + tick))] for tick in TICKS] + [["zero", 1.0]],
        "violated": list(at.violated),
    }


def _floats(point: tuple[Fraction, Fraction]) -> list[float]:
    return [float(x) for x in point]


def knobs(result: ModelResult) -> Iterator[Knob]:
    """The exponents of every layer's weight and of every residual, in the order of the text."""
    context, model = result.context, result.spec
    inside = spots(context)
    deep = {model.layers[i].statement for i, spot in inside.items() if spot.is_deep}
    for name, run_of_layers in groupby(model.layers, key=lambda layer: layer.statement):
        layers = tuple(run_of_layers)
        if layers[0].kind.is_norm:
            continue
        for attribute in ("scale", "std", "lr"):
            change = _of_layers(layers, attribute)
            yield _knob(result, name, change, of_depth=False)
            if name in deep:
                yield _knob(result, name, change, of_depth=True)
    for block, repeat in residuals(model.arrangement):
        change = PlannedChange("scale", NO_POWER, dict(block.places).get("scale"), (), block=block)
        yield _knob(result, block.name, change, of_depth=False)
        if repeat is not None and repeat.times is None:
            yield _knob(result, block.name, change, of_depth=True)


def _of_layers(layers: tuple[Layer, ...], attribute: str) -> PlannedChange:
    tensor = layers[0].weight
    if attribute == "std" and tensor.place("std") is None and tensor.place("var") is not None:
        attribute = "var"
    return PlannedChange(attribute, NO_POWER, tensor.place(attribute), layers)


def _knob(result: ModelResult, subject: str, change: PlannedChange, *, of_depth: bool) -> Knob:
    model, layers = result.spec, change.layers
    base = DEPTH if of_depth else WIDTH
    symbol = model.width_symbol
    if of_depth:
        assert model.depth is not None
        symbol = model.depth.symbol
    richness = result.context.richness
    all_of_it = [change._replace(layers=(layer,)).value for layer in layers] or [change.value]
    holes = [hole.place.start for hole in model.inferred]
    powers = {value.exponent(base).at(richness) for value in all_of_it if not value.is_zero}
    place = change.place
    fixed = ""
    if any(value.is_zero for value in all_of_it):
        fixed = "it is zero"
    elif place is not None and any(place.start <= at < place.end for at in holes):
        fixed = "a hole, which is inferred"
    elif len(powers) > 1 or (place is None and _differ(all_of_it)):
        fixed = f"the layers of {subject} have no one formula"
    exponent = None if fixed == "it is zero" else max(powers)
    return Knob(subject, change.attribute, symbol, exponent, fixed, change, of_depth)


def _differ(values: list[Monomial]) -> bool:
    return any(value != values[0] for value in values)


# ---- what the sliders do ----


def move(text: str, model: str, what: str, to: str) -> str:
    """The text with a slider moved, as JSON; the same text, and why, where that cannot be.

    ``what`` is the key of a knob, "richness" or "gauge"; ``to`` is an exponent, a richness or the
    word of a gauge.
    """
    result = analyse(text, NAME)
    try:
        (chosen,) = (m for m in result.models if m.spec.name == model)
        if what == "gauge":
            return json.dumps({"text": _in_gauge(result, model, to), "refused": ""})
        if what == "richness":
            edits = _to_richness(chosen, Fraction(to))
        else:
            edits = _to_exponent(chosen, what, Fraction(to))
    except (Refused, ValueError) as refused:
        return json.dumps({"text": text, "refused": str(refused) or "the text has changed"})
    moved = apply(text, edits)
    if unfolded(text) is not None:
        moved = format_text(moved)  # it was in the one layout
    return json.dumps({"text": moved, "refused": ""})


def _to_exponent(result: ModelResult, key: str, to: Fraction) -> tuple[Edit, ...]:
    (knob,) = (knob for knob in knobs(result) if knob.key == key)
    if knob.fixed or knob.exponent is None:
        raise Refused(f"{knob.attribute} of {knob.subject} stays: {knob.fixed}")
    if knob.exponent == to:
        return ()
    return carried_out(result.context, RepairPlan((knob.by(to - knob.exponent),), None)).edits


def _to_richness(result: ModelResult, to: Fraction) -> tuple[Edit, ...]:
    """Another richness where the text declares one, else the exponents that lead there."""
    node, edits = result.context.node, []
    declared = [s for s in node.statements if isinstance(s, tree.Richness)]
    edits += [Edit(statement.value.span, str(to)) for statement in declared]
    if result.spec.parameterization not in (None, STANDARD):
        (preset,) = (s.preset for s in node.statements if isinstance(s, tree.Parameterization))
        word = "rich" if declared else {MUP: "mup", NTP: "ntp"}.get(to, f"rich(r = {to})")
        edits.append(Edit(_kept(preset, word), word))
    if edits:
        return tuple(edits)
    try:
        found = repair(result.context, to)
    except Contradiction as contradiction:
        raise Refused(str(contradiction)) from None
    if found is None and result.verdict.richness != to:
        raise Refused(f"no change of exponents that keeps the values takes it to r = {to}")
    return () if found is None else found.edits


def _kept(preset: tree.Preset, word: str) -> Span:
    """What a word replaces: of `rich` alone the name, if it has no arguments."""
    return preset.name.span if preset.name.text == word else preset.span


def _in_gauge(result: FileResult, model: str, gauge: str) -> str:
    if result.is_unresolved:
        raise Refused("the text has errors of syntax or names")
    done = regauge(result, read_target(gauge), model)
    if done.refusals:
        raise Refused("; ".join(refusal.message for refusal in done.refusals))
    return done.text
