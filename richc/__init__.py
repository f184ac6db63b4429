"""richc: the compiler and static checker for neural networks that behave the same at every width.

The public API, typed::

    report = richc.check(text)  # the verdict, as the JSON report's pydantic model
    program = richc.compile(text)  # a standalone PyTorch program
    spec = richc.load("model.rich")  # the resolved specification, as a pydantic model
    mended = richc.fix(text)  # the text with holes filled and failing models mended
    compared = richc.equivalence(text, other)  # whether two models train alike, likewise
    measured = richc.verify(text)  # what training shows, as a pydantic model; needs torch
    audited = richc.audit(make)  # a PyTorch project's width scaling, likewise

Nothing is imported before it is asked for, so that ``richc check`` starts as fast as a commit
hook must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from richc._version import __version__
from richc.diagnostics import RichError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from richc.pipeline import ModelResult
    from richc.report.audit_schema import AuditReport
    from richc.report.equivalence_schema import Equivalence
    from richc.report.schema import Report
    from richc.report.spec_schema import SpecFile
    from richc.report.verification_schema import VerificationReport

__all__ = [
    "RichError",
    "__version__",
    "audit",
    "check",
    "compile",
    "equivalence",
    "fix",
    "load",
    "verify",
]


def check(text: str, path: str = "<text>") -> Report:
    """Check the models of a text, as ``richc check --format json`` does.

    ``path`` is the name that the report gives the text.  Mistakes in the text are diagnostics of
    the report; nothing is raised for them.
    """
    from richc.pipeline import analyse
    from richc.report.schema import report

    return report([analyse(text, path)])


def compile(  # noqa: A001 - `richc.compile` is what a reader expects
    text: str,
    model: str | None = None,
    *,
    allow_violations: bool = False,
    features: Iterable[str] = (),
    module_only: bool = False,
) -> str:
    """Compile one model of a text to the source of a standalone PyTorch program.

    ``model`` names it where the text holds several.  ``features`` ("ckpt", "log", ...) are added
    to those that the text asks for; ``module_only`` leaves the network and its optimizer.  Raises
    RichError for a text with errors; with
    ``allow_violations`` broken desiderata and false requirements are written into the program's
    docstring instead.
    """
    from richc.compilation import program

    chosen = _choose(text, model, allow_violations=allow_violations)
    return program(chosen, features, module_only=module_only)


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


def fix(text: str, model: str | None = None) -> str:
    """The text as ``richc fix`` writes it: holes filled, failing models mended if exponents can.

    ``model`` confines it to the model of this name.  What cannot be mended stays as it is, and is
    among the errors of ``check``; nothing is raised for it.
    """
    from richc.fixing.fix import fix as mend
    from richc.syntax.source import Source

    return mend(Source("<text>", text), model).result.source.text


def equivalence(text_a: str, text_b: str) -> Equivalence:
    """Compare the models of two texts (of one model each), as ``richc equiv --format json`` does.

    Raises RichError for a text with errors or with several models.
    """
    from richc.gauge.equivalence import compare
    from richc.report.equivalence import Side
    from richc.report.equivalence_schema import report

    chosen = [_choose(text, None, allow_violations=True) for text in (text_a, text_b)]
    first, second = (
        Side(name, model.context)
        for name, model in zip(("<first>", "<second>"), chosen, strict=True)
    )
    return report(first, second, compare(first.model, second.model))


def verify(
    text: str,
    model: str | None = None,
    *,
    widths: Sequence[int] | None = None,
    seeds: int | Sequence[int] | None = None,
    seed: int = 0,
    steps: int = 4,
    lr: float | None = None,
    data: str | os.PathLike[str] | None = None,
    target: str | None = None,
    optimizer_state: bool = False,
    tolerance: float | None = None,
) -> VerificationReport:
    """Train one model of a text at several widths, as ``richc verify --format json`` does.

    None leaves a choice to richc: ``widths`` those of layers of 64 to 4096 units (Muon: to 1024),
    ``seeds`` (networks at every width, or a number for each of ``widths``, narrow ones first) as
    many as the risk of error asks for, ``lr`` (the optimizer's learning rate at the text's own
    width) one that makes moderate steps, ``data`` random ones.  ``tolerance`` is how far off a
    fitted exponent may be, 1/8 or 1/16.  Needs torch.

    Raises RichError for a text with errors, and for data and widths that cannot be used.
    """
    from pathlib import Path

    from richc.lab.verify import VerifySettings
    from richc.lab.verify import verify as measure
    from richc.report.verification_schema import report

    if widths is not None and len(set(widths)) < 2:
        raise RichError("an exponent needs two widths or more")
    if not (seeds is None or isinstance(seeds, int)) and len(seeds) != len(set(widths or ())):
        raise RichError("seeds: one number, or one for each of the widths")
    settings = VerifySettings(
        widths=None if widths is None else tuple(sorted(set(widths))),
        seeds=seeds if seeds is None or isinstance(seeds, int) else tuple(seeds),
        seed=seed,
        steps=steps,
        lr=lr,
        data=None if data is None else Path(data),
        target=target,
        with_state=optimizer_state,
        tolerance=tolerance,
    )
    return report("<text>", measure(_choose(text, model, allow_violations=True), settings))


def audit(
    make: Callable[[int], Any] | str,
    *,
    widths: Sequence[int] | None = None,
    seeds: int | None = None,
    target: str = "mup",
    read_only: bool = False,
    fix: bool = False,
) -> AuditReport:
    """Whether a PyTorch project scales with its width as ``target`` asks, and what does not.

    ``make(width)`` returns a model, its optimizer, a batch and a loss, as a dict or as a tuple
    (docs/audit.md); or it is named: ``"package.module:make"``, ``"path/file.py:make"``.  ``target``
    is ``mup``, ``ntp`` or ``rich(1/4)``.  ``seeds`` is the number of networks at every width; None
    draws as many as the risk of error asks for.  ``read_only`` leaves all training out; ``fix``
    applies what the findings propose to what the factory makes, until nothing is left, and measures
    again.  What cannot be audited is a report with the verdict ``refused``.  Needs torch.

    Raises RichError for arguments that mean nothing.
    """
    from richc.report.audit_schema import report
    from richc.torchfront.audit import AuditSettings, SettingsProblem
    from richc.torchfront.audit import audit as examine

    try:
        settings = AuditSettings.of(widths, seeds, target, read_only=read_only, fix=fix)
    except SettingsProblem as error:
        raise RichError(str(error)) from None
    return report(examine(make, settings))


def _choose(text: str, model: str | None, *, allow_violations: bool) -> ModelResult:
    """The model of a text that is meant: see ``richc.compilation.choose``.  Raises RichError."""
    from richc.compilation import Refused, choose
    from richc.pipeline import analyse
    from richc.report.text import render_diagnostics

    try:
        return choose(analyse(text), model, allow_violations=allow_violations)
    except Refused as refused:
        raise RichError(render_diagnostics(refused.result, color=False)) from None
