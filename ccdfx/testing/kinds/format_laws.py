"""Laws of file formats. They call the record itself, so that it need not be registered."""

from __future__ import annotations

import io
import pickle
from contextlib import suppress

import numpy as np
from hypothesis import strategies as st

from ccdfx.errors import CcdfxError
from ccdfx.io.source import Format, Source
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing.elsewhere import in_threads
from ccdfx.testing.kinds.format_files import (
    LARGE_TYPES,
    any_images,
    file_of,
    image_for,
    read_one,
    read_own,
    write_one,
)
from ccdfx.testing.kinds.update_laws import (
    an_update_changes_its_window_and_nothing_else,
    an_update_that_cannot_be_is_refused_and_leaves_the_file,
)
from ccdfx.testing.large import WINDOWS, large_image
from ccdfx.testing.laws import (
    Trial,
    it_can_be_pickled,
    open_files,
    require,
    require_speed,
    same_bytes,
    same_image,
    shown,
)
from ccdfx.testing.strategies import ranges

_FIRST = 2880
_FOREIGN = {
    "an empty file": b"", "FITS": b"SIMPLE  =                    T", "npz": b"PK\x03\x04", "PGM": b"P5\n1 1\n255\n\0",
    "HDF5": b"\x89HDF\r\n\x1a\n", "PNG": b"\x89PNG\r\n\x1a\n", "text": b"# x y value\n1 2 3\n", "noise": bytes(range(256)),
}  # fmt: skip


def it_has_suffixes_in_lower_case(form: Format, trial: Trial) -> None:
    right = isinstance(form.suffixes, tuple) and form.suffixes
    fine = right and all(s == s.lower() and s.startswith(".") and len(s) > 1 for s in form.suffixes)
    require(fine, f"its suffixes are {form.suffixes!r}, and must be a tuple such as ('.fits',)")


def it_recognises_its_own_files_and_no_others(form: Format, trial: Trial) -> None:
    if form.write is not None or trial.options.get("files"):
        first = file_of(form, trial)[0].read_bytes()[:_FIRST]
        require(form.recognises(first), f"it does not recognise a file that begins with {first[:16]!r}")
    claimed = [name for name, content in _FOREIGN.items() if form.recognises(content)]
    right = len(claimed) <= 1 and not set(claimed) & {"an empty file", "text", "noise"}
    require(right, f"it claims {' and '.join(claimed)} as its own")


def what_is_written_is_read_back(form: Format, trial: Trial) -> None:
    kept = _kept_fields(form, trial)
    path, image = file_of(form, trial)
    _require_kept(image, read_own(form, path), kept)


def writing_changes_no_image_and_equal_images_make_equal_files(form: Format, trial: Trial) -> None:
    if form.write is None:
        return
    image = image_for(form, trial)
    copy = pickle.loads(pickle.dumps(image))
    one, two = (trial.folder / f"{name}{form.suffixes[0]}" for name in ("one", "two"))
    write_one(form, image, one)
    require(same_image(image, copy), "the image that was written has changed")
    write_one(form, copy, two)
    require(one.read_bytes() == two.read_bytes(), "two files of one image differ")
    three = trial.folder / f"three{form.suffixes[0]}"
    write_one(form, _in_other_order(image), three)
    require(
        same_image(read_own(form, three), read_own(form, one)),
        "swapped bytes and another order in memory change what is written",
    )
    left = sorted(path.name for path in trial.folder.iterdir())
    wanted = {f"{name}{form.suffixes[0]}" for name in ("one", "two", "three", "try")}
    require(set(left) <= wanted, f"beside its files it leaves {', '.join(sorted(set(left) - wanted))}")


def values_of_every_type_come_back_or_are_refused(form: Format, trial: Trial) -> None:
    """Require it of values beyond uint16, negative ones, and 130 x 150 pixels."""
    if form.write is None:
        return
    accepted = 0
    for kind in (*LARGE_TYPES, "i8", "u8", "u4", "i1"):
        image = large_image(kind)
        path = trial.folder / f"{kind}{form.suffixes[0]}"
        try:
            write_one(form, image, path)
        except CcdfxError:
            continue
        accepted += 1
        back = read_own(form, path)
        same = back.shape == image.shape and np.array_equal(back.array, image.array)
        differ = int((back.array != image.array).sum()) if back.shape == image.shape else image.size
        require(same, f"{differ} of {image.size} pixels of {image.dtype} come back as others")
    require(accepted, "it refuses 130 x 150 pixels of every type")


def any_name_of_a_file_will_do(form: Format, trial: Trial) -> None:
    suffix = form.suffixes[0]
    expected: Image | None = None
    for name in ("plain", "with blanks and 'quotes'", "n.g.c. 7331 50%", "Lumière#1"):
        path = trial.folder / f"{name}{suffix}"
        if form.write is None:
            source, _ = file_of(form, trial)
            path.write_bytes(source.read_bytes())
        else:
            write_one(form, large_image("u2") if expected is None else expected, path)
        found = read_own(form, path)
        require(
            expected is None or same_image(found, expected), f"a file {path.name!r} is read as another image"
        )
        expected = expected or found


def _in_other_order(image: Image) -> Image:
    """Return an image with the other byte order, column after column in memory."""
    array = np.asfortranarray(image.array.astype(image.dtype.newbyteorder()))
    variance = image.variance
    if variance is not None:
        variance = np.asfortranarray(variance.astype(variance.dtype.newbyteorder()))
    return Image(array, image.header, image.mask, image.range, variance)


def several_images_come_back_or_are_refused(form: Format, trial: Trial) -> None:
    if form.write is None:
        return
    frames = trial.draw("images", st.lists(any_images(), min_size=2, max_size=3))
    path = trial.folder / f"many{form.suffixes[0]}"
    try:
        form.write(frames, path)
    except CcdfxError:
        return
    sources = form.open(path, "all")
    require(isinstance(sources, list), f"open(file, 'all') gives a {type(sources).__name__}, no list")
    require(len(sources) == len(frames), f"of {len(frames)} images {len(sources)} came back")
    for source, frame in zip(sources, frames, strict=True):
        with source:
            _require_kept(frame, source.select(None), set())


def an_open_file_says_what_it_holds(form: Format, trial: Trial) -> None:
    path, _ = file_of(form, trial)
    with form.open(path, None) as source:
        require(
            isinstance(source, Source), "what it opens lacks a part of a source (ccdfx.Source lists them)"
        )
        whole = source.select(None)
        require(isinstance(whole, Image), f"select gives a {type(whole).__name__}, no Image")
        said = (tuple(source.shape), np.dtype(source.dtype))
        require(said == (whole.shape, whole.dtype), f"it says {said}, and is {(whole.shape, whole.dtype)}")
        require(isinstance(source.header, Header), f"its header is a {type(source.header).__name__}")
        source.close()
    source.close()  # twice is allowed


def a_window_of_the_file_is_a_window_of_the_image(form: Format, trial: Trial) -> None:
    path, _ = file_of(form, trial)
    with form.open(path, None) as source:
        whole = source.select(None)
        drawn = trial.draw("window", ranges(whole.shape), lambda: WINDOWS)
        for window in _windows(
            whole, drawn if isinstance(drawn, tuple) and not isinstance(drawn, Range) else (drawn,)
        ):
            require(same_image(source.select(window), whole.select(window)), f"the window {window} differs")
        require(same_image(source.select(None), whole), "after a window, the whole image differs")


def two_threads_read_eight_windows(form: Format, trial: Trial) -> None:
    """Require of one open file, of its pickled copy, and of one that stays open when another is closed, the same windows."""
    path, _ = file_of(form, trial)
    with form.open(path, None) as source:
        whole = source.select(None)
        drawn = trial.draw("windows", st.tuples(*[ranges(whole.shape)] * 8), lambda: WINDOWS)
        windows = _windows(whole, drawn)
        expected = [whole.select(window) for window in windows]

        def require_windows(opened: Source, who: str) -> None:
            found = in_threads(opened.select, windows * 3)
            for number, image in enumerate(found):
                at = number % len(windows)
                require(same_image(image, expected[at]), f"{who} reads another window at {windows[at]}")

        require_windows(source, "one source in several threads")
        try:
            copy = pickle.loads(pickle.dumps(source))
        except Exception as error:  # a source of a plugin may raise anything
            require(False, f"a source cannot be pickled: {type(error).__name__}: {error}")
        with copy:
            require_windows(copy, "a pickled source")
        with form.open(path, None) as other:
            other.select(windows[0])
        require_windows(source, "after another source of the file was closed, a source")


def _windows(whole: Image, parts: tuple[Range, ...]) -> list[Range]:
    """Return windows of an image in the coordinates of its parent frame."""
    ny, nx = whole.shape
    x, y = whole.range.x_lower, whole.range.y_lower
    fitting = [part for part in parts if part.x_upper <= nx and part.y_upper <= ny]
    fitting = fitting or [
        Range(0, nx, 0, ny),
        Range(0, 1, 0, 1),
    ]  # of a small file of a format that only reads
    return [Range(p.x_lower + x, p.x_upper + x, p.y_lower + y, p.y_upper + y) for p in fitting]


def path_bytes_and_file_object_give_the_same(form: Format, trial: Trial) -> None:
    path, _ = file_of(form, trial)
    content, expected = path.read_bytes(), read_one(form, path)
    require(same_image(read_one(form, str(path)), expected), "the path as text gives another image")
    require(same_image(read_one(form, content), expected), "its bytes give another image")
    require(same_image(read_one(form, io.BytesIO(content)), expected), "a file object gives another image")
    if form.read is not None:
        read = form.read(path, None, range=None, plane=None, checksum=True)
        require(same_image(read, expected), "read gives another image than open and select")
    if form.read_header is not None:
        require(isinstance(form.read_header(path, None), Header), "read_header gives no Header")


def an_image_that_is_not_there_is_a_typed_error(form: Format, trial: Trial) -> None:
    path, _ = file_of(form, trial)
    for hdu in (99, "no such image"):
        try:
            form.open(path, hdu)
        except CcdfxError:
            continue
        require(False, f"hdu={hdu!r} opens an image of a file with one")


def a_file_that_was_cut_is_refused(form: Format, trial: Trial) -> None:
    path, _ = file_of(form, trial)
    content, expected = path.read_bytes(), read_one(form, path)
    end = trial.draw("bytes left", st.integers(0, len(content) - 1))
    try:
        found = read_one(form, content[:end])
    except Exception:  # `ccdfx.read` converts it to a FormatError
        return
    require(same_image(found, expected), f"{end} of {len(content)} bytes are read as {shown(found)}")


def no_file_stays_open(form: Format, trial: Trial) -> None:
    path = trial.folder / f"plain{form.suffixes[0]}"
    if form.write is None:
        path, _ = file_of(form, trial)
    else:
        form.write([Image(np.ones((2, 3), np.uint16))], path)
    damaged = trial.folder / f"bad{form.suffixes[0]}"
    damaged.write_bytes(path.read_bytes()[:40])
    read_one(form, path)  # libraries may open something at first use
    before, sources = open_files(), []
    for name in (path, damaged):
        with suppress(Exception):  # the damaged file may raise anything
            sources.append(form.open(name, None))
            with sources[-1] as source:
                source.select(None)
    after = open_files()
    require(after <= before, f"{after - before} files stay open after an image was read and closed")


def it_is_fast(form: Format, trial: Trial) -> None:
    if form.write is None:
        return
    image = Image(np.arange(512 * 512).reshape(512, 512).astype(np.uint16))
    path = trial.folder / f"large{form.suffixes[0]}"

    def there_and_back() -> None:
        path.unlink(missing_ok=True)
        assert form.write is not None
        form.write([image], path)
        read_one(form, path)

    require_speed(there_and_back, trial.seconds, "writing and reading a frame of 512 x 512 pixels")


LAWS = (
    it_can_be_pickled, it_has_suffixes_in_lower_case, it_recognises_its_own_files_and_no_others,
    what_is_written_is_read_back, writing_changes_no_image_and_equal_images_make_equal_files,
    values_of_every_type_come_back_or_are_refused, any_name_of_a_file_will_do,
    several_images_come_back_or_are_refused, an_open_file_says_what_it_holds,
    a_window_of_the_file_is_a_window_of_the_image, two_threads_read_eight_windows, path_bytes_and_file_object_give_the_same,
    an_image_that_is_not_there_is_a_typed_error, a_file_that_was_cut_is_refused,
    an_update_changes_its_window_and_nothing_else, an_update_that_cannot_be_is_refused_and_leaves_the_file,
    no_file_stays_open, it_is_fast,
)  # fmt: skip


def _kept_fields(form: Format, trial: Trial) -> set[str]:
    """Return the fields that the format must always keep: those kept of an image that has them all."""
    if form.write is None:
        return set()
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    probe = Image(array, Header({"OBJECT": "M 13"}), array % 2, Range(5, 8, 7, 9), array * 2.0)
    path = trial.folder / f"probe{form.suffixes[0]}"
    try:
        write_one(form, probe, path)
    except CcdfxError:
        return set()
    back = read_own(form, path)
    return {name for name in ("header", "mask", "range", "variance") if _same_field(probe, back, name)}


def _same_field(image: Image, back: Image, name: str) -> bool:
    if name == "range":
        return back.range == image.range
    if name == "header":  # a format may add its own cards
        return [card for card in back.header.cards if card in image.header.cards] == list(image.header.cards)
    return same_bytes(getattr(back, name), getattr(image, name))


def _require_kept(image: Image | None, back: Image, kept: set[str]) -> None:
    """Require equal pixels, equal `kept` fields, and other fields equal or absent."""
    if image is None:
        return
    same = back.shape == image.shape and np.array_equal(back.array, image.array)
    require(same, f"the pixels {shown(image.array)} come back as {shown(back.array)}")
    missing = {"mask": back.mask is None, "variance": back.variance is None, "header": True, "range": True}
    for name, is_missing in missing.items():
        lost = is_missing and name not in kept
        require(
            lost or _same_field(image, back, name), f"the {name} comes back as {shown(getattr(back, name))}"
        )
