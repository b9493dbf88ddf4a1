"""Fluxes of stars under `profile_clip`, where seeing, transparency and position change, against the known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import ccdfx

SIZE, CELL = 156, 52
GAIN, READNOISE = 1.5, 8.0
FLUXES = np.array([4e3, 3e4, 3e5])  # faint, mid, bright
RAYS = 0.001  # of the pixels of each frame


@dataclass(frozen=True)
class Night:
    """Frames, their noise-free stars at full transparency, transparency, sky, FWHM, and the places of the stars."""

    frames: list[np.ndarray]
    stars: np.ndarray
    transparency: np.ndarray
    sky: np.ndarray
    fwhms: np.ndarray
    places: np.ndarray

    @property
    def noises(self):
        """Standard deviation of each pixel before scaling."""
        return np.array([
            np.sqrt((t * star + sky) / GAIN + (READNOISE / GAIN) ** 2)
            for star, t, sky in zip(self.stars, self.transparency, self.sky, strict=True)
        ])  # fmt: skip


def profile(shape, fwhm, y, x):
    """Return a star of flux 1, integrated over pixels: "gauss", or a Moffat function of that exponent."""
    fine = (np.arange(SIZE * 3) + 0.5) / 3 - 0.5
    near = (
        slice(max(int(y) - 25, 0) * 3, (int(y) + 26) * 3),
        slice(max(int(x) - 25, 0) * 3, (int(x) + 26) * 3),
    )
    square = (fine[near[0], None] - y) ** 2 + (fine[None, near[1]] - x) ** 2
    if shape == "gauss":
        values = np.exp(-4 * np.log(2) * square / fwhm**2) * 4 * np.log(2) / (np.pi * fwhm**2)
    else:
        width = fwhm / (2 * np.sqrt(2 ** (1 / shape) - 1))
        values = (shape - 1) / (np.pi * width**2) * (1 + square / width**2) ** -shape
    star = np.zeros((SIZE * 3, SIZE * 3))
    star[near] = values
    return star.reshape(SIZE, 3, SIZE, 3).mean(axis=(1, 3))


def night(rng, count, shape, ratios, shift=0.0, fwhm=2.6):
    """Simulate frames of nine stars, three of each flux."""
    cells = [(CELL * (i + 0.5), CELL * (j + 0.5)) for i in range(3) for j in range(3)]
    places = rng.permutation(cells) + rng.uniform(-2, 2, (9, 2))
    transparency, sky = rng.uniform(0.4, 1, count), rng.uniform(100, 500, count)
    fwhms, stars, frames = fwhm * ratios, [], []
    for number in range(count):
        dy, dx = rng.normal(0, shift, 2)
        star = sum(
            FLUXES[k % 3] * profile(shape, fwhms[number], y + dy, x + dx) for k, (y, x) in enumerate(places)
        )
        electrons = GAIN * (transparency[number] * star + sky[number])
        counted = rng.poisson(electrons) + rng.normal(0, READNOISE, electrons.shape)
        frames.append((counted / GAIN).astype("f4"))
        stars.append(star)
    return Night(frames, np.array(stars), transparency, sky, fwhms, places)


def ratios_of(rng, count, mix):
    """FWHM relative to the sharpest: any, one blunt frame among sharp ones, or one sharp frame among blunt ones."""
    if mix == "any":
        return rng.uniform(1, 1.8, count)
    odd = np.arange(count) < max(1, count // 5)
    return np.where(odd, 1.8, 1.0) if mix == "blunt" else np.where(odd, 1.0, 1.8)


def with_rays(rng, found):
    """Add rays of 10 to 300 sigma at random pixels; return the frames and where they are hit."""
    hit = rng.random((len(found.frames), SIZE, SIZE)) < RAYS
    height = np.exp(rng.uniform(np.log(10), np.log(300), hit.shape)) * found.noises
    return list((np.array(found.frames) + hit * height).astype("f4")), hit


def combined(frames, found, rule, **options):
    weights = (found.transparency**2) / (found.sky / GAIN + (READNOISE / GAIN) ** 2)
    model = ccdfx.ccd_noise(gain=GAIN, readnoise=READNOISE)
    images = [ccdfx.add_variance(ccdfx.Image(frame), noise=model) for frame in frames]
    scale, zero = found.transparency, found.sky / found.transparency
    return weights, ccdfx.stack(
        images, reject=rule, scale=scale, zero=zero, weights=weights, follow=True, **options
    )


def fluxes(image, places, radius=10.0):
    y, x = np.indices(image.shape)
    return np.array([image[(y - a) ** 2 + (x - b) ** 2 <= radius**2].sum() for a, b in places])


class Tally:
    """Errors of fluxes, in units of the flux and of the reported sigma, and the fraction of the rays that are gone."""

    def __init__(self):
        self.relative, self.lost, self.sigmas, self.gone = [], [], [], []

    def add(self, rng, found, rule):
        frames, hit = with_rays(rng, found)
        weights, done = combined(frames, found, rule)
        _, clean = combined(found.frames, found, rule)
        _, plain = combined(found.frames, found, None)
        truth = np.average(found.stars, axis=0, weights=weights)
        expected = fluxes(truth, found.places)
        error = np.sqrt(fluxes(done.variance, found.places))
        got, without = (fluxes(stack.value, found.places) for stack in (done, clean))
        self.relative.append(((got - expected) / expected, error / expected))
        self.lost.append((without - fluxes(plain.value, found.places)) / expected)
        self.sigmas.append((got - expected) / error)
        self.gone.append([done.rejected_in(number)[hit[number]].mean() for number in range(len(frames))])

    def check(self):
        relative, error = np.array(self.relative).transpose(1, 0, 2)
        for first in range(3):
            some = slice(first, None, 3)
            bias, of_bias = (
                relative[:, some].mean(),
                np.sqrt(np.mean(error[:, some] ** 2) / relative[:, some].size),
            )
            assert abs(bias) < max(0.005, 3 * of_bias)
            lost = np.array(self.lost)[:, some].mean()  # by the rejection alone, which is known better
            assert abs(lost) < max(0.003, of_bias)
        assert np.sqrt(np.mean(np.square(self.sigmas))) < 1.2
        assert np.concatenate(self.gone).mean() > 0.99


@pytest.mark.parametrize("count", [3, 5, 10, 30])
def test_stars_keep_their_flux_and_rays_go(count):
    """Seeing of a factor up to 1.8 and clouds of up to 60 %, in any mix."""
    tally, rng = Tally(), np.random.default_rng([2024, count])
    cases = [(shape, mix) for shape in ("gauss", 3.5) for mix in ("any", "blunt", "sharp")]
    for shape, mix in cases if count < 30 else cases[::2]:
        found = night(rng, count, shape, ratios_of(rng, count, mix))
        amplitude, gradient = ccdfx.profile_terms(found.fwhms)
        tally.add(rng, found, ccdfx.profile_clip(amplitude=amplitude, gradient=gradient))
    tally.check()


def test_frames_that_are_a_little_displaced():
    tally, rng = Tally(), np.random.default_rng(2025)
    for shape, mix in (("gauss", "any"), (3.5, "blunt"), ("gauss", "sharp"), (2.5, "any")):
        found = night(rng, 6, shape, ratios_of(rng, 6, mix), shift=0.05)
        amplitude, gradient = ccdfx.profile_terms(found.fwhms, shift_errors=0.05)
        tally.add(rng, found, ccdfx.profile_clip(amplitude=amplitude, gradient=gradient))
    tally.check()


@pytest.mark.parametrize("kernel", ["spline", "lanczos"])
def test_frames_that_are_resampled(kernel):
    """Dithered frames are moved by fractions of a pixel as they are read."""
    rng = np.random.default_rng(2026)
    found = night(rng, 5, 3.5, ratios_of(rng, 5, "any"))
    steps = rng.uniform(-3, 3, (5, 2)).round(2)
    steps[0] = 0
    frames = []
    for number, (dx, dy) in enumerate(steps):
        star = sum(
            FLUXES[k % 3] * profile(3.5, found.fwhms[number], y - dy, x - dx)
            for k, (y, x) in enumerate(found.places)
        )
        electrons = GAIN * (found.transparency[number] * star + found.sky[number])
        counted = rng.poisson(electrons) + rng.normal(0, READNOISE, electrons.shape)
        frames.append((counted / GAIN).astype("f4"))
    frames[2][78, 60] += 4000
    amplitude, gradient = ccdfx.profile_terms(found.fwhms, shift_errors=0.02)
    rule = ccdfx.profile_clip(amplitude=amplitude, gradient=gradient, grow=1.5)
    extent = ccdfx.placed(steps.tolist(), extent="intersection", kernel=kernel)
    _, done = combined(frames, found, rule, offsets=extent)
    _, plain = combined(frames, found, None, offsets=extent)
    corner = np.maximum(np.rint(steps - steps[0]), 0).max(axis=0)[::-1].astype(int)
    places = found.places - corner
    moved = fluxes(done.value, places) - fluxes(plain.value, places)
    assert np.abs(moved / FLUXES[np.arange(9) % 3]).max() < 0.004
    dx, dy = np.rint(-steps[2]).astype(int)
    near = np.s_[
        78 - corner[0] - dy - 2 : 78 - corner[0] - dy + 3, 60 - corner[1] - dx - 2 : 60 - corner[1] - dx + 3
    ]
    assert plain.value[near].max() > 200 and done.value[near].max() < 100
