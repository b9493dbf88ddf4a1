"""Memory that was freed goes back to the system."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ccdfx.night.graph.memory import return_memory


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.quick
@pytest.mark.skipif(sys.platform != "linux", reason="only the C library of Linux is asked")
def test_what_was_freed_is_given_back() -> None:
    arrays = [
        np.ones(1 << 13) for _ in range(1000)
    ]  # 64 kB each, which the C library keeps when they are freed
    del arrays[:-1]
    before = _resident()
    return_memory()
    assert _resident() <= before


@pytest.mark.quick
def test_other_systems_are_left_alone(monkeypatch) -> None:
    monkeypatch.setattr("ccdfx.night.graph.memory.sys.platform", "win32")
    monkeypatch.setattr("ccdfx.night.graph.memory.ctypes.CDLL", None)
    return_memory()
