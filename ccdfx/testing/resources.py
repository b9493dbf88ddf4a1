"""What a process holds open."""

from __future__ import annotations

import gc
import os
from contextlib import suppress


def open_files() -> int:
    """How many files this process has open; 0 on a system that does not say."""
    gc.collect()  # a file that only waits for the collector is not held
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(os.listdir(folder))
    return 0
