"""The clean estimate of a tile: the same bytes for all tiles, threads, files and places."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.combining.by_profile import _noises

OPTIONS = ({"gain": 1.5, "readnoise": 8.0}, {})
NAMES = ("value", "count", "rejected_low", "rejected_high", "flags", "rejects")


def frames(count=5, shape=(67, 300), seed=50):
    """Frames of stars of changing width, with rays and masked pixels, as float32."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    places = rng.uniform((5, 5), (shape[0] - 5, shape[1] - 5), (14, 2))
    found = []
    for number in range(count):
        sigma = 1.2 + 0.2 * number
        image = rng.normal(100, 8, shape)
        for flux, (a, b) in zip(np.geomspace(500, 60000, 14), places, strict=True):
            image += flux / (6.28 * sigma**2) * np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * sigma**2))
        image[rng.random(shape) < 0.005] += 500
        mask = (rng.random(shape) < 0.01).astype(np.uint8)
        found.append(ccdfx.Image(image.astype("f4"), mask=mask))
    return found


def same(got, expected):
    for name in NAMES:
        assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), name


@pytest.mark.quick
def test_the_noise_of_frames_from_their_differences():
    rng = np.random.default_rng(51)
    for noises in ((5.0, 10.0, 10.0, 25.0, 10.0), (10.0, 10.0, 10.0), (7.0, 7.0)):
        values = np.array([rng.normal(0, noise, 20000) for noise in noises])
        values[rng.random(values.shape) < 0.02] = np.inf
        values[rng.random(values.shape) < 0.005] += 1000
        np.testing.assert_allclose(_noises(values), noises, rtol=0.12)
    assert _noises(np.zeros((1, 5))) == [0.0]
    assert _noises(np.full((2, 5), np.inf)) == [0.0, 0.0]


@pytest.mark.parametrize("options", OPTIONS, ids=["detector", "scatter"])
@pytest.mark.parametrize("grow", [0.0, 1.5])
def test_tiles_and_threads_do_not_matter(options, grow):
    stack, rule = frames(), ccdfx.profile_clip(grow=grow, **options)
    expected = ccdfx.stack(stack, reject=rule, follow=True)
    assert expected.rejected_high.sum() > 100
    for threads, rows in ((1, 30), (2, 35), (2, 41)):
        with ccdfx.engine(threads=threads, memory=threads * rows * 300 * 5 * 12):
            same(ccdfx.stack(stack, reject=rule, follow=True), expected)


@pytest.mark.parametrize("options", OPTIONS, ids=["detector", "scatter"])
def test_files_are_combined_as_images_are(tmp_path, options):
    stack = frames(4)
    for number, frame in enumerate(stack):
        ccdfx.write(frame, tmp_path / f"{number}.fits")
    rule = ccdfx.profile_clip(**options)
    sources = ccdfx.open_frames([tmp_path / f"{number}.fits" for number in range(4)])
    same(ccdfx.stack(sources, reject=rule, follow=True), ccdfx.stack(stack, reject=rule, follow=True))
    for source in sources:
        source.close()


def test_frames_that_cover_a_part_of_the_result():
    """Where all frames lie, the result is that of the parts that they share; beyond, single values are kept."""
    whole = [frame.array for frame in frames(4, shape=(60, 70))]
    parts = [whole[0][:50, :60], whole[1][:, 5:], whole[2][8:], whole[3]]
    rule = ccdfx.profile_clip(gain=1.5, readnoise=8.0, level=100.0)
    offsets = [(0, 0), (5, 0), (0, 8), (0, 0)]
    placed = ccdfx.stack(parts, reject=rule, offsets=offsets)
    expected = ccdfx.stack(whole, reject=rule)
    inner = slice(12, 45), slice(10, 55)
    np.testing.assert_array_equal(placed.rejected_high[inner], expected.rejected_high[inner])
    np.testing.assert_array_equal(placed.value[inner], expected.value[inner])


def _on_stars(image, values):
    """Return where a mean is completed: values are missing where the image is above the sky by some of its noise."""
    return np.ma.getmaskarray(values).any(axis=0) & (image > 120)


def test_every_average_takes_what_the_rule_keeps():
    stack = frames(5)
    rule = ccdfx.profile_clip(gain=1.5, readnoise=8.0)
    expected = ccdfx.stack(stack, reject=rule, follow=True)
    values = np.ma.MaskedArray(
        [frame.array for frame in stack],
        [expected.rejected_in(n) | (stack[n].mask != 0) for n in range(5)],
    )
    for average, function in ((ccdfx.mean(), np.ma.mean), (ccdfx.median(), np.ma.median)):
        wanted = function(values, axis=0).filled(0)
        by_function = ccdfx.stack(stack, reject=rule, average=lambda given, of=function: of(given, axis=0))
        np.testing.assert_allclose(by_function.value, wanted, rtol=1e-5, atol=1e-3)
        done = ccdfx.stack(stack, reject=rule, average=average)
        completed = _on_stars(expected.value, values) if function is np.ma.mean else False
        np.testing.assert_allclose(done.value, np.where(completed, done.value, wanted), rtol=1e-5, atol=1e-3)
    weighted = ccdfx.stack(stack, reject=rule, weights=[1, 2, 3, 4, 5])
    wanted = np.ma.average(values, axis=0, weights=[1, 2, 3, 4, 5]).filled(0)
    completed = _on_stars(expected.value, values)
    np.testing.assert_allclose(weighted.value, np.where(completed, weighted.value, wanted), rtol=1e-5)
    assert 0 < np.count_nonzero(completed & (np.abs(weighted.value - wanted) > 1)) < 100
    rng = np.random.default_rng(52)
    noisy = [frame.replace(variance=rng.uniform(50, 90, frame.shape)) for frame in stack]
    done = ccdfx.stack(noisy, reject=ccdfx.profile_clip(), average=ccdfx.inverse_variance_mean(), follow=True)
    kept = np.array([(f.mask == 0) & ~done.rejected_in(n) for n, f in enumerate(noisy)])
    weights = kept / np.array([frame.variance for frame in noisy])
    total = weights.sum(axis=0)
    wanted = (weights * np.array([frame.array for frame in noisy])).sum(axis=0) / np.maximum(total, 1e-9)
    np.testing.assert_allclose(done.value, wanted, rtol=1e-5)
    assert kept.sum() < sum(np.count_nonzero(frame.mask == 0) for frame in noisy)
