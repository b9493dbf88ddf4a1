"""Laws of `Format.update`, for formats that have it: a window changes, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ccdfx.errors import CcdfxError
from ccdfx.io.source import Format
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing.kinds.format_files import any_images, file_of, read_one
from ccdfx.testing.laws import Trial, require, same_bytes, same_image, shown
from ccdfx.testing.strategies import images, ranges

_PLANES = ("array", "mask", "variance")


def an_update_changes_its_window_and_nothing_else(form: Format, trial: Trial) -> None:
    if form.update is None:
        return
    path, others = _file(form, trial)
    old, content = read_one(form, path), path.read_bytes()
    window = trial.draw("window", ranges(old.shape))
    part = trial.draw("part", _parts(old, window))
    target = _empty(form, trial)
    form.update(path, part, target, hdu=None)
    require(
        path.read_bytes() == content, "the file that is to be updated was written to; write to the target"
    )
    new = read_one(form, target)
    _require_same_frame(old, new)
    inside = np.zeros(old.shape, bool)
    inside[window.slices] = True
    for name in _PLANES:
        before, after, wanted = (_plane(image, name) for image in (old, new, part))
        if before is None or after is None or wanted is None:
            require(after is before, f"the {name} is {shown(after)}, and was {shown(before)}")
            continue
        require(
            same_bytes(after[~inside], before[~inside]), f"the {name} changes outside the window {window}"
        )
        found = after[inside].reshape(window.shape)
        right = _holds(found, wanted, part) if name == "mask" else same_bytes(found, wanted)
        require(
            right, f"the {name} of the window is {shown(found)} afterwards, and should be {shown(wanted)}"
        )
    if others:
        _require_others(form, target, others)


def an_update_that_cannot_be_is_refused_and_leaves_the_file(form: Format, trial: Trial) -> None:
    if form.update is None:
        return
    path, _ = file_of(form, trial)
    old, content = read_one(form, path), path.read_bytes()
    whole = old.range
    beyond = Range(whole.x_upper, whole.x_upper + old.shape[1], whole.y_lower, whole.y_upper)
    wrong = {"a part beside the image": old.replace(range=beyond)}
    if old.dtype.kind in "iu":
        half = old.array.astype(np.float64) + 0.5
        wrong["halves in a file of integers"] = old.replace(array=half, mask=None)
    for what, part in wrong.items():
        try:
            form.update(path, part, _empty(form, trial), hdu=None)
        except CcdfxError:
            require(path.read_bytes() == content, f"{what} is refused, and the file has changed")
        else:
            require(False, f"{what} was accepted silently")


def _file(form: Format, trial: Trial) -> tuple[Path, list[Image]]:
    """Return a file to update, and the images after the first one if the format holds several."""
    path, image = file_of(form, trial)
    if image is None or form.write is None:
        return path, []
    other = trial.draw("another image", any_images())
    several = trial.folder / f"several{form.suffixes[0]}"
    try:
        form.write([image, other], several)
        sources = form.open(several, "all")
    except CcdfxError:
        return path, []
    return several, [_selected(source) for source in sources[1:]]


def _selected(source: Any) -> Image:
    with source:
        return source.select(None)


@st.composite
def _parts(draw: st.DrawFn, old: Image, window: Range) -> Image:
    """Generate images to paste into a window of `old`: of its type, and with a variance if it has one."""
    there = old.select(_in_parent(old, window))
    more = images(
        dtypes=[old.dtype], shapes=window.shape, variance=old.variance is not None, headers=st.just(Header()),
        windows=False,
    )  # fmt: skip
    drawn = draw(more)
    variance = drawn.variance
    if variance is not None and old.variance is not None:
        variance = variance.astype(old.variance.dtype)
    return there.replace(array=drawn.array, mask=drawn.mask, variance=variance)


def _in_parent(image: Image, window: Range) -> Range:
    x, y = image.range.x_lower, image.range.y_lower
    return Range(window.x_lower + x, window.x_upper + x, window.y_lower + y, window.y_upper + y)


def _empty(form: Format, trial: Trial) -> Path:
    """Create the empty file that an update writes to."""
    target = trial.folder / f"target{form.suffixes[0]}"
    target.write_bytes(b"")
    return target


def _plane(image: Image, name: str) -> np.ndarray | None:
    """Return a plane of an image; for no mask, a mask without flags."""
    plane = getattr(image, name)
    return np.zeros(image.shape, np.uint8) if plane is None and name == "mask" else plane


def _holds(found: np.ndarray, wanted: np.ndarray, part: Image) -> bool:
    """Return whether the flags are those of the part; a reader may add NO_DATA where a value is missing."""
    added = np.where(np.isfinite(part.array), 0, np.uint8(Flag.NO_DATA))
    return not ((found ^ wanted) & ~added).any()


def _require_same_frame(old: Image, new: Image) -> None:
    same = (new.shape, new.dtype, new.range) == (old.shape, old.dtype, old.range)
    require(same, f"the image is {shown(new)} afterwards, and was {shown(old)}")
    require(
        new.header.cards == old.header.cards,
        f"the header is {shown(list(map(tuple, new.header.cards)))}, and was {shown(list(map(tuple, old.header.cards)))}",
    )


def _require_others(form: Format, target: Path, others: list[Image]) -> None:
    found = [_selected(source) for source in form.open(target, "all")][1:]
    same = len(found) == len(others) and all(map(same_image, found, others))
    require(same, f"the other images are {shown(found)} afterwards, and were {shown(others)}")
