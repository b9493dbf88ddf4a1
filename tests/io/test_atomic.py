"""Files appear whole or not at all, and an existing file is never lost."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ccdfx.errors import FileError, OutputExistsError
from ccdfx.io import atomic_path, read, write
from ccdfx.records.image import Image

SUFFIXES = (".fits", ".fits.gz", ".fits.fz", ".npz")
OLD, NEW = Image(np.full((50, 60), 1.0)), Image(np.full((50, 60), 2.0))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.quick
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write(OLD, path)
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match="exists already"):
        write(NEW, path)
    assert path.read_bytes() == before
    assert write(NEW, path, overwrite=True) == path
    assert read(path).array[0, 0] == 2
    assert names(tmp_path) == [path.name]


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path: Path, monkeypatch) -> None:
    sync = os.fsync

    def no_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", no_folders)
    assert write(NEW, tmp_path / "a.fits").exists() and names(tmp_path) == ["a.fits"]


def test_refusal_comes_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OutputExistsError), atomic_path(tmp_path / "a.txt"):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    (tmp_path / "a.txt").write_text("old")
    with (
        pytest.raises(FileError if failure is OSError else failure),
        atomic_path(tmp_path / "a.txt", True) as path,
    ):
        path.write_text("half")
        raise failure("stop")
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_what_fails_with_another_file_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "a.txt"):
        (tmp_path / "input.txt").read_text()
    assert not isinstance(caught.value, FileError)


def test_a_file_that_came_meanwhile_is_not_lost(tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError, match="came into being"), atomic_path(tmp_path / "a.txt") as path:
        path.write_text("mine")
        (tmp_path / "a.txt").write_text("theirs")
    assert (tmp_path / "a.txt").read_text() == "theirs"
    assert names(tmp_path) == ["a.txt"]


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "a.txt", tmp_path / "link.txt"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with atomic_path(link, overwrite=True) as path:
        path.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "b.txt") as path:
            path.write_text("new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "b.txt").stat().st_mode) == 0o640


def test_what_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "folder.fits").mkdir()
    (tmp_path / "loop.fits").symlink_to(tmp_path / "loop.fits")
    for path in ("pipe.fits", "folder.fits", "loop.fits", "no/such/folder/a.fits", "pipe.fits/a.fits"):
        for overwrite in (False, True):
            with pytest.raises(FileError) as caught:
                write(NEW, tmp_path / path, overwrite=overwrite)
            assert caught.value.subject == str(tmp_path / path)
    with pytest.raises(FileError):
        write(NEW, "/dev/null.fits" if os.geteuid() else "/proc/a.fits")


def test_long_names_are_written(tmp_path: Path) -> None:
    path = write(NEW, tmp_path / f"{'n' * 250}.fits")
    assert read(path).shape == NEW.shape


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files fails writes as a full disk does."""
    path = write(OLD, tmp_path / f"a{suffix}")
    before = path.read_bytes()
    noise = Image(np.random.default_rng(0).normal(size=(300, 300)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(FileError, match="cannot be written") as caught:
            write(noise, path, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.subject == str(path)
    assert path.read_bytes() == before
    assert names(tmp_path) == [path.name]


_WRITER = """
import sys, numpy as np
from ccdfx.io import write
from ccdfx.records.image import Image
image = Image(np.full((1500, 1500), 2.0))
print("ready", flush=True)
while True:
    write(image, sys.argv[1], overwrite=True)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = write(Image(np.full((1500, 1500), 1.0)), tmp_path / "a.fits")
    rng = np.random.default_rng(2)
    for _ in range(12):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        array = read(path).array
        assert array[0, 0] in (1, 2)
        assert (array == array[0, 0]).all()
        assert [name for name in names(tmp_path) if not name.startswith(".")] == ["a.fits"]


def test_readers_see_one_version_while_writers_replace_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    write(Image(np.full((200, 200), 0.0), {"N": 0}), path)
    stop = threading.Event()

    def replace() -> None:
        for n in range(1, 60):
            write(Image(np.full((200, 200), float(n)), {"N": n}), path, overwrite=True)
        stop.set()

    writer = threading.Thread(target=replace)
    writer.start()
    seen = 0
    while not stop.is_set():
        image = read(path)
        assert (image.array == image.header["N"]).all()
        seen += 1
    writer.join()
    assert seen > 5
