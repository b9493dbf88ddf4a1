"""Frames for the laws of steps."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.testing import large
from ccdfx.testing.laws import Trial

SHAPE = large.SMALL_SHAPE
USER_FLAG = 64
HEADER = Header({
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX1": 6.0, "CRPIX2": 4.5,
    "CD1_1": -1e-4, "CD1_2": 1e-5, "CD2_1": 1e-5, "CD2_2": 1e-4, "BUNIT": "adu", "EXPTIME": 30.0,
    "OBJECT": ("M 13", "as the observer named it"), "FILTER": "V", "DATE-OBS": "2024-05-06T01:02:03",
    "MY_CARD": (3.25, "of the observer alone"), "ESO OBS ID": 71,
})  # fmt: skip


def frame_of(
    trial: Trial, *, dtypes: tuple[str, ...] = ("f4",), low: float = 1, masked: bool | None = None,
    variance: bool | None = None, name: str = "image", seed: int = 0,
) -> Image:  # fmt: skip
    """Draw a frame; columns 8 and 9 are good everywhere, so that they can be an overscan."""
    return trial.draw(
        name,
        _images(dtypes, low, masked, variance),
        lambda: large.large_image(
            dtypes[-1], seed=seed, masked=masked is not False, variance=variance is not False, header=HEADER
        ),
    )


def flags_of(image: Image) -> np.ndarray:
    """Return the mask of an image; for no mask, one without flags."""
    return np.zeros(image.shape, np.uint8) if image.mask is None else image.mask


def seeded() -> np.random.Generator:
    """Return the generator for the large example."""
    return np.random.default_rng(5)


@st.composite
def _images(
    draw: st.DrawFn, dtypes: tuple[str, ...], low: float, masked: bool | None, variance: bool | None
) -> Image:
    """Generate frames of one shape."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    least = int(low) if dtype.kind != "u" else 0
    array = draw(hnp.arrays(np.int16, SHAPE, elements=st.integers(least, 6000)))
    # Arrays drawn by hypothesis have mostly equal pixels; a seed, which shrinks to 0, makes them all differ.
    seed = draw(st.integers(0, 2**16))
    if seed:
        array = np.random.default_rng(seed).integers(least, 6000, SHAPE)
    mask = errors = None
    if draw(st.booleans()) if masked is None else masked:
        mask = draw(hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from((0, 0, 0, 1, 4, 8, 64, 255))))
        mask[:, 8:] = 0
    if draw(st.booleans()) if variance is None else variance:
        errors = draw(hnp.arrays(np.float32, SHAPE, elements=st.floats(0, 9, width=16)))
    return Image(array.astype(dtype), HEADER, mask, variance=errors)
