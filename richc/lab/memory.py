"""The memory that trainings take: whether there is enough, and that it stays with the process."""

from __future__ import annotations

import ctypes
import os

from richc.diagnostics import RichError

#: Parameters of glibc's mallopt, from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep() -> None:
    """What is freed is kept for what comes next, until the process ends.

    By default glibc's malloc gives large tensors back to the system, which fills them with zeros
    page by page when the next ones are made: networks of width 4096 spend nearly half of their
    time so.  For processes of our own only; where malloc is another one, nothing is done.
    """
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_MAX, 0)
    # -1: never.
    mallopt(_M_TRIM_THRESHOLD, -1)


def require(wanted: int, who: str, instead: str) -> None:
    """Raises RichError where ``who`` want more bytes than most of this machine's.

    ``instead`` says what to choose then.
    """
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if wanted > 0.8 * has:
        raise RichError(
            f"{who} need about {wanted / 2**30:.0f} GiB, and there are {has / 2**30:.0f}: {instead}"
        )
