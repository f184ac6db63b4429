"""Values that no float can hold at the declared width, and exponents that take long to add."""

from __future__ import annotations

from math import lcm, log2

from richc.algebra.monomial import Monomial
from richc.spec import messages
from richc.spec.declared_values import logs
from richc.spec.expressions import MAX_DIGITS
from richc.spec.model import Model
from richc.spec.reader import Reader

_MAX_LOG2 = 1000
_LOG2_10 = log2(10)


def refuse_denominators(reader: Reader, model: Model) -> None:
    """Sizes are sums of exponents of many layers: digits that have to be carried along must not
    add up.
    """
    common = 1
    checked: set[int] = set()
    of_all = [("lr", o.lr, dict(o.places).get("lr")) for o in model.optimizers]
    of_each = (
        (name, value, tensor.place(name, "var") or layer.name_place)
        for layer in model.layers
        for tensor in layer.tensors
        for name, value in tensor.values
    )
    for name, value, place in (*of_all, *of_each):
        if id(value) in checked:
            continue
        checked.add(id(value))
        for base, power in value.powers:
            if isinstance(base, str):
                common = lcm(common, power.const.denominator, power.slope.denominator)
        if common >= 10**MAX_DIGITS:
            message = (
                f"with that of this `{name}`, the exponents of the model have no common "
                f"denominator of up to {MAX_DIGITS} digits"
            )
            reader.report(messages.overflow(message, place or model.optimizer.place))
            return


def refuse_overflow(reader: Reader, model: Model) -> None:
    values = logs(model)
    richness = float(model.richness or 0)
    checked: set[tuple[str, Monomial]] = set()
    for layer in model.layers:
        for tensor in (layer.weight, layer.bias):
            if tensor is None:
                continue
            total = model.optimizer_of(tensor).lr.times(tensor.lr)
            for name, value in tensor._replace(lr=total).values:
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
