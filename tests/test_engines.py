"""Where tiles run."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import pickle
import sys
import threading
import time

import numpy as np
import pytest

import ccdfx
from ccdfx.engines import (
    ENGINES,
    Engine,
    cpu_quota,
    current_engine,
    engine,
    made_ahead,
    map_serially,
    threads_engine,
    usable_processors,
)


@pytest.mark.quick
def test_results_come_in_order_however_long_each_takes():
    def slow_first(tile):
        time.sleep(0.02 if tile == 0 else 0.0)
        return tile * 2

    with engine(threads=4) as chosen:
        assert list(chosen.map(slow_first, range(20))) == [2 * i for i in range(20)]


def test_few_tiles_are_in_flight_and_the_rest_is_drawn_as_they_finish():
    drawn = []

    def tiles():
        for i in range(50):
            drawn.append(i)
            yield i

    results = threads_engine(2).map(lambda tile: tile, tiles())
    assert next(results) == 0
    assert len(drawn) <= 5
    assert list(results) == list(range(1, 50))


def test_an_error_in_a_tile_reaches_the_caller_and_no_thread_stays():
    def fails(tile):
        if tile == 3:
            raise ccdfx.FileError("a.fits", "cannot be read")
        return tile

    before = threading.active_count()
    with pytest.raises(ccdfx.FileError, match="cannot be read"):
        list(threads_engine(3).map(fails, range(100)))
    assert threading.active_count() == before


@pytest.mark.quick
def test_the_innermost_block_counts_and_ends():
    outside = current_engine()
    with engine(threads=3) as outer:
        assert current_engine() is outer
        with engine(memory=1000) as inner:
            assert (inner.threads, inner.memory) == (3, 1000)
        assert current_engine() is outer
    assert current_engine() is outside


def test_the_block_ends_on_an_error_too():
    outside = current_engine()
    with pytest.raises(RuntimeError), engine(threads=3):
        raise RuntimeError
    assert current_engine() is outside


def test_threads_of_other_threads_are_their_own():
    seen = []
    with engine(threads=7):
        thread = threading.Thread(target=lambda: seen.append(current_engine().threads))
        thread.start()
        thread.join()
    assert seen == [ENGINES[0].threads]


def test_an_engine_by_name_and_an_unknown_one():
    with engine("threads", threads=1) as chosen:
        assert chosen.name == "threads"
    with pytest.raises(ccdfx.UnknownNameError, match="threads"), engine("no such engine"):
        pass


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"threads": 0}, ccdfx.ArgumentError),
        ({"threads": -1}, ccdfx.ArgumentError),
        ({"threads": True}, ccdfx.ArgumentTypeError),
        ({"threads": 1.5}, ccdfx.ArgumentTypeError),
        ({"memory": 0}, ccdfx.ArgumentError),
        ({"memory": "512 MB"}, ccdfx.ArgumentTypeError),
        ({"name": 3}, ccdfx.ArgumentTypeError),
        ({"scheduler": "tcp://host:8786"}, ccdfx.ArgumentTypeError),
    ],
)
def test_nonsense_is_refused(options, error):
    with pytest.raises(error), engine(**options):
        pass


def test_threads_of_an_engine_that_has_no_such_thing():
    with pytest.raises(ccdfx.ArgumentError, match="single"), engine(Engine("single"), threads=2):
        pass


def test_an_engine_can_be_pickled():
    copy = pickle.loads(pickle.dumps(threads_engine(2)))
    assert (copy.name, copy.threads, list(copy.map(abs, [-1]))) == ("threads", 2, [1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_combining_works_in_a_forked_child():
    frames = [np.full((300, 700), float(i)) for i in range(3)]
    with engine(threads=2):
        ccdfx.combine(frames, reject=None)
    with pytest.warns(DeprecationWarning) if threading.active_count() > 1 else contextlib.nullcontext():
        child = os.fork()
    if child == 0:  # in the child: no pytest, only an exit status
        try:
            with engine(threads=2):
                ok = bool((ccdfx.combine(frames, reject=None).array == 1.0).all())
        except BaseException:
            ok = False
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _pickled(function, tiles):
    """An engine that shares nothing: function and tiles travel as bytes, as to another machine."""
    for tile in tiles:
        copied, own = pickle.loads(pickle.dumps((function, tile)))
        yield pickle.loads(pickle.dumps(copied(own)))


@pytest.mark.parametrize("where", ["one thread", "two threads", "eight threads", "small memory", "elsewhere"])
def test_same_bytes_wherever_tiles_run(where):
    rng = np.random.default_rng(0)
    frames = [
        ccdfx.Image(rng.normal(100, 9, (257, 131)).astype("f4"), mask=rng.random((257, 131)) < 0.1)
        for _ in range(6)
    ]
    options = {"reject": ccdfx.mad_clip(low=2, high=2)}
    with engine(Engine("serial", map_serially)):
        expected = ccdfx.stack(frames, **options)
    chosen = {
        "one thread": threads_engine(1),
        "two threads": threads_engine(2),
        "eight threads": threads_engine(8),
        "small memory": threads_engine(2, memory=2 * 131 * 8 * 6 * 3),
        "elsewhere": Engine("elsewhere", _pickled),
    }[where]
    with engine(chosen):
        got = ccdfx.stack(frames, **options)
    for field in ("value", "variance", "count", "rejected_low", "rejected_high", "flags"):
        assert getattr(got, field).tobytes() == getattr(expected, field).tobytes(), field


def test_an_engine_may_be_wrapped_to_count_tiles():
    counted = []

    def counting(function, tiles):
        for result in map_serially(function, tiles):
            counted.append(1)
            yield result

    with engine(dataclasses.replace(current_engine(), map=counting)):
        ccdfx.combine([np.ones((2000, 600))] * 2)
    assert len(counted) > 1


def counting_engine(log, workers=1):
    """An engine with an option, which logs when it is opened and closed."""

    @contextlib.contextmanager
    def opened():
        log.append(f"open {workers}")
        try:
            yield Engine("counted", threads=workers)
        finally:
            log.append("close")

    def factory(workers):
        return counting_engine(log, workers)

    return Engine("counted", parameters={"workers": workers}, factory=factory, open=opened)


def test_an_engine_is_configured_and_open_for_the_outermost_block():
    log = []
    with engine(counting_engine(log), workers=3, memory=1000) as outer:
        assert (outer.threads, outer.memory, log) == (3, 1000, ["open 3"])
        with engine(memory=500) as inner:
            assert (inner.threads, inner.memory) == (3, 500)
        assert log == ["open 3"]
    assert log == ["open 3", "close"]


def test_an_engine_refuses_an_option_that_it_does_not_have():
    with pytest.raises(ccdfx.ArgumentTypeError, match=r"workers.*'wrokers'.*did you mean 'workers'"):
        counting_engine([]).configure(wrokers=3)


def test_an_engine_is_closed_after_a_wrong_limit():
    log = []
    with pytest.raises(ccdfx.ArgumentError), engine(counting_engine(log), memory=0):
        pass
    assert log == ["open 1", "close"]


FRAMES = [np.random.default_rng(seed).normal(1000, 20, (90, 70)).astype(np.uint16) for seed in range(7)]


def stored(folder, kind):
    """Sources of files: plain, compressed, or with flags and variance."""
    sources = []
    for number, array in enumerate(FRAMES):
        image = ccdfx.Image(array, {"GAIN": 1.0 + number / 10, "RDNOISE": 5.0, "EXPTIME": 30.0})
        if kind == "flags and variance":
            image = image.replace(mask=array % 50 == 0, variance=array.astype("f4"))
        path = ccdfx.write(image, folder / f"{number}.fits")
        if kind == "gzip":
            packed = path.with_suffix(".fits.gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
            path = packed
        sources.append(ccdfx.open_source(path))
    return sources


@pytest.mark.parametrize("kind", ["plain", "gzip", "flags and variance"])
@pytest.mark.parametrize("shifted", [False, True])
def test_files_are_opened_again_elsewhere(tmp_path, kind, shifted):
    sources = stored(tmp_path, kind)
    offsets = [(0.5 * number, -0.25 * number) for number in range(len(sources))] if shifted else None
    options = {"reject": ccdfx.ccd_clip(gain="GAIN", readnoise="RDNOISE"), "offsets": offsets}
    expected = ccdfx.stack(sources, **options)
    with engine(Engine("elsewhere", _pickled, memory=2**18)):
        got = ccdfx.stack(sources, **options)
    for field in ("value", "variance", "count", "rejected_low", "rejected_high", "flags", "exposure"):
        assert getattr(got, field).tobytes() == getattr(expected, field).tobytes(), field


def sent_bytes(sources, **options):
    """How many bytes go to another process."""
    sizes = []

    def weighing(function, tiles):
        sizes.append(len(pickle.dumps(pickle.loads(pickle.dumps(function)))))
        return map(function, tiles)

    with engine(Engine("weighing", weighing)):
        ccdfx.combine(sources, **options)
    return sizes[0]


def test_the_names_of_files_travel_and_neither_pixels_nor_headers(tmp_path):
    sources = stored(tmp_path, "plain")
    for source in sources:
        source._header = source.header.update({f"KEY{i}": i * 1.5 for i in range(200)})
    clip = ccdfx.ccd_clip(gain="GAIN", readnoise="RDNOISE")
    assert sent_bytes(sources, reject=clip) < 9000 < 4 * FRAMES[0].nbytes


def test_the_built_in_rules_are_found_by_name_elsewhere():
    from ccdfx.operations.rejection.builtin import REJECTIONS
    from ccdfx.operations.rejection.rule import StackFacts

    facts = StackFacts(9, (1.0,) * 9, (0.0,) * 9, False, True, (ccdfx.Header(),) * 9)
    assert "mad_clip" in {rule.name for rule in REJECTIONS}
    for rule in REJECTIONS:
        arrangement = rule.arrange(rule.parameters, facts)
        assert arrangement.picklable, rule.name
        assert pickle.loads(pickle.dumps(arrangement)) == arrangement, rule.name


def test_a_rule_without_a_name_is_made_ready_elsewhere():
    from ccdfx.operations.rejection.rule import Arrangement

    assert not Arrangement(select=lambda values: values > 3).picklable


def test_a_file_that_changed_since_is_noticed_elsewhere(tmp_path):
    sources = stored(tmp_path, "plain")

    def late(function, tiles):
        copy = pickle.loads(pickle.dumps(function))
        os.utime(tmp_path / "3.fits", ns=(1, 1))
        return map(copy, tiles)

    with pytest.raises(ccdfx.FileError, match=r"3\.fits.*changed"), engine(Engine("late", late)):
        ccdfx.combine(sources, reject=None)


def test_machines_that_share_a_file_need_not_agree_on_device_and_inode(tmp_path):
    raw = stored(tmp_path, "plain")[0].raw
    assert pickle.loads(pickle.dumps(raw)) == dataclasses.replace(raw, stamp=raw.stamp[2:])


def test_a_map_that_nobody_holds_may_be_collected_in_a_thread_of_its_own(monkeypatch) -> None:
    held, ready, ignored = [], threading.Event(), []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)

    def work(tile: int) -> int:
        if tile:
            assert ready.wait(5)
        if tile == 1:
            held.clear()
        return tile

    held.append(threads_engine(2).map(work, range(3)))
    assert next(held[0]) == 0
    ready.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ccdfx"):
            thread.join(5)
    assert not held and not ignored


TWO = "/sys/fs/cgroup"
ONE = "/sys/fs/cgroup/cpu,cpuacct"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        ("0::/", {f"{TWO}/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/", {f"{TWO}/cpu.max": "max 100000\n"}, None),
        ("0::/", {f"{TWO}/cpu.max": "max"}, None),
        ("0::/", {}, None),
        ("", {f"{TWO}/cpu.max": "150000 100000"}, None),
        ("rubbish", {f"{TWO}/cpu.max": "rubbish"}, None),
        ("0::/", {f"{TWO}/cpu.max": "100000 0"}, None),
        ("0::/a/b", {f"{TWO}/a/b/cpu.max": "max 100000", f"{TWO}/a/cpu.max": "400000 100000"}, 4.0),
        ("0::/a/b", {f"{TWO}/a/b/cpu.max": "900000 100000", f"{TWO}/a/cpu.max": "400000 100000"}, 4.0),
        ("0::/a/b", {f"{TWO}/a/b/cpu.max": "50000 100000", f"{TWO}/a/cpu.max": "400000 100000"}, 0.5),
        ("0::/host/name", {f"{TWO}/cpu.max": "200000 100000"}, 2.0),
        (
            "5:memory:/m\n4:cpu,cpuacct:/j\n0::/\n",
            {f"{ONE}/j/cpu.cfs_quota_us": "300000\n", f"{ONE}/j/cpu.cfs_period_us": "100000\n"},
            3.0,
        ),
        (
            "4:cpuacct,cpu:/docker/0123",
            {f"{TWO}/cpu/cpu.cfs_quota_us": "200000", f"{TWO}/cpu/cpu.cfs_period_us": "100000"},
            2.0,
        ),
        (
            "4:cpu,cpuacct:/",
            {f"{ONE}/cpu.cfs_quota_us": "-1", f"{ONE}/cpu.cfs_period_us": "100000"},
            None,
        ),
        (
            "4:cpuset:/j",
            {f"{TWO}/cpu/cpu.cfs_quota_us": "200000", f"{TWO}/cpu/cpu.cfs_period_us": "100000"},
            None,
        ),
    ],
)
def test_the_quota_of_control_groups_is_read(groups, files, quota):
    assert cpu_quota(groups, files.get) == quota


@pytest.mark.parametrize(("text", "count"), [("150000 100000", 2), ("100 100000", 1), ("max 100000", 7)])
def test_threads_follow_the_quota_of_a_container(monkeypatch, text, count):
    files = {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": text}
    monkeypatch.setattr("ccdfx.engines._content", files.get)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(7)), raising=False)
    assert usable_processors() == threads_engine().threads == count


@pytest.mark.quick
@pytest.mark.parametrize("threads", [1, 2])
def test_items_made_ahead_are_those_of_the_generator_with_at_most_one_more_made(threads):
    made: list[int] = []

    def items():
        for number in range(5):
            assert current_engine().threads == threads  # that of the caller, in the thread too
            made.append(number)
            yield number

    with engine(threads=threads):
        for number in made_ahead(items()):
            assert len(made) <= number + 2
            if number == 3:
                break
    assert made[:4] == [0, 1, 2, 3]


@pytest.mark.quick
def test_an_error_of_an_item_made_ahead_comes_in_its_turn():
    def items():
        yield 1
        raise FileNotFoundError("a.fits")

    with engine(threads=2):
        found = made_ahead(items())
        assert next(found) == 1
        with pytest.raises(FileNotFoundError, match=r"a\.fits"):
            next(found)
