"""Residuals of encoded frames, and their medians over the frames, against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import median_filter

from ccdfx.kernels.defects.deviations import (
    ENCODED_STEPS,
    ENCODED_ZERO,
    UNKNOWN,
    encode,
    fill_places,
    majority,
    residual_rows,
    residuals_at,
)
from ccdfx.kernels.defects.medians import window_sorter
from ccdfx.kernels.defects.paired_medians import paired_sorter

BOX = 7


def plain_residuals(codes, bad):
    medians = np.pad(median_filter(codes, BOX)[3:-3, 3:-3], 3, mode="edge")
    return np.where(bad, np.nan, codes.astype(float) - medians)


@pytest.mark.quick
def test_codes_are_steps_of_sigma_and_are_clipped():
    values = np.array([[100.0, 107.0, 93.0, -1e9, 1e30, np.inf, -np.inf]], np.float32)
    codes = np.empty(values.shape, np.uint16)
    encode(values, 100.0, ENCODED_STEPS / 7.0, codes)
    step = ENCODED_STEPS
    assert codes[0, :3].tolist() == [ENCODED_ZERO, ENCODED_ZERO + step, ENCODED_ZERO - step]
    assert codes[0, 3] == codes[0, 6] < 2 and codes[0, 4] == codes[0, 5] == 65534


@pytest.mark.parametrize("frames", [3, 4, 7])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_medians_over_frames_are_those_of_numpy(frames, missing):
    rng = np.random.default_rng(frames)
    shape = (41, 333)
    codes = rng.normal(16000, 64, (frames, *shape)).astype(np.uint16)
    codes[:, 5, 5], codes[:, 9, 9] = 65534, 0
    bad = rng.random(codes.shape) < missing
    bits = [np.packbits(one, axis=1) if missing else np.zeros((0, 0), np.uint8) for one in bad]
    expected = np.array([plain_residuals(one, here) for one, here in zip(codes, bad, strict=True)])
    found = np.empty(codes.shape, np.uint16)
    for k in range(frames):
        for first, last in ((0, 16), (16, 17), (17, 41)):
            scratch = np.empty((last - first, shape[1] - BOX + 1), np.uint16)
            residual_rows(
                codes[k], bits[k], BOX, paired_sorter("u2", BOX), first, last, scratch, found[k, first:last]
            )
    decoded = np.where(found == UNKNOWN, np.nan, found - 32768.0)
    np.testing.assert_array_equal(decoded, np.clip(expected, -32767, 32766))
    ys, xs = (rng.integers(0, length, 700) for length in shape)
    for k in range(frames):
        here = np.empty(ys.size, np.uint16)
        residuals_at(codes[k], bits[k], BOX, window_sorter(np.dtype(np.uint16), BOX**2), ys, xs, here)
        np.testing.assert_array_equal(here, found[k, ys, xs])
    values, known = np.empty(codes[0].size, np.int16), np.empty(codes[0].size, bool)
    least = max(3, -(-frames // 2))
    majority(found.reshape(frames, -1), least, values, known)
    enough = np.sum(~bad, axis=0) >= least
    with np.errstate(all="ignore"):
        middle = np.nanmedian(np.where(enough, decoded, 0.0), axis=0)
    np.testing.assert_array_equal(known.reshape(shape), enough)
    np.testing.assert_array_equal(
        values.reshape(shape), np.where(enough, np.clip(2 * middle, -32767, 32767), 0)
    )


def test_bad_places_are_filled_from_their_neighbours():
    codes = np.full((9, 9), 500, np.uint16)
    bad = np.zeros(codes.shape, bool)
    bad[3:5, 4], codes[3:5, 4] = True, 9
    fill_places(codes, bad, *np.nonzero(bad), 4)
    assert (codes == 500).all()
    bad[:], codes[:] = True, 7
    fill_places(codes, bad, *np.nonzero(bad), 4)
    assert (codes == ENCODED_ZERO).all()
