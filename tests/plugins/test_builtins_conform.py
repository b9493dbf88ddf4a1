"""Every built-in record obeys the laws of its kind, and where one cannot, this table says why.

Two laws of steps at the end hold for some steps only.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx import Image, Range, ccd_noise, load_instrument, registry, trim
from ccdfx.scalings import asinh, linear
from ccdfx.testing import Conformance, assert_same_image, laws_of

RNG = np.random.default_rng(5)
SHAPE = (8, 10)
MASTER = Image(
    RNG.uniform(0.5, 1.5, SHAPE).astype(np.float32),
    mask=RNG.random(SHAPE) < 0.05,
    variance=RNG.uniform(0, 0.1, SHAPE),
)
NOISE = ccd_noise(gain=1.5, readnoise=5.0)
# The night of the trial as if there were filters of colours in front of its pixels.
MOSAIC = {"instrument": dataclasses.replace(load_instrument("iraf"), colours="RGGB")}
OPTIONS = {
    "select": {"section": (2, 8, 1, 6)},
    "trim": {"section": "[2:9,1:7]"},
    "subtract_overscan": {"overscan": "[9:10,1:8]", "statistic": "mean"},
    "subtract_bias": {"bias": MASTER},
    "subtract_dark": {"dark": MASTER, "scale": 2.0},
    "divide_flat": {"flat": MASTER},
    "to_electrons": {"gain": 1.5},
    "linearise": {"polynomial": (1.0, 1e-6), "limit": 50000.0},
    "add_variance": {"noise": NOISE},
    "calibrate": {"bias": MASTER, "flat": MASTER, "gain": 1.5, "noise": NOISE},
    "mask_saturated": {"saturation": 5000.0},
    "mask_from": {"bad_pixels": MASTER.array > 1.4},
    "replace": {"where": MASTER.array > 1.4},
    "subtract_level": {"section": (8, 10, 0, 8), "statistic": "mean"},
    "offset": {"statistic": "minp1"},
    "clip_sigma": {"low": 1.5, "high": 1.5},
    "clip_outliers": {"low": 5, "high": 90},
    "clip_threshold": {"threshold": 3000.0, "comparison": ">=", "by": -1},
    "mask_cosmic_rays": {"sigma_limit": 2.0, "object_limit": 1.0, "replace": "median", "noise": NOISE},
    "median_filter": {"size": 3},
    "shift": {"dx": 0.3, "dy": -1.2},
    "mosaics": MOSAIC,
    "colours": MOSAIC,
    "scale": {"scaling": asinh(10.0)},
    "unscale": {"scaling": linear(2.0, 100.0)},
    # What they take from an image where it is not given.
    "surface_brightness": {"zero_point": 25.0, "pixel_area": 0.25},
    "histogram_equalisation": {
        "values": (-50.0, -10.0, 0.0, 3.0, 80.0),
        "fractions": (0.0, 0.3, 0.5, 0.9, 1.0),
    },
}
MASKED_FRAME = "a frame masked everywhere equals a frame left out"
CONSTANT = "a constant shifts the result and leaves the rejected set"
WITHOUT = {
    # It moves the content of the pixels, and the WCS with it.
    "shift": ["sky positions stay"],
    # Its variance is that of a median of normal values, and not that of the value that is picked.
    "median_filter": ["the variance is that of the slope"],
    # A file without the blanks at its end is read, with a warning: many programs write such.
    "fits": ["a file that was cut is refused"],
    # It takes masters that are given, and the night of the trial has none.
    "taken": ["what it plans can be"],
    # It plans where the recipe asks for it and there are several detectors; the night of the trial has one.
    "mosaic": ["what it plans can be"],
    # They drop by the number of frames, masked or not.
    "minmax": [MASKED_FRAME],
    "percentile_clip": [MASKED_FRAME],
    # Their noise grows with the level.
    "ccd_clip": [CONSTANT],
    "cr_reject": [CONSTANT],
    # So does this one's, and its sum over a line is of values in the working type.
    "average_sigma_clip": [CONSTANT, "whole numbers are numbers"],
    # Its limits are fractions of the level.
    "relative_clip": [CONSTANT],
    # By default it knows that whole numbers are rounded.
    "mad_clip": ["whole numbers are numbers"],
}
EXAMPLES = int(os.environ.get("CCDFX_EXAMPLES", "4"))
BUILT_IN = Conformance(registry.BUILTIN, OPTIONS, WITHOUT, EXAMPLES, seconds=5.0)
ccdfx_conformance = [BUILT_IN]


def test_every_built_in_record_and_law_is_tried_but_for_the_table() -> None:
    tried = {(case.kind, case.name, case.law) for case in BUILT_IN.cases()}
    provided = registry.plugins()[0].provides
    assert tried - {("plugin", "ccdfx", "it loads")} == {
        (kind, name, law)
        for kind, names in provided.items()
        for name in names
        for law in laws_of(kind)
        if law not in WITHOUT.get(name, ())
    }


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_kind_has_laws_with_words(kind: str) -> None:
    assert len(laws_of(kind)) >= 3
    assert all(law == law.strip() and "_" not in law for law in laws_of(kind))


STEPS = registry.plugins()[0].provides["step"]
# Twice the input gives twice the result, and four times the variance.
HOMOGENEOUS = {
    "select", "trim", "subtract_overscan", "divide_flat", "to_electrons", "shift", "mask_invalid", "mask_from",
    "replace_masked", "mask_cosmic_rays", "median_filter", "replace", "clip_invalid", "clip_outliers", "clip_sigma",
    "subtract_level",
}  # fmt: skip
MOVING = {"select", "trim", "shift"}  # a pixel may come out elsewhere
# Not each pixel for itself: a fill from the neighbours, a level of the line, a window, statistics of the image.
LINKED = {
    "replace_masked", "subtract_overscan", "mask_cosmic_rays", "median_filter", "replace", "clip_outliers", "clip_sigma",
    "subtract_level", "offset",
}  # fmt: skip
quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def frame(seed: int) -> Image:
    """A frame with flags, variance, and pixels that are not numbers."""
    rng = np.random.default_rng(seed)
    array = rng.uniform(1, 6000, SHAPE).astype(np.float32)
    array[rng.random(SHAPE) < 0.05] = rng.choice([np.nan, np.inf, -np.inf])
    mask = np.where(rng.random(SHAPE) < 0.15, rng.integers(1, 256, SHAPE), 0).astype(np.uint8)
    mask[:, 8:] = 0  # an overscan has a good pixel in every line
    array[:, 8:] = np.nan_to_num(array[:, 8:], nan=5, posinf=5, neginf=5)
    return Image(array, {"BUNIT": "adu", "EXPTIME": 30.0}, mask, variance=rng.uniform(0, 9, SHAPE))


@pytest.mark.parametrize("name", sorted({*STEPS} - MOVING - LINKED))
@quick
@given(seed=seeds)
def test_a_step_for_each_pixel_commutes_with_trim(name: str, seed: int) -> None:
    image = frame(seed)
    section = Range(1, 9, 2, 7)
    options = dict(OPTIONS.get(name, {}))
    if "flat" in options:
        options["statistic"] = 1.1  # a level is that of the whole flat
    whole, part = registry.lookup("step", name), {}
    for key, value in options.items():
        part[key] = trim(value, section=section) if isinstance(value, Image | np.ndarray) else value
    last = trim(whole.configure(**options)(image), section=section)
    first = whole.configure(**part)(trim(image, section=section))
    assert_same_image(first.replace(header=None), last.replace(header=None))


@pytest.mark.parametrize("name", sorted(HOMOGENEOUS))
@quick
@given(seed=seeds, power=st.integers(-6, 6))
def test_variance_scales_as_the_square_of_a_factor(name: str, seed: int, power: int) -> None:
    image, factor = frame(seed), np.float32(2.0**power)
    options = {key: value for key, value in OPTIONS.get(name, {}).items() if value is not NOISE}
    step = registry.lookup("step", name).configure(**options)
    one = step(image)
    other = step(image.replace(array=image.array * factor, variance=image.variance * factor**2))
    good = one.good
    np.testing.assert_array_equal(other.mask, one.mask)
    np.testing.assert_allclose(other.array[good], factor * one.array[good], rtol=1e-5)
    np.testing.assert_allclose(other.variance[good], factor**2 * one.variance[good], rtol=1e-5)
