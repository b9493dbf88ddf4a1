"""ccdfx.photometry.width: the FWHM of large frames, which are filtered at full resolution only near peaks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccdfx.photometry import width
from ccdfx.photometry.detection import detected, detected_near, prepared
from ccdfx.photometry.stars import measure_stars

SIDE = 1100


def field(fwhm: float, *, rays: int = 0, stars: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A frame with stars of one FWHM, and with cosmic rays of two or three pixels; and their places x, y."""
    rng = np.random.default_rng(round(10 * fwhm))
    array = rng.normal(500, 10, (SIDE, SIDE)).astype(np.float32)
    places = rng.uniform(60, SIDE - 60, (stars, 2))
    sigma, reach = fwhm / 2.3548, math.ceil(2.5 * fwhm)
    for (x, y), snr in zip(places, np.geomspace(40, 400, stars), strict=True):
        j, i = (slice(round(at) - reach, round(at) + reach + 1) for at in (y, x))
        v, u = np.mgrid[j, i]
        flux = snr * 10 * 2 * math.sqrt(math.pi) * sigma
        array[j, i] += (
            flux / (2 * math.pi * sigma**2) * np.exp(-0.5 * ((u - x) ** 2 + (v - y) ** 2) / sigma**2)
        )
    y, x = rng.integers(5, SIDE - 5, (2, rays))
    for far in (0, 1):
        array[y, x + far] += 2000
    return array, places


@pytest.mark.quick
@pytest.mark.parametrize("fwhm", [1.7, 3.2, 5.5, 11.0])
@pytest.mark.parametrize("rays", [0, 400])
def test_the_width_of_a_large_frame_is_that_of_its_stars(fwhm: float, rays: int, monkeypatch) -> None:
    array, _ = field(fwhm, rays=rays)
    plane = prepared(array, np.isfinite(array))
    found, trails = width.estimated_fwhm(plane, 5.0)
    assert found == pytest.approx(fwhm, rel=0.06) and trails == []
    monkeypatch.setattr(width, "_LARGE", SIDE**2 + 1)
    assert found == pytest.approx(width.estimated_fwhm(plane, 5.0)[0], rel=0.01)


def test_peaks_near_others_are_those_of_the_whole_plane() -> None:
    array, _ = field(3.0)
    plane = prepared(array, np.isfinite(array))
    whole = detected(plane, 2.83, 15.0, 3)
    near = detected_near(plane, 2.83, 15.0, detected(plane, 4.0, 10.0, 4))
    assert len(near) == len(whole)
    assert np.array(sorted(near.tolist())) == pytest.approx(np.array(sorted(whole.tolist())), rel=0.02)


@pytest.mark.parametrize("fwhm", [2.2, 3.2, 10.0])
def test_stars_of_a_large_tilted_frame_are_where_they_were_put(fwhm: float) -> None:
    array, places = field(fwhm)
    array += np.linspace(0, 40, SIDE, dtype=np.float32)
    found = measure_stars(array)
    gaps = np.hypot(*(found.places[:, None] - places[None]).transpose(2, 0, 1))
    alone = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1)) + 1e9 * np.eye(len(places))
    alone = alone.min(axis=1) > 4 * fwhm
    errors = fwhm / (math.sqrt(8 * math.log(2)) * np.geomspace(40, 400, len(places)))
    assert (gaps.min(axis=0)[alone] < 6 * errors[alone] + 0.01).all()
    assert (gaps.min(axis=1) < 2).mean() > 0.9
    assert found.fwhm == pytest.approx(fwhm, rel=0.04)
