"""Blocks, branches, norms, embeddings and depths as other languages write them."""

from __future__ import annotations

from richc.diagnostics import Diagnostic, Edit
from richc.syntax.lexer import NAMES, STATEMENT_WORDS, opens_body
from richc.syntax.mistakes.failure import Failure, insert, replace, rewritten, syntax
from richc.syntax.mistakes.foreign import outside_language
from richc.words import OPTIMIZERS, norm_meant, not_in_language

_REPEAT = "NAME: repeat L { ... }"
_RESIDUAL = "NAME: residual { ... }"
#: What a repeat is called elsewhere, and what a residual is.
_LOOPS = frozenset("for while loop times stack".split())
_BRANCHES = frozenset("skip branch block residual_block resblock shortcut".split())
_LAYERS = ("dense", "embedding")
_DEPTHS = frozenset("layers num_layers n_layers n_layer num_blocks n_blocks nlayers".split())
_TOKENS = frozenset("tokens vocab vocab_size num_embeddings vocabulary".split())
_TOKENS_MESSAGE = "how many tokens there are is said by `input`"
_EMBEDDINGS = ("embedding", "embed", "embeddings")


def _kind(f: Failure) -> int | None:
    """Index of the word that says what a statement with a name is."""
    at = f.start + 1
    if f.get(at).type == "LSQB":
        closing = f.closing(at)
        at = f.start if closing is None else closing + 1
    return at + 1 if f.first.type in NAMES and f.get(at).type == "COLON" else None


def outside(f: Failure) -> Diagnostic | None:
    """``x: mha { heads = 8 }``, ``drop: dropout(0.1)``: not in the language at all."""
    kind = _kind(f)
    if kind is None or not kind <= f.at <= kind + 1:
        return None
    what = not_in_language(f.get(kind).text)
    return None if what is None else outside_language(what, f.get(kind).span)


def loop(f: Failure) -> Diagnostic | None:
    """``for i in range(L) {``, ``blocks: loop L {``."""
    kind = _kind(f)
    at = f.start if kind is None else kind
    word = f.get(at)
    if word.text not in _LOOPS or f.at > at + 1:
        return None
    return syntax(f"blocks in a row are a `repeat`, not a `{word.text}`", word.span, _like(_REPEAT))


def unnamed(f: Failure) -> Diagnostic | None:
    """``repeat L {``, ``residual(scale = 1) {``."""
    if f.first.type not in ("REPEAT", "RESIDUAL") or f.at == f.start or _kind(f) is not None:
        return None
    if f.get(f.start + 1).type == "LSQB":
        return None
    if f.first.type == "RESIDUAL":
        return syntax("this `residual` has no name", f.first.span, _like(_RESIDUAL))
    end = next(i for i in range(f.start, len(f.tokens)) if _ends(f, i))
    counts = [
        t.text for t in f.tokens[f.start + 1 : end] if t.type not in ("LPAR", "RPAR", "COLON")
    ]
    help = f"write `NAME: repeat {counts[0] if len(counts) == 1 else 'L'} {{ ... }}`"
    return syntax("this `repeat` has no name", f.first.span, help)


def _ends(f: Failure, index: int) -> bool:
    """Whether the head of a body ends before a token."""
    return f.get(index).type in ("LBRACE", "NEWLINE") or index + 1 == len(f.tokens)


def count(f: Failure) -> Diagnostic | None:
    """``blocks: repeat {``, ``blocks: repeat 4 times {``, ``blocks: 24 {``."""
    kind = _kind(f)
    if kind is None:
        return None
    name, word = f.first.text, f.get(kind)
    if word.type == "NUMBER" and f.at == kind and f.get(kind + 1).type == "LBRACE":
        help = f"write `{name}: repeat {word.text} {{ ... }}`"
        edits = [insert(word.start, "repeat ")]
        return syntax("a number of blocks follows the word `repeat`", word.span, help, edits=edits)
    if word.type != "REPEAT":
        return None
    if f.at == kind + 1 and f.token.type in ("LBRACE", "NEWLINE"):
        help = f"write `{name}: repeat L {{ ... }}`, or a number"
        return syntax("this `repeat` does not say how many blocks it has", word.span, help)
    if f.at == kind + 2 and f.token.type in NAMES and f.before.text != "x":
        help = f"write `{name}: repeat {f.before.text} {{ ... }}`"
        edits = [f.without_token()]
        return syntax("a count stands alone", f.token.span, help, edits=edits)
    head = [token.type for token in f.tokens[kind : f.at + 1]]
    if "EQUAL" in head and "LBRACE" not in head:
        help = f"write `{name}: repeat L {{ ... }}`, or a number"
        return syntax("the count of a repeat has no name", f.span(kind + 1, f.at + 1), help)
    return None


def brackets(f: Failure) -> Diagnostic | None:
    """``blocks[L] {``, ``blocks[L]: repeat {``, ``mlp[2]: residual {``."""
    if f.first.type not in NAMES or f.get(f.start + 1).type != "LSQB":
        return None
    closing = f.closing(f.start + 1)
    if closing is None:
        return None
    name, amount = f.first.text, f.words(f.start + 2, closing)
    kind = _kind(f)
    span = f.span(f.start + 1, closing + 1)
    is_bare = f.at == closing + 1 and f.token.type == "LBRACE"
    if is_bare or (kind is not None and f.get(kind).type == "REPEAT" and f.at == kind + 1):
        right = f"{name}: repeat {amount}"
        last = f.get(closing if is_bare else f.at - 1)
        edits = [Edit(f.first.span.to(last.span), right)]
        help = f"write `{right} {{ ... }}`"
        return syntax("the count of a repeat follows its word", span, help, edits=edits)
    if kind is not None and f.get(kind).type == "RESIDUAL" and f.at == kind + 1:
        help = f"write `blocks: repeat {amount} {{ ... }}`, with `{name}: residual` inside"
        return syntax("brackets repeat a dense layer, and no residual", span, help)
    return None


def missing_colon(f: Failure) -> Diagnostic | None:
    """``blocks repeat L {``, ``mlp = residual {``."""
    if f.first.type not in NAMES or f.at != f.start + 1:
        return None
    is_sign = f.token.type in ("EQUAL", "ARROW")
    word = f.get(f.at + is_sign)
    if word.type not in ("REPEAT", "RESIDUAL"):
        return None
    help = f"write `{f.first.text}: {word.text}`"
    edits = [Edit(f.token.span if is_sign else f.token.span._replace(end=f.token.start), ":")]
    if is_sign or not f.touches(0):
        edits = [Edit(f.first.span._replace(start=f.first.span.end, end=word.start), ": ")]
    return syntax(f"`:` is missing after `{f.first.text}`", f.first.span, help, edits=edits)


def branch(f: Failure) -> Diagnostic | None:
    """``skip: {``, ``mlp: block {``, ``skip a -> b``, ``x + f(x)``, ``mlp: residual(1) {``."""
    kind = _kind(f)
    if kind is None:
        is_edge = f.at == f.start + 1 and f.token.type in NAMES and f.peek(1).type == "ARROW"
        if is_edge and f.first.text in _BRANCHES and f.token.text not in _LAYERS:
            help = f"{_like(_RESIDUAL)}, around what is skipped"
            message = "a branch beside the stream is a `residual`"
            return syntax(message, f.span(f.start, f.line_end), help)
        if f.first.type in NAMES and f.token.type == "PLUS" and f.at == f.start + 1:
            help = f"{_like(_RESIDUAL)}, with the branch in its braces"
            message = "what adds to the stream is a `residual`"
            return syntax(message, f.span(f.start, f.line_end), help)
        return None
    name, word = f.first.text, f.get(kind)
    is_bare = f.at == kind and f.token.type == "LBRACE" and name in _BRANCHES
    if is_bare or (word.text in _BRANCHES and f.at == kind + 1):
        edits = [insert(word.start, "residual ") if is_bare else replace(word, "residual")]
        help = f"write `{name}: residual {{ ... }}`"
        return syntax("a branch beside the stream is a `residual`", word.span, help, edits=edits)
    if word.type == "RESIDUAL" and f.get(kind + 1).type == "ARROW" and f.token.type == "LBRACE":
        help = f"write `{name}: residual {{ ... }}`; the branch ends in the stream's size"
        return syntax("a residual has no size of its own", f.span(kind + 1, f.at), help)
    if word.type != "RESIDUAL" or f.at != kind + 1:
        return None
    if f.token.type in ("LPAR", "LSQB"):
        help = f"write `{name}: residual {{ scale = ... }}`"
        return syntax("the attributes of a residual stand in its braces", f.token.span, help)
    if f.token.type in ("NUMBER", *NAMES):
        help = f"write `blocks: repeat {f.token.text} {{ ... }}` around it"
        return syntax("a residual has no count", f.token.span, help)
    if f.token.type == "NEWLINE":
        return syntax(
            "this `residual` has no branch", word.span, f"write `{name}: residual {{ ... }}`"
        )
    return None


def attribute(f: Failure) -> Diagnostic | None:
    """``scale: L0 / L`` in a residual."""
    if f.first.text not in ("scale", "skip") or f.get(f.start + 1).type != "COLON":
        return None
    if f.at <= f.start + 1 or f.get(f.start + 2).text in _LAYERS or not _is_in_residual(f):
        return None
    sign = f.get(f.start + 1).span
    value = f.words(f.start + 2, f.line_end)
    help = f"write `{f.first.text} = {value or '...'}`"
    edits = [Edit(f.first.span._replace(start=f.first.span.end, end=sign.end), " =")]
    return syntax("values are given with `=`", sign, help, edits=edits)


def _is_in_residual(f: Failure) -> bool:
    """Whether a statement stands in the braces of a residual."""
    depth = 0
    for index in range(f.start - 1, -1, -1):
        kind = f.get(index).type
        depth += (kind == "RBRACE") - (kind == "LBRACE")
        if depth < 0:
            return f.get(index - 1).type == "RESIDUAL"
    return False


def other_body(f: Failure) -> Diagnostic | None:
    """``sublayer {``, ``mlp: parallel {``, ``x = x + {``, with statements inside."""
    kind = _kind(f)
    brace = next(i for i in range(f.at, len(f.tokens)) if _ends(f, i))
    if brace == f.start or f.get(kind or f.start).type in ("REPEAT", "RESIDUAL"):
        return None
    if f.get(brace).type != "LBRACE" or not opens_body(f.tokens, brace):
        return None
    name = "NAME" if kind is None else f.first.text
    help = (
        f"blocks in a row are `{name}: repeat L {{ ... }}`, a branch beside the stream is "
        f"`{name}: residual {{ ... }}`"
    )
    return syntax("this block is no `repeat` and no `residual`", f.span(f.start, brace), help)


def norm(f: Failure) -> Diagnostic | None:
    """``layer_norm``, ``RMSNorm(n)``, ``norm: LayerNorm(n) {``, ``layernorm 1e-6``."""
    kind = _kind(f)
    at = f.start if kind is None else kind
    right = norm_meant(f.get(at).text)
    if right is None or f.at < at + 1:
        return None
    end = at
    message = f"this norm is called `{right}`"
    if f.get(at + 1).type == "LPAR":
        closing = f.closing(at + 1)
        end = at if closing is None else closing
        message = "a norm takes its size from what stands above it"
    elif f.at != at + 1 or f.token.type in ("COLON", "LSQB", "ARROW"):
        return None
    span = f.span(at, end + 1)
    if f.get(at).text == right and end == at:
        return None
    return rewritten(message, span, right)


def embedding(f: Failure) -> Diagnostic | None:
    """An embedding that says its sizes, as PyTorch's does."""
    kind = _kind(f)
    at = f.start if kind is None else kind
    word = f.get(at)
    if word.text.lower() not in _EMBEDDINGS or f.at == at:
        return None
    if f.get(at + 1).type not in ("LPAR", "NUMBER"):
        return None
    size = f.get(at + 2 if f.get(at + 1).type == "LPAR" else at + 1).text
    name = "embed" if kind is None else f.first.text
    help = f"write `input tokens {size}` above it, and `{name}: embedding -> n`"
    return syntax(_TOKENS_MESSAGE, word.span, help)


def tokens(f: Failure) -> Diagnostic | None:
    """``tokens 50257``, ``vocab = 50257``, ``input tokens = 50257``, ``input 50257 tokens``."""
    at = f.start + (f.first.type == "INPUT")
    word, amount = f.get(at), f.get(at + 1)
    if amount.type in ("EQUAL", "COLON"):
        amount = f.get(at + 2)
    if word.type == "NUMBER" and f.first.type == "INPUT":
        word, amount = amount, word
    if word.text.lower() not in _TOKENS or amount.type != "NUMBER" or f.at > at + 2:
        return None
    first, last = sorted((f.first.span, word.span, amount.span))[::2]
    return rewritten(_TOKENS_MESSAGE, first.to(last), f"input tokens {amount.text}")


def depth(f: Failure) -> Diagnostic | None:
    """``layers = 24``, ``num_layers 24``, ``depth: 24``, ``L = 24``."""
    at = f.start + 1 + (f.get(f.start + 1).type in ("EQUAL", "COLON"))
    word, amount = f.first.text, f.get(at)
    if not f.start < f.at <= at or amount.type != "NUMBER":
        return None
    is_known = f.first.type == "DEPTH" and f.get(f.start + 1).type == "COLON"
    if not is_known and word.lower() not in _DEPTHS and word != "L":
        return None
    message = "the number of blocks is declared by `depth`"
    return rewritten(message, f.first.span.to(amount.span), f"depth L = {amount.text}")


def chosen(f: Failure) -> Diagnostic | None:
    """``adamw for head``, ``optimizer muon for blocks``."""
    at = f.start + (f.first.type == "OPTIMIZER")
    name = f.get(at).text
    if name.lower() not in OPTIMIZERS or f.at != at + 1 or f.token.text not in ("for", "on"):
        return None
    help = f"write `optimizer = {name.lower()}` among the attributes of each layer it trains"
    return syntax("a layer chooses its optimizer, and not the other way round", f.token.span, help)


def misplaced(f: Failure) -> Diagnostic | None:
    """``loss mse`` in a residual."""
    is_first = f.at == f.start and f.token.type in STATEMENT_WORDS
    if not is_first or f.token.type in f.accepted:
        return None
    message = f"`{f.token.text}` is a statement of the model, and stands in no repeat or residual"
    return syntax(message, f.token.span, "move it out of the braces")


def _like(form: str) -> str:
    return f"write `{form}`"


RECOGNISERS = (
    misplaced,
    outside,
    loop,
    unnamed,
    brackets,
    missing_colon,
    count,
    branch,
    other_body,
    norm,
    embedding,
    tokens,
    depth,
    chosen,
    attribute,
)
