"""Keeps freed memory in the process: without that a full-size edit spends as long on page faults as on arithmetic."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
"""glibc's names for `mallopt`, from its malloc.h."""
KEPT_BYTES = 2**31 - 1
"""Freed memory beyond this goes back to the system."""


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep what is freed, for every thread; to be called before the first large tensor.

    By default it maps every large tensor anew and gives it back at once, so that the system clears each page again.

    Returns:
        Whether the settings were accepted; False on other systems, which are left as they are.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # one arena: the others are too small for such tensors
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, KEPT_BYTES), (_TOP_PAD, 2**26), (_ARENA_MAX, 1))
    return all([mallopt(name, value) for name, value in settings])


def return_freed_memory() -> None:
    """Give what is kept back to the system, when nothing is computed for a while. Does nothing on other systems."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
