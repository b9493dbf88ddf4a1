"""Number of files that the process has open."""

from __future__ import annotations

import gc
import os
from contextlib import suppress


def open_files() -> int:
    """Count the open files of this process; 0 where the system does not list them."""
    gc.collect()  # close files of unreachable objects first
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(os.listdir(folder))
    return 0
