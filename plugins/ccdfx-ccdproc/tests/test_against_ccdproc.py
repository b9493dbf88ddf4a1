"""The same calls to ccdproc and to this package give the same numbers, wherever ccdproc is right."""

from __future__ import annotations

from typing import Any

import astropy.units as u
import numpy as np
import pytest
from astropy.modeling import models
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.stats import mad_std
from astropy.wcs import WCS

import ccdfx_ccdproc as ours

theirs = pytest.importorskip("ccdproc")
BOTH = (theirs, ours)
DARK = {"dark_exposure": 60 * u.s, "data_exposure": 30 * u.s}


def frame(
    seed: int, *, level: float = 500, shape: tuple[int, int] = (40, 50), masked: bool = False
) -> CCDData:
    """Return a frame with an uncertainty, and one bad pixel in a hundred if `masked`, beyond the first 9 columns."""
    rng = np.random.default_rng(seed)
    mask = (rng.random(shape) < 0.01) & (np.arange(shape[1]) >= 9) if masked else None
    error = StdDevUncertainty(rng.uniform(1, 2, shape))
    return CCDData(
        rng.normal(level, 20, shape), unit="adu", mask=mask, uncertainty=error, meta={"exptime": 10.0}
    )


def require_same(results: list[Any], rtol: float = 1e-9) -> None:
    """Require that two results have the same values where neither is masked, and the same of all else."""
    first, second = results
    assert first.unit == second.unit and first.shape == second.shape and first.dtype == second.dtype
    masks = [
        np.zeros(first.shape, bool) if one.mask is None else np.asarray(one.mask, bool) for one in results
    ]
    np.testing.assert_array_equal(*masks)
    good = ~masks[0]
    np.testing.assert_allclose(second.data[good], first.data[good], rtol=rtol)
    assert (first.uncertainty is None) == (second.uncertainty is None)
    if first.uncertainty is not None:
        errors = [one.uncertainty.array[good] for one in results]
        np.testing.assert_allclose(errors[1], errors[0], rtol=max(rtol, 1e-7), atol=1e-9)
    assert dict(first.meta) == dict(second.meta)


CALLS = {
    "bias": lambda m, masked: m.subtract_bias(frame(1, masked=masked), frame(2, masked=masked)),
    "dark": lambda m, masked: m.subtract_dark(frame(1, masked=masked), frame(2), scale=True, **DARK),
    "dark by keyword": lambda m, masked: m.subtract_dark(
        frame(1), frame(2, masked=masked), exposure_time="exptime", exposure_unit=u.s
    ),
    "flat": lambda m, masked: m.flat_correct(frame(1, masked=masked), frame(2)),
    "flat, least value": lambda m, masked: m.flat_correct(frame(1, masked=masked), frame(2), min_value=490),
    "flat, level": lambda m, masked: m.flat_correct(frame(1), frame(2, masked=masked), norm_value=500.0),
    "gain": lambda m, masked: m.gain_correct(frame(1, masked=masked), 2.5 * u.electron / u.adu),
    "gain and its unit": lambda m, masked: m.gain_correct(frame(1), 2.5, gain_unit=u.electron / u.adu),
    "deviation": lambda m, masked: m.create_deviation(
        frame(1, masked=masked), gain=2 * u.electron / u.adu, readnoise=5 * u.electron
    ),
    "overscan": lambda m, masked: m.subtract_overscan(frame(1), fits_section="[1:9,:]", median=masked),
    "overscan of columns": lambda m, masked: m.subtract_overscan(
        frame(1), fits_section="[:,1:9]", overscan_axis=0, median=masked
    ),
    "overscan and model": lambda m, masked: m.subtract_overscan(
        frame(1), overscan=frame(1)[:, :9], model=models.Chebyshev1D(3)
    ),
    "trim": lambda m, masked: m.trim_image(frame(1, masked=masked), fits_section="[5:20,3:9]"),
    "process": lambda m, masked: m.ccd_process(
        frame(1, masked=masked),
        oscan="[1:9,:]",
        trim="[10:50,:]",
        error=True,
        gain=2 * u.electron / u.adu,
        readnoise=5 * u.electron,
        gain_corrected=False,
        master_bias=frame(2, shape=(40, 41), level=30),
        dark_frame=frame(3, shape=(40, 41), level=10),
        master_flat=frame(4, shape=(40, 41)),
        dark_scale=True,
        **DARK,
    ),
    "transform": lambda m, masked: m.transform_image(frame(1, masked=masked), np.flipud),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_steps_of_one_frame(call: str, masked: bool) -> None:
    results = [CALLS[call](module, masked) for module in BOTH]
    for one in results:
        for key in ("tranim", "suboscan") if call in ("transform", "process") else ():
            one.meta.pop(key, None)  # the address of a function, and the order of arguments inside
    require_same(results)


COMBINATIONS = [
    {},
    {"method": "median"},
    {"method": "sum"},
    {"weights": np.arange(1.0, 10)},
    {"method": "sum", "weights": np.arange(1.0, 10)},
    {"scale": np.linspace(0.5, 2, 9)},
    {"method": "median", "scale": np.linspace(0.5, 2, 9)},
    {"scale": lambda values: 1 / np.ma.median(values)},
    {"sigma_clip": True, "sigma_clip_low_thresh": 2, "sigma_clip_high_thresh": 2},
    {"method": "median", "sigma_clip": True, "sigma_clip_func": np.ma.median, "sigma_clip_dev_func": mad_std},
    {"sigma_clip": True, "sigma_clip_low_thresh": None, "sigma_clip_high_thresh": 1.5},
    {"sigma_clip": True, "sigma_clip_func": "median", "sigma_clip_dev_func": "mad_std"},
    {"clip_extrema": True, "nlow": 2, "nhigh": 1},
    {"minmax_clip": True, "minmax_clip_min": 400, "minmax_clip_max": 700},
    {"dtype": "float32"},
    {"dtype": "float32", "method": "median"},
    {"combine_uncertainty_function": np.nanmax},
    {"method": "median", "combine_uncertainty_function": np.nanstd},
]


@pytest.mark.parametrize("options", COMBINATIONS, ids=lambda options: " ".join(options) or "default")
@pytest.mark.parametrize("limit", [16e9, 3e4])
def test_combinations(options: dict[str, Any], limit: float) -> None:
    frames = [frame(i) for i in range(9)]
    frames[3].data[5] += 900
    results = [module.combine(frames, mem_limit=limit, **options) for module in BOTH]
    require_same(results, 2e-6 if "dtype" in options else 1e-9)


def test_masked_frames_and_frames_without_a_value() -> None:
    frames = [frame(i, masked=True) for i in range(4)]
    for one in frames:
        one.mask[0, 0] = True
    frames[1].data[3, 3] = np.nan
    for method in ("average_combine", "median_combine", "sum_combine"):
        require_same([getattr(module.Combiner(frames), method)() for module in BOTH])


@pytest.mark.parametrize("size", [1, 3, 5, 6])
def test_deviations_of_boxes_and_windows(size: int) -> None:
    values = np.random.default_rng(1).normal(0, 3, (30, 30))
    found = [module.background_deviation_filter(values, size) for module in BOTH]
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)
    boxes = ours.background_deviation_box(values, size)
    for y in range(0, 30, size):
        box = np.s_[y : y + size, 10 // size * size : 10 // size * size + size]
        np.testing.assert_allclose(boxes[box], theirs.sigma_func(values[box]), atol=1e-12)


@pytest.mark.parametrize(
    "options", [{}, {"byblocks": True}, {"ncmed": 5, "nlmed": 3, "ncsig": 11, "lsigma": 5}]
)
def test_bad_pixels_of_a_ratio(options: dict[str, Any]) -> None:
    values = np.random.default_rng(1).normal(1, 0.01, (50, 60))
    values[10, 20], values[30:40, 40] = 1.5, 0.5
    found = [module.ccdmask(CCDData(values, unit=""), **options) for module in BOTH]
    np.testing.assert_array_equal(*found)
    assert found[0].sum() >= 11


@pytest.mark.parametrize("size", [3, 4, 5, (5, 3), 11])
def test_medians(size: Any) -> None:
    for values in (np.random.default_rng(1).normal(0, 3, (30, 40)), np.arange(90).reshape(9, 10) % 7):
        np.testing.assert_array_equal(ours.median_filter(values, size), theirs.median_filter(values, size))


@pytest.mark.parametrize(
    "kind", ["medmask", "meanmask", "idw"]
)  # with "median", theirs masks what is around rays
def test_laplacian_cosmic_rays(kind: str) -> None:
    pytest.importorskip("astroscrappy")
    rng = np.random.default_rng(3)
    values = rng.poisson(400, (120, 130)).astype(float)
    for y, x in rng.integers(8, 112, (25, 2)):
        values[y, x : x + rng.integers(1, 4)] += rng.uniform(800, 3000)
    options = {"gain": 1.5 * u.electron / u.adu, "readnoise": 6 * u.electron, "cleantype": kind}
    first, second = (module.cosmicray_lacosmic(CCDData(values, unit="adu"), **options) for module in BOTH)
    assert first.unit == second.unit
    differ = np.count_nonzero(first.mask != second.mask)
    assert first.mask.sum() > 30 and differ <= 0.05 * first.mask.sum()
    same = first.mask == second.mask
    np.testing.assert_allclose(second.data[same], first.data[same], atol=10)


def test_cosmic_rays_by_the_median() -> None:
    values = frame(1, level=100)
    values.data[[5, 20], [6, 30]] += 800
    for options in ({}, {"gbox": 3}, {"mbox": 5, "thresh": 8}, {"mbox": 6}):
        require_same(
            [
                module.cosmicray_median(values, error_image=np.full(values.shape, 20.0), **options)
                for module in BOTH
            ]
        )
    cleaned = ours.cosmicray_median(values.data, error_image=20.0, rbox=5)[0]
    assert abs(cleaned[5, 6] - 100) < 20


@pytest.mark.parametrize("order", ["nearest-neighbor", "bilinear"])
def test_projection(order: str) -> None:
    pytest.importorskip("reproject")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (
        ["RA---TAN", "DEC--TAN"],
        [10, 20],
        [5, 5],
        [-0.01, 0.01],
    )
    target = wcs.deepcopy()
    target.wcs.crpix, target.wcs.cdelt = [6.3, 4], [-0.009, 0.009]
    image = frame(1)
    image.wcs = wcs
    require_same([module.wcs_project(image, target, order=order) for module in BOTH])
    image.mask = np.zeros(image.shape, bool)
    image.mask[10, 10] = True
    found = [module.wcs_project(image, target, order=order).mask for module in BOTH]
    assert np.count_nonzero(found[0] != found[1]) <= 2
