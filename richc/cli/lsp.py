"""``richc lsp``: the language server, for editors."""

from __future__ import annotations

from importlib.util import find_spec

import click

from richc.diagnostics import RichError

NO_PYGLS = 'the language server needs pygls, which is not installed: pip install "richc[lsp]"'


@click.command("lsp", short_help="Serve an editor (language server).")
@click.option("--stdio", is_flag=True, help="Speak on standard streams, as it always does.")
def command(stdio: bool) -> None:
    """Check .rich files while they are typed: a language server on standard input and output.

    An editor starts it. It reports what `richc check` finds, and offers hover, inlay hints, quick
    fixes, completion, go to definition and an outline.
    """
    del stdio  # editors pass it to any server
    if find_spec("pygls") is None:
        raise RichError(NO_PYGLS)
    from richc.editor.server import run

    try:
        run()
    except OSError as error:
        raise RichError(f"standard input or output: {error.strerror or error}") from None
