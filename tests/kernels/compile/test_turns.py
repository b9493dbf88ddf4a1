"""Turns of processes that need the same kernel."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ccdfx.kernels.compile import turns

OTHER = """
import pathlib, runpy, sys
turn = runpy.run_path({file!r})["Turn"]()
turn.take(pathlib.Path({folder!r}), "a kernel")
print("has it", flush=True)
sys.stdin.readline()
"""


def test_a_turn_is_of_one_process_and_one_kernel_and_ends_with_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "_LONGEST", 0.05)
    script = OTHER.format(file=turns.__file__, folder=str(tmp_path))
    turn = turns.Turn()
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "has it\n"
        turn.take(tmp_path, "a kernel")  # waits in vain, and goes on without
        assert turn._held is None
        turn.take(tmp_path, "another kernel")
        assert turn._held is not None
        other.kill()
    turn.take(tmp_path, "a kernel")
    assert turn._held is not None
    turn.release()
    turn.release()


@pytest.mark.quick
def test_a_folder_that_cannot_be_locked_gives_no_turn(tmp_path):
    turn = turns.Turn()
    turn.take(tmp_path / "absent", "a kernel")
    assert turn._held is None
