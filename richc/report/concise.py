"""One line a diagnostic, for editors and grep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from richc.diagnostics import INFO
from richc.pipeline import FileResult
from richc.report import Options
from richc.report.snippet import visible
from richc.report.style import Style


def render(results: Iterable[FileResult], options: Options) -> Iterator[str]:
    """``path:line:column: CODE severity: message``."""
    style = Style(options.color)
    for result in results:
        for diagnostic in result.diagnostics:
            if options.quiet and diagnostic.severity == INFO:
                continue
            line, column = result.source.position(diagnostic.span.start)
            code = style.severity(diagnostic.severity, diagnostic.code)
            message = diagnostic.message
            if diagnostic.label:
                message += f": {diagnostic.label}"
            where = f"{result.source.shown}:{line}:{column}"
            yield f"{where}: {code} {diagnostic.severity}: {visible(message)}\n"
