"""Frames of values that hardly are any: no function tells the user of it by a warning of NumPy, or by a crash."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ccdfx
from ccdfx import CcdfxError, CcdfxWarning, Image

TRIES = 12
SHAPE = (24, 20)
VALUES = (np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, 1e300, -1e300, 0.0, -0.0, 65535.0, 1.0)


def odd_image(rng: np.random.Generator) -> Image:
    """An image of noise with odd values in few, many or all of its pixels, which may have flags and variance."""
    dtype = rng.choice(["f4", "f8"])
    array = rng.normal(rng.choice([0.0, 100.0, 1e30]), 5.0, SHAPE)
    where = rng.random(SHAPE) < rng.choice([0.01, 0.5, 1.0])
    array[where] = rng.choice(rng.choice(VALUES, 3), int(where.sum()))
    mask = (rng.random(SHAPE) < rng.choice([0.0, 0.3, 1.0])).astype("u1") if rng.random() < 0.5 else None
    variance = None
    if rng.random() < 0.5:
        variance = np.abs(rng.normal(25.0, 3.0, SHAPE))
        variance[rng.random(SHAPE) < 0.2] = rng.choice([0.0, 1e-45, 1e38])
    with np.errstate(over="ignore"):
        array = array.astype(dtype)
    cards = {"GAIN": 2.0, "EXPTIME": float(rng.choice([1e-30, 60.0, 1e30]))}
    return Image(array, cards, mask=mask, variance=None if variance is None else variance.astype(dtype))


def frames(rng: np.random.Generator) -> list[Image]:
    return [odd_image(rng) for _ in range(rng.integers(2, 6))]


NOISE = ccdfx.ccd_noise(gain=2.0, readnoise=5.0)
HALF = (0, 10, 0, 24)
CALLS: dict[str, Callable[[np.random.Generator], Any]] = {
    "add_noise": lambda rng: ccdfx.add_noise(odd_image(rng), model=NOISE, rng=1),
    "add_variance": lambda rng: ccdfx.add_variance(odd_image(rng), noise=NOISE),
    "align": lambda rng: ccdfx.align(frames(rng)),
    "aperture_photometry": lambda rng: ccdfx.aperture_photometry(
        odd_image(rng), [(9.0, 9.0), (0.0, 3.0)], radius=3, annulus=(5, 8)
    ),
    "calibrate": lambda rng: ccdfx.calibrate(
        odd_image(rng), bias=odd_image(rng), dark=odd_image(rng), flat=odd_image(rng), dark_scale="exposure"
    ),
    "centroid": lambda rng: ccdfx.centroid(odd_image(rng), 9.0, 9.0, 5.0),
    "clip_invalid": lambda rng: ccdfx.clip_invalid(odd_image(rng), by="noclipmedian"),
    "clip_outliers": lambda rng: ccdfx.clip_outliers(odd_image(rng)),
    "clip_sigma": lambda rng: ccdfx.clip_sigma(odd_image(rng)),
    "clip_threshold": lambda rng: ccdfx.clip_threshold(odd_image(rng), threshold=1e39),
    "cutouts": lambda rng: ccdfx.cutouts(odd_image(rng), size=5, positions=[(9, 9)]),
    "divide_flat": lambda rng: ccdfx.divide_flat(odd_image(rng), flat=odd_image(rng)),
    "find_sources": lambda rng: ccdfx.find_sources(odd_image(rng)),
    "fit_noise": lambda rng: ccdfx.fit_noise(frames(rng)[:2], frames(rng)[:2]),
    "fit_overscan": lambda rng: ccdfx.fit_overscan(odd_image(rng), overscan=HALF),
    "local_noise": lambda rng: ccdfx.local_noise(odd_image(rng)),
    "mask_cosmic_rays": lambda rng: ccdfx.mask_cosmic_rays(odd_image(rng), replace="median"),
    "mask_saturated": lambda rng: ccdfx.mask_saturated(odd_image(rng), saturation=60000.0),
    "measure_shift": lambda rng: ccdfx.measure_shift(odd_image(rng), reference=odd_image(rng)),
    "measure_stars": lambda rng: ccdfx.measure_stars(odd_image(rng)),
    "measure_transform": lambda rng: ccdfx.measure_transform(odd_image(rng), reference=odd_image(rng)),
    "median_filter": lambda rng: ccdfx.median_filter(odd_image(rng), size=5),
    "offset": lambda rng: ccdfx.offset(odd_image(rng), statistic="median"),
    "predicted_noise": lambda rng: ccdfx.predicted_noise(odd_image(rng)),
    "replace_masked": lambda rng: ccdfx.replace_masked(odd_image(rng)),
    "scale": lambda rng: [ccdfx.scale(odd_image(rng), scaling=item) for item in records("scaling")],
    "shift": lambda rng: ccdfx.shift(odd_image(rng), dx=0.3, dy=-0.7),
    "sky_level": lambda rng: ccdfx.sky_level(odd_image(rng)),
    "snr": lambda rng: [ccdfx.snr(odd_image(rng), model=item) for item in records("noise_model")],
    "statistics": lambda rng: ccdfx.statistics(odd_image(rng)),
    "subtract_bias": lambda rng: ccdfx.subtract_bias(odd_image(rng), bias=odd_image(rng)),
    "subtract_dark": lambda rng: ccdfx.subtract_dark(odd_image(rng), dark=odd_image(rng), scale="exposure"),
    "subtract_level": lambda rng: ccdfx.subtract_level(odd_image(rng), section=HALF),
    "subtract_overscan": lambda rng: ccdfx.subtract_overscan(odd_image(rng), overscan=HALF),
    "to_electrons": lambda rng: ccdfx.to_electrons(odd_image(rng), gain=1e30),
    "unscale": lambda rng: [ccdfx.unscale(odd_image(rng), scaling=item) for item in records("scaling")],
    "variance_of": lambda rng: ccdfx.variance_of(odd_image(rng), model=NOISE),
    "warp": lambda rng: ccdfx.warp(odd_image(rng), transform=ccdfx.similarity(rotation=3.0)),
    "combine": lambda rng: ccdfx.combine(frames(rng)),
    "combine by each rule": lambda rng: combine_by_rules(frames(rng)),
    "combine by statistics": lambda rng: ccdfx.combine(
        frames(rng), scale="median", zero="mean", weights="mean", average=ccdfx.median()
    ),
}


def records(kind: str) -> list[Any]:
    from ccdfx import registry

    return list(registry.records(kind).values())


def combine_by_rules(images: list[Image]) -> None:
    for rule in records("rejection"):
        attempt(lambda rule=rule: ccdfx.combine(images, reject=rule))


def attempt(call: Callable[[], Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", CcdfxWarning)
        with contextlib.suppress(CcdfxError):  # a typed refusal is as good as a result
            call()


SLOW = {"combine by each rule"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in CALLS]
)
def test_odd_values_cause_no_warning_of_numpy(name: str) -> None:
    for seed in range(TRIES):
        try:
            attempt(lambda seed=seed: CALLS[name](np.random.default_rng(seed)))
        except Exception as error:
            error.add_note(f"{name}, seed {seed}")
            raise
