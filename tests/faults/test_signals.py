"""Signals at any moment: all three end a command alike, nothing is torn, and what a killed one left is removed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import FileError
from ccdfx.io.leftovers import is_orphan, remove_orphans, temporary_folder, temporary_name
from ccdfx.io.one_writer import one_writer

CCDFX = [sys.executable, "-m", "ccdfx"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TRIES = 4
"""Random moments for each signal."""
SLEEPS = """
import os, signal, sys, time, weakref
from ccdfx.cli.signals import end_on_signals
end_on_signals()
class Thing:
    pass
def collected(_):
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(20)
thing = Thing()
reference = weakref.ref(thing, collected)
del thing
"""


@pytest.fixture(autouse=True)
def signals_as_usual():
    """A shell that started the tests in the background had its children ignore an interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ccdfx.demo.simulate import simulate_night

    directory = tmp_path_factory.mktemp("night")
    simulate_night(directory, shape=(128, 128), filters=("V",), counts=(3, 2, 3, 12))
    return directory


@pytest.mark.quick
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_not_swallowed_where_python_swallows_exceptions(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLEEPS, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
    )
    assert (done.returncode, done.stderr) == (128 + number, f"ccdfx: ended by {number.name}\n")


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    script = "import os, signal; from ccdfx.cli.signals import end_on_signals; end_on_signals(); os.kill(os.getpid(), signal.SIGHUP); print('on')"
    command = [
        sys.executable,
        "-c",
        f"import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.executable, [sys.executable, '-c', {script!r}])",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert (done.returncode, done.stdout) == (0, "on\n")


def end_at(command: list[str], output: Path, number: signal.Signals, moment: float) -> None:
    """Run a command, send it a signal after some seconds, and check what it leaves."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(moment)
        ended = running.poll() is None
        running.send_signal(number)
        _out, said = running.communicate(timeout=60)
    assert "Traceback" not in said and "Exception" not in said, said
    if ended and running.returncode != 0:  # it may come after the end of the work, or before Python has begun
        assert running.returncode in (128 + number, -number), said
        lines = said.splitlines()
        assert running.returncode == -number or lines[-1:] == [f"ccdfx: ended by {number.name}"], said
    assert not list(output.rglob(".ccdfx-*"))
    for path in output.rglob("*.fits"):
        ccdfx.read(path)  # whole, with checksums that agree


def seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["threads", "dask"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_any_moment(night: Path, tmp_path: Path, number: signal.Signals, engine: str) -> None:
    if engine == "dask":
        pytest.importorskip("ccdfx_dask")
    rng = random.Random(int(number))
    options = ["--engine", engine] if engine == "dask" else []
    whole = [*CCDFX, "reduce", str(night), "-q", *options, "--overwrite", "-o", str(tmp_path / "whole")]
    length = [seconds_of(whole) for _ in range(2)][1]  # the first one may compile kernels
    for attempt in range(TRIES if engine == "threads" else TRIES // 2):
        output = tmp_path / f"out{attempt}"
        command = [*CCDFX, "reduce", str(night), "-o", str(output), "-q", *options]
        end_at(command, output, number, rng.uniform(0.2, length))


def dead_process() -> int:
    """Return the number of a process that has ended."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys, numpy\n"
        "from ccdfx.io.atomic import atomic_path\nfrom ccdfx.io.leftovers import temporary_folder\n"
        "with atomic_path(sys.argv[1] + '/a.fits') as path, temporary_folder(sys.argv[1]) as folder:\n"
        "    path.write_bytes(b'half'); (folder / '1.fits').write_bytes(b'frame'); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    left = sorted(tmp_path.iterdir())
    assert done.returncode == -9 and len(left) == 2 and all(is_orphan(path.name) for path in left)
    ccdfx.write(np.zeros((2, 2)), tmp_path / "b.fits")
    assert [path.name for path in tmp_path.iterdir()] == ["b.fits"]


SIGNALLED = """
import fcntl, os, signal, sys
from ccdfx.cli.signals import end_on_signals
from ccdfx.io.one_writer import one_writer
end_on_signals()
take = fcntl.lockf
def signalled(handle, kind):  # the file is made, and not yet locked
    fcntl.lockf = take
    os.kill(os.getpid(), int(sys.argv[2]))
    take(handle, kind)
fcntl.lockf = signalled
with one_writer(sys.argv[1]):
    sys.exit(5)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_lock_whose_maker_is_killed_before_it_holds_it_is_removed(
    tmp_path: Path, number: signal.Signals
) -> None:
    """By its process, or where that cannot by the next that writes into the folder; a lock that is held stays."""
    path = ccdfx.write(np.zeros((2, 2)), tmp_path / "a.fits")
    command = [sys.executable, "-c", SIGNALLED, str(path), str(int(number))]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == (143 if number == signal.SIGTERM else -number), done.stderr
    left = [] if number == signal.SIGTERM else [".a.fits.ccdfx-writer"]
    assert [found.name for found in tmp_path.iterdir() if found != path] == left
    remove = "import sys; from ccdfx.io.leftovers import remove_orphans; remove_orphans(sys.argv[1])"
    with one_writer(tmp_path):
        subprocess.run([sys.executable, "-c", remove, str(tmp_path)], check=True)
        assert sorted(found.name for found in tmp_path.iterdir()) == [".ccdfx-writer", "a.fits"]
        remove_orphans(f"{tmp_path}/")  # this process, which would give up the lock by closing its file
        subprocess.run([sys.executable, "-c", remove, str(tmp_path)], check=True)
        assert (tmp_path / ".ccdfx-writer").exists(), "it is held"
    assert [found.name for found in tmp_path.iterdir()] == ["a.fits"]


def test_what_a_living_process_or_another_host_writes_stays(tmp_path: Path) -> None:
    own, gone = temporary_name("a.fits"), str(dead_process())
    host, mine = own.split("-")[1], str(os.getpid())
    foreign = own.replace(f"-{host}-{mine}-", f"-another-{gone}-")
    orphan = own.replace(f"-{mine}-", f"-{gone}-")
    others = (own, foreign, ".ccdfx-notes", f".ccdfx-{host}-x-0123456789ab-a", f".ccdfx-{host}-{gone}-a.fits")
    for name in (*others, orphan):
        (tmp_path / name).write_bytes(b"")
    link = tmp_path / orphan.replace("a.fits", "link")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"")
    link.symlink_to(tmp_path / "kept")
    with temporary_folder(tmp_path) as folder:
        assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "kept"])
    assert (tmp_path / "kept" / "file").exists()


def test_a_place_that_holds_no_temporary_folder_is_named(tmp_path):
    with (
        pytest.raises(FileError, match="cannot hold a temporary folder: No such file") as caught,
        temporary_folder(tmp_path / "missing"),
    ):
        pass
    assert caught.value.remedy == "choose a folder that you may write to"
