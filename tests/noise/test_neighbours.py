"""The gain of a camera whose pixels share charge with their neighbours, simulated with a known gain."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.blocks import block_table
from ccdfx.noise import fit_noise
from ccdfx.noise.neighbours import neighbour_variance

GAIN, READNOISE = 2.0, 8.0
SHARES = {(0, 1): 0.13, (1, 0): 0.2, (1, 1): 0.085, (1, -1): 0.085}
"""Of the charge that a pixel loses, to each neighbour in that direction and the opposite one; the sum is 1."""


def brighter_fatter(rng, level, shape, strength=1e-6):
    """A flat in ADU: what a pixel has in excess of the level pushes `strength` times the level of it to its neighbours.

    The variance is lower than that of photons by 2 * strength * level: 11 % at 60,000 electrons.
    """
    charge = rng.poisson(level, shape).astype(float)
    excess, moved = charge - level, np.zeros(shape)
    for step, share in SHARES.items():
        for sign in (1, -1):
            part = strength * level * share * excess
            moved += np.roll(part, (sign * step[0], sign * step[1]), (0, 1)) - part
    return (charge + moved) / GAIN + rng.normal(0, READNOISE / GAIN, shape)


def trials(levels, strength, shape=(256, 256), count=8, extra=lambda rng, frame: frame):
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        flats = [extra(rng, brighter_fatter(rng, level, shape, strength)) for level in levels]
        biases = [extra(rng, rng.normal(0, READNOISE / GAIN, shape)) for _ in range(2)]
        found.append(fit_noise(flats, biases))
    return found


@pytest.mark.parametrize("levels", [(6e4, 6e4), (1e4, 3e4, 6e4, 1e5), (2e4, 2e4), (500.0, 500.0)])
@pytest.mark.parametrize("strength", [0.0, 1e-6])
def test_the_gain_is_true_within_its_error(levels, strength):
    fits = trials(levels, strength)
    gains, errors = (np.array([getattr(fit, name) for fit in fits]) for name in ("gain", "gain_error"))
    pulls = (gains - GAIN) / errors
    assert abs(pulls.mean()) < 1.0 and (np.abs(pulls) < 3.0).all(), (gains, errors)
    assert abs(gains.mean() / GAIN - 1.0) < 0.02 and errors.max() < 0.05 * GAIN
    expected = 2.0 * strength * np.mean(levels)
    assert np.mean([fit.neighbours for fit in fits]) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("levels", [(5e3, 5e3, 2e4, 2e4, 6e4, 6e4), (1e4, 2e4, 3e4, 4e4, 5e4, 6e4)])
def test_what_lies_beyond_the_neighbours_is_seen_in_flats_of_several_levels(levels, monkeypatch):
    """Half of the charge goes further than the eight neighbours; the error must not hide that."""
    far = {(0, 1): 0.1, (1, 0): 0.15, (1, 1): 0.125, (1, -1): 0.125, (0, 3): 0.25, (3, 0): 0.25}
    monkeypatch.setitem(globals(), "SHARES", far)
    fits = trials(levels, 1e-6, shape=(512, 512), count=3)
    gains, errors = (np.array([getattr(fit, name) for fit in fits]) for name in ("gain", "gain_error"))
    assert abs(gains.mean() / GAIN - 1.0) < 0.012 and (errors < 0.02 * GAIN).all(), (gains, errors)
    assert (np.abs(gains - GAIN) < 3.0 * errors).all(), (gains, errors)


def test_faint_flats_keep_their_error():
    """At 500 electrons the effect cannot be seen, and its covariances are not added."""
    (fit,) = trials((500.0, 500.0), 0.0, count=1)
    assert fit.gain_error < 0.012 * GAIN < 5 * fit.neighbours_error * GAIN


def with_drift(rng, frame):
    return frame + rng.normal(0, 2.0, (frame.shape[0], 1))


def test_correlated_read_noise_is_that_of_the_biases():
    fits = trials((2000.0, 2000.0), 0.0, extra=with_drift)
    assert np.mean([fit.gain for fit in fits]) == pytest.approx(GAIN, rel=0.02)
    assert abs(np.mean([fit.neighbours for fit in fits])) < 0.03


def curved(rng, frame):
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]] / frame.shape[0]
    return frame * (1 + rng.uniform(0, 0.5) * ((x - 0.5) ** 2 + y**2))


def test_gradients_of_flats_are_no_covariance():
    rng = np.random.default_rng(3)
    flats = [rng.poisson(curved(rng, np.full((256, 256), 2e4))) / GAIN for _ in range(4)]
    fit = fit_noise(flats, [rng.normal(0, 4.0, (256, 256)) for _ in range(2)])
    assert abs(fit.neighbours) < 4 * fit.neighbours_error < 0.06
    assert abs(fit.gain - GAIN) < 4 * fit.gain_error


@pytest.mark.quick
def test_the_variance_of_sums_comes_out():
    """White noise adds nothing; with 0.05 of each of four neighbours, sums have a variance of 1.44 a pixel."""
    rng = np.random.default_rng(1)
    white = rng.normal(0, 1, (512, 512))
    mixed = white + 0.05 * sum(np.roll(white, step, axis) for step in (1, -1) for axis in (0, 1))
    blocks, none = np.arange(256), np.zeros((512, 512), np.uint8)
    none[::7, ::11] = 1
    table = np.empty((256, 6))
    for array, total, tolerance in ((white, 1.0, 0.03), (mixed, 1.44, 0.05)):
        array = np.where(none != 0, 1e6, array)
        block_table(array, none, 32, blocks, table)
        added = neighbour_variance(array, none, 32, blocks, table[:, 5])
        assert np.mean(table[:, 5] ** 2 + added) == pytest.approx(total, abs=tolerance)
    array[:32, :32], none[:32, :32] = np.nan, 1
    block_table(array, none, 32, blocks, table)
    assert np.isnan(neighbour_variance(array, none, 32, blocks, table[:, 5])[0])
