"""A real night: Lick Nickel Direct Camera, 2024-05-13. The figures are those that a good reduction must reach."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ccdfx.estimators import local_noise, median_of
from ccdfx.io import read
from ccdfx.night.frames.scan import scan
from ccdfx.night.raw.preparation import prepared
from ccdfx.night.run import reduce_night
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.operations.calibration.calibrate import divide_flat, subtract_bias
from ccdfx.records.flags import Flag

LEFT_OUT_BIAS, LEFT_OUT_FLAT = "d1005.fits", "d1036.fits"


@pytest.fixture(scope="module")
def night(shared, tmp_path_factory):
    return reduce_night(shared / "data/nickel", tmp_path_factory.mktemp("nickel") / "out")


@pytest.fixture(scope="module")
def partial_night(shared, tmp_path_factory):
    """The same night without one bias and one flat, which then are independent of the masters."""
    folder = tmp_path_factory.mktemp("partial")
    (folder / "raw").mkdir()
    for path in sorted((shared / "data/nickel").glob("*.fits")):
        if path.name not in (LEFT_OUT_BIAS, LEFT_OUT_FLAT):
            (folder / "raw" / path.name).symlink_to(path)
    return reduce_night(folder / "raw", folder / "out")


def left_out(shared, name):
    (frame,) = [frame for frame in scan(shared / "data/nickel") if frame.file == name]
    return prepared(frame, NightRecipe())


def test_kinds(shared):
    frames = scan(shared / "data/nickel")
    assert {frame.instrument for frame in frames} == {"nickel"}
    kinds = [(frame.kind, frame.filter) for frame in frames if frame.problem is None]
    assert sum(kind == "bias" for kind, _ in kinds) == 10
    assert kinds.count(("flat", "V")) == 3
    assert kinds.count(("science", "V")) == 6
    assert len(kinds) == 19


def test_overscan_columns_1025_to_1056_without_the_first_two(shared):
    frames = scan(shared / "data/nickel")
    assert len(frames) == 19
    for frame in frames:
        assert frame.overscan.to_fits() == "[1027:1056,1:1024]"
        assert frame.data.to_fits() == "[1:1024,1:1024]"


def test_everything_is_used_and_made(night):
    assert night.status == 0
    assert all(frame["used"] and not frame["problem"] for frame in night.facts["frames"])
    assert [master["file"] for master in night.facts["masters"]] == [
        "masters/bias.fits",
        "masters/flat_V.fits",
    ]
    assert [len(master["inputs"]) for master in night.facts["masters"]] == [10, 3]
    assert len(night.facts["calibrated"]) == 6
    assert night.facts["combined"] == []  # one frame of each object
    assert any("no dark frame fits" in text for text in night.facts["warnings"])
    assert json.loads((night.output / "night.json").read_text()) == night.facts
    assert (night.output / "report.html").is_file()


def test_the_saturated_column_is_flagged_in_every_product(night):
    products = [*night.facts["masters"], *night.facts["calibrated"]]
    assert len(products) == 2 + 6
    for fact in products:
        mask = read(night.output / fact["file"]).mask
        assert np.all(mask[:, 256] & np.uint8(Flag.BAD_PIXEL)), fact["file"]
        assert not np.all(mask[:, 254]) and not np.all(mask[:, 257])


def test_bad_columns_are_flagged_and_leave_few_cosmic_rays(night):
    (found,) = night.facts["bad_pixels"]
    assert found["counts"]["column"] > 5000 and found["fraction"] < 0.012
    for fact in night.facts["calibrated"]:
        bad = (read(night.output / fact["file"]).mask & np.uint8(Flag.BAD_PIXEL)) != 0
        # 783 and 1002 lie up to 45 % below the sky, 784 above it, 783 and 784 below row 978.
        assert bad[:970, 783:785].all() and bad[:, 1002].all() and not bad[985:, 783:785].all()
        assert fact["flags"]["COSMIC_RAY"] < 700  # 1221 to 1943 before


def test_gain_and_read_noise_are_measured_with_errors(night):
    (noise,) = night.facts["noise"]
    assert noise["source"] == "measured"
    assert noise["gain"] == pytest.approx(1.79, abs=0.05)
    assert 0 < noise["gain_error"] < 0.03
    assert noise["readnoise"] == pytest.approx(9.15, abs=0.4)
    assert 0 < noise["readnoise_error"] < 0.3


def test_a_bias_left_out_of_the_master(shared, partial_night):
    bias = read(partial_night.output / "masters/bias.fits")
    image = subtract_bias(left_out(shared, LEFT_OUT_BIAS), bias=bias)
    assert abs(median_of(image.array, image.good)) < 2.0
    (noise,) = partial_night.facts["noise"]
    # The read noise of the frame, and what the mean of nine frames adds to it.
    expected = noise["readnoise"] / noise["gain"] * np.sqrt(1 + 1 / 9)
    assert local_noise(image) == pytest.approx(expected, rel=0.03)


def test_a_flat_left_out_of_the_master(shared, partial_night):
    masters = [read(partial_night.output / "masters" / name) for name in ("bias.fits", "flat_V.fits")]
    image = divide_flat(subtract_bias(left_out(shared, LEFT_OUT_FLAT), bias=masters[0]), flat=masters[1])
    blocks = block_medians(image)
    assert np.std(blocks / np.median(blocks)) < 0.003


def block_medians(image, size=64):
    """Medians of the good pixels in blocks; stars and dead pixels do not move them."""
    values = np.where(image.good, image.array, np.nan).reshape(1024 // size, size, 1024 // size, size)
    return np.nanmedian(values.swapaxes(1, 2).reshape(1024 // size, 1024 // size, -1), axis=2)


def test_sky_noise_is_as_predicted(night):
    excess = {fact["source"]: fact["excess"] for fact in night.facts["calibrated"]}
    crowded = excess.pop("d1059.fits")  # a globular cluster
    assert crowded is not None
    assert len(excess) == 5
    for source, value in excess.items():
        assert 0.85 < value < 1.15, source
