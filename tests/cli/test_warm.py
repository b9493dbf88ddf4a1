"""`ccdfx warm`: after it, a night compiles nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccdfx.demo import warm
from ccdfx.demo.simulate import simulate_night


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The numbers of frames for which kernels were asked."""
    found: list[set[int]] = []

    def warm_kernels(counts, *, progress):
        found.append(set(counts))
        return warm.Warmed(Path("/cache"), 70, 60, 41.3)

    monkeypatch.setattr(warm, "warm_kernels", warm_kernels)
    return found


@pytest.mark.quick
def test_it_says_what_it_compiled(run, asked) -> None:
    done = run("warm")
    assert done.exit_code == 0 and done.stdout == ""
    assert done.stderr == "60 kernels compiled in 41 s, 70 are in /cache\n"
    assert asked == [set(range(2, 26))]
    facts = json.loads(run("warm", "--json").stdout)
    assert facts == {"folder": "/cache", "kernels": 70, "new": 60, "seconds": 41.3}


def test_the_numbers_of_frames_of_a_night_are_prepared_too(run, asked, tmp_path: Path) -> None:
    simulate_night(tmp_path, shape=(128, 128), filters=("R",), counts=(9, 5, 4, 6))
    assert run("warm", tmp_path, "--most", "3").exit_code == 0
    assert asked == [{2, 3, 4, 5, 6, 9}]
    assert run("warm", tmp_path / "absent").exit_code == run("warm", "--most", "0").exit_code == 2


@pytest.mark.slow
def test_a_night_compiles_nothing_after_it(tmp_path: Path) -> None:
    cache, turned, plain = (tmp_path / name for name in ("cache", "turned", "plain"))
    simulate_night(turned, seed=7, shape=(320, 256), counts=(9, 5, 5, 5))
    simulate_night(plain, seed=8, shape=(420, 450), filters=("R",), counts=(5, 9, 9, 5), overscan=0)

    def ccdfx(*arguments: object) -> str:
        command = [sys.executable, "-m", "ccdfx", *map(str, arguments)]
        variables = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
        done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cached() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}

    made = json.loads(ccdfx("warm", turned, "--most", "1", "--json"))
    before = cached()
    assert made["kernels"] == made["new"] == sum(name.endswith(".nbc") for name in before) > 50
    for night in (turned, plain):
        ccdfx("reduce", night, "-o", tmp_path / f"{night.name} reduced")
        after = cached()
        assert [name for name in after if name not in before] == []
        assert after == before
