"""The engine on processes of their own, one of which is killed in the middle."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx import registry
from ccdfx.testing import assert_same_image, check_engine, laws_of
from ccdfx_dask.engine import Options

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this module
FIELDS = ("value", "variance", "count", "rejected_low", "rejected_high", "flags", "exposure")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes, started again when one ends."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def dask(cluster: Any) -> Iterator[ccdfx.Engine]:
    """The engine on these processes, with tiles of a few rows."""
    with ccdfx.engine("dask", scheduler=cluster.scheduler_address, memory=2**19) as engine:
        yield engine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("frames")
    return [
        ccdfx.write(
            ccdfx.Image(
                rng.normal(1000, 30, (200, 300)).astype(np.uint16), {"EXPTIME": 30.0 + number, "GAIN": 1.5}
            ),
            folder / f"{number}.fits",
        )
        for number in range(9)
    ]


@pytest.fixture(scope="module")
def sources(files: list[Path]) -> list[Any]:
    return [ccdfx.open_source(path) for path in files]


def assert_same_stack(got: ccdfx.Stack, expected: ccdfx.Stack) -> None:
    for field in FIELDS:
        assert getattr(got, field).tobytes() == getattr(expected, field).tobytes(), field
    assert got.header == expected.header


def test_the_plugin_is_found_and_gives_an_engine() -> None:
    report = next(item for item in registry.plugins() if "ccdfx-dask" in item.name)
    assert report.problem is None and dict(report.provides) == {"engine": ("dask",)}


def test_looking_it_up_does_not_load_dask(tmp_path: Path) -> None:
    import subprocess

    code = "import sys; from ccdfx import registry; registry.lookup('engine', 'dask'); print('distributed' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_results_come_in_order_and_from_other_processes(dask: ccdfx.Engine) -> None:
    def slow_first(tile: int) -> tuple[int, int]:
        time.sleep(0.1 if tile == 0 else 0.0)
        return tile, os.getpid()

    results = list(dask.map(slow_first, range(30)))
    assert [tile for tile, _ in results] == list(range(30))
    processes = {process for _, process in results}
    assert len(processes) == 2 and os.getpid() not in processes


def test_few_tiles_are_in_flight_and_the_rest_is_drawn_as_they_finish(dask: ccdfx.Engine) -> None:
    drawn = []

    def tiles() -> Iterator[int]:
        for number in range(60):
            drawn.append(number)
            yield number

    results = dask.map(abs, tiles())
    assert next(results) == 0
    assert len(drawn) <= 2 * 3 * dask.threads
    assert list(results) == list(range(1, 60))
    assert list(dask.map(abs, [])) == []


def python_rule(grow: float = 1.5) -> ccdfx.Rejection:
    """A rule in plain Python that reads headers; neither it nor its functions have a name elsewhere."""

    def arrange(parameters: Any, facts: ccdfx.StackFacts) -> ccdfx.Arrangement:
        limit = 40 * facts.headers[0]["GAIN"]
        return ccdfx.Arrangement(select=lambda values: abs(values - 1000) > limit)

    return ccdfx.Rejection("mine", python_rule, arrange, {"grow": grow})


RULES = {
    "default": {},
    "of the detector, by keyword": {"reject": ccdfx.ccd_clip(gain="GAIN", readnoise=4.0)},
    "line by line": {"reject": ccdfx.average_sigma_clip()},
    "in Python, growing into neighbours": {"reject": python_rule()},
    "none, a median": {"reject": None, "average": ccdfx.median()},
    "scaled and displaced": {"scale": "median", "offsets": [(number * 1.5, number) for number in range(9)]},
    "an average in Python": {"average": lambda values: np.ma.mean(values, axis=0) + 1},
}


@pytest.mark.parametrize("options", RULES.values(), ids=RULES)
def test_the_same_bytes_as_in_this_process(
    dask: ccdfx.Engine, sources: list[Any], options: dict[str, Any]
) -> None:
    with ccdfx.engine("threads"):
        expected = ccdfx.stack(sources, **options)
    with ccdfx.engine(dask):
        got = ccdfx.stack(sources, **options)
    for field in FIELDS:
        mine, theirs = getattr(got, field), getattr(expected, field)
        assert (mine is None and theirs is None) or mine.tobytes() == theirs.tobytes(), field


def test_rules_of_plugins_are_found_on_the_workers(dask: ccdfx.Engine, sources: list[Any]) -> None:
    if "drop_brightest" not in registry.records("rejection"):
        pytest.skip("needs plugins/template")
    rule = registry.lookup("rejection", "drop_brightest").configure(count=2)
    expected = ccdfx.stack(sources, reject=rule)
    with ccdfx.engine(dask):
        assert_same_stack(ccdfx.stack(sources, reject=rule), expected)


# dask keeps connections for the next time, some more or less of them.
@pytest.mark.parametrize("law", sorted(set(laws_of("engine")) - {"nothing is left behind"}))
def test_it_obeys_the_laws_of_engines(dask: ccdfx.Engine, law: str) -> None:
    check_engine(dask, without=[other for other in laws_of("engine") if other != law], examples=5)


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
    assert int(killed.read_text()) != here and len(done) > 5
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

    from ccdfx_dask.errors import ClusterError

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


def test_leaving_early_drops_the_rest(dask: ccdfx.Engine, tmp_path: Path) -> None:
    def slow(tile: int) -> int:
        (tmp_path / str(tile)).touch()
        time.sleep(0.05)
        return tile

    results = dask.map(slow, range(1000))
    assert next(results) == 0
    results.close()
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) < 20


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
    small = dataclasses.replace(dask, map=dataclasses.replace(dask.map, options=Options(sent=20_000)))
    with ccdfx.engine(small):
        for got, wanted in zip(ccdfx.run(pipe, files), expected, strict=True):
            assert_same_image(got, wanted)
        held = dataclasses.replace(bias, name="bias")  # of no file
        with pytest.raises(ccdfx.ArgumentError, match="read_master"):
            list(ccdfx.run(ccdfx.step("subtract_bias", bias=held), files))
        with pytest.raises(ccdfx.ArgumentError, match="open_source"):
            list(ccdfx.run(ccdfx.step("to_electrons", gain=1.5), [noise]))


def test_a_master_that_changed_meanwhile_is_an_error(tmp_path: Path) -> None:
    from ccdfx_dask.packing import packed, unpacked

    path = ccdfx.write(np.random.default_rng(1).random((100, 100)), tmp_path / "flat.fits")
    data = packed(ccdfx.read_master(path))
    assert len(data) < 1000
    assert unpacked(data) == ccdfx.read_master(path)
    ccdfx.write(np.ones((100, 100)), path, overwrite=True)
    with pytest.raises(ccdfx.FileError, match=r"flat\.fits.*changed"):
        unpacked(data)


def test_what_cannot_be_sent_is_an_error(dask: ccdfx.Engine) -> None:
    lock = threading.Lock()
    with pytest.raises(ccdfx.ArgumentTypeError, match="cannot be sent"):
        list(dask.map(abs, [lock]))
    with pytest.raises(ccdfx.ArgumentTypeError, match="cannot be sent"):
        list(dask.map(lambda tile: lock, [1]))


def test_the_version_of_the_workers_must_be_that_of_the_client(
    cluster: Any, dask: ccdfx.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccdfx_dask import remote
    from ccdfx_dask.errors import ClusterError

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


def test_no_scheduler_and_no_workers() -> None:
    from distributed import LocalCluster

    from ccdfx_dask.errors import ClusterError

    nobody = ccdfx.engine("dask", scheduler="tcp://127.0.0.1:9", timeout=0.5)
    with pytest.raises(ClusterError, match="does not answer"), nobody:
        pass
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty:
        idle = ccdfx.engine("dask", scheduler=empty, timeout=0.5)
        with pytest.raises(ClusterError, match="no workers"), idle:
            pass


def test_a_scheduler_that_goes_away_is_an_error() -> None:
    from distributed import LocalCluster

    from ccdfx_dask.errors import ClusterError

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


def test_what_the_workers_lack_is_named(
    dask: ccdfx.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ccdfx_dask.errors import ClusterError

    (tmp_path / "only_here.py").write_text("def double(tile):\n    return 2 * tile\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    with pytest.raises(ClusterError, match=r"only_here.*plugins too"):
        list(dask.map(only_here.double, [1, 2]))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"scheduler": 8786}, ccdfx.ArgumentTypeError),
        ({"scheduler": "tcp://a:1", "workers": 2}, ccdfx.ArgumentError),
        ({"workers": 0}, ccdfx.ArgumentError),
        ({"workers": True}, ccdfx.ArgumentTypeError),
        ({"retries": -1}, ccdfx.ArgumentError),
        ({"sent": 1.5}, ccdfx.ArgumentTypeError),
        ({"timeout": 0}, ccdfx.ArgumentError),
        ({"timeout": float("nan")}, ccdfx.ArgumentError),
        ({"direct": 1}, ccdfx.ArgumentTypeError),
        ({"adress": "tcp://a:1"}, ccdfx.ArgumentTypeError),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error), ccdfx.engine("dask", **options):
        pass


def test_results_come_from_the_workers_past_the_scheduler(
    cluster: Any, dask: ccdfx.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**message: Any) -> None:
        raise AssertionError("the scheduler was asked for results")

    monkeypatch.setitem(cluster.scheduler.handlers, "gather", refused)
    assert list(dask.map(abs, range(-9, 0))) == list(range(9, 0, -1))


def test_the_engine_can_be_pickled_before_it_is_open() -> None:
    engine = registry.lookup("engine", "dask").configure(retries=1)
    assert pickle.loads(pickle.dumps(engine)).parameters == engine.parameters
    assert engine.parameters["retries"] == 1


def test_results_may_come_through_the_scheduler(cluster: Any) -> None:
    with ccdfx.engine("dask", scheduler=cluster, direct=False) as engine:
        assert list(engine.map(abs, range(-9, 0))) == list(range(9, 0, -1))


def test_processes_of_this_machine_come_and_go(sources: list[Any]) -> None:
    import psutil

    expected = ccdfx.stack(sources)
    with ccdfx.engine("dask", workers=1) as engine:
        assert engine.threads == 1
        (process,) = engine.map(lambda tile: os.getpid(), [0])
        assert_same_stack(ccdfx.stack(sources), expected)
    assert not psutil.pid_exists(process)


def run(*arguments: object) -> Any:
    from ccdfx.cli.group import commands

    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def test_combine_on_a_cluster(cluster: Any, files: list[Path], tmp_path: Path) -> None:
    assert run("combine", *files, "-o", tmp_path / "here.fits").exit_code == 0
    there = ("--engine", "dask", "--scheduler", cluster.scheduler_address, "--memory", 1)
    result = run("combine", *files, "-o", tmp_path / "there.fits", *there, "-v")
    assert result.exit_code == 0, result.stderr
    assert "/" in result.stderr and "tiles" in result.stderr
    assert (tmp_path / "here.fits").read_bytes() == (tmp_path / "there.fits").read_bytes()


def test_aligned_frames_are_not_for_a_cluster(files: list[Path], tmp_path: Path) -> None:
    result = run("combine", *files, "-o", tmp_path / "there.fits", "--engine", "dask", "--align")
    assert result.exit_code == 2 and "--align" in result.stderr


def test_a_scheduler_that_is_not_there_is_one_line(files: list[Path], tmp_path: Path) -> None:
    there = ("--engine", "dask:timeout=0.5", "--scheduler", "tcp://127.0.0.1:9")
    result = run("combine", *files, "-o", tmp_path / "there.fits", *there)
    assert (
        result.exit_code == 1
        and "does not answer" in result.stderr
        and not (tmp_path / "there.fits").exists()
    )


@pytest.mark.slow
def test_a_night_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    from ccdfx.demo.run import run_demo

    run_demo(tmp_path / "demo", check=False)
    night, here, there = tmp_path / "demo" / "night", tmp_path / "demo" / "reduced", tmp_path / "there"
    result = run("reduce", night, "-o", there, "--engine", "dask", "--scheduler", cluster.scheduler_address)
    assert result.exit_code == 0, result.stderr
    products = sorted(path.relative_to(here) for path in here.rglob("*.fits"))
    assert len(products) > 10
    for product in products:
        assert (here / product).read_bytes() == (there / product).read_bytes(), product
