"""Runs that go on where others ended: whatever happened before, the end is that of one run from nothing."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx.engines import engine
from ccdfx.errors import CcdfxError
from ccdfx.night.graph.preview import PICTURES
from ccdfx.night.run import reduce_night

CALIBRATED = {f"calibrated/s{number}.fits" for number in range(3)}
COMBINED = {"combined/field_V.fits", "effects.json"}
KILLED = """
import os, signal, sys, threading, json
import ccdfx
raw, out, count, seconds, recipe = sys.argv[1:]
left, plain = [int(count)], os.replace
def replace(*names):
    plain(*names)
    left[0] -= 1
    if left[0] == 0:
        threading.Timer(float(seconds), os.kill, (os.getpid(), signal.SIGKILL)).start()
os.replace = replace
ccdfx.reduce_night(raw, out, recipe=json.loads(recipe))
os.kill(os.getpid(), signal.SIGKILL)
"""


def end_of(out, *, but=()):
    """The bytes of all files of an output; records without the seconds that the making took, links to raw frames without their folder."""
    found = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        if name.startswith("facts/") and name.endswith(".json"):
            content = json.loads(path.read_text())
            content.pop("seconds", None)
            found[name] = content
        else:
            found[name] = path.read_bytes()
    if "report.html" in found:
        found["report.html"] = re.sub(rb'"(?:\.\./)+[^"]*/(?=[^"/]+\.fits")', b'"raw/', found["report.html"])
    return {name: content for name, content in found.items() if name not in {"facts/raw_keys.json", *but}}


def made(night):
    """The products that a run has made."""
    return {file for file, reason in night.made.items() if reason is not None}


def require_same(one, two):
    """Fail with the names of the files that differ, not with their bytes."""
    assert sorted(one) == sorted(two)
    assert [name for name in one if one[name] != two[name]] == []


@pytest.fixture
def copied(done, tmp_path):
    """A camera, its night and the output of that, all of the test's own."""
    camera, _, out = done
    shutil.copytree(camera.folder, tmp_path / "raw")
    shutil.copytree(out, tmp_path / "out")
    own = type(camera)(tmp_path / "raw", seed=5)
    reduce_night(own.folder, tmp_path / "out")  # the same night at another place
    return own, tmp_path / "out"


def fresh(camera, out, **options):
    """The end of a run from nothing."""
    other = out.parent / f"fresh{len(list(out.parent.iterdir()))}"
    night = reduce_night(camera.folder, other, **options)
    return end_of(other), night


@pytest.mark.quick
def test_a_second_run_makes_nothing(done, tmp_path):
    camera, _, out = done
    reduce_night(camera.folder, out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    before = end_of(out)
    night = reduce_night(camera.folder, out)
    assert night.status == 0 and made(night) == set() and len(night.made) == 10
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert {path.name for path in times if times[path] != after[path]} == {
        "night.csv",
        "night.json",
        "report.html",
    }
    require_same(before, end_of(out))
    assert set(reduce_night(camera.folder, out, dry_run=True).made.values()) == {None}


@pytest.mark.parametrize(("threads", "memory"), [(1, None), (2, 1), (8, None)])
def test_threads_and_memory_do_not_show(done, tmp_path, threads, memory):
    camera, _, out = done
    with engine("threads", threads=threads):
        reduce_night(camera.folder, tmp_path / "other", memory=memory)
    require_same(end_of(tmp_path / "other"), end_of(out))


def test_all_are_made_again_when_asked(copied):
    camera, out = copied
    before = end_of(out)
    night = reduce_night(camera.folder, out, overwrite=True)
    assert set(night.made.values()) == {"asked for"}
    require_same(end_of(out), before)


@pytest.mark.parametrize("enough", [True, False], ids=["map stays", "map has a new frame"])
def test_one_more_frame_costs_what_depends_on_it(copied, enough):
    camera, out = copied
    recipe = {"bad_pixels": {"frames": 3}} if enough else {}
    reduce_night(camera.folder, out, recipe=recipe)
    camera.science("s3.fits", dx=1.5, dy=2.5)
    night = reduce_night(camera.folder, out, recipe=recipe)
    wanted = {"calibrated/s3.fits", *COMBINED}
    if not enough:
        wanted |= {*CALIBRATED, "masters/bad_pixels.fits"}
        assert night.made["masters/bad_pixels.fits"] == "new input: s3.fits"
    assert made(night) == wanted
    assert night.made["calibrated/s3.fits"] == "missing"
    assert "new input: calibrated/s3.fits" in night.made["combined/field_V.fits"]
    require_same(end_of(out), fresh(camera, out, recipe=recipe)[0])


def test_a_late_flat_changes_what_it_should(copied):
    camera, out = copied
    camera.write("fV9.fits", "flat", 31000.0 * camera.flat, exptime=2.0, filter="V")
    foreseen = reduce_night(camera.folder, out, dry_run=True).made
    night = reduce_night(camera.folder, out)
    assert made(night) == {"masters/flat_V.fits", "masters/bad_pixels.fits", *CALIBRATED, *COMBINED}
    assert night.made["masters/flat_V.fits"] == "new input: fV9.fits"
    assert night.made == foreseen
    require_same(end_of(out), fresh(camera, out)[0])


@pytest.mark.parametrize(
    ("recipe", "wanted", "reason"),
    [
        ({"combine": {"average": "median"}}, COMBINED, "combine"),
        ({"select": {"fwhm": {"most": 99.0}}}, COMBINED, "select"),
        ({"cosmic_rays": {"sigma_limit": 9.0}}, CALIBRATED | COMBINED, "cosmic_rays"),
        (
            {"flat": {"average": "median"}},
            {"masters/flat_V.fits",
             "masters/bad_pixels.fits"} | CALIBRATED | COMBINED,
            "flat",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_changed_option_costs_what_depends_on_it(copied, recipe, wanted, reason):
    camera, out = copied
    before = end_of(out)
    foreseen = reduce_night(camera.folder, out, recipe=recipe, dry_run=True).made
    night = reduce_night(camera.folder, out, recipe=recipe)
    assert made(night) == wanted and night.made == foreseen
    assert f"option changed: {reason}" in night.made.values()
    require_same(end_of(out), fresh(camera, out, recipe=recipe)[0])
    reduce_night(camera.folder, out)  # and back
    require_same(end_of(out), before)


def test_a_changed_raw_frame_is_noticed(copied):
    camera, out = copied
    path = camera.folder / "s1.fits"
    content = bytearray(path.read_bytes())
    content[-2880 - 200] ^= 1  # one bit of a pixel
    path.write_bytes(content)
    night = reduce_night(camera.folder, out)
    assert night.made["calibrated/s1.fits"].startswith("input changed: s1.fits")
    assert made(night) == {"masters/bad_pixels.fits", *CALIBRATED, *COMBINED}
    require_same(end_of(out), fresh(camera, out)[0])


def test_a_raw_frame_that_went_takes_its_products_along(copied):
    camera, out = copied
    (camera.folder / "s2.fits").unlink()
    night = reduce_night(camera.folder, out)
    assert night.made["combined/field_V.fits"].endswith("input gone: calibrated/s2.fits")
    left = {"calibrated/s2.fits", *(f"facts/calibrated/s2{end}" for end in (".json", ".npy", *PICTURES))}
    wanted, other = fresh(camera, out)
    kept = {"night.csv", "night.json", "report.html"}  # they say that s2 is of an earlier run
    require_same(
        end_of(out, but=left | kept), {name: one for name, one in wanted.items() if name not in kept}
    )
    said = [text for text in night.facts["warnings"] if text not in other.facts["warnings"]]
    assert said == ["calibrated/s2.fits is of an earlier run and no product of this one"]


def test_a_damaged_product_is_made_again_and_nothing_else(copied):
    camera, out = copied
    before = end_of(out)
    whole = reduce_night(camera.folder, out).made
    for number, file in enumerate(sorted(whole)):
        if not file.endswith(".fits"):
            continue
        path = out / file
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        night = reduce_night(camera.folder, out)
        assert night.made == {**whole, file: "missing" if number % 2 else "its file changed"}
    require_same(end_of(out), before)
    for name in ("facts/calibrated/s0.npy", "facts/calibrated/s1.json", "facts/effects.json"):
        (out / name).unlink()
    assert made(reduce_night(camera.folder, out)) == {
        "calibrated/s0.fits",
        "calibrated/s1.fits",
        "effects.json",
    }
    require_same(end_of(out), before)


def test_facts_that_vanish_are_written_again(copied):
    camera, out = copied
    before = end_of(out)
    shutil.rmtree(out / "facts")
    reduce_night(camera.folder, out)
    require_same(end_of(out), before)


def test_files_of_others_are_left_alone(copied):
    camera, out = copied
    mine = [
        out / "notes.txt",
        out / "calibrated/mine.fits",
        out / "facts/mine.json",
        out / "masters/bias.fits.bak",
    ]
    for path in mine:
        path.write_text("mine")
    times = [path.stat().st_mtime_ns for path in mine]
    for overwrite in (False, True):
        reduce_night(camera.folder, out, overwrite=overwrite, recipe={"combine": {"average": "median"}})
    assert [path.read_text() for path in mine] == ["mine"] * 4
    assert [path.stat().st_mtime_ns for path in mine] == times


def killed(camera, out, count, seconds, recipe):
    """Reduce a night in another process, which is killed some seconds after a number of files were written."""
    words = [
        sys.executable,
        "-c",
        KILLED,
        str(camera.folder),
        str(out),
        str(count),
        str(seconds),
        json.dumps(recipe),
    ]
    ended = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 34))])
def test_a_killed_run_is_continued(done, tmp_path, seed):
    """Three kills at random moments, of runs with and without another recipe, then a run to the end."""
    camera, _, whole = done
    rng = random.Random(seed)
    out = tmp_path / "out"
    there = []
    for recipe in (
        {},
        {"cosmic_rays": {"sigma_limit": 9.0}},
        rng.choice([{}, {"flat": {"average": "median"}}]),
    ):
        killed(camera, out, rng.randint(1, 30), rng.choice([0.0, rng.uniform(0.0, 0.3)]), recipe)
        there.append(len([path for path in out.rglob("*") if path.is_file()]))
        for path in out.rglob("*.fits"):
            assert path.name.startswith(".") or path.stat().st_size % 2880 == 0
    assert reduce_night(camera.folder, out).status == 0, there
    require_same(end_of(out), end_of(whole))
    assert max(there) > 1, "something was there"


@pytest.mark.parametrize(("count", "held"), [*((count, True) for count in (0, 4, 15, 30)), (4, False)])
def test_a_disk_that_fills_is_no_end(done, tmp_path, monkeypatch, count, held):
    """After some files, no more can be written; then there is room again."""
    from ccdfx.io import atomic

    camera, _, whole = done
    left = [count]
    plain = atomic._sync

    def full(path):
        if path.is_dir() or left[0] > 0:
            left[0] -= not path.is_dir()
            return plain(path)
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(atomic, "_sync", full)
    if not held:
        monkeypatch.setattr("ccdfx.night.products.master_inputs.MEMORY", 0)
    with pytest.raises(CcdfxError, match="No space left"):
        reduce_night(camera.folder, tmp_path / "out")
    monkeypatch.undo()
    assert not list((tmp_path / "out").rglob(".*")), "nothing is left behind"
    assert reduce_night(camera.folder, tmp_path / "out").status == 0
    require_same(end_of(tmp_path / "out"), end_of(whole))


@settings(max_examples=3)
@given(st.data())
def test_the_order_of_arrival_does_not_show(done, tmp_path_factory, data):
    camera, _, whole = done
    folder = tmp_path_factory.mktemp("arrivals")
    (folder / "raw").mkdir()
    files = data.draw(st.permutations(sorted(path.name for path in camera.folder.iterdir())))
    first = data.draw(st.integers(0, len(files)))
    for part in (files[:first], files[first:]):
        for name in part:
            shutil.copy2(camera.folder / name, folder / "raw" / name)
        reduce_night(folder / "raw", folder / "out")
    told = {"night.json", "report.html"}  # they name the directory, and what is of an earlier run
    end, wanted = end_of(folder / "out", but=told), end_of(whole, but=told)
    require_same({name: end[name] for name in wanted}, wanted)


def test_a_frame_that_changed_while_it_was_read_is_taken_by_the_next_run(done, tmp_path, monkeypatch):
    """Its time alone changed, so that its products have the keys that they had when they were lost."""
    from ccdfx.night.products import calibrated, master_inputs

    camera, _, whole = done
    shutil.copytree(camera.folder, tmp_path / "raw")
    for module, name in ((master_inputs, "fV0.fits"), (calibrated, "s1.fits")):
        times = iter([1])

        def flagged(frame, recipe, plain=module.flagged, name=name, times=times):
            """Give a frame another time as it is read the first time."""
            image = plain(frame, recipe)
            if frame.file == name and next(times, None):
                os.utime(frame.path)
            return image

        monkeypatch.setattr(module, "flagged", flagged)
    night = reduce_night(tmp_path / "raw", tmp_path / "out")
    assert night.status == 1
    assert "fV0.fits: changed while the night was reduced" in json.dumps(night.facts["lost"])
    assert reduce_night(tmp_path / "raw", tmp_path / "out").status == 0
    places = {"night.json", "report.html"}
    require_same(end_of(tmp_path / "out", but=places), end_of(whole, but=places))


@pytest.mark.parametrize("file", ["camera/iraf-128x96-1x1", "masters/bias", "effects"])
def test_facts_that_were_edited_are_made_again(copied, file):
    """The gain of the camera, for one, decides the bytes of all that follows."""
    camera, out = copied
    before = end_of(out)
    path = out / f"facts/{file}.json"
    text = path.read_text()
    for name, value in (("facts", None), ("facts", {"gain": 99.0}), ("lost", "x"), ("warnings", 5)):
        path.write_text(json.dumps({**json.loads(text), name: value}))
        reduce_night(camera.folder, out)
        require_same(end_of(out), before)


@pytest.mark.parametrize("file", ["b1.fits", "s1.fits"])
@pytest.mark.parametrize(
    ("how", "after"), [("touched", "masters/dark_60s.fits"), ("gone", "camera/iraf-128x96-1x1.json")]
)
def test_a_frame_that_changed_or_went_for_a_moment_costs_no_more_than_a_run(copied, file, how, after):
    """Its bytes are the same, so all keys would be; what was made meanwhile is made again."""
    camera, out = copied
    before, path = end_of(out), camera.folder / file
    content = path.read_bytes()

    def disturb(event):
        if event.file == after:
            path.touch() if how == "touched" else path.unlink(missing_ok=True)

    path.touch()
    shutil.rmtree(out)
    reduce_night(camera.folder, out, told=disturb)
    path.write_bytes(content)
    night = reduce_night(camera.folder, out)
    assert night.status == 0
    require_same(end_of(out), before)


def test_a_worker_that_died_costs_no_more_than_a_run(copied, monkeypatch):
    """What was combined without its frame is combined again with it, though all keys would be the same."""
    import ccdfx.night.graph.execute as module

    camera, out = copied
    before, plain = end_of(out), module.begin

    def dies(task):
        if task.product.file == "calibrated/s1.fits":
            raise RuntimeError("worker died")
        return plain(task)

    shutil.rmtree(out)
    with monkeypatch.context() as patch:
        patch.setattr(module, "begin", dies)
        night = reduce_night(camera.folder, out)
    problems = {frame["file"]: frame["problem"] for frame in night.facts["frames"] if frame["problem"]}
    assert night.status == 1 and problems == {"s1.fits": "RuntimeError: worker died"}
    assert "combined/field_V.fits" in made(reduce_night(camera.folder, out))
    require_same(end_of(out), before)
