"""A matplotlib drawing as a figure of an HTML page: no style, no foreign names, ids of its own.

A page's content security policy refuses ``style`` attributes, and several drawings on one page
must not share ids; both are mended here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from richc.figures.style import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What the page decides.
_OF_ALL = frozenset({"font-family"})
_OF_ROOT = _OF_ALL | {"width", "height", "version"}
_REFERENCE = re.compile(r"(?<=url\(#)|(?<=^#)")


def inline(drawing: Callable[[], Figure], name: str, title: str, description: str) -> str:
    """The drawing as ``<svg>``, named and described for who cannot see it.

    ``name`` begins every id, so it must be the figure's alone.  Raises OutputError.
    """
    root = ET.fromstring(svg(drawing))  # noqa: S314 - matplotlib has just written it
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        left_out = _OF_ROOT if element is root else _OF_ALL
        attributes = {key: value for key, value in _attributes(element) if key not in left_out}
        if "id" in attributes:
            attributes["id"] = f"{name}-{attributes['id']}"
        for key in ("href", "clip-path"):
            if key in attributes:
                attributes[key] = _REFERENCE.sub(f"{name}-", attributes[key])
        element.attrib.clear()
        element.attrib.update(attributes)
    words = [ET.Element("title", id=f"{name}-title"), ET.Element("desc", id=f"{name}-desc")]
    for element, text in zip(words, (title, description), strict=True):
        element.text = text
    root[:0] = words
    root.attrib |= {
        "role": "img",
        "aria-labelledby": f"{name}-title",
        "aria-describedby": f"{name}-desc",
        # What the left-out style sheet said of everything.
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }
    return ET.tostring(root, encoding="unicode")


def _local(tag: str) -> str:
    """A name without its namespace, which HTML knows by itself."""
    return tag.rpartition("}")[2]


def _attributes(element: ET.Element) -> list[tuple[str, str]]:
    """Everything an element says of itself, its style's properties as attributes."""
    found: list[tuple[str, str]] = []
    for key, value in element.attrib.items():
        if key != "style":
            found.append((_local(key), value))
            continue
        for declaration in value.split(";"):
            name, _, content = declaration.partition(":")
            if content:
                found.append((name.strip(), content.strip()))
    return found
