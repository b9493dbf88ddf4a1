"""Steps that are wrong in ways that small examples do not show, with the law that finds each."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ccdfx import Image, mask_invalid


def doubled(image: Image) -> Image:
    """Do it right: each of the others differs from this one by one fault."""
    kind = image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)
    with np.errstate(over="ignore"):
        array = image.array.astype(kind) * kind.type(2)
    return mask_invalid(
        image.replace(array=array, variance=None if image.variance is None else image.variance * 4)
    )


def other_pixels(image: Image, where: Any) -> Image:
    """Do not double some pixels."""
    done = doubled(image)
    array = done.array.copy()
    array[where] /= 2
    return done.replace(array=array)


def wrong_beyond_column_64(image: Image) -> Image:
    return other_pixels(image, np.s_[:, 64:])


def wrong_beyond_column_128(image: Image) -> Image:
    return other_pixels(image, np.s_[:, 128:])


def wrong_in_the_last_column(image: Image) -> Image:
    return other_pixels(image, np.s_[:, 149:])


def wrong_beyond_row_128(image: Image) -> Image:
    return other_pixels(image, np.s_[128:])


def wrong_at_its_place(image: Image) -> Image:
    """Count the columns from the corner of the window, and not from that of the frame."""
    done = doubled(image)
    ramp = (1 + np.arange(image.shape[1]) / 64).astype(done.dtype)
    return done.replace(
        array=done.array * ramp, variance=None if done.variance is None else done.variance * ramp**2
    )


def wrong_where_not_square(image: Image) -> Image:
    side = min(image.shape)
    return other_pixels(image, np.s_[:, side:])


def loses_flags_beyond_column_128(image: Image) -> Image:
    done = doubled(image)
    if done.mask is None:
        return done
    mask = done.mask.copy()
    mask[:, 128:] = 0
    return done.replace(mask=mask)


def sees_flagged_pixels_beyond_column_64(image: Image) -> Image:
    done = doubled(image)
    return done.replace(
        array=done.array + np.sum(done.array[:, 64:], dtype=done.dtype) / done.dtype.type(1000)
    )


def clips_at_65535(image: Image) -> Image:
    done = doubled(image)
    return done.replace(array=np.minimum(done.array, done.dtype.type(65535)))


def loses_negative_values(image: Image) -> Image:
    done = doubled(image)
    with np.errstate(all="ignore"):
        array = np.where(done.array < -9000, np.nan, done.array)
    return done.replace(array=array.astype(done.dtype))


def wraps_at_65536(image: Image) -> Image:
    if image.dtype.kind == "i":
        image = image.replace(array=(image.array.astype(np.int64) % 65536).astype(np.int32))
    return doubled(image)


def variance_not_squared(image: Image) -> Image:
    done = doubled(image)
    return done.replace(variance=None if done.variance is None else image.variance * 2)


def variance_unchanged(image: Image) -> Image:
    return doubled(image).replace(variance=image.variance)


def variance_of_the_neighbour(image: Image) -> Image:
    done = doubled(image)
    return done.replace(variance=None if done.variance is None else np.roll(done.variance, 1, axis=1))


def variance_beyond_column_64(image: Image) -> Image:
    done = doubled(image)
    if done.variance is None:
        return done
    variance = done.variance.copy()
    variance[:, 64:] /= 4
    return done.replace(variance=variance)


def narrow_inside(image: Image) -> Image:
    done = doubled(image)
    with np.errstate(all="ignore"):
        return done.replace(array=done.array.astype(np.float32).astype(done.dtype))


_FIRST: list[float] = []
_LAST: list[np.ndarray] = []
_SCRATCH = np.zeros((512, 512))


def subtracts_that_of_the_first(image: Image) -> Image:
    """Keep a level of the first frame that it ever got."""
    if not _FIRST:
        _FIRST.append(float(image.array[0, 0]) + 1)
    done = doubled(image)
    return done.replace(array=done.array - done.dtype.type(_FIRST[0] % 2))


def blends_with_the_last(image: Image) -> Image:
    done = doubled(image)
    before = _LAST[-1] if _LAST and _LAST[-1].shape == done.shape else done.array
    _LAST[:] = [done.array]
    return done.replace(array=(done.array + before.astype(done.dtype)) / done.dtype.type(2))


def shares_its_scratch(image: Image) -> Image:
    scratch = _SCRATCH[: image.shape[0], : image.shape[1]]
    with np.errstate(all="ignore"):
        scratch[:] = image.array
    time.sleep(1e-3)  # here another thread writes to it
    done = doubled(image)
    return done.replace(array=(scratch * 2).astype(done.dtype))


def normalises_its_option(image: Image, *, flat: Any = None) -> Image:
    """Divide the array that is its option by its mean, in place."""
    if flat is not None:
        flat.flags.writeable = True
        flat /= 2
    return doubled(image)


def drops_the_header(image: Image) -> Image:
    return doubled(image).replace(header={"BUNIT": "adu"})


def drops_long_keywords(image: Image) -> Image:
    header = image.header.remove(*(keyword for keyword in image.header if len(keyword) > 8))
    return doubled(image).replace(header=header)


def drops_comments(image: Image) -> Image:
    return doubled(image).replace(header=dict(image.header) | {"BUNIT": "adu"})


def forgets_the_unit(image: Image) -> Image:
    return doubled(image).replace(header=image.header.remove("BUNIT"))


WINDOW = "a window is treated as that part of its frame"
SLOPE = "the variance is that of the slope"
BEFORE = "what was done before does not matter"
THREADS = "threads give the same"
PROCESS = "another process gives the same"
CARDS = "the cards of the observer stay"
STEPS = {
    wrong_beyond_column_64: WINDOW,
    wrong_beyond_column_128: WINDOW,
    wrong_in_the_last_column: WINDOW,
    wrong_beyond_row_128: WINDOW,
    wrong_at_its_place: WINDOW,
    wrong_where_not_square: WINDOW,
    loses_flags_beyond_column_128: "masks only grow",
    sees_flagged_pixels_beyond_column_64: "what a flagged pixel holds reaches no good one",
    loses_negative_values: "pixels without a value are flagged",
    wraps_at_65536: "whole numbers are numbers",
    variance_not_squared: SLOPE,
    variance_unchanged: SLOPE,
    variance_of_the_neighbour: SLOPE,
    variance_beyond_column_64: SLOPE,
    narrow_inside: "double precision is computed in double",
    subtracts_that_of_the_first: PROCESS,
    blends_with_the_last: BEFORE,
    shares_its_scratch: THREADS,
    drops_the_header: CARDS,
    drops_long_keywords: CARDS,
    drops_comments: CARDS,
    forgets_the_unit: CARDS,
}
