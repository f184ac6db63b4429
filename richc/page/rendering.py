"""Jinja2, as the page uses it: everything is escaped, and a name that is missing is a bug."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from richc.diagnostics import RichError
from richc.glossary import CONCEPTS, concept

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: What to tell a user whose Python has no Jinja2.
NO_JINJA = 'pages need Jinja2, which is not installed: pip install "richc[report]"'

_FOLDER = "page/templates"
_POWER = re.compile(r"\b([nL])\^(\([^)]*\)|[-+]?[0-9./]+)")


def require_jinja() -> None:
    """Raises RichError where there is none."""
    if find_spec("jinja2") is None:
        raise RichError(NO_JINJA)


def render(template: str, **values: object) -> Markup:
    """A template of the page, filled in.  Raises RichError."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - escaped there


@cache
def _environment() -> Environment:
    require_jinja()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("richc", _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["powers"] = powers
    made.filters["code"] = code
    made.filters["pieces"] = pieces
    made.filters["explained"] = explained
    return made


class StyleSheet(str):
    """The page's CSS."""

    __slots__ = ()

    @property
    def hash(self) -> str:
        """As a content security policy names it."""
        digest = hashlib.sha256(self.encode()).digest()
        return f"sha256-{base64.b64encode(digest).decode()}"


def style_sheet() -> StyleSheet:
    """What goes between ``<style>`` and ``</style>``."""
    folder = files("richc").joinpath(_FOLDER)
    return StyleSheet(folder.joinpath("style.css").read_text(encoding="utf-8"))


def powers(text: str) -> Markup:
    """Every ``n^-1/2`` and ``L^-1`` of a text raised; copied or read aloud, as before."""
    from markupsafe import Markup, escape

    parts: list[Markup] = []
    end = 0
    for found in _POWER.finditer(text):
        parts.append(escape(text[end : found.start()]))
        raised = Markup('<span class="power">{}<span class="unseen">^</span><sup>{}</sup></span>')
        parts.append(raised.format(*found.groups()))
        end = found.end()
    return Markup().join([*parts, escape(text[end:])])


def code(text: str) -> Markup:
    """A sentence: what stands between backticks as code, letter by letter; other powers raised."""
    from markupsafe import Markup

    quoted = text.split("`")
    if len(quoted) % 2 == 0:
        return powers(text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if index % 2 else powers(part)
        for index, part in enumerate(quoted)
    )


#: A tag, or text between tags.
_TAG = re.compile(r"(<[^>]*>)")


@cache
def _concepts() -> re.Pattern[str]:
    words = "|".join(map(re.escape, sorted(CONCEPTS, key=len, reverse=True)))
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE)


def explained(text: str) -> Markup:
    """Words of the glossary with what they mean, for who points at them; code as it is."""
    from markupsafe import Markup, escape

    def with_meaning(found: re.Match[str]) -> str:
        word = concept(found[0])
        if word is None:
            return found[0]
        return f'<abbr title="{escape(CONCEPTS[word])}">{found[0]}</abbr>'

    depth = 0
    parts = []
    for part in _TAG.split(str(escape(text))):
        depth += part.startswith("<code") - part.startswith("</code")
        is_text = not part.startswith("<") and not depth
        parts.append(_concepts().sub(with_meaning, part) if is_text else part)
    return Markup("".join(parts))  # noqa: S704 - escaped above


def words_of(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Words of the glossary that texts have, with what they mean, in the glossary's order."""
    plain = (_TAG.sub(" ", str(text)) for text in texts)
    found = {concept(match[0]) for text in plain for match in _concepts().finditer(text)}
    return [(word, about) for word, about in CONCEPTS.items() if word in found]


class Fragment(NamedTuple):
    """A part of a size as a picture writes it: plain, or raised."""

    text: str
    raised: bool


def pieces(text: str) -> list[Fragment]:
    """``0 → n^-1/2`` as parts for SVG, which knows no ``<sup>``."""
    found: list[Fragment] = []
    end = 0
    for power in _POWER.finditer(text):
        found += [Fragment(text[end : power.start()] + power[1], False), Fragment(power[2], True)]
        end = power.end()
    return [piece for piece in [*found, Fragment(text[end:], False)] if piece.text]
