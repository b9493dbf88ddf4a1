"""What a maker works with: what it needs by name, and its notes, each once."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import numpy as np
import pytest

from ccdfx.errors import FileError, OutputExistsError
from ccdfx.io.stamp import file_stamp
from ccdfx.night.graph.context import Context, is_lack, made_folder
from ccdfx.night.graph.record import Record, facts_path, write_stars
from ccdfx.photometry.stars import measure_stars

from .conftest import product


@pytest.fixture
def context(toys):
    records = toys.run(product("bias.fits", value=3.0), product("flat.fits", fails=True))
    records["dark.fits"] = Record(
        file="dark.fits", kind="dark", key="5", parts={}, lost="odd", untrusted=True
    )
    one = product("c.fits", "bias.fits", "dark.fits", "flat.fits", raw=("a.fits",))
    keys = {file: record.key for file, record in records.items()}
    parts = one.key_parts(keys, {"a.fits": "7"})
    return Context(product=one, records=records, parts=parts, output=toys.output)


@pytest.mark.quick
def test_it_opens_what_is_needed(context):
    assert (
        context.is_made("bias.fits")
        and not context.is_made("flat.fits")
        and not context.is_made("absent.fits")
    )
    assert context.is_untrusted("dark.fits") and not context.is_untrusted("flat.fits")
    assert context.master("bias.fits").image.array[0, 0] == 3.0
    assert context.master("flat.fits") is context.master(None) is None
    assert (
        context.facts("bias.fits") == {"file": "bias.fits", "total": 3.0} and context.facts("flat.fits") == {}
    )
    assert context.raw_digests(["a.fits", "z.fits"]) == [("a.fits", "7"), ("z.fits", None)]
    assert context.keys(["bias.fits"]) == [("bias.fits", context.records["bias.fits"].key)]
    assert context.path("bias.fits").is_file()
    stars = measure_stars(np.zeros((9, 9)))
    write_stars(facts_path(context.output, "bias.fits", ".npy"), stars)
    assert len(context.stars("bias.fits").sources) == 0


@pytest.mark.quick
def test_notes_are_kept_once(context, tmp_path):
    context.warn("odd")
    context.warn("odd")
    context.warn_about(["few frames"])
    assert context.warnings == ["odd", "c.fits: few frames"]
    frame = SimpleNamespace(file="sub/a.fits", path=tmp_path / "sub/a.fits", stamp=None)
    context.fail_frame(frame, FileError(frame.path, "is cut", remedy="none"))
    context.fail_frame(frame, ValueError("second"))
    assert list(context.failed) == ["sub/a.fits"] and context.failed["sub/a.fits"].startswith("is cut")


def test_what_the_machine_lacks_is_no_fault_of_a_frame(context):
    frame = SimpleNamespace(file="a.fits", path="a.fits", stamp=None)
    for error in (OSError(errno.EMFILE, "Too many open files"), MemoryError()):
        assert is_lack(error)
        with pytest.raises(type(error)):
            context.fail_frame(frame, error)
    assert context.failed == {} and not is_lack(None) and not is_lack(ValueError())


def test_frames_that_changed_are_refused(context, tmp_path):
    raw = tmp_path / "a.fits"
    raw.write_text("1")
    frame = SimpleNamespace(file="a.fits", path=raw, stamp=file_stamp(raw))
    one = Context(product=product("c.fits"), records={}, parts={}, output=tmp_path)
    object.__setattr__(one.product, "raw", (frame,))
    one.require_unchanged()
    raw.unlink()
    with pytest.raises(FileError, match="changed while"):
        one.require_unchanged()
    one.failed["a.fits"] = "cannot be read"
    one.require_unchanged()  # that it is gone was said


def test_a_folder_is_made_or_the_reason_said(tmp_path):
    assert made_folder(tmp_path / "a/b").is_dir() and made_folder(tmp_path / "a/b").is_dir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="cannot be made"):
        made_folder(tmp_path / "file/a")
    with pytest.raises(OutputExistsError, match="is a file where a folder must be made"):
        made_folder(tmp_path / "file")
