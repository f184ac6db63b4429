"""Every message about names, values and shapes, in one file to be read and reviewed as prose."""

from __future__ import annotations

from collections.abc import Iterable

from richc.diagnostics import Diagnostic, Edit, Label, Span
from richc.syntax import tree
from richc.words import OPTIMIZERS, did_you_mean, not_in_language


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."


def unknown_name(name: str, span: Span, known: Iterable[str], help: str | None) -> Diagnostic:
    known = tuple(known)
    message = f"unknown name `{_short(name)}`{did_you_mean(name, known)}"
    if help is None:
        help = "known here: " + ", ".join(f"`{k}`" for k in known)
    return Diagnostic("R010", message, span, help=help)


def fan_in_of_a_vector(span: Span) -> Diagnostic:
    return Diagnostic(
        "R010",
        "a norm's gain and bias have no fan-in",
        span,
        help="each entry is multiplied, or added, by itself: write `1`",
    )


def fan_in_of_a_bias(span: Span) -> Diagnostic:
    return Diagnostic(
        "R010",
        "`fan_in` in a bias can be read in two ways",
        span,
        help="write `1`, the bias's own fan-in, or `layer_fan_in`, that of the layer's weight, "
        "which PyTorch's and flax' formulas mean",
    )


#: What stands elsewhere than where people look for it.
_ELSEWHERE = {
    ("activation", "norm"): "a norm is `rmsnorm` or `layernorm`",
    ("layer attribute", "activation"): "the activation stands alone, on the line after the layer",
    ("layer attribute", "name"): "a layer's name stands before its `:`",
    ("layer attribute", "init"): "write `std` or `var`, and `dist` for another distribution",
    ("layer attribute", "initializer"): "write `std` or `var`, and `dist` for another distribution",
    ("layer attribute", "units"): "a layer's size stands after its `->`",
    ("residual attribute", "alpha"): "the power of the depth: `scale = (L0 / L)^(1/2)`",
    ("residual attribute", "multiplier"): "it is called `scale`",
    ("parameterization", "completep"): "write `parameterization mup, depth = 1`",
    ("parameterization", "depth_mup"): "write `parameterization mup, depth = 1/2`",
    ("parameterization", "depthmup"): "write `parameterization mup, depth = 1/2`",
    ("option of train", "lr"): "rates belong to `optimizer` and to layers",
    ("option of train", "optimizer"): "`optimizer` is a statement of its own",
    ("option of train", "loss"): "`loss` is a statement of its own",
}


def unknown_word(
    kind: str,
    word: str,
    span: Span,
    known: Iterable[str],
    shown: Iterable[str] | None = None,
) -> Diagnostic:
    """``shown``: the known words as the help has them, where that is not as they are."""
    known = tuple(known)
    outside = not_in_language(word)
    if outside is not None:
        from richc.syntax.mistakes.foreign import outside_language

        return outside_language(outside, span)
    from richc.spelling import respelt

    same = respelt(word, known)
    write = None if same is None else f"write `{same}`"
    help = (
        write
        or _ELSEWHERE.get((kind, word))
        or (
            f"one of {', '.join(shown or known)}"
            if len(known) > 1
            else f"the only one is `{known[0]}`"
        )
    )
    return Diagnostic(
        "R011",
        f"unknown {kind} `{_short(word)}`{did_you_mean(word, known)}",
        span,
        help=help,
        # Other letters of the same word are certainly it; anything else is a guess.
        edits=() if same is None else (Edit(span, same),),
    )


def unknown_function(name: str, span: Span, is_value: bool) -> Diagnostic:
    if is_value:
        help = f"a product has a `*`: `{name} * (...)`"
        return Diagnostic("R010", f"`{_short(name)}` is no function", span, help=help)
    guess = did_you_mean(name, ("sqrt",))
    message = f"unknown function `{_short(name)}`{guess}"
    return Diagnostic("R010", message, span, help="the only function is `sqrt`")


def reserved_name(name: str, span: Span, why: str) -> Diagnostic:
    return Diagnostic(
        "R012",
        f"`{_short(name)}` cannot be a name here: {why}",
        span,
        help=None if _short(name) != name else f"for example `my_{name.strip('_') or 'name'}`",
    )


def duplicate(what: str, span: Span, first: Span) -> Diagnostic:
    return Diagnostic(
        "R013",
        f"{what} is given twice",
        span,
        labels=(Label(first, "first given here"),),
    )


def missing_statement(statement: str, model: str, span: Span, example: str) -> Diagnostic:
    return Diagnostic(
        "R014",
        f"model `{model}` has no `{statement}` statement",
        span,
        help=f"for example `{example}`",
    )


def undeclared_optimizer(name: str, span: Span, declared: tuple[str, ...]) -> Diagnostic:
    message = f"no optimizer `{_short(name)}` is declared{did_you_mean(name, declared)}"
    if name in OPTIMIZERS:
        help = f"declare it beside the other: `optimizer {name} {{ lr = ... }}`"
    else:
        help = "declared here: " + ", ".join(f"`{word}`" for word in declared)
    return Diagnostic("R011", message, span, help=help)


def vector_under_muon(what: str, span: Span, others: list[str]) -> Diagnostic:
    if others:
        help = f"let another one train it: `optimizer = {others[0]}`"
    else:
        help = "declare a second one for vectors, `optimizer adamw { lr = ... }`, and choose it"
    message = f"muon trains matrices only, and {what} is a vector"
    return Diagnostic("R017", message, span, help=help)


def missing_attribute(attribute: str, layer: str, span: Span, help: str) -> Diagnostic:
    return Diagnostic("R015", f"{layer} has no {attribute}", span, help=help)


def conflict(message: str, span: Span, other: Span, other_text: str) -> Diagnostic:
    return Diagnostic("R016", message, span, labels=(Label(other, other_text),))


def bad_value(message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic("R017", message, span, help=help)


def misplaced(message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic("R018", message, span, help=help)


def no_expression(name: str, value: tree.String | tree.List) -> Diagnostic:
    if isinstance(value, tree.List):
        return bad_value(f"`{name}` is one expression", value.span, f"write `{name} = ...`")
    found = bad_value(f"`{name}` is an expression, not a string", value.span)
    if not value.text.strip():
        return found
    return found._replace(
        help=f"write `{name} = {_short(value.text)}`", edits=(Edit(value.span, value.text),)
    )


def shape(
    message: str, span: Span, help: str | None = None, labels: tuple[Label, ...] = ()
) -> Diagnostic:
    return Diagnostic("R019", message, span, help=help, labels=labels)


def different_powers(
    operator: Span, largest: str | None = None, *, depends_on_r: bool = False, size: str = "width"
) -> Diagnostic:
    """``largest`` is the term that dominates where ``size``, width or depth, is large."""
    return Diagnostic(
        "R020",
        f"a sum of different powers of the {size} has no single exponent",
        operator,
        "" if largest is None else f"at large {size} `{largest}` dominates",
        help="write one of its terms: which dominates depends on `r`"
        if depends_on_r
        else "write the term that is meant; terms of one power add up, and exponents may be sums: "
        "`n + n`, `n^(2*r - 1)`",
    )


def sum_at_large_width(
    found: Diagnostic, name: str, largest: str, smallest: str | None
) -> Diagnostic:
    """The same of an attribute, with the formulas that the largest and smallest terms make it."""
    size = "depth" if "at large depth" in found.label else "width"
    alone = f"with its smallest term alone it is `{name} = {smallest}`"
    return found._replace(
        label=f"{found.label}: {name} ~ {largest}",
        notes=() if smallest is None else (alone,),
        help=f"write the term that is meant: `{name} = {largest}` is the same at large {size}",
    )


def is_at_large_width(found: Diagnostic) -> bool:
    """Whether a diagnostic is of such a sum, so that the rest of the model can be judged."""
    return found.code == "R020" and " ~ " in found.label


def inexact_sum(operator: Span, *, is_deep: bool = False) -> Diagnostic:
    """``is_deep``: powers of the depth are compared as well."""
    return Diagnostic(
        "R020",
        f"these terms have one power of the width{' and of the depth' * is_deep}, but no exact sum",
        operator,
        help="only rational multiples of one another add up exactly: write one term",
    )


def negative(span: Span, *, is_sum: bool = False) -> Diagnostic:
    return Diagnostic(
        "R021",
        "a scaling expression is positive",
        span,
        help="more is subtracted here than there is at large width"
        if is_sum
        else "a minus sign belongs into an exponent: `n^(-1/2)`",
    )


def zero(what: str, span: Span) -> Diagnostic:
    return Diagnostic("R022", f"{what} cannot be 0", span)


def ambiguous_exponent(base: str, exponent: str, divisor: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "R023",
        f"`{base}^{exponent}/{divisor}` can be read in two ways",
        span,
        help=f"write `{base}^({exponent}/{divisor})` or `({base}^{exponent})/{divisor}`",
    )


def overflow(message: str, span: Span) -> Diagnostic:
    return Diagnostic("R024", message, span)


def bad_exponent(message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic("R025", message, span, help=help)


def too_many_layers(count: str, limit: int, span: Span) -> Diagnostic:
    return Diagnostic("R026", f"{count} layers are more than the limit of {limit:,}", span)


def no_such_gauge(gauge: str, optimizer: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "R501",
        f"{optimizer} has no {gauge} gauge: its gauge move leaves every learning rate alone",
        span,
        help="use `gauge = stp` or `gauge = rescaling`",
    )
