"""``richc check --watch``: check what changes, until Ctrl-C."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from richc.cli.inputs import STDIN, SUFFIX, NoInput, files, read
from richc.diagnostics import RichError
from richc.pipeline import FileResult, analyse_source
from richc.report import Options, renderer
from richc.syntax.source import Source, printable
from richc.words import counted

#: Milliseconds after which files are looked at even if nothing was heard of them.
_PATIENCE = 1000

#: What tells two states of a file apart; None: it is not there.
Stamp = tuple[int, int, int] | None


class Watch:
    """The last result of every file, and what was last seen of it."""

    def __init__(
        self,
        paths: Sequence[str],
        output_format: str,
        options: Options,
        codes: frozenset[str] | None,
        model: str | None,
    ) -> None:
        if STDIN in paths:
            raise click.UsageError("--watch takes files and folders, not standard input")
        if output_format not in ("text", "concise"):
            raise click.UsageError(f"--watch prints text or concise, not {output_format}")
        self._paths = paths
        self._render = renderer(output_format)
        self._options = options
        self._codes = codes
        self._model = model
        self._redraws = sys.stdout.isatty()
        self._stamps: dict[str, Stamp] = {}
        self._results: dict[str, FileResult] = {}

    def run(self) -> None:
        """Check until interrupted.  Raises RichError."""
        try:
            from watchfiles import watch
        except ImportError:
            raise RichError("--watch needs watchfiles: pip install 'richc[watch]'") from None
        try:
            self._first()
            folders, recursive = self._folders()
            self._follow(
                watch(
                    *folders,
                    # Another program's files in the same folders wake nobody.
                    watch_filter=self._concerns,
                    recursive=recursive,
                    step=20,
                    debounce=400,
                    rust_timeout=_PATIENCE,
                    yield_on_timeout=True,
                    ignore_permission_denied=True,
                )
            )
        except KeyboardInterrupt:
            pass  # That is how it ends.

    def _first(self) -> None:
        self._look(list(files(self._paths)))
        self._show(self._results)

    def _follow(self, wakes: Iterator[set[tuple[Any, str]]]) -> None:
        searches = 2
        for events in wakes:
            # Folders are searched when something happened in one, and once more: nobody listens
            # before the first wake, nor to a new folder just after it was made.  Known files are
            # looked at each time: that finds what changed where no event ever comes.
            searches = 2 if events else searches - 1
            known = list(self._results)
            try:
                found = list(files(self._paths)) if searches > 0 else known
            except NoInput:
                found = [path for path in known if os.path.lexists(path)]
            changed = self._look(found)
            if changed:
                self._show(changed)

    def _folders(self) -> tuple[set[str], bool]:
        """Folders to listen to, and whether to the ones inside.

        Editors replace files, so that a file is followed by its folder.
        """
        given = {path for path in self._paths if os.path.isdir(path)}
        others = {os.path.dirname(path) or "." for path in self._paths if path not in given}
        return given | others, bool(given)

    def _concerns(self, _: Any, path: str) -> bool:
        name = os.path.basename(path)
        return (
            name.endswith(SUFFIX)
            or any(os.path.basename(given) == name for given in self._paths)
            or os.path.isdir(path)
        )

    def _look(self, paths: Iterable[str]) -> Mapping[str, FileResult | None]:
        """Check what has changed since the last look; None stands for a file that is gone."""
        stamps = {path: _stamp(path) for path in paths}
        changed = {p for p, s in stamps.items() if p not in self._stamps or self._stamps[p] != s}
        gone = sorted(self._stamps.keys() - stamps.keys())
        if changed or gone:
            # A model may be held against one of another file.
            changed |= {p for p, r in self._results.items() if p in stamps and _looks_elsewhere(r)}
        self._results = {p: self._check(p) if p in changed else self._results[p] for p in stamps}
        self._stamps = stamps
        shown: dict[str, FileResult | None] = {p: self._results[p] for p in stamps if p in changed}
        return shown | dict.fromkeys(gone)

    def _check(self, path: str) -> FileResult:
        item = read(path, path)
        if not isinstance(item, Source):
            return FileResult(Source(item.path, ""), (), (item.diagnostic,))
        result = analyse_source(item)
        if self._model is not None:
            result = result.only(self._model)
        return result if self._codes is None else result.of_rules(self._codes)

    def _show(self, changed: Mapping[str, FileResult | None]) -> None:
        """On a terminal everything anew; elsewhere what changed, below what was."""
        if self._redraws:
            click.clear()
            changed = self._results
        for path, result in changed.items():
            if result is None:
                click.echo(f"{printable(path)}: gone")
        shown = [result for result in changed.values() if result is not None]
        if shown:
            for chunk in self._render(shown, self._options):
                click.echo(chunk, nl=False, color=self._options.color)
        watched = counted(len(self._results), "file")
        click.echo(f"watching {watched}; Ctrl-C ends", err=True)


def _looks_elsewhere(result: FileResult) -> bool:
    """Whether the verdict on a file may depend on other files."""
    return any(r.kind == "equivalent" for model in result.models for r in model.spec.requirements)


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
