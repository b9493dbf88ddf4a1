"""Cosmic rays against astroscrappy with the same settings: the same pixels in 99.9 %.

One and two passes find the same rays. Before later ones, astroscrappy replaces a ray by the lower of the middle two of an
even number of neighbours, and ccdfx by their mean; now and then a long track then grows at its end in one of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccdfx import Image, ccd_noise, mask_cosmic_rays, read
from ccdfx.records.flags import Flag

astroscrappy = pytest.importorskip("astroscrappy")

GAIN, READNOISE = 1.5, 6.0
MODES = pytest.mark.parametrize("medians", ["exact", "separable"])


def of_astroscrappy(array: np.ndarray, medians: str, **options: object) -> np.ndarray:
    found, _ = astroscrappy.detect_cosmics(
        np.array(array), sepmed=medians == "separable", cleantype="medmask", satlevel=np.inf, **options
    )
    return found


def of_ccdfx(image: Image, **options: object) -> np.ndarray:
    return (mask_cosmic_rays(image, **options).mask & np.uint8(Flag.COSMIC_RAY)) != 0


def overlap(one: np.ndarray, two: np.ndarray) -> float:
    """The pixels that both found, of those that either found."""
    assert one.any()
    return np.count_nonzero(one & two) / np.count_nonzero(one | two)


def simulated(seed: int, size: int = 600) -> np.ndarray:
    """Stars of FWHM 3.5 pixels on a sky that slopes, with tracks of cosmic rays, in ADU."""
    rng = np.random.default_rng(seed)
    electrons = 400.0 + 0.2 * np.add.outer(np.arange(size), np.arange(size))
    y, x = np.mgrid[-12:13, -12:13]
    for _ in range(size * size // 3000):
        a, b = rng.uniform(15, size - 15, 2)
        i, j = round(a), round(b)
        star = np.exp(-((x + i - a) ** 2 + (y + j - b) ** 2) / (2 * 1.49**2))
        electrons[j - 12 : j + 13, i - 12 : i + 13] += min(300 / (1 - rng.random()), 5e4) * star
    electrons = rng.poisson(electrons) + rng.normal(0, READNOISE, electrons.shape)
    for _ in range(size * size // 1500):
        a, b = rng.uniform(15, size - 15, 2)
        angle, density = rng.uniform(0, np.pi), rng.uniform(100, 2000)
        for step in np.arange(0, rng.uniform(1, 14), 0.5):
            electrons[int(b + step * np.sin(angle)), int(a + step * np.cos(angle))] += density
    return (electrons / GAIN).astype(np.float32)


@MODES
@pytest.mark.parametrize("passes", [1, 2])
def test_simulated_star_fields(medians: str, passes: int) -> None:
    array = simulated(1)
    mine = of_ccdfx(Image(array), medians=medians, noise=ccd_noise(GAIN, READNOISE), iterations=passes)
    theirs = of_astroscrappy(array, medians, gain=GAIN, readnoise=READNOISE, niter=passes)
    assert overlap(mine, theirs) > 0.999


@MODES
def test_to_the_end(medians: str) -> None:
    array = simulated(2)
    mine = of_ccdfx(Image(array), medians=medians, noise=ccd_noise(GAIN, READNOISE))
    theirs = of_astroscrappy(array, medians, gain=GAIN, readnoise=READNOISE)
    assert overlap(mine, theirs) > 0.99
    assert np.mean(mine == theirs) > 0.9999


@MODES
@pytest.mark.parametrize(
    ("sigma_limit", "neighbour_fraction", "object_limit"), [(7.0, 0.5, 3.0), (4.0, 0.2, 8.0), (4.5, 1.0, 5.0)]
)
def test_other_limits(
    medians: str, sigma_limit: float, neighbour_fraction: float, object_limit: float
) -> None:
    array = simulated(3, size=400)
    limits = {
        "sigma_limit": sigma_limit,
        "neighbour_fraction": neighbour_fraction,
        "object_limit": object_limit,
    }
    mine = of_ccdfx(Image(array), medians=medians, noise=ccd_noise(GAIN, READNOISE), iterations=2, **limits)
    theirs = {"sigclip": sigma_limit, "sigfrac": neighbour_fraction, "objlim": object_limit, "niter": 2}
    assert overlap(mine, of_astroscrappy(array, medians, gain=GAIN, readnoise=READNOISE, **theirs)) > 0.999


@MODES
def test_a_variance_of_ones_own(medians: str) -> None:
    array = simulated(4, size=400)
    variance = (np.maximum(array, 0) / GAIN + 40).astype(np.float32)
    mine = of_ccdfx(Image(array, variance=variance), medians=medians, iterations=2)
    assert overlap(mine, of_astroscrappy(array, medians, invar=variance, niter=2)) > 0.999


@MODES
@pytest.mark.parametrize("name", ["d1048", "d1059"])
def test_real_frames(shared: Path, medians: str, name: str) -> None:
    """A sparse field and a globular cluster, overscan subtracted; gain and read noise are crude."""
    raw = read(shared / f"data/nickel/{name}.fits").array.astype(np.float32)
    array = raw[:, :1024] - np.median(raw[:, 1030:])
    array[:, 256] = 0.5 * (array[:, 255] + array[:, 257])
    mine = of_ccdfx(Image(array), medians=medians, noise=ccd_noise(1.8, 9.0), iterations=1)
    theirs = of_astroscrappy(array, medians, gain=1.8, readnoise=9.0, niter=1)
    assert np.mean(mine == theirs) > 0.9999
    # Further out, astroscrappy has no medians, and takes the values themselves.
    inner = np.s_[10:-10, 10:-10]
    assert overlap(mine[inner], theirs[inner]) > 0.999
