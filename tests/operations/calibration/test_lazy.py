"""Frames that are calibrated as their rows are read: the same numbers as those calibrated whole in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccdfx
from ccdfx.noise import ccd_noise, gaussian_noise
from ccdfx.operations.calibration.calibrate import calibrate, plan_calibration
from ccdfx.operations.calibration.lazy import CalibratedRows
from ccdfx.operations.calibration.overscan import line_levels, subtract_overscan
from ccdfx.operations.calibration.overscan_fit import OverscanFit
from ccdfx.operations.pixels.flag import mask_from, mask_saturated
from ccdfx.operations.window import trim
from ccdfx.records.image import Image
from ccdfx.records.range import Range

NY, NX = 37, 53
DATA = Range(4, 47, 3, 31)
OVERSCANS = {
    "none": None,
    "rows": Range(48, 53, 0, 37),
    "columns": Range(0, 53, 33, 37),
}
NOISES = {
    "none": None,
    "ccd": ccd_noise(gain=1.7, readnoise=5.0),
    "of the flat": ccd_noise(gain=1.7, readnoise=5.0, sensitivity=0.01),
    "gaussian": gaussian_noise(4.0),
}


def require_same(one: Image, other: Image) -> None:
    """Fail unless all planes have the same bytes; a mask without flags is none."""
    assert one.dtype == other.dtype and one.range == other.range
    assert one.array.tobytes() == other.array.tobytes()
    masks = [np.zeros(image.shape, np.uint8) if image.mask is None else image.mask for image in (one, other)]
    assert masks[0].tobytes() == masks[1].tobytes()
    assert (one.variance is None) is (other.variance is None)
    if one.variance is not None:
        assert one.variance.dtype == other.variance.dtype
        assert one.variance.tobytes() == other.variance.tobytes()


def raw_frame(dtype: str, seed: int = 3) -> Image:
    """A frame with a level that wanders from line to line, saturated pixels and, in floats, NaN."""
    rng = np.random.default_rng(seed)
    array = rng.normal(1200, 30, (NY, NX)) + 20 * np.sin(np.arange(NY))[:, None] + np.arange(NX)
    array[rng.random(array.shape) < 0.02] = 60000
    array = array.astype(dtype)
    if array.dtype.kind == "f":
        array[5:20, 10:40][rng.random((15, 30)) < 0.02] = np.nan
    return Image(array, {"EXPTIME": 30.0, "BUNIT": "adu", "GAIN": 1.7})


def masters(window: Range, dtype: str) -> dict[str, Image]:
    """Masters of the size of what is left after trimming, with flags, variances and pixels that are not finite."""
    rng = np.random.default_rng(8)
    found = {}
    for name, level, scatter in (("bias", 30.0, 2.0), ("dark", 5.0, 1.0), ("flat", 1.0, 0.05)):
        array = rng.normal(level, scatter, window.shape).astype(dtype)
        array[rng.random(array.shape) < 0.01] = np.nan
        array[2, 5] = 0.0
        mask = (rng.random(array.shape) < 0.02).astype(np.uint8)
        variance = rng.uniform(0.5, 1.0, array.shape).astype("f4") * scatter**2 / 9
        found[name] = Image(array, {"EXPTIME": 60.0, "BUNIT": "adu" if name != "flat" else ""}, mask=mask,
                            variance=variance, range=window)  # fmt: skip
    return found


def both(tmp_path, raw: Image, window: Range, options: dict[str, Any], **ways: Any) -> tuple[Image, Any]:
    """Return a frame calibrated whole in memory, and a source of the same that reads it from a file."""
    flagged = raw
    if ways["saturation"] is not None:
        flagged = mask_saturated(flagged, saturation=ways["saturation"])
    if ways["bad"] is not None:
        flagged = mask_from(flagged, bad_pixels=ways["bad"])
    levels, image = None, flagged
    if ways["overscan"] is not None:
        chosen = {"overscan": ways["overscan"], "fit": ways["fit"]}
        image, levels = subtract_overscan(image, **chosen), line_levels(flagged, **chosen)
    image = trim(image, section=window)
    whole = calibrate(image, **options)
    if "noise" not in options:
        whole = whole.replace(variance=None)
    path = ccdfx.write(raw, tmp_path / "a.fits", overwrite=True)
    lazy = CalibratedRows(
        source=ccdfx.open_source(path),
        data=window,
        planned=plan_calibration(whole, **{**options, "again": True}),
        header=whole.header,
        dtype=whole.dtype,
        levels=levels,
        saturation=ways["saturation"],
        bad_pixels=None if ways["bad"] is None else flagged.mask,
        keeps_variance="noise" in options,
    )
    return whole, lazy


@st.composite
def windows(draw: st.DrawFn, inside: Range) -> tuple[int, int, int, int]:
    x = draw(st.integers(inside.x_lower, inside.x_upper - 1))
    y = draw(st.integers(inside.y_lower, inside.y_upper - 1))
    return x, draw(st.integers(x + 1, inside.x_upper)), y, draw(st.integers(y + 1, inside.y_upper))


@pytest.mark.quick
@given(data=st.data())
def test_any_window_is_that_of_the_frame_calibrated_in_memory(tmp_path_factory, data) -> None:
    raw = raw_frame(data.draw(st.sampled_from(["u2", "i4", "f4", "f8"])))
    window = data.draw(st.sampled_from([DATA, Range(0, 53, 0, 37)]))
    used = data.draw(st.sets(st.sampled_from(["bias", "dark", "flat"])))
    kinds = masters(window, data.draw(st.sampled_from(["f4", "f8"])))
    options: dict[str, Any] = {name: kinds[name] for name in sorted(used)}
    if "dark" in used:
        options["dark_scale"] = data.draw(st.sampled_from([1.0, 0.5, "exposure"]))
    if "flat" in used:
        options["statistic"] = data.draw(st.sampled_from([None, "median"]))
    noise = NOISES[data.draw(st.sampled_from(sorted(NOISES)))]
    if noise is not None:
        options["noise"] = noise
    bad = np.zeros(raw.shape, np.uint8)
    bad[:30, 12] = bad[8, 20:24] = 1
    whole, lazy = both(
        tmp_path_factory.mktemp("lazy"),
        raw,
        window,
        options,
        overscan=OVERSCANS[data.draw(st.sampled_from(sorted(OVERSCANS)))],
        fit=data.draw(st.sampled_from([None, OverscanFit(order=3)])),
        saturation=data.draw(st.sampled_from([None, 50000.0])),
        bad=data.draw(st.sampled_from([None, bad])),
    )
    with lazy:
        assert (lazy.shape, lazy.range, lazy.dtype) == (whole.shape, whole.range, whole.dtype)
        assert lazy.header == whole.header
        require_same(lazy.select(), whole)
        for one in data.draw(st.lists(windows(window), min_size=1, max_size=4)):
            require_same(lazy.select(one), whole.select(one))


def test_it_says_what_it_is_and_closes_its_source(tmp_path, monkeypatch) -> None:
    ways = {"overscan": None, "fit": None, "saturation": None, "bad": None}
    _, lazy = both(tmp_path, raw_frame("u2"), DATA, {}, **ways)
    assert lazy.name == lazy.source.name and "a.fits" in repr(lazy) and "(28, 43)" in repr(lazy)
    with pytest.raises(ccdfx.ArgumentError):
        lazy.select((0, 5, 0, 5))  # was trimmed
    closed = []
    monkeypatch.setattr(type(lazy.source), "close", lambda source: closed.append(source.name))
    with lazy:
        assert closed == []
    assert closed == [lazy.name]
