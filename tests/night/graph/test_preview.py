"""What a page shows of a product: a small picture and a histogram, measured while its pixels are in memory."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.night.graph.pixel_map import draw_bad_pixels
from ccdfx.night.graph.preview import (
    PICTURES,
    drawn_pictures,
    histogram_facts,
    picture_path,
    raw_pictures,
    write_pictures,
)
from ccdfx.plots.large_picture import draw_large
from ccdfx.records.image import Image


@pytest.mark.quick
def test_the_picture_is_that_of_the_kind(tmp_path):
    image = Image(np.random.default_rng(1).normal(100, 5, (40, 60)).astype(np.float32))
    (tmp_path / "facts").mkdir()
    write_pictures(drawn_pictures(image, kind="calibrated", further=raw_pictures(image)), tmp_path, "a.fits")
    small, large, flags, raw = (picture_path(tmp_path, "a.fits", one) for one in PICTURES)
    assert small.read_bytes() == plots.thumbnail(image, size=300)
    assert large.read_bytes() == draw_large(image) and raw.exists() and not flags.exists()
    bad = Image((np.random.default_rng(2).random((40, 60)) > 0.99).astype(np.uint8))
    write_pictures(drawn_pictures(bad, kind="bad_pixels"), tmp_path, "a.fits")
    assert small.read_bytes() == draw_bad_pixels(bad, size=600)
    assert not large.exists() and not raw.exists()  # those of an earlier product


@pytest.mark.quick
@pytest.mark.parametrize("value", [0.0, 7.5, -3e30], ids=str)
def test_a_flat_image_has_a_histogram(value):
    facts = histogram_facts(Image(np.full((8, 8), value, np.float32), header={"BUNIT": "adu"}))
    assert sum(facts["counts"]) == 64 and facts["low"] < facts["high"] and facts["unit"] == "adu"


def test_bad_pixels_are_not_counted():
    array = np.random.default_rng(3).normal(0, 1, (50, 50)).astype(np.float32)
    mask = np.zeros(array.shape, np.uint8)
    mask[:10] = 4
    assert sum(histogram_facts(Image(array, mask=mask))["counts"]) == 40 * 50


def test_an_image_without_good_pixels_is_no_failure(tmp_path):
    for image in (Image(np.full((8, 8), np.nan)), Image(np.ones((8, 8)), mask=np.ones((8, 8), np.uint8))):
        assert sum(histogram_facts(image)["counts"]) == 0
        (tmp_path / "facts").mkdir(exist_ok=True)
        write_pictures(drawn_pictures(image, kind="bias"), tmp_path, "a.fits")


@pytest.mark.parametrize("flagged", [True, False])
def test_a_large_image_is_counted_in_some_of_its_rows(monkeypatch, flagged):
    array = np.random.default_rng(4).normal(100, 5, (700, 300)).astype(np.float32)
    mask = (np.random.default_rng(5).random(array.shape) < 0.3).astype(np.uint8) if flagged else None
    image = Image(array, mask=mask, header={"BUNIT": "electron"})
    whole = histogram_facts(image)
    monkeypatch.setattr("ccdfx.night.graph.preview._PIXELS", 60_000)
    some = histogram_facts(image)
    assert (whole["rows"], some["rows"], some["unit"]) == (1, 4, "electron")
    assert sum(some["counts"]) == np.count_nonzero(image.good[::4])
    assert some["low"] == pytest.approx(whole["low"], abs=1.5)
    assert some["high"] == pytest.approx(whole["high"], abs=1.5)
    ratio = (np.array(some["counts"][35:65]) * 4 / np.array(whole["counts"][35:65])).mean()
    assert ratio == pytest.approx(1.0, abs=0.06)


def test_pulls_of_honest_errors_are_normal():
    rng = np.random.default_rng(6)
    variance = rng.uniform(4.0, 9.0, (300, 300)).astype(np.float32)
    array = (100 + rng.normal(0, np.sqrt(variance))).astype(np.float32)
    counts = np.array(histogram_facts(Image(array, variance=variance))["pulls"])
    places = (np.arange(counts.size) + 0.5) / 4 - 6.0
    assert counts.sum() == array.size
    assert np.sqrt((counts * places**2).sum() / counts.sum()) == pytest.approx(1.0, abs=0.02)
    assert "pulls" not in histogram_facts(Image(array))
