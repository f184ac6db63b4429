"""Highlighting for Pygments: documentation, papers with minted, and consoles.

Registered as an entry point, so that Pygments finds it; nothing else imports this module.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import (  # type: ignore[import-untyped]  # comes without types
    RegexLexer,
    bygroups,
    words,
)
from pygments.token import (  # type: ignore[import-untyped]  # comes without types
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
)

from richc.optimizers import option_names
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.spec.options import PRECISIONS, SCHEDULES, TRAIN_OPTIONS
from richc.syntax.lexer import STATEMENT_WORDS
from richc.words import (
    ACTIVATIONS,
    DISTRIBUTIONS,
    GAUGES,
    LOSSES,
    NORMS,
    OPTIMIZERS,
    PARAMETERIZATIONS,
    REGIMES,
)

_SYMBOLS = ("alpha", "gamma", "fan_in", "fan_out", "layer_fan_in")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
#: Of layers and their biases.
ATTRIBUTES = ("scale", "std", "var", "lr", "decay", "eps", "frozen", "bias", "dist", "optimizer")
_OPTIONS = {
    *ATTRIBUTES,
    *option_names(),
    *TRAIN_OPTIONS,
    "depth",
    "gamma",
    "gauge",
    "skip",
    "weight_decay",
}
_VALUES = {
    *DISTRIBUTIONS,
    *GAUGES,
    *PRECISIONS,
    *SCHEDULES,
    *SHAPE_FACTORS,
    "false",
    "true",
}


def _after(word: str, choices: tuple[str, ...]) -> str:
    return rf"({word})(\s+)({'|'.join(choices)})\b"


class RichLexer(RegexLexer):  # type: ignore[misc]  # Pygments comes without types
    """For .rich files."""

    name = "Rich"
    aliases: ClassVar = ["rich"]
    filenames: ClassVar = ["*.rich"]

    tokens: ClassVar = {
        "root": [
            (r"\s+", Whitespace),
            (r"#[^\r\n]*", Comment.Single),
            (r'"[^"\r\n]*"', String.Double),
            (rf"(model)(\s+)({_NAME})", bygroups(Keyword, Whitespace, Name.Class)),
            (
                _after("optimizer", OPTIMIZERS),
                bygroups(Keyword, Whitespace, Name.Builtin),
            ),
            (
                rf"(optimizer)(\s*)(=)(\s*)({'|'.join(OPTIMIZERS)})\b",
                bygroups(Name.Attribute, Whitespace, Operator, Whitespace, Name.Builtin),
            ),
            (_after("loss", LOSSES), bygroups(Keyword, Whitespace, Name.Builtin)),
            (
                _after("parameterization", PARAMETERIZATIONS),
                bygroups(Keyword, Whitespace, Name.Constant),
            ),
            (
                rf"(require)(\s+)(gauge|regime)(\s+)({'|'.join((*GAUGES, *REGIMES))})\b",
                bygroups(Keyword, Whitespace, Keyword.Pseudo, Whitespace, Name.Constant),
            ),
            (r"(require)(\s+)(equivalent)\b", bygroups(Keyword, Whitespace, Keyword.Pseudo)),
            (
                _after("require", (*PARAMETERIZATIONS, "completep", "depth")),
                bygroups(Keyword, Whitespace, Name.Constant),
            ),
            (rf"{_NAME}(?=\s*(?:\[[^\]]*\]\s*)?:)", Name.Function),
            (r"(input)(\s+)(tokens)\b(?=\s+\w)", bygroups(Keyword, Whitespace, Keyword)),
            (words(("model", *STATEMENT_WORDS.values()), suffix=r"\b(?!\s*=)"), Keyword),
            (
                r"(:)(\s*)(repeat|residual)\b(?!\s*->)",
                bygroups(Punctuation, Whitespace, Keyword),
            ),
            (r"(?:dense|embedding)\b(?=\s*->)", Keyword.Type),
            (words(NORMS, suffix=r"\b(?=[ \t]*(?:[\r\n#{},]|\Z))"), Keyword.Type),
            (rf"base\b(?=\s+{_NAME}\s*=)|in\b(?=\s*\[)", Keyword),
            (words(_OPTIONS, suffix=r"\b(?=\s*=)"), Name.Attribute),
            (r"(?:bias|frozen|gain)\b(?!\s*[-+*/^=])", Name.Attribute),
            # An activation is a statement: it ends with its line.
            (words(ACTIVATIONS, suffix=r"\b(?=[ \t]*(?:[\r\n#(},]|\Z))"), Name.Builtin),
            (
                rf"(=)(\s*)({'|'.join(sorted(_VALUES))})\b(?=\s*[\r\n#,}}])",
                bygroups(Operator, Whitespace, Name.Constant),
            ),
            (r"rich\b(?=\s*\()", Name.Constant),
            (r"sqrt\b(?=\s*\()", Name.Builtin),
            (words(_SYMBOLS, suffix=r"\b"), Name.Builtin.Pseudo),
            (_NAME, Name),
            (r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", Number),
            (r"->|[-+*/^=?]", Operator),
            (r"[{}()\[\],:]", Punctuation),
            (r"\ufeff", Text),
        ]
    }
