"""R020: where a sum of different powers leads, once the width is large."""

from __future__ import annotations

from collections.abc import Sequence

from richc.diagnostics import Diagnostic
from richc.rules import run
from richc.rules.context import Context
from richc.spec.messages import is_at_large_width


def with_consequences(context: Context, errors: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The errors, those on sums with a note on what the model is at large width.

    ``context`` has the model as it is there; of ``errors`` those of other models stay.
    """
    found = [d for d in run(context) if d.desideratum is not None]
    tensors = [tensor for layer in context.model.layers for tensor in layer.tensors]
    places = {place for tensor in tensors for _, place in tensor.places}

    def explained(error: Diagnostic) -> Diagnostic:
        if error.model != context.model.name or not is_at_large_width(error):
            return error
        here = {p for p in places if p.start <= error.span.start < p.end}
        fault = next((d for d in found if d.span in here), None)
        if fault is None:
            if not context.verdict.is_decided:
                return error._replace(
                    notes=(f"with that, it is not decided: {context.verdict.reason}",)
                )
            return error._replace(notes=() if found else ("with that, D0 to D3 hold",))
        return error._replace(notes=(f"so {fault.message}: {fault.label}", *error.notes))

    return [explained(error) for error in errors]
