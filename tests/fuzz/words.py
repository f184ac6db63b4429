"""The vocabulary of the language, read off richc's own tables, and what fuzzers like beside it."""

from __future__ import annotations

import re

from richc.glossary import GLOSSARY
from richc.syntax.parser import _tables

#: Texts of the grammar's terminals that can be written in one way only: ``->``, ``{``.
PUNCTUATION = tuple(
    re.sub(r"\\(.)", r"\1", branch)
    for branch in re.findall(
        r"\(\?P<[A-Z]+>((?:\\.|[^\\()\[\]?*+|])+)\)", _tables().pattern.pattern
    )
)

#: Every word that means something somewhere.
WORDS = tuple(
    dict.fromkeys(
        [*_tables().words, *(word for words in GLOSSARY.values() for word in words), "n", "n0"]
    )
)

NUMBERS = tuple(
    "0 1 2 3 10 16 64 256 1024 0.1 1. .5 1e-3 1e-8 1/2 1/3 1/4 2/3 -1 -1/2 1/0 0/0 007 0.0 1e9 "
    "1e300 1e-300 9e999999 1e-999999 2147483647 2147483648 1000000000 999999999 "
    "99999999999999999999999999999999999999999 0.000000000000000000000000000000000000001".split()
)

#: Pieces of more than a token that reach rare places.
PIECES = (
    *("n^?", "n^(-1/2)", "n^-1", "n^(2*r - 1)", "(n / n0)^?", "sqrt(2)", "sqrt(fan_in)"),
    *("alpha^2", "n^999999999", "n^(n^2)", "2^(1/2)", "body[2]", "body[1000000000]", "[999]"),
    *("bias { std = 0, lr = 1 }", "frozen", "rich(r = 1/4)", "in [0, 1/2]", "gamma = 2"),
    *('"other.rich"', '"::net"', '"net.rich::net"', "# richc: ignore[R301] -- why\n", "# richc:"),
    *("(((((((((", "{{{{{{{{{", ")))))", "}}}}}", "----", "-" * 70, "(" * 70, "a" * 300),
)

#: Characters that other programs stumble over.
CHARACTERS = (
    *("\n", "\r", "\r\n", "\t", "\f", "\v", " ", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028"),
    *("\ufeff", "\u200b", "\u202e", "e\u0301", "\u0301", "宽", "μ", "😀", "ﬁ", "²", "½", "٣"),
)

VOCABULARY = (*WORDS, *PUNCTUATION, *NUMBERS, *PIECES, *CHARACTERS)
