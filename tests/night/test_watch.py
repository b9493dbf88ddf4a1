"""A night that is reduced while it goes on: its end is that of one run, however its frames arrived."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ccdfx.errors import ArgumentError
from ccdfx.night import watch as module
from ccdfx.night.products import coadd
from ccdfx.night.run import reduce_night
from ccdfx.night.watch import Arrivals, is_whole, watch_night

FAST = {"poll": 0.002, "idle": 0.06}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Take files as complete after a hundredth of a second."""
    monkeypatch.setattr(module, "SETTLED", 0.01)


@pytest.fixture(scope="module")
def batch(make_camera, tmp_path_factory):
    """A small night, and the end of one reduction of it."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "raw").mkdir()
    camera = make_camera(folder / "raw", seed=3)
    camera.biases(3)
    camera.darks(2, exptime=60.0)
    camera.flats(2)
    for number, dx in enumerate((0.0, 2.3)):
        camera.science(f"s{number}.fits", dx=dx)
    reduce_night(folder / "raw", folder / "out")
    return folder / "raw", end_of(folder / "out")


def end_of(out: Path) -> dict:
    """What is in an output: bytes of products, facts without seconds, and the night without its directory."""
    found = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        if path.suffix == ".json":
            found[name] = json.loads(path.read_text())
            found[name].pop("seconds" if name != "night.json" else "directory", None)
        else:
            found[name] = path.read_bytes()
    del found["facts/raw_keys.json"], found["report.html"]  # these name places
    return found


def require_same(one: dict, two: dict) -> None:
    """Fail with the names of the files that differ, not with their bytes."""
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []


def to_end(raw: Path, out: Path) -> list:
    """Watch until nothing has come for a while."""
    return list(watch_night(raw, out, **FAST))


@pytest.mark.quick
def test_a_night_that_is_there_is_reduced_twice_for_an_early_report(batch, tmp_path):
    raw, wanted = batch
    nights = watch_night(raw, tmp_path / "out", **FAST)
    first = next(nights)
    assert not (tmp_path / "out/combined").exists() and "calibrated/s0.fits" in first.made
    assert (tmp_path / "out/report.html").is_file()
    rest = list(nights)
    assert [night.status for night in rest] == [0]
    require_same(end_of(tmp_path / "out"), wanted)
    assert [set(night.made.values()) for night in to_end(raw, tmp_path / "out")] == [{None}] * 2


@pytest.mark.quick
def test_a_file_that_is_written_slowly_is_taken_when_it_is_whole(batch, tmp_path):
    raw, wanted = batch
    shutil.copytree(raw, tmp_path / "raw")
    path = tmp_path / "raw/s1.fits"
    content = path.read_bytes()
    path.write_bytes(b"")

    def write():
        for place in range(0, len(content), 4000):
            with open(path, "ab") as file:
                file.write(content[place : place + 4000])
            time.sleep(0.04)  # so long that it looks as if it did not grow any more

    writer = threading.Thread(target=write)
    writer.start()
    nights = list(watch_night(tmp_path / "raw", tmp_path / "out", poll=0.002, idle=0.5))
    writer.join()
    seen = [{frame.file for frame in night.frames} for night in nights]
    assert "s1.fits" not in seen[0] and "s1.fits" in seen[-1]
    assert all(frame.problem is None for night in nights for frame in night.frames)
    assert nights[-1].status == 0
    require_same(end_of(tmp_path / "out"), wanted)


@pytest.mark.quick
def test_a_file_that_stays_cut_is_listed_as_broken_at_the_end_once(batch, tmp_path):
    raw, _ = batch
    shutil.copytree(raw, tmp_path / "raw")
    path = tmp_path / "raw/s1.fits"
    path.write_bytes(path.read_bytes()[:9000])
    nights = to_end(tmp_path / "raw", tmp_path / "out")
    assert 2 <= len(nights) <= 3
    assert "s1.fits" not in [frame.file for frame in nights[0].frames]
    last = nights[-1]
    assert last.status == 1
    assert "ends before the data" in next(one for one in last.frames if one.file == "s1.fits").problem
    reduce_night(tmp_path / "raw", tmp_path / "batch")
    require_same(end_of(tmp_path / "out"), end_of(tmp_path / "batch"))


def test_a_file_that_grows_keeps_the_watch_awake(batch, tmp_path):
    raw, wanted = batch
    shutil.copytree(raw, tmp_path / "raw")
    path = tmp_path / "raw/s1.fits"
    content = path.read_bytes()
    path.write_bytes(content[:2880])
    pieces = iter(range(2880, len(content) + 1, len(content) // 8))

    def look(self, *arguments, plain=Arrivals.look, **options):
        """Let the file grow by a piece at each look."""
        with open(path, "ab") as file:
            place = next(pieces, None)
            file.write(
                content[path.stat().st_size :] if place is None else content[path.stat().st_size : place]
            )
        time.sleep(0.02)
        return plain(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Arrivals, "look", look)
        nights = to_end(tmp_path / "raw", tmp_path / "out")
    assert {night.status for night in nights} == {0}
    require_same(end_of(tmp_path / "out"), wanted)


@pytest.mark.quick
def test_a_frame_that_comes_while_the_directory_is_read_waits_until_it_is_whole(batch, tmp_path, monkeypatch):
    raw, wanted = batch
    shutil.copytree(raw, tmp_path / "raw")
    path = tmp_path / "raw/s1.fits"
    content = path.read_bytes()
    path.unlink()
    plain, seen = module.reduce_night, []

    def reduce(*arguments, **options):
        if not seen:
            path.write_bytes(content[:9000])  # after the look, before the scan
        night = plain(*arguments, **options)
        if not seen:
            path.write_bytes(content)
        seen.append([frame.file for frame in night.frames])
        return night

    monkeypatch.setattr(module, "reduce_night", reduce)
    nights = to_end(tmp_path / "raw", tmp_path / "out")
    assert "s1.fits" not in seen[0] and "s1.fits" in seen[-1]
    assert all(frame.problem is None for night in nights for frame in night.frames)
    require_same(end_of(tmp_path / "out"), wanted)


@pytest.mark.quick
def test_a_frame_that_comes_while_others_are_combined_goes_first(batch, tmp_path, monkeypatch):
    raw, wanted = batch
    shutil.copytree(raw, tmp_path / "raw")
    late = max(path for path in raw.iterdir() if "science" not in path.name and path.name[0] != "s")
    (tmp_path / "raw" / late.name).unlink()
    plain, asked = coadd.halted_source, []

    def halted_source(source):
        if not asked:
            shutil.copy2(late, tmp_path / "raw" / late.name)
            time.sleep(0.02)
        asked.append(source)
        return plain(source)

    monkeypatch.setattr(coadd, "halted_source", halted_source)
    monkeypatch.setattr(module, "SETTLED", 0.0)
    nights = to_end(tmp_path / "raw", tmp_path / "out")
    assert [late.name in {frame.file for frame in night.frames} for night in nights] == [False, True, True]
    assert [bool(night.facts["combined"]) for night in nights] == [False, False, True]
    require_same(end_of(tmp_path / "out"), wanted)


@pytest.mark.quick
def test_combined_frames_do_not_wait_for_ever(batch, tmp_path, monkeypatch):
    raw, _ = batch
    monkeypatch.setattr(module, "SETTLED", 0.0)
    news = module._News(Arrivals(), [tmp_path], tmp_path / "out", 0.0)
    news.begin(())
    assert not news.have_come()
    shutil.copy2(raw / "s0.fits", tmp_path)
    assert news.have_come()
    news.halted()
    assert news.have_come()  # it is not looked at, so it is still new
    monkeypatch.setattr(module, "DELAY", 0.0)
    assert not news.have_come()
    news.combined()
    assert news.have_come()


@pytest.mark.quick
def test_arrivals_wait_for_files_to_settle(tmp_path, batch):
    raw, _ = batch
    clock = [0.0]

    def look():
        ready, unfinished = arrivals.look([tmp_path], tmp_path / "out", now=lambda: clock[0])
        return {path.name for path, _ in ready}, {path.name for path, _ in unfinished}

    arrivals = Arrivals()
    assert look() == (set(), set()) and arrivals.changed < 0
    content = (raw / "s0.fits").read_bytes()
    (tmp_path / "whole.fits").write_bytes(content)
    (tmp_path / "cut.fits").write_bytes(content[:-6000])
    (tmp_path / "nowhere.fits").symlink_to(tmp_path / "nothing")
    files = {"whole.fits", "cut.fits", "nowhere.fits"}
    assert look() == (set(), files) and arrivals.changed == 0.0
    clock[0] = 0.02
    assert look() == ({"whole.fits"}, files - {"whole.fits"})
    (tmp_path / "whole.fits").write_bytes(content[:-6000])  # is written again
    assert look() == (set(), files) and arrivals.changed == 0.02
    clock[0] += module.PATIENCE - 1
    assert look() == (set(), files)
    clock[0] += 1
    assert look() == (files, set()) and arrivals.changed == 0.02
    (tmp_path / "whole.fits").unlink()
    assert look() == (files - {"whole.fits"}, set())


@pytest.mark.quick
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".npz", "_many.fits"])
def test_a_part_of_a_file_is_not_whole(tmp_path, suffix):
    import numpy as np
    from astropy.io import fits

    import ccdfx

    values = np.random.default_rng(2).integers(0, 60000, (60, 80)).astype(np.uint16)
    path = tmp_path / f"a{suffix}"
    if suffix == "_many.fits":
        fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(values) for _ in range(3))]).writeto(path)
    else:
        ccdfx.write(values, path)
    content = path.read_bytes()
    assert is_whole(path)
    for share in (0.0, 0.02, 0.2, 0.45, 0.6, 0.8):
        path.write_bytes(content[: int(share * len(content))])
        assert not is_whole(path), share
    assert not is_whole(tmp_path / "nothing.fits")


@pytest.mark.parametrize("options", [{"poll": 0}, {"idle": 0}, {"idle": float("nan")}, {"dry_run": True}])
def test_nonsense_is_refused(tmp_path, options):
    with pytest.raises(ArgumentError):
        next(watch_night(tmp_path, tmp_path / "out", **options))


class Night(RuleBasedStateMachine):
    """Frames arrive in any order and way, and the watch is ended and begun again in between."""

    def __init__(self, raw: Path, wanted: dict, folder: Path) -> None:
        super().__init__()
        self.source, self.wanted = raw, wanted
        self.raw, self.out = folder / "raw", folder / "out"
        self.raw.mkdir()
        self.waiting = sorted(path.name for path in raw.iterdir())
        self.partial: set[str] = set()
        self.nights, self.news = None, True
        self.began = False

    @rule(data=st.data(), count=st.integers(1, 4))
    def arrive(self, data, count):
        """Some frames appear at once."""
        for _ in range(min(count, len(self.waiting))):
            name = data.draw(st.sampled_from(self.waiting))
            self.waiting.remove(name)
            shutil.copy2(self.source / name, self.raw / name)
            self.news = True

    @rule(data=st.data(), share=st.floats(0, 0.9))
    def begin_to_write(self, data, share):
        """A part of a frame appears."""
        if self.waiting:
            name = data.draw(st.sampled_from(self.waiting))
            content = (self.source / name).read_bytes()
            (self.raw / name).write_bytes(content[: int(share * len(content))])
            self.partial.add(name)

    @rule()
    def touch(self):
        """A frame gets another time."""
        there = sorted(set(os.listdir(self.raw)) - self.partial)
        if there:
            os.utime(self.raw / there[0])
            self.news = True

    @rule(times=st.integers(1, 2))
    def reduce(self, times):
        """What is there is reduced, if there is something new."""
        if not set(os.listdir(self.raw)) - (self.partial & set(self.waiting)):
            return  # a watch waits until there is something
        for _ in range(times if self.news or self.nights is None else 0):
            if self.nights is None:
                self.nights = watch_night(self.raw, self.out, poll=0.002)
            night = next(self.nights)
            self.began, self.news = True, False
            assert not {frame.file for frame in night.frames} & self.partial & set(self.waiting)
            assert all(frame.problem is None for frame in night.frames)

    @rule()
    def end(self):
        """The watch is ended."""
        if self.nights is not None:
            self.nights.close()
        self.nights = None

    @invariant()
    def there_is_a_report(self):
        assert not self.began or (self.out / "report.html").stat().st_size > 1000

    def teardown(self):
        self.end()
        for name in self.waiting:
            shutil.copy2(self.source / name, self.raw / name)
        assert to_end(self.raw, self.out)[-1].status == 0
        require_same(end_of(self.out), self.wanted)


def machine(batch, tmp_path, examples: int, steps: int) -> None:
    """Play a number of nights."""
    numbers = iter(range(10**6))

    def night() -> Night:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Night(*batch, folder)

    run_state_machine_as_test(
        night,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_of_arrival_and_no_end_in_between_shows(batch, tmp_path):
    machine(batch, tmp_path, examples=5, steps=8)


@pytest.mark.slow
def test_no_order_of_arrival_and_no_end_in_between_shows_in_many_nights(batch, tmp_path):
    machine(batch, tmp_path, examples=10, steps=15)


def started(raw: Path, out: Path, idle: float) -> subprocess.Popen:
    """Begin to watch in another process, by the command."""
    words = [sys.executable, "-m", "ccdfx", "watch", str(raw), "-o", str(out), "--idle", str(idle)]
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_watch_that_is_killed_goes_on(batch, tmp_path, seed):
    """Frames arrive while watches are killed at random moments; the last one comes to the end of one run."""
    raw, wanted = batch
    rng = random.Random(seed)
    (tmp_path / "raw").mkdir()
    waiting = sorted(path.name for path in raw.iterdir())
    rng.shuffle(waiting)
    kills = 0
    while waiting:
        with started(tmp_path / "raw", tmp_path / "out", 60) as watch:
            for _ in range(rng.randint(1, 4)):
                if waiting:
                    name = waiting.pop()
                    shutil.copy2(raw / name, tmp_path / "raw" / name)
                time.sleep(rng.uniform(0.0, 1.5))
            assert watch.poll() is None, watch.stderr.read()
            watch.send_signal(signal.SIGKILL)
        kills += 1
    with started(tmp_path / "raw", tmp_path / "out", 2.0) as watch:
        _, said = watch.communicate(timeout=300)
    assert watch.returncode == 0, said
    assert kills > 1
    require_same(end_of(tmp_path / "out"), wanted)
    assert not list((tmp_path / "out").rglob(".*"))
