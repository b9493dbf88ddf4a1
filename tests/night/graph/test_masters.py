"""Masters that are shared: read once for one key, and not more than their share of memory."""

from __future__ import annotations

import errno
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ccdfx.errors import FileError
from ccdfx.io import read, write
from ccdfx.night.graph import masters
from ccdfx.night.graph.masters import forget_masters, load_master
from ccdfx.night.graph.record import KEY
from ccdfx.noise import ccd_noise
from ccdfx.operations.calibration.calibrate import calibrate
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.mapped import can_map, is_mapped
from ccdfx.testing.equality import assert_same_image


@pytest.fixture(autouse=True)
def reads(monkeypatch):
    """The masters that were read from their files, which are forgotten before and after."""
    import ccdfx.io

    seen = []
    plain = ccdfx.io.read_master
    monkeypatch.setattr("ccdfx.io.read_master", lambda path: seen.append(path.name) or plain(path))
    forget_masters()
    yield seen
    forget_masters()


def written(path, level):
    return write(Image(np.full((8, 8), level, np.float32)), path, overwrite=True)


@pytest.mark.quick
def test_a_master_is_read_once_for_its_key(tmp_path, reads):
    path = written(tmp_path / "bias.fits", 1.0)
    first = load_master(path, "1")
    assert load_master(path, "1") is first and reads == ["bias.fits"]
    written(path, 2.0)  # made again: another key
    assert load_master(path, "2").image.array[0, 0] == 2.0 and len(reads) == 2
    assert first.image.array[0, 0] == 1.0


def test_those_not_used_for_long_go_first(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(masters, "MEMORY", 2 * 8 * 8 * 4)
    paths = [written(tmp_path / f"{name}.fits", 1.0) for name in "abc"]
    for path in (*paths[:2], paths[0], paths[2]):
        load_master(path, "1")
    load_master(paths[0], "1")
    assert reads == ["a.fits", "b.fits", "c.fits"]
    load_master(paths[1], "1")
    assert reads[-1] == "b.fits"
    monkeypatch.setattr(masters, "MEMORY", 1)
    assert load_master(paths[2], "1") is load_master(paths[2], "1"), "the last one stays, however large"


def test_threads_that_want_one_share_it(tmp_path, reads):
    path = written(tmp_path / "bias.fits", 1.0)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_master(path, "1"), range(32)))
    assert len({id(one) for one in found}) == 1 and reads == ["bias.fits"]


def test_one_that_is_gone_is_said(tmp_path):
    with pytest.raises(FileError, match="gone"):
        load_master(tmp_path / "gone.fits", "1")


@pytest.mark.quick
def test_those_that_were_spared_come_back_unless_they_were_made_anew(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(masters, "_MUCH", 1)
    for name in ("bias", "dark", "flat"):
        write(Image(np.full((8, 8), 1.0, np.float32), Header({KEY: name})), tmp_path / f"{name}.fits")
        load_master(tmp_path / f"{name}.fits", name)
    masters.spare_masters()
    assert masters.kept_bytes() == 0
    write(Image(np.zeros((8, 8), np.float32), Header({KEY: "new"})), tmp_path / "dark.fits", overwrite=True)
    (tmp_path / "flat.fits").unlink()
    masters.restore_masters()
    assert masters.kept_bytes() == 8 * 8 * 4
    count = len(reads)
    assert load_master(tmp_path / "bias.fits", "bias").image.array[0, 0] == 1.0 and len(reads) == count
    masters.restore_masters()
    assert len(reads) == count


@pytest.mark.quick
@pytest.mark.skipif(not can_map(Path.cwd(), 1), reason="the system has no files without a name")
def test_large_ones_take_no_memory_and_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(masters, "_LARGE", 1)
    planes = np.random.default_rng(1).uniform(1, 2, (2, 40, 50)).astype(np.float32)
    path = write(Image(planes[0], mask=planes[0] > 1.9, variance=planes[1]), tmp_path / "flat.fits")
    size = path.stat().st_size
    plain, kept = read(path), load_master(path, "1").image
    assert masters.kept_bytes() == masters.expected_bytes(path, size) == 0 and is_mapped(kept.variance[3:])
    assert [entry.name for entry in tmp_path.iterdir()] == ["flat.fits"]
    frame = Image(np.full((40, 50), 700, np.uint16))
    made = [calibrate(frame, bias=flat, flat=flat, noise=ccd_noise(1.5, 5.0)) for flat in (plain, kept, kept)]
    for one in made:
        assert_same_image(one, made[0])
    masters.release_masters()
    assert_same_image(kept, plain)
    monkeypatch.setattr(masters, "_MOST_FILES", 1)
    load_master(path, "2")
    assert list(masters._kept) == [(str(path), "2")], "each file takes a handle"


def test_large_ones_stay_in_memory_where_the_disk_takes_no_such_file(tmp_path, monkeypatch):
    monkeypatch.setattr(masters, "_LARGE", 1)
    path = written(tmp_path / "bias.fits", 1.0)

    def full(image, folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(masters, "mapped", full)
    assert load_master(path, "1").image.array[0, 0] == 1.0 and masters.kept_bytes() == 8 * 8 * 4
    monkeypatch.setattr("ccdfx.records.mapped._ROOM", math.inf)
    assert masters.expected_bytes(path, 1000) == 1000
