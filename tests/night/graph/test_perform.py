"""Making one product: whole files or none, its record last, and what the machine lacks is no loss."""

from __future__ import annotations

import errno
import pickle
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ccdfx.errors import FileError
from ccdfx.io import read
from ccdfx.io.stamp import file_stamp
from ccdfx.night.graph.perform import Task, begin, make, perform
from ccdfx.night.graph.record import Made, facts_path, read_record
from ccdfx.photometry.stars import measure_stars
from ccdfx.records.image import Image

PIXELS = Image(np.arange(20.0, dtype=np.float32).reshape(4, 5))


def task(toys, make_it, **options):
    one = replace(toys.product("calibrated/a.fits", **options), make=make_it)
    return Task(product=one, parts=one.key_parts({}, {}), records={}, output=toys.output)


def failing(error):
    def maker(plan, context):
        raise error

    return maker


@pytest.mark.quick
def test_a_product_has_its_key_its_record_and_a_picture(toys):
    stars = measure_stars(np.zeros((9, 9)))
    record = perform(task(toys, lambda plan, context: Made(image=PIXELS, stars=stars)))
    path = toys.output / "calibrated/a.fits"
    assert read(path).header["CCDFXKEY"] == record.key and np.array_equal(read(path).array, PIXELS.array)
    assert record.size == path.stat().st_size
    assert record.stars == facts_path(toys.output, "calibrated/a.fits", ".npy").stat().st_size
    assert sum(record.histogram["counts"]) == 20
    assert facts_path(toys.output, "calibrated/a.fits", ".png").read_bytes().startswith(b"\x89PNG")
    assert read_record(toys.output, "calibrated/a.fits") == record


@pytest.mark.quick
@pytest.mark.parametrize(
    "error", [ValueError("odd"), ZeroDivisionError(), OSError(errno.EIO, "Input/output error")]
)
def test_an_error_loses_the_product_with_the_reason(toys, error):
    record = perform(task(toys, failing(error)))
    assert record.lost and (str(error) in record.lost or type(error).__name__ in record.lost)
    assert record.size is None and not (toys.output / "calibrated").exists()


@pytest.mark.quick
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), OSError(errno.EMFILE, "Too many"), MemoryError()]
)
def test_what_the_machine_lacks_ends_the_run_and_is_no_reason(toys, error):
    """Else the product would not be tried again: its key stays the same."""
    wrapped = FileError("spool/1.fits", "cannot be written", remedy="none")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        with pytest.raises(FileError, match=r"a\.fits: cannot be made for lack of room.*run it again"):
            perform(task(toys, failing(one)))
    assert read_record(toys.output, "calibrated/a.fits") is None


@pytest.mark.parametrize("where", ["write_stars", "write_pictures", "write_record", "write"])
def test_a_write_that_fails_leaves_no_record_of_other_files(toys, monkeypatch, where):
    """Whatever is there of the earlier and of the new product, the next run makes it: no record says it is current."""
    stars = measure_stars(np.zeros((9, 9)))
    first = perform(task(toys, lambda plan, context: Made(image=PIXELS, stars=stars)))
    places = {
        "write_stars": "ccdfx.night.graph.perform.write_stars",
        "write_pictures": "ccdfx.night.graph.preview.write_pictures",
        "write_record": "ccdfx.night.graph.perform.write_record",
        "write": "ccdfx.io.writing.handed_over",
    }

    def full(*given, **more):
        raise FileError("a.fits", "cannot be written: No space left on device", remedy="none")

    monkeypatch.setattr(places[where], full)
    with pytest.raises(FileError, match="No space left"):
        perform(task(toys, lambda plan, context: Made(image=PIXELS, stars=stars), value=2.0))
    assert read_record(toys.output, "calibrated/a.fits") is None
    monkeypatch.undo()
    again = perform(task(toys, lambda plan, context: Made(image=PIXELS, stars=stars)))
    assert replace(again, seconds=first.seconds) == first


def test_the_image_is_no_longer_in_memory_when_the_disk_is_waited_for(toys):
    kept = []

    def maker(plan, context):
        pixels = np.ones((4, 5), np.float32)
        kept.append(weakref.ref(pixels))
        return Made(image=Image(pixels))

    file = toys.output / "calibrated/a.fits"
    finish = begin(task(toys, maker))
    assert kept[0]() is None and not file.exists()
    assert finish().size == file.stat().st_size


def test_a_raw_frame_that_changed_meanwhile_loses_the_product(toys, tmp_path):
    raw = tmp_path / "raw.fits"
    raw.write_text("1")
    frame = SimpleNamespace(file="raw.fits", path=raw, stamp=file_stamp(raw))

    def maker(plan, context):
        raw.write_text("22")
        return Made(image=PIXELS)

    one = replace(toys.product("a.fits"), make=maker, raw=(frame,))
    made = make(one, one.key_parts({}, {}), {}, toys.output)
    assert made.image is None and "changed while the night was reduced" in made.lost


def test_a_task_travels(toys):
    one = toys.product("a.fits")
    sent = pickle.loads(
        pickle.dumps(Task(product=one, parts=one.key_parts({}, {}), records={}, output=toys.output))
    )
    assert (
        perform(sent).key == perform(Task(product=one, parts=sent.parts, records={}, output=toys.output)).key
    )


@pytest.mark.quick
def test_an_image_that_cannot_be_written_loses_its_product(toys):
    lines = task(toys, lambda plan, context: Made(image=PIXELS))
    record = perform(replace(lines, product=replace(lines.product, file="calibrated/a.nosuch")))
    assert record.lost and "nosuch" in record.lost and record.size is None
    assert read_record(toys.output, "calibrated/a.nosuch") == record
