"""Pictures in colour are put together from grey ones."""

import io
import re

import numpy as np
import pytest

from ccdfx import Image
from ccdfx.night.report.colour_pictures import merge_pictures
from ccdfx.night.report.page import write_report
from ccdfx.plots.thumbnail import thumbnail

FACTS = [
    {"object": "a", "filter": f"V {name}", "colour": name, "file": f"combined/a_{name}.fits"}
    for name in "RGB"
]


def grey(level, **fields):
    return thumbnail(Image(np.full((6, 9), level), **fields), limits=(0.0, 100.0))


@pytest.mark.quick
def test_three_grey_pictures_become_one_in_colour():
    from matplotlib.image import imread

    mask = np.zeros((6, 9), np.uint8)
    mask[0, 0] = 1
    made = merge_pictures([grey(100.0, mask=mask), grey(50.0), grey(0.0)])
    picture = imread(io.BytesIO(made), format="png")
    assert picture.shape == (6, 9, 3)
    assert picture[0, 0].tolist() == pytest.approx([1.0, 0.5, 0.0], abs=0.01)
    assert picture[-1, 0].tolist() == pytest.approx(
        [0.0, 0.5, 0.0], abs=0.01
    )  # the first row is at the bottom
    noise = np.random.default_rng(1).normal(0, 1, (6, 9))
    skies = [thumbnail(20 * (number + 1) + noise, limits=(0.0, 100.0)) for number in range(3)]
    picture = imread(io.BytesIO(merge_pictures(skies)), format="png")
    assert np.median(picture, axis=(0, 1)) == pytest.approx([0.2] * 3, abs=0.01)  # a grey sky
    assert merge_pictures([grey(1.0), grey(1.0), thumbnail(np.zeros((5, 5)))]) is None


def test_the_report_shows_it_and_does_without(tmp_path):
    folder = tmp_path / "facts/combined"
    folder.mkdir(parents=True)
    page = write_report({"combined": FACTS}, tmp_path).read_text(encoding="utf-8")
    assert "in colour" not in page
    for name in "RGB":
        (folder / f"a_{name}.png").write_bytes(grey(50.0))
    page = write_report({"combined": FACTS}, tmp_path).read_text(encoding="utf-8")
    assert len(re.findall("Picture in colour of a, filter V", page)) == 1
    for content in (b"", b"\x89PNG", grey(50.0)[:60]):
        (folder / "a_G.png").write_bytes(content)
        assert "in colour" not in write_report({"combined": FACTS}, tmp_path).read_text(encoding="utf-8")
