"""What a page shows of a product: a small picture and a histogram, measured while its pixels are in memory."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import plots
from ccdfx.night.graph.pixel_map import draw_bad_pixels
from ccdfx.night.graph.preview import histogram_facts, preview, write_preview
from ccdfx.records.image import Image


@pytest.mark.quick
def test_the_picture_is_that_of_the_kind(tmp_path):
    image = Image(np.random.default_rng(1).normal(100, 5, (40, 60)).astype(np.float32))
    write_preview(preview(image, kind="calibrated"), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == plots.thumbnail(image, size=300)
    bad = Image((np.random.default_rng(2).random((40, 60)) > 0.99).astype(np.uint8))
    write_preview(preview(bad, kind="bad_pixels"), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == draw_bad_pixels(bad, size=600)


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
        write_preview(preview(image, kind="bias"), tmp_path / "a.png")


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
