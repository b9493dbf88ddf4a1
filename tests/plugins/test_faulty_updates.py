"""Formats whose `update` is wrong in every way we know: each breaks the law that names its fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccdfx import Image, paste, registry
from ccdfx.io.npz import FORMAT as NPZ
from ccdfx.io.npz import open_npz, update_npz, write_npz
from ccdfx.testing import ConformanceError, check_format, laws_of

WINDOW = "an update changes its window and nothing else"
REFUSAL = "an update that cannot be is refused and leaves the file"
Change = Callable[[Image], Image]


def changed(path: Path, change: Change, number: int = 0) -> None:
    """Write one image of a file anew."""
    images = [source.select() for source in open_npz(path, "all")]
    if number < len(images):
        images[number] = change(images[number])
        write_npz(images, path)


def afterwards(change: Change, number: int = 0) -> Callable[..., None]:
    """An update that does what it should, and something else."""

    def update(path: Path, part: Image, target: Path, *, hdu: Any = None) -> None:
        update_npz(path, part, target, hdu=hdu)
        changed(target, change, number)

    return update


def in_place(path: Path, part: Image, target: Path, *, hdu: Any = None) -> None:
    update_npz(path, part, target, hdu=hdu)
    path.write_bytes(target.read_bytes())


def nothing(path: Path, part: Image, target: Path, *, hdu: Any = None) -> None:
    target.write_bytes(path.read_bytes())


def rounding(path: Path, part: Image, target: Path, *, hdu: Any = None) -> None:
    with np.errstate(all="ignore"):
        part = part.replace(array=part.array.astype(open_npz(path).dtype))
    update_npz(path, part, target, hdu=hdu)


def first_alone(path: Path, part: Image, target: Path, *, hdu: Any = None) -> None:
    write_npz([paste(open_npz(path).select(), part=part)], target)


def spoiling(path: Path, part: Image, target: Path, *, hdu: Any = None) -> None:
    try:
        update_npz(path, part, target, hdu=hdu)
    except ValueError:
        path.write_bytes(b"")
        raise


def raised(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else array + array.dtype.type(1)


FAULTS = {
    "a card": (afterwards(lambda image: image.replace(header=image.header.set("DATE", "now"))), WINDOW, "header is"),
    "history": (afterwards(lambda image: image.replace(header=image.header.add_history("x"))), WINDOW, "header is"),
    "the window": (afterwards(lambda image: image.replace(range=(0, image.shape[1], 0, image.shape[0]))), WINDOW,
                   "the image is"),
    "the type": (afterwards(lambda image: image.replace(array=image.array.astype("f8"))), WINDOW, "the image is"),
    "all values": (afterwards(lambda image: image.replace(array=raised(image.array))), WINDOW, "the array "),
    "the mask": (afterwards(lambda image: image.replace(mask=np.ones(image.shape, bool))), WINDOW, "the mask "),
    "the variance": (afterwards(lambda image: image.replace(variance=raised(image.variance))), WINDOW,
                     "the variance "),
    "no variance": (afterwards(lambda image: image.replace(variance=None)), WINDOW, "the variance is None"),
    "another image": (afterwards(lambda image: image.replace(array=image.array[:, ::-1] + 1), 1), WINDOW, "the other images"),
    "one image": (first_alone, WINDOW, "the other images are"),
    "the file": (in_place, WINDOW, "the file that is to be updated was written to"),
    "nothing": (nothing, WINDOW, "of the window is"),
    "halves": (rounding, REFUSAL, "halves in a file of integers was accepted silently"),
    "spoilt": (spoiling, REFUSAL, "is refused, and the file has changed"),
    "anywhere": (nothing, REFUSAL, "a part beside the image was accepted silently"),
}  # fmt: skip


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=[pytest.mark.quick] if fault == "history" else []) for fault in FAULTS],
)
def test_a_faulty_update_is_caught(fault: str) -> None:
    update, law, words = FAULTS[fault]
    others = [other for other in laws_of("format") if other != law]
    with pytest.raises(ConformanceError) as caught:
        check_format(replace(NPZ, update=update), without=others, examples=200, seconds=0.5)
    assert caught.value.law == law and words in caught.value.words


@pytest.mark.parametrize("name", ["fits", "npz"])
@pytest.mark.parametrize("law", [WINDOW, REFUSAL])
def test_the_built_in_formats_hold(name: str, law: str) -> None:
    others = [other for other in laws_of("format") if other != law]
    check_format(registry.lookup("format", name), without=others, examples=20, seconds=5)


def test_a_format_that_cannot_update_need_not() -> None:
    others = [law for law in laws_of("format") if law not in (WINDOW, REFUSAL)]
    check_format(replace(NPZ, update=None), without=others, examples=3)
