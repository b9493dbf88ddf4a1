"""Two runs into one output at the same time: one is refused with the process of the other, or follows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ccdfx.demo.simulate import simulate_night

TRIES = 4


@pytest.mark.slow
def test_two_runs_never_mix_their_files(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    simulate_night(raw, seed=1, shape=(128, 128), filters=("V",), counts=(2, 2, 2, 2))
    command = [sys.executable, "-m", "ccdfx", "reduce", str(raw), "-o"]
    refused = 0
    for number in range(TRIES):
        out = tmp_path / f"out{number}"
        runs = [
            subprocess.Popen([*command, str(out), *options], stderr=subprocess.PIPE, text=True)
            for options in ((), ("--only", "masters"))
        ]
        ends = [(run.communicate()[1], run.returncode, run.pid) for run in runs]
        for (said, status, _), (_, _, other) in zip(ends, reversed(ends), strict=True):
            assert status == 0 or (status == 1 and str(other) in said), said
            refused += status == 1
        assert any(status == 0 for _, status, _ in ends)
        verified = subprocess.run(
            [sys.executable, "-m", "ccdfx", "verify", str(out)], capture_output=True, text=True, check=False
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
    assert refused
