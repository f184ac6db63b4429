"""Values that no float can hold at the declared width."""

from __future__ import annotations

from math import log2

from richc.scaling.monomial import BASE_WIDTH, GAMMA, ONE, WIDTH, Monomial
from richc.spec import messages
from richc.spec.model import Model
from richc.spec.reader import Reader

_MAX_LOG2 = 1000
_LOG2_10 = log2(10)


def refuse_overflow(reader: Reader, model: Model) -> None:
    values: dict[int | str, float] = {
        WIDTH: log2(model.width),
        BASE_WIDTH: log2(model.base_width or 1),
        GAMMA: log2(model.gamma.numerator) - log2(model.gamma.denominator),
    }
    richness = float(model.richness or 0)
    checked: set[tuple[str, Monomial]] = set()
    for layer in model.layers:
        for tensor in (layer.weight, layer.bias):
            if tensor is None:
                continue
            total = model.optimizer.lr.times(tensor.lr)
            for name, value in (
                ("scale", tensor.scale),
                ("std", tensor.std),
                ("lr", total),
                ("decay", tensor.decay),
                ("eps", tensor.eps or ONE),
            ):
                if value.is_zero or (layer.statement, value) in checked:
                    continue
                checked.add((layer.statement, value))
                power = value.log2(values, richness)
                if abs(power) > _MAX_LOG2:
                    place = tensor.place(name, "var") or layer.name_place
                    reader.report(
                        messages.overflow(
                            f"`{name}` of `{layer.statement}` is about "
                            f"10^{power / _LOG2_10:.0f} at width {model.width}: no float holds it",
                            place,
                        )
                    )
