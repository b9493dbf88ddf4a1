"""Frames as small integers: their residuals in sigma, and what is filled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import median_filter

from ccdfx import Image
from ccdfx.operations.pixels.encoded import encoded


def residuals(frame, sigma):
    return (frame - np.pad(median_filter(frame, 7)[3:-3, 3:-3], 3, mode="edge")) / sigma


@pytest.mark.quick
def test_medians_over_frames_are_those_of_residuals_in_sigma():
    frames = np.random.default_rng(1).normal(1000, 12, (4, 60, 70))
    sky = encoded(Image(frame) for frame in frames)
    values, known = sky.medians()
    one = np.array([residuals(frame, 12) for frame in frames])
    scale = np.std(values) / np.std(np.median(one, axis=0))
    assert known.all() and scale == pytest.approx(128, rel=0.05)
    np.testing.assert_allclose(values / scale, np.median(one, axis=0), atol=0.2)
    y, x = np.nonzero(np.ones((60, 70)))
    found = sky.residuals(2, y, x).reshape(60, 70)
    assert np.corrcoef(found.ravel(), one[2].ravel())[0, 1] > 0.999


def test_the_sigma_of_large_frames_is_that_of_a_part_of_their_blocks():
    """Frames of more than 2048 blocks against the same frame cut to fewer."""
    frame = np.random.default_rng(2).normal(500, 3, (900, 900)).astype(np.float32)
    y, x = (part.ravel() + 50 for part in np.indices((200, 200)))
    whole, part = (encoded([Image(one)]).residuals(0, y, x) for one in (frame, frame[:400, :400]))
    assert np.std(whole) == pytest.approx(np.std(part), rel=0.01)


def test_what_is_bad_is_unknown_and_filled():
    frames = np.random.default_rng(3).normal(0, 5, (3, 50, 50))
    frames[:, 20, 20] = 1e6
    frames[0, 30, 30] = np.nan
    sky = encoded(Image(frame) for frame in frames)
    place = np.array([20]), np.array([20])
    values, known = sky.medians()
    assert values[20, 20] == 32767 and not known[30, 30]
    sky, *changed = sky.without(*place)
    sky.renew(values, known, *changed)
    again, known_again = sky.medians()
    np.testing.assert_array_equal(values, again)
    np.testing.assert_array_equal(known, known_again)
    assert not known[20, 20] and np.isnan(sky.residuals(1, *place)).all()
    assert abs(int(sky.codes[0][20, 20]) - int(np.median(sky.codes[0]))) < 200


def test_what_was_bad_before_keeps_no_value_of_a_bad_pixel_beside_it():
    """Frames with a flagged column beside one that is found later, against frames in which both are flagged."""
    frames = np.random.default_rng(5).normal(0, 5, (3, 50, 50))
    frames[:, :, 20] += 300
    flagged, both = np.zeros((50, 50), np.uint8), np.zeros((50, 50), np.uint8)
    flagged[:, 21] = both[:, 20:22] = 1
    later = encoded(Image(frame, mask=flagged) for frame in frames)
    values, known = later.medians()
    y, x = np.nonzero(both != flagged)
    later, *changed = later.without(y, x)
    later.renew(values, known, *changed)
    at_once, known_at_once = encoded(Image(frame, mask=both) for frame in frames).medians()
    np.testing.assert_array_equal(known, known_at_once)
    scale = np.std(at_once) / np.std(values)  # sigma was measured with the column, or without it
    np.testing.assert_allclose(values * scale, at_once, atol=12)  # half steps of 128 a sigma
    assert set(changed[1].tolist()) == {20, 21}


def test_a_frame_without_scatter_is_not_known():
    frames = [np.full((20, 20), 7.0), *np.random.default_rng(4).normal(0, 1, (2, 20, 20))]
    assert not encoded(Image(frame) for frame in frames).medians()[1].any()
    assert encoded([]) is None
