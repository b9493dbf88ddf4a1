"""Histograms of the report are drawn of counts alone, well-formed whatever these are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.graph.preview import histogram_facts
from ccdfx.night.report.histogram import draw_histogram
from ccdfx.records.image import Image

SVG = "{http://www.w3.org/2000/svg}"
FINITE = st.floats(-1e30, 1e30)


def drawn(**facts):
    return ET.fromstring(draw_histogram({"low": 0.0, "high": 2.0, "counts": [1, 10], "unit": "adu"} | facts))


def heights(picture):
    """How high each bar is, in pixels, from the path of the bars."""
    path = picture.find(f"{SVG}path").get("d")
    base = float(re.match(r"M[\d.]+ ([\d.]+)", path)[1])
    return [base - float(top) for top in re.findall(r"V([\d.]+)H", path)]


@pytest.mark.quick
def test_bars_labels_and_unit():
    picture = drawn(counts=[0, 1, 10, 100])
    bars = heights(picture)
    assert bars[0] == 0 < bars[1] < bars[2] < bars[3] <= 96
    assert bars[3] - bars[2] == pytest.approx(bars[2] - bars[1], abs=0.2), "the scale is logarithmic"
    texts = [one.text for one in picture.iter(f"{SVG}text")]
    assert texts == ["0.0", "0.5", "1.0", "1.5", "2.0", "1", "10", "100", "adu"]


def test_labels_are_round_and_stand_where_their_values_are():
    picture = drawn(low=-4.94, high=5.84, counts=[1, 25_000, 3, 40])
    labels = {one.text: one for one in picture.iter(f"{SVG}text")}
    assert list(labels) == ["0", "5", "1", "100", "10⁴", "adu"]
    x = {text: float(labels[text].get("x")) for text in ("0", "5")}
    assert x["0"] == pytest.approx(34 + 254 * 4.94 / 10.78, abs=0.1)
    assert x["5"] == pytest.approx(34 + 254 * 9.94 / 10.78, abs=0.1)
    ends = [float(labels[text].get("y")) for text in ("1", "100", "10⁴")]
    assert ends[0] - ends[1] == pytest.approx(ends[1] - ends[2], abs=0.2), "the scale is logarithmic"


@pytest.mark.quick
def test_of_an_image():
    image = Image(np.random.default_rng(7).normal(100, 5, (60, 80)), header={"BUNIT": "adu"})
    bars = heights(drawn(**histogram_facts(image)))
    assert len(bars) == 100 and max(bars) == bars[int(np.argmax(bars))] and 40 <= int(np.argmax(bars)) <= 60


@given(
    FINITE,
    st.floats(1e-3, 1e30),
    st.lists(st.integers(0, 2**40), max_size=120),
    st.none() | st.text(max_size=9),
)
def test_any_counts_give_a_picture(low, width, counts, unit):
    high = low + width
    if not high > low:
        return
    unit = None if unit is None else "".join(letter for letter in unit if letter.isprintable())
    picture = drawn(low=low, high=high, counts=counts, unit=unit)
    bars = heights(picture)
    assert len(bars) == len(counts) and all(0 <= bar <= 96 for bar in bars)
    assert [bar > 0 for bar in bars] == [count > 0 for count in counts]
    assert len(list(picture.iter(f"{SVG}text"))) <= 5 + 5 + bool(unit)


def test_a_unit_is_text():
    assert drawn(unit="<b>&").findall(f"{SVG}text")[-1].text == "<b>&"
