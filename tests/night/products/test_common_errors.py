"""The variance of combined frames under one set of masters: on one another, dithered, by parts of a pixel."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.io import read
from ccdfx.night.products.common_errors import _share
from ccdfx.night.run import reduce_night
from ccdfx.operations.resampling.overlaps import overlaps

SKY, COUNT = 3000.0, 6  # electrons; frames
DITHERS = {
    "on one another": [(0, 0)] * COUNT,
    "dithered": [(4 * (i % 3) - 4, 5 * (i // 3)) for i in range(COUNT)],
}


@pytest.mark.quick
@pytest.mark.parametrize("name", DITHERS)
def test_the_noise_of_a_combined_frame_is_what_it_says(name, camera, out):
    """Two faint flats: their error is as large as that of the mean of the frames."""
    camera.biases(3)
    for i in range(2):
        camera.write(f"f{i}.fits", "flat", 4000.0 * camera.flat, exptime=1.0, filter="V")
    for i, (dx, dy) in enumerate(DITHERS[name]):
        camera.science(f"s{i}.fits", dx=dx, dy=dy, sky=SKY)
    night = reduce_night(camera.folder, out)
    (fact,) = night.facts["combined"]
    assert len(fact["inputs"]) == COUNT
    image = read(out / fact["file"])
    start = DITHERS[name][0]
    empty = (camera.scene(*start) < 1) & image.good
    empty[:12] = empty[-12:] = empty[:, :12] = empty[:, -12:] = False
    error = (image.array - camera.scene(*start) / 2)[empty]
    reported = image.variance[empty].mean()
    assert np.std(error) / np.sqrt(reported) == pytest.approx(1.0, abs=0.03)
    single = read(out / fact["inputs"][0]).variance[empty].mean()
    # The mean of independent frames would have 1 / COUNT of the variance of one.
    assert (reported * COUNT / single > 1.5) == (name == "on one another")


@pytest.mark.parametrize(
    "steps",
    [
        [(0.0, 0.0)] * 5,
        [(0.0, 0.0), (0.4, -0.3), (-0.7, 0.2), (1.3, 0.5), (0.1, 0.9)],
        [(0.0, 0.0), (0.0, 0.0), (6.0, 2.0), (6.3, 2.0), (-4.0, 5.5)],
    ],
)
def test_errors_in_common_count_by_the_steps_of_the_frames(steps):
    """One error field of variance 4 in all frames, and noise of variance 9 in each; weights unlike."""
    rng = np.random.default_rng(len(steps))
    shares = np.array([1.0, 2.0, 1.5, 1.0, 0.5]) / 6
    common = rng.normal(0, 2.0, (260, 260))
    frames = [
        ccdfx.shift(
            ccdfx.Image(common + rng.normal(0, 3.0, common.shape), variance=np.full(common.shape, 13.0)),
            dx=dx,
            dy=dy,
        )
        for dx, dy in steps
    ]
    shared = 4.0 * _share(shares, shares, overlaps(steps))
    result = ccdfx.combine(frames, reject=None, weights=shares, shared=shared)
    inside = np.s_[20:-20, 20:-20]
    assert np.var(result.array[inside]) == pytest.approx(np.mean(result.variance[inside]), rel=0.04)
    alone = ccdfx.combine(frames, reject=None, weights=shares)
    assert np.mean(alone.variance[inside]) < 0.85 * np.mean(result.variance[inside])


def test_frames_that_are_turned_lie_on_no_others():
    covariance = overlaps([(0, 0), None, (0, 0), None])
    assert covariance[0, 2] == 1 and covariance[1, 1] == 1
    assert covariance[0, 1] == covariance[1, 3] == 0
