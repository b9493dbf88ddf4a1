"""One writer at a time, in threads and in processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import FileError
from ccdfx.io.one_writer import one_writer

HOLD = """
import sys, time
from ccdfx.io.one_writer import one_writer
with one_writer(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
ADD = """
import sys, ccdfx
for number in map(int, sys.argv[2:]):
    ccdfx.update(sys.argv[1], ccdfx.Image([[7.0]], range=(number, number + 1, 0, 1)))
"""


def holder(path):
    """Start a process that holds a path."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.quick
def test_a_second_writer_in_this_process_is_refused(tmp_path):
    with one_writer(tmp_path):
        with pytest.raises(FileError, match=f"process {os.getpid()}"), one_writer(tmp_path, wait=False):
            pass
        with one_writer(tmp_path / "other", wait=False):
            pass
    with one_writer(tmp_path, wait=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_writer_in_another_process_is_named_and_its_death_frees_the_path(tmp_path):
    other = holder(tmp_path)
    with pytest.raises(FileError, match=f"process {other.pid} on "), one_writer(tmp_path, wait=False):
        pass
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    assert [path.name for path in tmp_path.iterdir()] == [".ccdfx-writer"]
    with one_writer(tmp_path, wait=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / ".ccdfx-writer").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="cannot be locked"), one_writer(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.quick
def test_updates_of_threads_are_all_kept(tmp_path):
    path = ccdfx.write(np.zeros((1, 40), "f4"), tmp_path / "a.fits")
    with ThreadPoolExecutor(4) as pool:
        parts = [ccdfx.Image([[1.0 + n]], range=(n, n + 1, 0, 1)) for n in range(40)]
        list(pool.map(lambda part: ccdfx.update(path, part), parts))
    assert ccdfx.read(path).array.ravel().tolist() == [1.0 + n for n in range(40)]
    assert [found.name for found in tmp_path.iterdir()] == ["a.fits"]


def test_updates_of_processes_are_all_kept(tmp_path):
    path = ccdfx.write(np.zeros((1, 60), "f4"), tmp_path / "a.fits")
    commands = [[sys.executable, "-c", ADD, str(path), *map(str, range(n, 60, 3))] for n in range(3)]
    running = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert (ccdfx.read(path).array == 7).all()
