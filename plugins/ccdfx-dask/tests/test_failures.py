"""What goes wrong on a cluster: workers that are killed, files, schedulers, versions."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ccdfx
from ccdfx_dask.errors import ClusterError


def test_a_worker_killed_in_the_middle_loses_nothing(
    dask: ccdfx.Engine, sources: list[Any], tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    def deadly(values: Any) -> Any:
        if not killed.exists() and os.getpid() != here:
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return np.ma.median(values, axis=0)

    here = os.getpid()
    expected = ccdfx.stack(sources, average=deadly)
    done = []

    def late(function: Any, tiles: Any) -> Iterator[Any]:
        for result in dask.map(function, tiles):
            done.append(result)
            yield result

    with ccdfx.engine(ccdfx.Engine("dask", late, dask.threads, dask.memory)):
        got = ccdfx.stack(sources, average=deadly)
    assert int(killed.read_text()) != here and len(done) > 1
    for field in ("value", "count", "flags"):
        assert getattr(got, field).tobytes() == getattr(expected, field).tobytes(), field


def test_the_only_worker_that_has_the_work_may_die(dask: ccdfx.Engine, tmp_path: Path) -> None:
    """Both processes end once, so that all that was sent is lost on the workers."""

    def deadly(tile: int) -> int:
        if tile in (3, 4) and not (tmp_path / str(tile)).exists():
            (tmp_path / str(tile)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return tile * 2

    assert list(dask.map(deadly, range(12))) == [2 * tile for tile in range(12)]


def test_a_tile_that_ends_every_worker_is_an_error(cluster: Any) -> None:
    def deadly(tile: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return tile

    allowed = cluster.scheduler.allowed_failures
    cluster.scheduler.allowed_failures = 0
    try:
        with ccdfx.engine("dask", scheduler=cluster) as engine:
            with pytest.raises(ClusterError, match="ended every worker"):
                list(engine.map(deadly, [1]))
            assert list(engine.map(abs, [-1, -2])) == [1, 2]
    finally:
        cluster.scheduler.allowed_failures = allowed


def test_an_error_of_a_tile_comes_back_as_it_was(
    dask: ccdfx.Engine, sources: list[Any], files: list[Path]
) -> None:
    def fails(tile: int) -> int:
        if tile == 3:
            raise ccdfx.FormatError("a.fits", "HDU 0: is odd", value=tile)
        return tile

    with pytest.raises(ccdfx.FormatError) as caught:
        list(dask.map(fails, range(100)))
    assert (caught.value.subject, caught.value.value) == ("a.fits", 3) and caught.value.remedy
    stamp = files[4].stat().st_mtime_ns
    os.utime(files[4], ns=(1, 1))
    try:
        with ccdfx.engine(dask), pytest.raises(ccdfx.FileError, match=r"4\.fits.*changed"):
            ccdfx.combine(sources)
    finally:
        os.utime(files[4], ns=(stamp, stamp))


def test_what_may_pass_is_tried_again(dask: ccdfx.Engine, tmp_path: Path) -> None:
    """Two attempts fail: once by a file server, once by an error that is none of ccdfx's."""

    def fails(tile: int) -> int:
        attempts = len(list(tmp_path.iterdir()))
        (tmp_path / str(attempts)).touch()
        if attempts == 0:
            raise ccdfx.FileError("a.fits", "cannot be read: stale file handle")
        if attempts == 1:
            raise OSError("stale file handle")
        return tile

    assert list(dask.map(fails, [7])) == [7]
    assert len(list(tmp_path.iterdir())) == 3


def test_what_does_not_pass_is_not_tried_again(dask: ccdfx.Engine, tmp_path: Path) -> None:
    def fails(tile: int) -> int:
        (tmp_path / str(time.monotonic_ns())).touch()
        raise ccdfx.ArgumentError("gain", "must be positive", value=-1)

    with pytest.raises(ccdfx.ArgumentError, match="gain"):
        list(dask.map(fails, [7]))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("address", ["foo", "", "ftp://host:1", "tcp://host"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    began = time.monotonic()
    with (
        pytest.raises(ClusterError, match="must be an address") as caught,
        ccdfx.engine("dask", scheduler=address),
    ):
        pass
    assert time.monotonic() - began < 10 and "tcp://host:8786" in str(caught.value)


def test_no_scheduler_and_no_workers() -> None:
    from distributed import LocalCluster

    nobody = ccdfx.engine("dask", scheduler="tcp://127.0.0.1:9", timeout=0.5)
    with pytest.raises(ClusterError, match="does not answer"), nobody:
        pass
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty:
        idle = ccdfx.engine("dask", scheduler=empty, timeout=0.5)
        with pytest.raises(ClusterError, match="no workers"), idle:
            pass


def test_a_scheduler_that_goes_away_is_an_error() -> None:
    from distributed import LocalCluster

    def slow(tile: int) -> int:
        time.sleep(0.05)
        return tile

    there = LocalCluster(n_workers=1, dashboard_address="127.0.0.1:0", silence_logs=50)
    with ccdfx.engine("dask", scheduler=there.scheduler_address) as engine:
        results = engine.map(slow, range(50))
        assert next(results) == 0
        there.close()
        with pytest.raises(ClusterError, match="went away"):
            list(results)


def test_the_version_of_the_workers_must_be_that_of_the_client(
    cluster: Any, dask: ccdfx.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccdfx_dask import remote

    own = ccdfx.__version__
    remote.version.cache_clear()
    monkeypatch.setattr(ccdfx, "__version__", "99.0", raising=False)
    try:
        words = rf"99\.0 \(got '{own}'\)"
        with pytest.raises(ClusterError, match=words), ccdfx.engine("dask", scheduler=cluster):
            pass
        # A worker that came after the connection was made.
        with pytest.raises(ClusterError, match=words):
            list(dask.map(abs, [1]))
    finally:
        remote.version.cache_clear()
        monkeypatch.undo()
    assert list(dask.map(abs, [-1])) == [1]


def test_what_the_workers_lack_is_named(
    dask: ccdfx.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def double(tile):\n    return 2 * tile\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    with pytest.raises(ClusterError, match=r"only_here.*plugins too"):
        list(dask.map(only_here.double, [1, 2]))
