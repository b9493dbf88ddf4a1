"""What moves between this process and the workers."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ccdfx
from ccdfx.testing import assert_same_image
from ccdfx_dask.options import Options
from ccdfx_dask.packing import packed, unpacked


def test_images_in_memory_are_sent_while_they_are_small(dask: ccdfx.Engine) -> None:
    frames = [np.full((40, 50), level, np.float32) for level in (1, 2, 6)]
    with ccdfx.engine(dask):
        assert (ccdfx.combine(frames, reject=None).array == 3).all()
        large = [np.random.default_rng(0).normal(size=(1000, 600)) for _ in range(3)]
        with pytest.raises(ccdfx.ArgumentError, match="open_source"):
            ccdfx.combine(large)


def test_frames_are_tasks_and_masters_are_read_by_the_workers(
    dask: ccdfx.Engine, files: list[Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(300, 5, (200, 300)) + rng.random((200, 300)) * 1e-9
    bias = ccdfx.read_master(ccdfx.write(noise, tmp_path / "bias.fits"))
    pipe = ccdfx.pipeline(ccdfx.step("subtract_bias", bias=bias), ccdfx.step("to_electrons", gain=1.5))
    expected = list(ccdfx.run(pipe, files))
    small = dataclasses.replace(dask, map=dataclasses.replace(dask.map.map, options=Options(sent=20_000)))
    with ccdfx.engine(small):
        for got, wanted in zip(ccdfx.run(pipe, files), expected, strict=True):
            assert_same_image(got, wanted)
        held = dataclasses.replace(bias, name="bias")  # of no file
        with pytest.raises(ccdfx.ArgumentError, match="read_master"):
            list(ccdfx.run(ccdfx.step("subtract_bias", bias=held), files))
        with pytest.raises(ccdfx.ArgumentError, match="open_source"):
            list(ccdfx.run(ccdfx.step("to_electrons", gain=1.5), [noise]))


def test_a_master_that_changed_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = ccdfx.write(np.random.default_rng(1).random((100, 100)), tmp_path / "flat.fits")
    data = packed(ccdfx.read_master(path))
    assert len(data) < 1000
    assert unpacked(data) == ccdfx.read_master(path)
    ccdfx.write(np.ones((100, 100)), path, overwrite=True)
    with pytest.raises(ccdfx.FileError, match=r"flat\.fits.*changed"):
        unpacked(data)


def test_a_master_goes_by_its_file_where_that_holds_all_of_it(tmp_path: Path) -> None:
    array = np.random.default_rng(1).random((100, 100))
    array[3, 4] = np.nan
    master = ccdfx.read_master(ccdfx.write(array, tmp_path / "flat.fits"))
    assert len(packed(master)) < 1000
    for change in ({"mask": array > 0.5}, {"variance": array * 0 + 1}, {"header": {"FILTER": "V"}}):
        other = dataclasses.replace(master, image=master.image.replace(**change))
        assert_same_image(unpacked(packed(other)).image, other.image)


def test_what_cannot_be_sent_is_an_error(dask: ccdfx.Engine) -> None:
    lock = threading.Lock()
    with pytest.raises(ccdfx.ArgumentTypeError, match="cannot be sent"):
        list(dask.map(abs, [lock]))
    with pytest.raises(ccdfx.ArgumentTypeError, match="cannot be sent"):
        list(dask.map(lambda tile: lock, [1]))


def test_results_come_from_the_workers_past_the_scheduler(
    cluster: Any, dask: ccdfx.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**message: Any) -> None:
        raise AssertionError("the scheduler was asked for results")

    monkeypatch.setitem(cluster.scheduler.handlers, "gather", refused)
    assert list(dask.map(abs, range(-9, 0))) == list(range(9, 0, -1))


def test_results_may_come_through_the_scheduler(cluster: Any) -> None:
    with ccdfx.engine("dask", scheduler=cluster, direct=False) as engine:
        assert list(engine.map(abs, range(-9, 0))) == list(range(9, 0, -1))
