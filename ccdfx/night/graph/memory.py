"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def return_memory() -> None:
    """Give freed memory back to the system, where the C library is one that keeps it and can do so.

    Products of one kind use it again; others need arrays of other sizes, for which pieces of it do not serve.

    >>> return_memory()
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
