"""The law of updating: reading what was updated is pasting into what was read."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccdfx import paste, read, update, write
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing import assert_same_image

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
seeds = st.integers(0, 2**32 - 1)


def any_values(rng, dtype, shape):
    """Every bit pattern of integers; floats with NaN and infinities."""
    if dtype.kind != "f":
        return rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8).view(dtype).reshape(shape)
    array = rng.normal(0, 1e3, shape)
    array[rng.random(shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    return array.astype(dtype)


def an_image(rng, dtype, window, flags, errors):
    shape = window.shape
    mask = rng.choice(np.array([0, 0, 1, 16, 200], np.uint8), shape) if flags else None
    kind = rng.choice([np.float32, np.float64])
    return Image(
        any_values(rng, dtype, shape),
        {"OBJECT": "x"},
        mask,
        window,
        rng.uniform(0, 9, shape).astype(kind) if errors else None,
    )


def as_read(image):
    """What a reader adds: NO_DATA where a value is missing and no flag says why; no flags are no mask."""
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask
    if image.dtype.kind == "f":
        mask = np.where(np.isnan(image.array) & (mask == 0), np.uint8(Flag.NO_DATA), mask)
    return image.replace(mask=mask)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=seeds,
    dtype=st.sampled_from(TYPES),
    suffix=st.sampled_from([".fits", ".npz"]),
    number=st.integers(0, 2),
    choices=st.tuples(*[st.booleans()] * 3),
)
def test_reading_an_update_is_pasting_a_reading(tmp_path_factory, seed, dtype, suffix, number, choices):
    rng = np.random.default_rng(seed)
    dtype, (flags, errors, part_flags) = np.dtype(dtype), choices
    ny, nx, x, y = rng.integers(1, 9, 4)
    frame = Range(x, x + nx, y, y + ny)
    images = [an_image(rng, dtype, frame, flags, errors) for _ in range(3)]
    x0, y0 = x + rng.integers(nx), y + rng.integers(ny)
    window = Range(x0, rng.integers(x0, x + nx) + 1, y0, rng.integers(y0, y + ny) + 1)
    part = an_image(rng, dtype, window, part_flags, errors)
    path = write(images, tmp_path_factory.mktemp("law") / f"a{suffix}")
    before = read(path, hdu="all")
    hdu = number if suffix == ".npz" else number * (1 + flags + errors)
    update(path, part, hdu=hdu)
    expected = list(before)  # an npz says no more than it holds
    pasted = paste(before[number], part=part)
    if errors:  # the file keeps the type of its variance
        pasted = pasted.replace(variance=pasted.variance.astype(before[number].variance.dtype))
    expected[number] = as_read(pasted) if suffix == ".fits" else pasted
    for found, wanted in zip(read(path, hdu="all"), expected, strict=True):
        mask = np.zeros(found.shape, np.uint8)
        assert_same_image(
            found.replace(mask=mask if found.mask is None else found.mask),
            wanted.replace(mask=mask if wanted.mask is None else wanted.mask),
        )
    again = path.read_bytes()
    update(path, part, hdu=hdu)
    assert path.read_bytes() == again
