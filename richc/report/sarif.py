"""SARIF 2.1.0, the interchange format of static analysis (OASIS, 2020): for code scanning.

Results are printed as they come; the rules that they refer to follow at the end.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from textwrap import indent
from typing import Any
from urllib.parse import quote

from richc._version import __version__
from richc.diagnostics import ERROR, INFO, WARNING, Diagnostic, Span, Suppressed
from richc.pipeline import FileResult
from richc.report import Options, in_one
from richc.rules import pages
from richc.syntax.source import Source

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
#: Of what a result is; a change of the recipe needs another name.
FINGERPRINT = "richcFinding/v1"

LEVELS: Mapping[str, str] = {ERROR: "error", WARNING: "warning", INFO: "note"}


def render(results: Iterable[FileResult], options: Options) -> Iterator[str]:
    """One document with one run."""
    rules: dict[str, int] = {}
    unread: list[str] = []

    def found() -> Iterator[dict[str, Any]]:
        for result in results:
            unread.extend(d.code for d in result.diagnostics if d.code == "R006")
            yield from _file(result, rules, options)

    yield from document(found(), rules, unread)


def document(
    results: Iterable[dict[str, Any]], rules: Mapping[str, int], unread: Collection[str]
) -> Iterator[str]:
    """A document with one run; making the results fills in its rules, and what was not read."""
    yield f'{{\n  "$schema": "{SCHEMA}",\n  "version": "2.1.0",\n  "runs": [\n    {{\n'
    yield '      "columnKind": "unicodeCodePoints",\n      "results": ['
    separator = "\n"
    for found in results:
        yield separator + indent(_dumps(found), " " * 8)
        separator = ",\n"
    tail = {
        "tool": {"driver": _driver(rules)},
        "originalUriBaseIds": {
            ROOT: {"description": {"text": "The folder in which richc was run."}}
        },
        "invocations": [{"executionSuccessful": not unread}],
    }
    end = "]" if separator == "\n" else "\n      ]"
    yield f"{end},\n{indent(_dumps(tail)[2:-2], ' ' * 4)}\n    }}\n  ]\n}}\n"


def _dumps(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _file(result: FileResult, rules: dict[str, int], options: Options) -> Iterator[dict[str, Any]]:
    """The results of one text, suppressed ones among them, in order of place."""
    found = [Suppressed(d, None) for d in result.diagnostics]
    suppressed = [s for model in result.models for s in model.suppressed]
    everything = [(item, False) for item in found] + [(item, True) for item in suppressed]
    everything.sort(key=lambda pair: (pair[0].diagnostic.span.start, pair[0].diagnostic.code))
    seen: Counter[str] = Counter()
    uri = artifact(result.source.path)
    for (diagnostic, reason), is_suppressed in everything:
        if options.quiet and diagnostic.severity == INFO:
            continue
        index = rules.setdefault(diagnostic.code, len(rules))
        what = _identity(result.source, uri["uri"], diagnostic)
        seen[what] += 1
        suppressions = []
        if is_suppressed:
            suppressions = [{"kind": "inSource"} | ({"justification": reason} if reason else {})]
        yield {
            "ruleId": diagnostic.code,
            "ruleIndex": index,
            "level": LEVELS[diagnostic.severity],
            "message": {"text": in_one(diagnostic)},
            "locations": [_location(result.source, uri, diagnostic.span) | _logical(diagnostic)],
            **_related(result.source, uri, diagnostic),
            "partialFingerprints": {
                FINGERPRINT: sha256(f"{what}\0{seen[what]}".encode()).hexdigest()[:32]
            },
            **_fixes(result.source, uri, diagnostic),
            "suppressions": suppressions,
        }


def artifact(path: str) -> dict[str, str]:
    """Relative to the folder in which richc runs, where the file lies inside it."""
    relative = os.path.relpath(path) if os.path.isabs(path) else os.path.normpath(path)
    if relative.split(os.sep)[0] == os.pardir:
        return {"uri": Path(os.path.abspath(path)).as_uri()}
    return {"uri": quote(os.fsencode(Path(relative).as_posix())), "uriBaseId": ROOT}


def _identity(source: Source, uri: str, diagnostic: Diagnostic) -> str:
    """What a result is, wherever in the file it stands: layout and other lines do not matter."""
    marked = " ".join(source.text[diagnostic.span.start : diagnostic.span.end].split())
    parts = (uri, diagnostic.code, diagnostic.model, diagnostic.layer, marked)
    return "\0".join(part or "" for part in parts)


def _region(source: Source, span: Span) -> dict[str, int]:
    start, end = source.position(span.start), source.position(span.end)
    return {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }


def _location(source: Source, uri: dict[str, str], span: Span) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": uri}
    if source.text:
        physical["region"] = _region(source, span)
    return {"physicalLocation": physical}


def _logical(diagnostic: Diagnostic) -> dict[str, Any]:
    names = [name for name in (diagnostic.model, diagnostic.layer) if name]
    if not names:
        return {}
    kind = "member" if diagnostic.layer else "type"
    path = ".".join(names)
    return {"logicalLocations": [{"name": names[-1], "fullyQualifiedName": path, "kind": kind}]}


def _related(source: Source, uri: dict[str, str], diagnostic: Diagnostic) -> dict[str, Any]:
    related = [
        {"id": number}
        | _location(source, uri, label.span)
        | ({"message": {"text": label.text}} if label.text else {})
        for number, label in enumerate(diagnostic.labels, start=1)
    ]
    return {"relatedLocations": related} if related else {}


def _fixes(source: Source, uri: dict[str, str], diagnostic: Diagnostic) -> dict[str, Any]:
    """All edits together are one fix."""
    if not diagnostic.edits:
        return {}
    replacements = [
        {
            "deletedRegion": _region(source, edit.span),
            "insertedContent": {"text": edit.text},
        }
        for edit in sorted(set(diagnostic.edits))
    ]
    return {
        "fixes": [
            {
                "description": {"text": diagnostic.help or diagnostic.message},
                "artifactChanges": [{"artifactLocation": uri, "replacements": replacements}],
            }
        ]
    }


def _driver(rules: Iterable[str]) -> dict[str, Any]:
    return {
        "name": "richc",
        "version": __version__,
        "semanticVersion": __version__,
        "language": "en",
        "shortDescription": {"text": "Checks how neural networks scale with their width."},
        "rules": [_rule(pages.read(code)) for code in rules],
    }


def _rule(page: pages.Page) -> dict[str, Any]:
    about = page.text.partition("\n## ")[0].split("\n\n", 2)[2].strip()
    tags = ["width-scaling"] + ([page.desideratum] if page.desideratum else [])
    return {
        "id": page.code,
        "name": page.slug,
        "shortDescription": {"text": page.summary},
        "fullDescription": {"text": _plain(about), "markdown": about},
        "help": {"text": _plain(page.text), "markdown": page.text},
        "defaultConfiguration": {"level": LEVELS[page.severity]},
        "properties": {"tags": tags},
    }


def _plain(markdown: str) -> str:
    """A page without the signs that mean something to Markdown only."""
    text = re.sub(r"^```.*\n", "", markdown, flags=re.MULTILINE)
    text = re.sub(r"^#+ ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\*(.*)\*$", r"\1", text, flags=re.MULTILINE)
    return text.replace("`", "").strip()
