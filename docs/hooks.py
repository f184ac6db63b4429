"""Pages of the site that are elsewhere in the repository, or made of the code, and links to files.

mkdocs calls ``on_files`` and ``on_page_markdown`` (mkdocs.yml, ``hooks``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from richc.cli.main import cli
from richc.glossary import CONCEPTS, GLOSSARY
from richc.rules import pages

ROOT = Path(__file__).resolve().parents[1]

#: Page of the site -> file of the repository.  All of docs/*.md are pages as well.
ELSEWHERE = {
    "index.md": "README.md",
    "tutorial.md": "examples/tutorial/README.md",
    "examples.md": "examples/README.md",
    "language.md": "grammar/README.md",
    "changes.md": "CHANGELOG.md",
    **{f"rules/{p.slug}.md": f"richc/rules/{pages.file_name(p.code)}" for p in pages.every()},
}
#: The other way round, and the playground, which is no page of Markdown.
_PAGES = {
    **{f"docs/{path.name}": path.name for path in (ROOT / "docs").glob("*.md")},
    "docs/playground/index.html": "playground/index.html",
    **{path: page for page, path in ELSEWHERE.items()},
}

#: Code blocks, in which nothing is a link, or a link with the file that it names.
_LINK = re.compile(r"^```.*?^```$|\]\((?!\w+:|#)([^)#\s]+)", re.DOTALL | re.MULTILINE)
_MADE = re.compile(r"<!-- made: (\w+) ?(\w*) -->")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of elsewhere, and the files of the repository that pages link to."""
    for page, path in ELSEWHERE.items():
        files.append(File.generated(config, page, content=_text(path)))
    for path in sorted({link for page in _PAGES for link in _links(page)} - set(_PAGES)):
        if (ROOT / path).is_file():
            files.append(File.generated(config, _file(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Fill in what is made of the code, and lead links to the site's own pages and files."""
    uri = page.file.src_uri
    source = ELSEWHERE.get(uri, f"docs/{uri}")

    def led(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        path = _resolved(source, found[1])
        target = _PAGES.get(path) or _file(path)
        return f"]({os.path.relpath(target, os.path.dirname(uri) or '.')}"

    return _LINK.sub(led, _MADE.sub(_made, markdown))


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _links(page: str) -> Iterator[str]:
    """The files of the repository that one of them links to."""
    for found in _LINK.finditer(_text(page)):
        if found[1] is not None:
            yield _resolved(page, found[1])


def _resolved(page: str, link: str) -> str:
    return os.path.normpath(os.path.join(os.path.dirname(page), link))


def _file(path: str) -> str:
    """Where a file of the repository is on the site."""
    return f"files/{path}"


def _made(found: re.Match[str]) -> str:
    maker = _MAKERS.get(found[1])
    if maker is None:
        raise PluginError(f"docs/hooks.py makes no {found[1]!r}")
    return maker(found[2])


def _help(name: str) -> str:
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        raise PluginError(f"there is no command {name!r}")
    above = click.Context(cli, info_name="richc", terminal_width=80, **cli.context_settings)
    context = click.Context(command, above, name)
    return f"```text\n{command.get_help(context)}\n```"


def _rules(_: str) -> str:
    rows = ["| code | | | reports |", "|---|---|---|---|"]
    for page in pages.every():
        link = f"[{page.code}](../richc/rules/{pages.file_name(page.code)})"
        fix = ", with a fix" if page.fixable else ""
        rows.append(f"| {link} | `{page.slug}` | {page.severity}{fix} | {page.summary} |")
    return "\n".join(rows)


def _glossary(_: str) -> str:
    parts = ["## Of the theory and the reports"]
    parts += [f"### {word}\n\n{about}" for word, about in CONCEPTS.items()]
    for kind, words in GLOSSARY.items():
        parts += [f"## Of the language: {kind}", "| word | |\n|---|---|"]
        parts[-1] += "".join(f"\n| `{word}` | {_cell(about)} |" for word, about in words.items())
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


_MAKERS: dict[str, Callable[[str], str]] = {
    "help": _help,
    "rules": _rules,
    "glossary": _glossary,
}
