"""Memory that a training takes again and again stays with the process."""

from __future__ import annotations

import ctypes
import os

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
