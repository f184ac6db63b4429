"""richc: the compiler and static checker for neural networks that behave the same at every width.

The public API, typed::

    report = richc.check(text)  # the verdict, as the JSON report's pydantic model
    program = richc.compile(text)  # a standalone PyTorch program
    spec = richc.load("model.rich")  # the resolved specification, as a pydantic model

Nothing is imported before it is asked for, so that ``richc check`` starts as fast as a commit
hook must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from richc.report.schema import Report
    from richc.report.spec_schema import SpecFile

__version__ = "0.1.0"

__all__ = ["RichError", "__version__", "check", "compile", "load"]


class RichError(ValueError):
    """A text that cannot be compiled or loaded; ``str(error)`` is the rendered diagnostics."""


def check(text: str, path: str = "<text>") -> Report:
    """Check the models of a text, as ``richc check --format json`` does.

    ``path`` is the name that the report gives the text.  Mistakes in the text are diagnostics of
    the report; nothing is raised for them.
    """
    from richc.pipeline import analyse
    from richc.report.schema import report

    return report([analyse(text, path)])


def compile(  # noqa: A001 - `richc.compile` is what a reader expects
    text: str, model: str | None = None, *, allow_violations: bool = False
) -> str:
    """Compile one model of a text to the source of a standalone PyTorch program.

    ``model`` names it where the text holds several.  Raises RichError for a text with errors;
    with ``allow_violations`` broken desiderata and false requirements are written into the
    program's docstring instead.
    """
    from richc.emit.compile import compile_text

    return compile_text(text, model, allow_violations=allow_violations)


def load(path: str | os.PathLike[str]) -> SpecFile:
    """Read a .rich file and return the specification of its models.

    Raises RichError when it cannot be read, parsed or resolved.  Broken desiderata do not matter
    here: see ``check``.
    """
    import os

    from richc.pipeline import analyse_source
    from richc.report.spec_schema import spec_file
    from richc.report.text import render_diagnostics
    from richc.syntax.source import SourceError, read_source

    name = os.fspath(path)
    try:
        result = analyse_source(read_source(name))
    except SourceError as error:
        raise RichError(f"{name}: {error}") from error
    if result.is_unresolved:
        raise RichError(render_diagnostics(result, color=False))
    return spec_file(result)
