"""Mistakes in the form of a statement: its first words, its punctuation, where it ends."""

from __future__ import annotations

from richc.diagnostics import ERROR, Diagnostic, Edit, Span
from richc.syntax.lalr import Token
from richc.syntax.lexer import STATEMENT_WORDS, STRAY, begins_statement
from richc.syntax.mistakes.failure import NAMES, OPENING, Failure, insert, replace, syntax
from richc.words import (
    ACTIVATIONS,
    GAUGES,
    LOSSES,
    OPTIMIZERS,
    PARAMETERIZATIONS,
    REGIMES,
    did_you_mean,
    not_in_language,
)

EXAMPLES = {
    "WIDTH": "width n = 1024, base n0 = 64",
    "RICHNESS": "richness r = 1/2, gamma = 1",
    "PARAMETERIZATION": "parameterization mup, gauge = stp",
    "INPUT": "input 64",
    "OPTIMIZER": "optimizer adam { lr = 1e-3 }",
    "LOSS": "loss cross_entropy",
    "TRAIN": "train { steps = 1000, batch = 128 }",
    "REQUIRE": "require mup",
    "layer": "body[2]: dense -> n { var = 2 / fan_in, lr = 1 / fan_in }",
}

#: Where the options stand that are written as statements.
_BELONGS = {
    **dict.fromkeys(
        "lr learning_rate momentum betas nesterov weight_decay eps".split(),
        "optimizer sgd { lr = 0.1 }",
    ),
    **dict.fromkeys(
        "steps epochs batch batch_size seed data dataset target precision schedule".split(),
        'train { data = "digits.csv", steps = 1000 }',
    ),
    **dict.fromkeys("std var scale bias frozen decay dist".split(), "NAME: dense -> n { std = 1 }"),
    "gauge": "parameterization mup, gauge = stp",
    "gamma": "richness r = 1/2, gamma = 1",
    "base": "width n = 1024, base n0 = 64",
}

_CODE = frozenset(
    "import from def class for if else let const return print while end begin with try".split()
)
_ACTIVATION_WORDS = ("activation", "act", "nonlinearity", "apply", "then", "act_fn")
_COMMENTS = (("SLASH", "SLASH"), ("SLASH", "STAR"), ("MINUS", "MINUS"))


def sign_after_word(f: Failure) -> Diagnostic | None:
    """``input: 784``, ``optimizer = adam``, ``richness = 1/2``."""
    if f.first.type not in STATEMENT_WORDS or f.at != f.start + 1:
        return None
    word = f.first.text
    if f.token.type == "COLON" and f.kinds(1, 2) == ("NAME", "ARROW"):
        return None
    if f.token.type not in ("COLON", "EQUAL", "ARROW"):
        return None
    sign = f.token.text
    if f.kinds(0, 2) in [("COLON", "EQUAL"), ("EQUAL", "EQUAL")]:
        sign += "="
    rest = f.words(f.at + len(sign.replace("->", "-")), f.line_end)
    if f.first.type in ("WIDTH", "RICHNESS") and f.peek(1).type == "NUMBER":
        return _unnamed(f, f.at + 1)
    edits = [] if len(sign) > 1 else [replace(f.token, "")]
    return syntax(
        f"`{word}` is followed by its value directly, without `{sign}`",
        f.token.span,
        f"write `{word} {rest}`" if rest else f"for example `{EXAMPLES[f.first.type]}`",
        edits=edits,
    )


def _unnamed(f: Failure, at: int) -> Diagnostic:
    value = f.words(at, f.line_end)
    if f.first.type == "RICHNESS":
        right = f"richness r = {value}"
        span = Span(f.first.span.end, f.get(at).start)
        return syntax(
            "the richness exponent is called `r`",
            f.token.span,
            f"write `{right}`",
            edits=[Edit(span, " r = ")],
        )
    return syntax(
        "the width needs a name, for expressions to speak of it",
        f.token.span,
        f"write `width n = {value}`",
    )


def bracket_after_word(f: Failure) -> Diagnostic | None:
    """``width(n = 256)``, ``input [784]``, ``loss { mse }``."""
    if f.first.type not in STATEMENT_WORDS or f.at != f.start + 1 or f.token.type not in OPENING:
        return None
    word = f.first.text
    if f.first.type == "OPTIMIZER":
        help = f"for example `{EXAMPLES['OPTIMIZER']}`"
        return syntax("the optimizer's name stands before its options", f.token.span, help)
    closing = f.closing(f.at)
    if closing is None or f.first.type == "TRAIN":
        return None
    return syntax(
        f"`{word}` is followed by its value directly, without `{f.token.text}`",
        f.token.span,
        f"write `{word} {f.words(f.at + 1, closing)}`",
        edits=[
            replace(f.token, " " if f.touches(0) else ""),
            replace(f.get(closing), ""),
        ],
    )


def one_value(f: Failure) -> Diagnostic | None:
    """``input x = 784``, ``input 28, 28``, ``loss cross-entropy``."""
    from richc.spelling import meant

    if f.at < f.start + 2 or f.is_on_new_line(f.at):
        return None
    if f.first.type == "INPUT" and f.before.type in NAMES and f.token.type in ("EQUAL", "NUMBER"):
        at = f.at + (f.token.type == "EQUAL")
        return syntax(
            "the input size has no name",
            f.before.span,
            f"write `input {f.value(at)}`",
            edits=[Edit(Span(f.before.start, f.get(at).start), "")],
        )
    if f.first.type == "LOSS" and f.token.type in ("MINUS", *NAMES):
        span = f.span(f.start + 1, f.line_end)
        words = [t.text for t in f.tokens[f.start + 1 : f.line_end] if t.type in NAMES]
        known = meant("_".join(words), LOSSES) if len(words) == 2 else ()
        if known:
            help = f"write `loss {known[0]}`"
            edits = [Edit(span, known[0])]
            return syntax("a loss is one word", span, help, edits=edits)
    if f.first.type in ("INPUT", "LOSS") and f.token.type == "COMMA":
        if f.is_on_new_line(f.at + 1):
            return None
        example = f"for example `{EXAMPLES[f.first.type]}`"
        return syntax(f"`{f.first.text}` has one value", f.span(f.at, f.line_end), example)
    return None


def unnamed_symbol(f: Failure) -> Diagnostic | None:
    """``width 256``, ``richness 1/2``, ``base = 64``."""
    is_first = f.at == f.start + 1 and f.first.type in ("WIDTH", "RICHNESS")
    if is_first and f.token.type == "NUMBER":
        return _unnamed(f, f.at)
    if f.first.type == "WIDTH" and f.before.type == "BASE" and f.token.type in ("EQUAL", "NUMBER"):
        at = f.at + (f.token.type == "EQUAL")
        value = f.words(at, f.line_end)
        return syntax(
            "the base width needs a name, for expressions to speak of it",
            f.before.span.to(f.token.span),
            f"write `base n0 = {value}`" if value else None,
        )
    return None


def symbol_sign(f: Failure) -> Diagnostic | None:
    """``width n: 256``, ``width n := 256``, ``width n``, ``richness r in [0, 1/2]``."""
    if f.first.type not in ("WIDTH", "RICHNESS") or "EQUAL" not in f.accepted:
        return None
    if f.token.type == "IN":
        return syntax(
            "the richness needs a value of its own, besides its interval",
            f.token.span,
            "for example `richness r = 1/2 in [0, 1/2]`",
        )
    if f.token.type == "NEWLINE" or f.is_on_new_line(f.at):
        what = f"`{f.words(f.line_start if f.token.type != 'NEWLINE' else f.start, f.at)}`"
        if f.before.type not in NAMES:
            return None
        return syntax(
            f"`{f.before.text}` has no value",
            f.before.span,
            f"for example `{EXAMPLES[f.first.type]}`" if what else None,
        )
    return None


def missing_base(f: Failure) -> Diagnostic | None:
    """``width n = 256, n0 = 64``."""
    if f.first.type != "WIDTH" or f.accepted != {"BASE"} or f.token.type not in NAMES:
        return None
    return syntax(
        f"`{f.token.text}` is no option of `width`",
        f.token.span,
        f"the width at which hyperparameters were tuned is written `base {f.token.text} = ...`",
        edits=[insert(f.token.start, "base ")] if f.peek(1).type == "EQUAL" else [],
    )


def interval(f: Failure) -> Diagnostic | None:
    """``in 0..1/2``, ``in (0, 1/2)``, ``in [0, 1/2)``."""
    if f.first.type != "RICHNESS":
        return None
    start = next((i for i in range(f.start, f.at) if f.get(i).type == "IN"), None)
    if start is None or f.is_on_new_line(f.at):
        return None
    return syntax(
        "an interval is written `[LOW, HIGH]`",
        f.span(start + 1, f.line_end),
        "for example `richness r = 1/2 in [0, 1/2]`",
    )


def braces(f: Failure) -> Diagnostic | None:
    """``optimizer adam lr = 1e-3``, ``optimizer adam(lr = 1e-3)``, ``dense -> n [std = 1]``."""
    at = f.at
    if f.token.type == "EQUAL" and f.kinds(-2, 2)[0] in ("LPAR", "LSQB"):
        at -= 2  # `n (std` is the beginning of a call.
    elif "LBRACE" not in f.accepted:
        return None
    if f.first.type not in ("OPTIMIZER", "TRAIN", "NAME") or f.is_on_new_line(at):
        return None
    kinds = tuple(token.type for token in f.tokens[at : at + 3])
    if kinds[0] in ("COMMA", "COLON", "EQUAL") and kinds[1] == "LBRACE":
        sign = f.get(at)
        edits = [replace(sign, "")]
        return syntax(f"no `{sign.text}` stands before `{{`", sign.span, "remove it", edits=edits)
    head = f.words(f.start, at)
    if kinds[0] in ("LPAR", "LSQB"):
        closing = f.closing(at)
        if closing is None or kinds[1] not in NAMES or kinds[2] not in ("EQUAL", "COLON"):
            return None
        inside = f.words(at + 1, closing)
        gap = "" if f.text[f.get(at).start - 1].isspace() else " "
        edits = [replace(f.get(at), f"{gap}{{ "), replace(f.get(closing), " }")]
        return _in_braces(head, inside, f.get(at).span, edits)
    before: list[Edit] = []
    if kinds[0] in ("COMMA", "COLON"):
        before = [replace(f.get(at), "")]
        at, kinds = at + 1, kinds[1:]
    if kinds[0] not in NAMES or kinds[1] not in ("EQUAL", "COLON", *NAMES, "NUMBER"):
        return None
    if kinds[1] in NAMES and f.first.type == "NAME":
        return None
    end = f.line_end
    is_closed = f.get(end - 1).type in ("RBRACE", STRAY)
    inside = f.words(at, end - 1 if is_closed else end)
    edits = [*before, insert(f.get(at).start, "{ ")]
    if not is_closed:
        edits.append(insert(f.get(end - 1).span.end, " }"))
    return _in_braces(head, inside, f.span(at, end), edits)


def _in_braces(head: str, inside: str, span: Span, edits: list[Edit]) -> Diagnostic:
    return syntax(
        "attributes and options stand in braces",
        span,
        f"write `{head} {{ {inside} }}`",
        edits=edits,
    )


def empty_parentheses(f: Failure) -> Diagnostic | None:
    """``relu()``, ``loss mse()``."""
    opening = f.at if f.kinds(0, 2) == ("LPAR", "RPAR") else f.at - 1
    if opening <= f.start or tuple(t.type for t in f.tokens[opening : opening + 2]) != (
        "LPAR",
        "RPAR",
    ):
        return None
    name = f.get(opening - 1)
    if name.text == "sqrt" or name.type not in NAMES:
        return syntax(
            "nothing stands between `(` and `)`",
            f.span(opening, opening + 2),
            "for example `sqrt(n)`",
        )
    span = f.span(opening, opening + 2)
    return syntax(
        f"`{name.text}` is written without `()`", span, "remove them", edits=[Edit(span, "")]
    )


def line_ends(f: Failure) -> Diagnostic | None:
    """Two statements on a line, and commas at its end."""
    at = f.at
    if f.unclosed is not None:
        return None
    if f.at == f.start + 1 and f.first.type in NAMES and not _is_activation(f.first.text):
        return None
    if f.before.type == "COMMA" and begins_statement(f.tokens, at):
        if not f.is_on_new_line(at):
            return _one_a_line(f, f.at - 1, at)
        edits = [replace(f.before, "")]
        return syntax("nothing follows this comma", f.before.span, "remove it", edits=edits)
    if "NEWLINE" not in f.accepted:
        return None
    if f.token.type == "COMMA":
        if f.is_on_new_line(at + 1):
            edits = [replace(f.token, "")]
            return syntax("nothing follows this comma", f.token.span, "remove it", edits=edits)
        at += 1
    token = f.get(at)
    if f.is_on_new_line(at) or not (_is_activation(token.text) or begins_statement(f.tokens, at)):
        return None
    return _one_a_line(f, f.at, at)


def _one_a_line(f: Failure, gap: int, at: int) -> Diagnostic:
    """Tokens from ``gap`` on give way to a line's end before the one at ``at``."""
    token = f.get(at)
    start = f.text.rfind("\n", 0, f.first.start) + 1
    indent = f.text[start : f.first.start]
    edits = [Edit(Span(f.get(gap - 1).span.end, token.start), f"\n{indent}")]
    return syntax(
        f"one statement a line: `{token.text}` begins another",
        token.span,
        f"write `{token.text}` on a line of its own",
        edits=edits if not indent.strip() else [],
    )


def _is_activation(word: str) -> bool:
    return word.lower().replace("_", "") in {a.replace("_", "") for a in ACTIVATIONS}


def require(f: Failure) -> Diagnostic | None:
    """``require gauge = stp``, ``require rich 1/4``, ``require mup, ntp``."""
    if f.first.type != "REQUIRE" or f.at < f.start + 2:
        return None
    word, rest = f.get(f.start + 1).text, f.words(f.at, f.line_end)
    if f.token.type in ("EQUAL", "COLON"):
        if word == "r":
            return _rich(f, "require", f.words(f.at + 1, f.line_end))
        if f.at == f.start + 2:
            help = f"write `require {word} {f.words(f.at + 1, f.line_end)}`"
            edits = [replace(f.token, "")]
            return syntax(
                f"`{word}` is followed by its value directly", f.token.span, help, edits=edits
            )
    if word == "rich" and f.at == f.start + 2 and f.token.type == "NUMBER":
        return _rich(f, "require", rest)
    if word == "rich" and f.token.type == "EQUAL" and f.before.text == "r":
        return _rich(f, "require", f.words(f.at + 1, f.line_end))
    if word == "equivalent" and f.kinds(-1, 3) == ("LPAR", "STRING", "RPAR"):
        edits = [replace(f.before, " "), replace(f.peek(1), "")]
        help = f"write `require equivalent {f.token.text}`"
        return syntax("a path stands without parentheses", f.before.span, help, edits=edits)
    if f.token.type == "COMMA" or f.before.text in ("and", "or"):
        other = f.peek(1) if f.token.type == "COMMA" else f.token
        return syntax(
            "one requirement a statement",
            f.token.span,
            f"write `require {other.text}` on a line of its own",
        )
    return None


def _rich(f: Failure, word: str, value: str) -> Diagnostic:
    span = f.span(f.start + 1, f.line_end)
    right = f"rich(r = {value})"
    return syntax(
        "a point of the richness scale is written `rich(r = ...)`",
        span,
        f"write `{word} {right}`",
        edits=[Edit(span, right)],
    )


def parameterization(f: Failure) -> Diagnostic | None:
    """``parameterization rich 1/4``, ``mup { gauge = stp }``, ``mup, stp``."""
    if f.first.type != "PARAMETERIZATION" or f.at < f.start + 2:
        return None
    preset = f.get(f.start + 1).text
    if preset == "rich" and f.token.type == "NUMBER" and f.at == f.start + 2:
        return _rich(f, "parameterization", f.words(f.at, f.line_end))
    if f.token.type == "LBRACE":
        closing = f.closing(f.at)
        inside = f.words(f.at + 1, closing) if closing is not None else "gauge = stp"
        edits = []
        if closing is not None:
            edits = [
                Edit(Span(f.before.span.end, f.token.span.end), ","),
                Edit(Span(f.get(closing - 1).span.end, f.get(closing).span.end), ""),
            ]
        help = f"write `parameterization {preset}, {inside}`"
        return syntax(
            "the gauge stands after a comma, without braces", f.token.span, help, edits=edits
        )
    gauge = f.before if f.before.type in NAMES else f.token
    if f.token.type == "NEWLINE" and f.kinds(-2, 1) == ("COMMA",) and gauge.text in GAUGES:
        right = f"gauge = {gauge.text}"
        return syntax(
            "the gauge is an option with a name",
            gauge.span,
            f"write `{right}`",
            edits=[replace(gauge, right)],
        )
    return None


def reserved(f: Failure) -> Diagnostic | None:
    """A word of the language where a name should stand."""
    token = f.token
    if token.type == "MODEL" and f.at == f.start:
        return reserved_name(token)
    if token.type == "COLON" and f.at == f.start + 1 and f.first.type in STATEMENT_WORDS:
        return reserved_name(f.first)
    if "NUMBER" in f.accepted:
        return None
    if token.type in (*STATEMENT_WORDS, "MODEL") and "NAME" in f.accepted:
        if f.is_on_new_line(f.at) and f.before.type != "COMMA":
            return None
        return reserved_name(token)
    return None


def reserved_name(token: Token) -> Diagnostic:
    return Diagnostic(
        "R012",
        "reserved-name",
        ERROR,
        f"`{token.text}` is a word of the language and cannot be a name here",
        token.span,
        help=f"for example `my_{token.text}`",
    )


def activation(f: Failure) -> Diagnostic | None:
    """``activation relu``, ``activation: relu``, ``relu:``."""
    if f.first.type not in NAMES or f.at == f.start:
        return None
    named = next(
        (i for i in range(f.start, min(f.start + 3, f.at + 2)) if _is_activation(_text(f, i))), None
    )
    if named is None or (named != f.start and f.first.text not in _ACTIVATION_WORDS):
        return None
    word = f.get(named)
    if named == f.start:
        if f.token.type != "NEWLINE" or f.before.type != "COLON":
            return None
        edits = [replace(f.before, "")]
        return syntax(
            f"`{word.text}` is written without `:`", f.before.span, "remove it", edits=edits
        )
    edits = [Edit(f.first.span.to(word.span), word.text)]
    help = f"write `{word.text}`"
    return syntax("an activation stands alone on its line", f.first.span, help, edits=edits)


def _text(f: Failure, index: int) -> str:
    return f.get(index).text if index < len(f.tokens) else ""


def foreign(f: Failure) -> Diagnostic | None:
    """A statement that begins with no word of the language."""
    comment = tuple(token.type for token in f.tokens[f.start : f.start + 2])
    if f.at == f.start:
        if comment in _COMMENTS:
            span = f.span(f.start, f.start + 2)
            edits = [] if "STAR" in comment else [Edit(span, "#")]
            return syntax("comments begin with `#`", span, "write `#`", edits=edits)
        if f.token.type == "STRING":
            return syntax("a string is no statement; comments begin with `#`", f.token.span)
        if f.token.type in ("MINUS", "STAR", "NUMBER") and f.peek(1).type in (
            *NAMES,
            *STATEMENT_WORDS,
        ):
            help = "every statement has a line of its own; no mark stands before it"
            return syntax(f"`{f.token.text}` begins no statement", f.token.span, help)
        return None
    if f.first.type not in NAMES or f.at != f.start + 1:
        return None
    return _foreign_word(f)


def _foreign_word(f: Failure) -> Diagnostic:
    word = f.first.text
    outside = not_in_language(word)
    if outside is not None:
        return outside_language(outside, f.first.span)
    begins = f"`{word}` begins no statement"
    if word in ACTIVATIONS:
        help, edits = None, []
        if word == "leaky_relu" and f.token.type == "NUMBER":
            right = f"leaky_relu({f.token.text})"
            help, edits = f"write `{right}`", [Edit(f.first.span.to(f.token.span), right)]
        return syntax(
            f"unexpected `{f.token.text}` after `{word}`: one statement a line",
            f.token.span,
            help,
            edits=edits,
        )
    if word in _BELONGS:
        help = f"it belongs to another statement: `{_BELONGS[word]}`"
        return syntax(begins, f.first.span, help)
    for kind, words in _KINDS.items():
        if word in words:
            edits = [insert(f.first.start, f"{kind} ")]
            rest = f.words(f.start, f.line_end)
            return syntax(begins, f.first.span, f"write `{kind} {rest}`", edits=edits)
    if word in _CODE:
        help = "a .rich file describes a network; it holds no code"
        return syntax(begins, f.first.span, help)
    if f.token.type == "EQUAL" and f.peek(1).type == "NUMBER":
        help = f"the width is written `width {word} = {f.words(f.at + 1, f.line_end)}`"
        return syntax(begins, f.first.span, help)
    candidates = (*STATEMENT_WORDS.values(), *ACTIVATIONS)
    guess = did_you_mean(word, candidates)
    edits = _respelt(f, candidates)
    help = "a layer is written `NAME: dense -> n { ... }`"
    if guess:
        help = f"write `{edits[0].text} {f.words(f.at, f.line_end)}`" if edits else None
    return syntax(f"{begins}{guess}", f.first.span, help, edits=edits)


_KINDS = {
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "parameterization": PARAMETERIZATIONS,
    "require regime": REGIMES,
}


def _respelt(f: Failure, candidates: tuple[str, ...]) -> list[Edit]:
    """The right word, where only one is near; that the rest fits it is seen by parsing it."""
    from richc.spelling import near

    words = near(f.first.text, candidates)
    return [replace(f.first, words[0])] if len(words) == 1 else []


def outside_language(what: str, span: Span) -> Diagnostic:
    return Diagnostic(
        "R004",
        "not-in-language",
        ERROR,
        f"{what} cannot be written in this language",
        span,
        help="a .rich file describes a plain MLP: dense layers, one activation after each",
    )


FIRST = (activation,)

RECOGNISERS = (
    sign_after_word,
    bracket_after_word,
    one_value,
    unnamed_symbol,
    symbol_sign,
    missing_base,
    interval,
    empty_parentheses,
    braces,
    require,
    parameterization,
    line_ends,
    reserved,
    foreign,
)
