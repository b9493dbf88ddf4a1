"""Files for the laws of formats, written and read by the format under test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ccdfx.errors import CcdfxError
from ccdfx.io.source import Format
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.testing.large import large_image
from ccdfx.testing.laws import Trial, broken, require
from ccdfx.testing.strategies import images

LARGE_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")


def any_images() -> st.SearchStrategy[Image]:
    """Generate images, half of them of a kind that even a simple format can hold."""
    plain = images(dtypes=("u1", "u2"), masked=False, variance=False)
    return plain | images()


def image_for(form: Format, trial: Trial) -> Image:
    """Draw an image to write; the large one is of the widest type that the format accepts."""
    return trial.draw("image", any_images(), lambda: _large_image(form, trial))


def _large_image(form: Format, trial: Trial) -> Image:
    error: CcdfxError | None = None
    for kind in LARGE_TYPES:
        for full in (True, False):
            header = Header({"OBJECT": "M 13"}) if full else None
            image = large_image(kind, masked=full, variance=full, header=header)
            try:
                write_one(form, image, trial.folder / f"try{form.suffixes[0]}")
            except CcdfxError as refusal:
                error = refusal
            else:
                return image
    assert error is not None
    raise error


def file_of(form: Format, trial: Trial) -> tuple[Path, Image | None]:
    """Return a file of the format and the image in it.

    For a read-only format it is a file given by the author, and None.
    """
    if form.write is None:
        files = trial.options.get("files", ())
        require(files, "it writes nothing, so the laws need files to read: give the option files=(path, ...)")
        return Path(trial.draw("file", st.sampled_from(tuple(map(str, files))))), None
    image = image_for(form, trial)
    path = trial.folder / f"one{form.suffixes[0]}"
    write_one(form, image, path)
    return path, image


def write_one(form: Format, image: Image, path: Path) -> None:
    """Write one image; the law under test is broken if no file is made."""
    assert form.write is not None
    form.write([image], path)
    require(path.is_file(), "write made no file at the path that it was given")


def read_own(form: Format, path: Path) -> Image:
    """Read what the format has just written; here a typed error is a failure too."""
    try:
        return read_one(form, path)
    except Exception as error:  # a reader of a plugin may raise anything
        raise broken(f"what it wrote cannot be read: {type(error).__name__}: {error}") from error


def read_one(form: Format, file: Any) -> Image:
    """Read the first image of a file."""
    with form.open(file, None) as source:
        return source.select(None)
