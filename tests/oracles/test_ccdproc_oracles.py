"""Calibration against the outputs of IRAF 2.17 ccdproc on small frames."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from ccdfx.operations.calibration.calibrate import divide_flat, subtract_bias, subtract_dark
from ccdfx.operations.calibration.overscan import subtract_overscan
from ccdfx.operations.calibration.overscan_fit import OverscanFit
from ccdfx.operations.window import trim
from ccdfx.records.image import Image
from ccdfx.records.range import Range

CASES = [f"ccdproc_{number:03d}" for number in range(13)]
FUNCTIONS = {"legendre": "legendre", "chebyshev": "chebyshev", "spline3": "spline", "spline1": "spline1"}


def lower_median(values: np.ndarray) -> float:
    """IRAF takes the lower of the middle two; ours is their mean, so the definition is given as a function."""
    return float(np.sort(values)[(values.size - 1) // 2])


def without_extremes(values: np.ndarray) -> float:
    """The mean without the smallest and the largest value, IRAF's minmax."""
    return float((values.sum() - values.min() - values.max()) / (values.size - 2))


METHODS = {"mean": "mean", "median": lower_median, "minmax": without_extremes}


@pytest.fixture(scope="module")
def vectors(shared: Path):
    folder = shared / "vectors"
    cases = json.loads((folder / "index.json").read_text())["cases"]
    return {case["id"]: case for case in cases}, np.load(folder / "ccdproc.npz", allow_pickle=False)


def overscan_options(params: dict) -> dict:
    """IRAF fits the lines inside the trim limits only, whatever the overscan section says."""
    bias, useful = Range.from_fits(params["biassec"]), Range.from_fits(params["trimsec"])
    rows = params["readaxis"] == "line"
    section = (*tuple(bias)[:2], *tuple(useful)[2:]) if rows else (*tuple(useful)[:2], *tuple(bias)[2:])
    options = {"overscan": section, "axis": "rows" if rows else "columns"}
    if params["function"] in METHODS:
        # Without a fit every line needs a level, inside the trim limits or not.
        return {**options, "overscan": tuple(bias), "statistic": METHODS[params["function"]]}
    assert params["grow"] == 0
    fit = OverscanFit(
        function=FUNCTIONS[params["function"]],
        order=params["order"],
        low=params["low_reject"] or math.inf,
        high=params["high_reject"] or math.inf,
        iterations=params["niterate"],
    )
    return {**options, "statistic": "mean", "fit": fit}


@pytest.mark.parametrize("name", CASES)
def test_ccdproc(vectors, name):
    cases, arrays = vectors
    case = cases[name]
    params = case["params"]
    plane = lambda kind: arrays[f"{name}_{kind}"]  # noqa: E731
    image = Image(plane("raw"), {"EXPTIME": params["exptime"]})
    if params["overscan"]:
        image = subtract_overscan(image, **overscan_options(params))
        level = (plane("raw").astype(float) - image.array)[trim_slices(params)]
        vector = level.mean(axis=1 if params["readaxis"] == "line" else 0)
        np.testing.assert_allclose(vector, plane("overscan_vec"), rtol=0, atol=1e-3)
    if params["trim"]:
        image = trim(image, section=params["trimsec"])
    if params["zerocor"]:
        image = subtract_bias(image, bias=plane("zero"))
    if params["darkcor"]:
        dark = Image(plane("dark"), {"EXPTIME": params["darktime"]})
        image = subtract_dark(image, dark=dark, scale="exposure")
    if params["flatcor"]:
        image = divide_flat(image, flat=plane("flat"), statistic=params["ccdmean_used"])
    trusted = plane("trusted")
    assert trusted.mean() == case["trusted_fraction"]
    difference = np.abs(image.array - plane("out"))[trusted]
    assert difference.max() <= case["atol"]


def trim_slices(params: dict) -> tuple[slice, slice]:
    return Range.from_fits(params["trimsec"]).slices


def test_no_case_is_forgotten(vectors):
    cases, _ = vectors
    assert sorted(name for name, case in cases.items() if case["file"] == "ccdproc.npz") == CASES


def test_our_median_differs_from_iraf_by_less_than_the_gap_of_the_middle_values(vectors):
    cases, arrays = vectors
    params = cases["ccdproc_001"]["params"]
    raw = arrays["ccdproc_001_raw"]
    strip = np.sort(raw[Range.from_fits(params["biassec"]).slices], axis=1)
    gap = strip[:, strip.shape[1] // 2] - strip[:, strip.shape[1] // 2 - 1]
    level = subtract_overscan(raw, overscan=params["biassec"], statistic="median")
    found = trim(level, section=params["trimsec"])
    lines = trim_slices(params)[0]
    difference = np.abs(found.array - arrays["ccdproc_001_out"])
    assert (difference <= gap[lines, None] / 2 + 1e-3).all() and difference.max() > 0
