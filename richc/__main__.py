"""The ``richc`` command."""

from __future__ import annotations

import errno
import gc
import sys


def main() -> None:
    """Run the command line; leave with its exit code.

    That is 2 for an output that cannot be written, and 3 for a bug of ours.
    """
    # Imports make no garbage, and collecting none of it saves a tenth of the start-up time.
    gc.disable()
    from richc.cli.main import cli

    gc.freeze()
    gc.enable()
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from richc.cli.streams import reopen

        reopen()
    output = sys.stdout
    for stream in (output, sys.stderr):
        # A terminal without μ or Δ still gets its message.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            cli(prog_name="richc")
        finally:
            # click puts another in its place where nobody reads it, and leaves with 1.
            is_unread = sys.stdout is not output
            sys.stdout = output
            if not output.closed:  # as the language server leaves it
                output.flush()
            if is_unread:
                raise BrokenPipeError(errno.EPIPE, "nobody reads it")
    except OSError as error:
        from richc.cli.streams import fail

        fail(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
        import os
        import traceback

        if os.environ.get("RICHC_DEBUG"):
            traceback.print_exc()
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(
            f"error: internal error: {type(error).__name__} in {where.name}: {error}\n"
            "This is a bug of richc: please report it with the input that caused it "
            "(RICHC_DEBUG=1 shows the traceback).\n"
        )
        sys.exit(3)


if __name__ == "__main__":
    main()
