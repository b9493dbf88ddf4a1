"""What a pixel of a star should hold by its surroundings, against the same fit in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from tables_of_frames import detector, numbers, table_of

from ccdfx.kernels.rules import profile
from ccdfx.kernels.rules import surroundings as kernels

SHAPE, PLACE = (17, 19), (8, 9)
WIDTHS = (1.5, 1.6, 1.8, 1.65, 1.7)


def stars(widths=WIDTHS, flux=3e5, noise=0.0, seed=60):
    """Return frames (n, ny, nx) of one star of other widths, on a sky of 0, as float32."""
    y, x = np.indices(SHAPE)
    square = (y - PLACE[0] - 0.3) ** 2 + (x - PLACE[1] + 0.2) ** 2
    plain = [flux / (2 * np.pi * s * s) * np.exp(-square / (2 * s * s)) for s in widths]
    return (np.array(plain) + np.random.default_rng(seed).normal(0, noise, (len(widths), *SHAPE))).astype(
        "f4"
    )


def terms_of(frames, other, place):
    """Return the terms (49, 6) of the fit around a place, of the mean of some frames."""
    mean = np.average(frames, axis=0, weights=other)
    laplacian = sum(np.roll(mean, step, axis) for step in (-1, 1) for axis in (0, 1)) - 4 * mean
    along = [(np.roll(mean, -1, axis) - np.roll(mean, 1, axis)) / 2 for axis in (1, 0)]
    contrast = sum(w * (f[place] - mean[place]) * (f - mean) for f, w in zip(frames, other, strict=True))
    around = slice(place[0] - 3, place[0] + 4), slice(place[1] - 3, place[1] + 4)
    constant = np.full(SHAPE, mean[place])
    return np.array([t[around].ravel() for t in (mean, *along, laplacian, constant, contrast)]).T


def expected_at(frames, j, place, missing):
    """Return what the pixel of frame j should hold, and its variance, by least squares; `missing` (ny, nx) are not used.

    The noise of the mean, which is in the terms too, is allowed for.
    """
    other = [0.0 if i == j else 1.0 for i in range(len(frames))]
    terms = terms_of(frames.astype(float), other, place)
    around = slice(place[0] - 3, place[0] + 4), slice(place[1] - 3, place[1] + 4)
    used = ~missing[around].ravel()
    some, values = terms[used], frames[j][around].ravel()[used].astype(float)
    normal, right = some.T @ some, some.T @ values
    variance = ((values - some @ np.linalg.solve(normal, right)) ** 2).sum() / (used.sum() - 6)
    number = sum(other)
    of_mean = min(variance, 100.0 * (1 + 1 / number)) / number / (1 + 1 / number)
    right += used.sum() * of_mean * np.array([1, 0, 0, -4, 0, 0])
    leverage = terms[24] @ np.linalg.solve(normal, terms[24])
    return terms[24] @ np.linalg.solve(normal, right), (leverage + 1 / number) * max(100.0, variance)


def resolved(frames, codes, variance=100.0, **given):
    table, factors = table_of(frames)
    center = np.median(frames, axis=0)
    kernels.resolve_doubts(table, factors, detector(variance), numbers(**given), center, False, codes)
    return codes


def completed(frames, codes, variance=100.0):
    table, factors = table_of(frames)
    means = np.ma.mean(np.ma.MaskedArray(frames, codes != 0), axis=0).filled(0).astype("f4")
    kernels.complete_means(table, factors, detector(variance), numbers(), codes, 0, False, means)
    return means


@pytest.mark.quick
def test_a_ray_on_a_star_of_other_seeing_is_dropped():
    frames = stars(noise=10.0)
    frames[1, 8, 10] += 2500  # less than what the seeing changes
    assert frames[1].max() < frames[0].max()
    codes = resolved(frames, np.full(frames.shape, profile.UNSURE, np.uint8))
    assert np.argwhere(codes).tolist() == [[1, 8, 10]] and codes[1, 8, 10] == 2


@pytest.mark.quick
def test_nothing_is_dropped_where_nothing_tells():
    frames = stars(noise=10.0)
    frames[1, 8, 10] += 2500
    unsure = np.full(frames.shape, profile.UNSURE, np.uint8)
    one = unsure.copy()
    one[[0, 2, 3], 5, 6] = 3  # only one other frame has all values around
    assert resolved(frames, one)[1, 8, 10] == 0
    few = unsure.copy()
    few[1, 8:, :] = 3
    few[1, 8, 10] = profile.UNSURE
    few[1, :, :9] = 3
    assert resolved(frames, few)[1, 8, 10] == 0
    assert not resolved(frames, unsure.copy(), high=np.inf).any()
    unknown = resolved(frames, unsure.copy(), variance=np.inf)
    assert not unknown.any()
    edge = stars()
    edge[1, 3, 9] += 2500
    assert not resolved(edge, unsure.copy()).any()


@pytest.mark.quick
@pytest.mark.parametrize("widths", [(2.0, 2.0, 1.1, 2.0, 2.0), (2.1, 1.2, 2.1), (2.0, 1.1), (1.1, 2.0)])
def test_seeing_that_the_terms_do_not_describe_drops_nothing(widths):
    """Of a core that is three times as high, more values around lie off the fit than rays would hit."""
    companion = np.roll(stars(widths, 1.8e4), (2, 4), axis=(1, 2))
    noise = np.random.default_rng(61).normal(0, 20.0, (5, len(widths), *SHAPE))
    for drawn in noise:
        frames = (stars(widths, 3e4) + companion + drawn).astype("f4")
        assert not resolved(frames, np.full(frames.shape, profile.UNSURE, np.uint8), 400.0).any()


@pytest.mark.quick
def test_a_missing_value_is_replaced_by_what_least_squares_gives():
    frames = stars(noise=10.0)
    codes = np.zeros(frames.shape, np.uint8)
    codes[2, :, 9] = 3  # a bad column
    missing = codes[2] != 0
    means = completed(frames, codes)
    kept = frames[[0, 1, 3, 4]].sum(axis=0)
    for y in (7, 8, 9, 10):
        found, variance = expected_at(frames, 2, (y, 9), missing)
        away = found - kept[y, 9] / 4
        wanted = kept[y, 9] / 4 + (away - variance / away) / 5
        assert means[y, 9] == pytest.approx(wanted, rel=1e-5)
    ideal = stars().mean(axis=0)
    without = stars()[[0, 1, 3, 4]].mean(axis=0)
    assert np.abs(means - ideal)[6:11, 9].max() < 0.1 * np.abs(without - ideal)[6:11, 9].max()


@pytest.mark.quick
def test_the_mean_stays_where_nothing_is_missing_or_there_is_no_star():
    frames = stars(noise=10.0)
    codes = np.zeros(frames.shape, np.uint8)
    np.testing.assert_array_equal(completed(frames, codes), frames.mean(axis=0, dtype="f4"))
    codes[2, :, 2] = codes[:4, 2, 9] = 3
    sky = np.ma.mean(np.ma.MaskedArray(frames, codes != 0), axis=0).filled(0).astype("f4")
    np.testing.assert_array_equal(completed(frames, codes), sky)


@pytest.mark.quick
def test_noise_is_no_reason_to_complete_a_mean():
    """Of frames of the same seeing, the mean of the values kept is the better one, and what is put there is not biased."""
    changes = []
    for seed in range(30):
        frames = stars((1.6,) * 5, 3e4, 30.0, seed)
        codes = np.zeros(frames.shape, np.uint8)
        codes[2, :, 8:11] = 3
        kept = frames[[0, 1, 3, 4]].mean(axis=0)
        changes.append((completed(frames, codes, 900.0) - kept)[5:12, 8:11])
    assert np.mean(np.abs(changes) > 0.01) < 0.1
    assert abs(np.sum(changes)) / len(changes) < 0.003 * 3e4


@pytest.mark.quick
def test_the_order_of_frames_changes_no_byte_of_float64():
    rng = np.random.default_rng(62)
    frames = stars(noise=10.0).astype(float) * rng.uniform(0.9999, 1.0001, (5, *SHAPE))
    codes = np.zeros(frames.shape, np.uint8)
    codes[2, :, 9] = codes[0, 6, :] = 3
    found = []
    for order in ([0, 1, 2, 3, 4], [3, 1, 4, 0, 2], [4, 3, 2, 1, 0]):
        ordered, dropped = frames[order].copy(), codes[order].copy()
        table, factors = table_of(ordered)
        means = np.nanmean(np.sort(np.where(dropped == 0, ordered, np.nan), axis=0), axis=0)
        kept = means.copy()
        kernels.complete_means(table, factors, detector(100.0), numbers(), dropped, 0, False, means)
        found.append(means)
        assert np.count_nonzero(means != kept) > 5
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()
