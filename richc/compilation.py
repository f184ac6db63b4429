"""From an analysed text to the one program that is meant, or the reason why there is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from richc._version import __version__
from richc.algebra.sizes import ZERO_SIZE, finite
from richc.diagnostics import RichError
from richc.emit.features import chosen as choose_features
from richc.emit.program import Origin, Prediction, emit_program
from richc.pipeline import FileResult, ModelResult
from richc.rules.context import Context
from richc.rules.signal import BEYOND
from richc.words import did_you_mean

#: log2 of mean squares in different blocks that are called one size: 2 % of an RMS.
_ALIKE = 0.06


class WrongChoice(RichError):
    """The text holds several models, or none of that name; the message says which there are."""


class Refused(Exception):
    """The model has errors: ``result`` holds those that matter, ``advice`` what could be done."""

    def __init__(self, result: FileResult, advice: str = "") -> None:
        super().__init__(advice)
        self.result = result
        self.advice = advice


def choose(result: FileResult, name: str | None, *, allow_violations: bool) -> ModelResult:
    """The model that is meant: ``name``, or the only one.

    Raises WrongChoice; and Refused for errors of syntax and spec, and for broken desiderata and
    requirements unless they are allowed.
    """
    listed = ", ".join(result.names[:8]) + (", ..." if len(result.names) > 8 else "")
    if name is not None:
        if result.names and name not in result.names:
            guess = did_you_mean(name, result.names)
            raise WrongChoice(f"there is no model `{name}`, only {listed}{guess}")
        result = result.only(name)
    elif len(set(result.names)) > 1:
        raise WrongChoice(f"there are several models, {listed}: choose one")
    if result.is_unresolved:
        raise Refused(result)
    if not result.models:
        raise WrongChoice("there is no model")
    chosen = result.models[0]
    if not chosen.passes and not allow_violations:
        raise Refused(result, f"`{chosen.spec.name}` is not compiled (see --allow-violations)")
    return chosen


def program(
    chosen: ModelResult,
    features: Iterable[str] = (),
    *,
    origin: Origin | None = None,
    module_only: bool = False,
) -> str:
    """The model's program, a function of these arguments alone.

    ``features`` are besides its own; ``origin`` is for the header; ``module_only``: the network and
    its optimizer.  Raises UnknownFeature.
    """
    features = choose_features(chosen.spec.features, features)
    return emit_program(
        chosen.spec,
        predictions=predict(chosen) if "monitor" in features else {},
        summary=chosen.sentence,
        violations=[
            *(f"{d.code}: {d.message}" for d in chosen.diagnostics if d.is_error),
            *(
                f"{d.code}: {d.message} (suppressed: {reason or 'without a reason'})"
                for d, reason in chosen.suppressed
                if d.is_error
            ),
        ],
        features=features,
        richc_version=__version__,
        origin=origin,
        module_only=module_only,
    )


def predict(chosen: ModelResult) -> dict[str, Prediction]:
    """Every dense layer's, by its name in the model; only what the verdict calls exact."""
    context, verdict, layers = chosen.context, chosen.verdict, chosen.spec.layers
    bits = _at_init(context)
    found: dict[str, Prediction] = {}
    for index, (layer, flow) in enumerate(zip(layers, verdict.flow.later, strict=True)):
        if layer.kind.is_norm:
            continue
        if index >= verdict.known_heights:
            found[layer.name] = Prediction(None, None, None)
            continue
        size = None
        if flow.h is not ZERO_SIZE and index in bits:
            size = 2.0 ** (bits[index] / 2)
        found[layer.name] = Prediction(size, finite(flow.h), finite(flow.dh))
    return found


def _at_init(context: Context) -> dict[int, float]:
    """log2 of the mean square of each layer's output at init, where it is one number.

    Of a layer that blocks repeat, in all blocks that it stands in.
    """
    sizes: defaultdict[int, list[float]] = defaultdict(list)
    for at in context.passed:
        if isinstance(at.step, int):
            sizes[at.step].append(at.size)
    return {
        index: sum(found) / len(found)
        for index, found in sizes.items()
        if max(found) - min(found) < _ALIKE and max(map(abs, found)) < BEYOND
    }
