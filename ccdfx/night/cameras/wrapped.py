"""Raw frames whose numbers of 16 bits lost what tells that they have no sign: what was above 32767 is below zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.night.frames.frame import Frame
from ccdfx.records.image import Image

LEAST_FALL = 1024  # ADU below zero, that neither noise nor the structure of a bias reaches
LEAST_PIXELS = 4


class SignedLevels(NamedTuple):
    """Level of a frame without light, None where it does not tell it, and how many of its pixels are far below zero."""

    dark: float | None
    below: int


def signed_levels(frame: Frame, image: Image) -> SignedLevels | None:
    """Measure a raw frame of 16 bits with sign; None for other numbers, of which none can wrap around unseen."""
    from ccdfx.estimators import median_of

    if image.dtype != np.int16:
        return None
    dark = None
    if frame.overscan is not None:
        dark = float(median_of(image.array[frame.overscan.slices], image.good[frame.overscan.slices]))
    elif frame.kind in ("bias", "dark"):
        dark = float(median_of(image.array, image.good))
    return SignedLevels(dark, int(np.count_nonzero((image.array < -LEAST_FALL) & image.good)))


def refuse_wrapped(levels: Mapping[str, SignedLevels | None]) -> None:
    """Raise an `ArgumentError` where pixels are far below a level without light that is not.

    Light adds to that level. Frames that lost a BZERO of 32768 have a level far below zero themselves, and are right
    up to a constant that is subtracted with it.

    >>> refuse_wrapped({"bias.fits": SignedLevels(-31000.0, 9), "sky.fits": SignedLevels(None, 7)})
    >>> refuse_wrapped({"bias.fits": SignedLevels(1000.0, 0), "sky.fits": SignedLevels(None, 7)})
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: raw frames: must not fall below zero where there is light: the level without it is 1000 ADU, so that numbers above 32767 were written as negative ones of 16 bits (got '7 pixels of sky.fits below -1024'); write them again as numbers without sign, in Python by ccdfx.write(image.replace(array=image.array.view("uint16")), FILE)
    """
    dark = [one.dark for one in levels.values() if one is not None and one.dark is not None]
    wrapped = {file: one.below for file, one in levels.items() if one is not None}
    file = max(wrapped, key=lambda name: (wrapped[name], name), default="")
    if not dark or np.median(dark) < -LEAST_FALL / 2 or wrapped[file] < LEAST_PIXELS:
        return
    raise ArgumentError(
        "raw frames",
        f"must not fall below zero where there is light: the level without it is {np.median(dark):.0f} ADU, so that "
        "numbers above 32767 were written as negative ones of 16 bits",
        value=f"{wrapped[file]} pixels of {file} below -{LEAST_FALL}",
        remedy="write them again as numbers without sign, in Python by "
        'ccdfx.write(image.replace(array=image.array.view("uint16")), FILE)',
    )
