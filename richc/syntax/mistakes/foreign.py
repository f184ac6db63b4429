"""Words of other languages where a statement begins, and ours where a name should stand."""

from __future__ import annotations

from richc.activations import NONLINEARITIES
from richc.diagnostics import Diagnostic, Edit, Span
from richc.syntax.lalr import Token
from richc.syntax.lexer import NAMES, STATEMENT_WORDS
from richc.syntax.mistakes.failure import (
    Failure,
    insert,
    is_activation,
    replace,
    superfluous,
    syntax,
)
from richc.words import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    PARAMETERIZATIONS,
    REGIMES,
    did_you_mean,
    not_in_language,
)

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
    "skip": "NAME: residual { skip = 1 }",
    "gain": "NAME: rmsnorm { gain { lr = 1 } }",
    "base": "width n = 1024, base n0 = 64",
}

_CODE = frozenset(
    "import from def class for if else let const return print while end begin with try".split()
)
_ACTIVATION_WORDS = ("activation", "act", "nonlinearity", "apply", "then", "act_fn")
_COMMENTS = (("SLASH", "SLASH"), ("SLASH", "STAR"), ("MINUS", "MINUS"))


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
        f"`{token.text}` is a word of the language and cannot be a name here",
        token.span,
        help=f"for example `my_{token.text}`",
    )


def activation(f: Failure) -> Diagnostic | None:
    """``activation relu``, ``activation: relu``, ``relu:``."""
    if f.first.type not in NAMES or f.at == f.start:
        return None
    named = next(
        (i for i in range(f.start, min(f.start + 3, f.at + 2)) if is_activation(_text(f, i))), None
    )
    if named is None or (named != f.start and f.first.text not in _ACTIVATION_WORDS):
        return None
    word = f.get(named)
    if named == f.start:
        if f.token.type != "NEWLINE" or f.before.type != "COLON":
            return None
        return superfluous(f"`{word.text}` is written without `:`", f.before)
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
        if NONLINEARITIES[word].takes_slope and f.token.type == "NUMBER":
            right = f"{word}({f.token.text})"
            help, edits = f"write `{right}`", [Edit(f.first.span.to(f.token.span), right)]
        return syntax(
            f"unexpected `{f.token.text}` after `{word}`: one statement a line",
            f.token.span,
            help,
            edits=edits,
        )
    candidates = (*STATEMENT_WORDS.values(), *ACTIVATIONS)
    slips = _respelt(f, candidates)
    if word in _BELONGS:
        help = f"it belongs to another statement: `{_BELONGS[word]}`"
        return syntax(begins, f.first.span, help)
    for kind, words in _KINDS.items():
        if word in words:
            edits = [insert(f.first.start, f"{kind} ")]
            rest = f.words(f.start, f.line_end)
            return syntax(begins, f.first.span, f"write `{kind} {rest}`", edits=edits)
    if word in _CODE and not slips:
        help = "a .rich file describes a network; it holds no code"
        return syntax(begins, f.first.span, help)
    if f.token.type == "EQUAL" and f.peek(1).type == "NUMBER":
        help = f"the width is written `width {word} = {f.words(f.at + 1, f.line_end)}`"
        return syntax(begins, f.first.span, help)
    guess = did_you_mean(word, candidates)
    help = "a layer is written `NAME: dense -> n { ... }`"
    if guess:
        help = f"write `{slips[0].text} {f.words(f.at, f.line_end)}`" if slips else None
    return syntax(f"{begins}{guess}", f.first.span, help, edits=slips)


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
        f"{what} cannot be written in this language",
        span,
        help="a .rich file has dense layers, norms and residual blocks; PyTorch code with more is "
        "for `richc audit`",
    )
