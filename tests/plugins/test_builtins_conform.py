"""Every built-in record obeys the laws of its kind, and where one cannot, this table says why."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ccdfx import Image, ccd_noise, registry
from ccdfx.scalings import asinh, linear
from ccdfx.testing import Conformance, laws_of

RNG = np.random.default_rng(5)
SHAPE = (8, 10)
MASTER = Image(
    RNG.uniform(0.5, 1.5, SHAPE).astype(np.float32),
    mask=RNG.random(SHAPE) < 0.05,
    variance=RNG.uniform(0, 0.1, SHAPE),
)
NOISE = ccd_noise(gain=1.5, readnoise=5.0)
OPTIONS = {
    "select": {"range": (2, 8, 1, 6)},
    "trim": {"section": "[2:9,1:7]"},
    "subtract_overscan": {"overscan": "[9:10,1:8]", "method": "mean"},
    "subtract_bias": {"bias": MASTER},
    "subtract_dark": {"dark": MASTER, "scale": 2.0},
    "divide_flat": {"flat": MASTER},
    "to_electrons": {"gain": 1.5},
    "add_variance": {"noise": NOISE},
    "calibrate": {"bias": MASTER, "flat": MASTER, "gain": 1.5, "noise": NOISE},
    "mask_saturated": {"saturation": 5000.0},
    "mask_from": {"bad_pixels": MASTER.array > 1.4},
    "replace": {"where": MASTER.array > 1.4},
    "subtract_level": {"range": (8, 10, 0, 8), "statistic": "mean"},
    "offset": {"by": "minp1"},
    "clip_sigma": {"low": 1.5, "high": 1.5},
    "clip_outliers": {"low": 5, "high": 90},
    "clip_threshold": {"threshold": 3000.0, "comparison": ">=", "by": -1},
    "mask_cosmic_rays": {"sigma_limit": 2.0, "object_limit": 1.0, "replace": "median", "noise": NOISE},
    "median_filter": {"size": 3},
    "shift": {"dx": 0.3, "dy": -1.2},
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
    # A file without the blanks at its end is read, with a warning: many programs write such.
    "fits": ["a file that was cut is refused"],
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
