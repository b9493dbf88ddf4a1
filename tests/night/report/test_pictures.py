# ruff: noqa: F811  # a fixture that is imported is an argument of tests
"""The pictures of the report: those of the facts, in the page or beside it, and none of what is outside."""

from __future__ import annotations

import base64

import pytest

from ccdfx import plots
from ccdfx.night.graph.preview import LARGE_PICTURE, histogram_facts, picture_path
from ccdfx.night.graph.record import facts_path
from ccdfx.night.report import page as report_page
from ccdfx.night.report.exposures import exposures_of
from ccdfx.night.report.histogram import draw_histogram
from ccdfx.night.report.pictures import large_pictures, views_of
from ccdfx.night.report.template import template

from .test_page import keep_facts, night, page, sky  # noqa: F401  # a fixture


def test_pictures_that_are_missing_leave_a_note(night):
    facts, output = night
    facts_path(output, "calibrated/9.fits", ".png").unlink()
    facts_path(output, "calibrated/10.fits").unlink()
    facts_path(output, "calibrated/11.fits").write_text('{"file": ')
    made = page(facts, output)
    assert made.text.count("No picture:") == 1
    assert len(made.tags("img")) == 2 * 5 - 2 - 2  # the histograms of two are lost with their records


def test_no_product_is_read(night):
    """The pictures are those of the facts, so the page is drawn at once, and where the products are not at hand."""
    facts, output = night
    assert not list(output.rglob("*.fits"))
    made = page(facts, output)
    assert "No picture:" not in made.text and len(made.tags("img")) == 10


@pytest.mark.parametrize("file", ["../secret.fits", "/etc/passwd", "", None])
def test_facts_outside_the_output_are_not_read(night, file):
    facts, output = night
    keep_facts(sky(1.0), output.parent, "secret.fits")
    facts["masters"][0]["file"] = file
    made = page(facts, output)
    assert made.text.count("No picture:") == 1


@pytest.mark.quick
def test_pictures_are_those_of_the_facts(night):
    facts, output = night
    made = page(facts, output)
    thumbnail, histogram = (base64.b64decode(image["src"].split(",")[1]) for image in made.tags("img")[:2])
    assert thumbnail == plots.thumbnail(sky(100.0), size=300)
    assert histogram.decode() == draw_histogram(histogram_facts(sky(100.0)))


def test_a_long_night_has_a_short_page(night, monkeypatch):
    facts, output = night
    drawn = []
    monkeypatch.setattr(
        report_page, "small_pictures", lambda *args: drawn.append(args[1]) or {"missing": "-"}
    )
    product = facts["calibrated"][0]
    facts["calibrated"] = [{**product, "file": f"calibrated/{i}.fits", "excess": 1.0} for i in range(3000)]
    facts["calibrated"][2500]["excess"] = 2.0
    made = page(facts, output)
    assert len(drawn) == report_page.MAX_PICTURES + 2
    assert "calibrated/2500.fits" in drawn
    assert f"{report_page.MAX_PICTURES} of 3\u202f000 calibrated frames are pictured" in made.text
    assert "calibrated/2999.fits" in made.text  # in the tables
    assert (output / "report.html").stat().st_size < 3_000_000


def test_no_pictures_when_none_are_wanted(night):
    made = page(*night, pictures=0)
    assert not made.tags("img")
    assert "0 of 3 calibrated frames are pictured." in made.text


def test_large_pictures_are_in_the_page_while_they_are_few(tmp_path):
    files = [f"calibrated/{number}.fits" for number in range(3)]
    for number, file in enumerate(files):
        keep_facts(sky(100.0, seed=number), tmp_path, file)
    addresses, inside = large_pictures(tmp_path, [*files, "../secret.fits", "calibrated/none.fits"])
    assert inside and set(addresses) == set(files)
    assert all(set(one) == {"large", "flags", "raw"} for one in addresses.values())
    assert all(address.startswith("data:image/") for one in addresses.values() for address in one.values())
    addresses, inside = large_pictures(tmp_path, files, embedded=1000)
    assert not inside and addresses[files[0]]["large"] == "facts/calibrated/0~large.jpg"
    assert picture_path(tmp_path, files[0], LARGE_PICTURE).is_file()


def test_frames_are_compared_with_their_combined_image_as_they_are_moved_and_turned():
    frames = [
        {"file": f"{i}.fits", "kind": "science", "shape": [50, 110], "data": "[1:100,1:50]"} for i in range(2)
    ]
    calibrated = [{"file": f"calibrated/{i}.fits", "source": f"{i}.fits"} for i in range(2)]
    shifts = [
        {"source": "calibrated/0.fits", "dx": 5.0, "dy": -10.0, "rotation": 0.0, "scale": 1.0},
        {"source": "calibrated/1.fits", "dx": 5.0, "dy": -10.0, "rotation": 30.0, "scale": 1.0},
    ]
    combined = {"file": "combined/a.fits", "inputs": [one["file"] for one in calibrated], "shifts": shifts}
    facts = {"frames": frames, "calibrated": calibrated, "combined": [combined]}
    moved, turned = views_of(facts, exposures_of(facts)).values()
    assert (moved["dx"], moved["dy"], moved["combined"]) == (0.05, -0.2, "combined/a.fits")
    assert (turned["dx"], turned["rotation"], turned["scale"]) == (
        0.05,
        30.0,
        1.0,
    ) and "rotation" not in moved


@pytest.mark.parametrize(
    ("facts", "drawn"), [({}, True), ({"kind": "flat"}, False), ({"colours": "RGGB"}, False)]
)
def test_residuals_are_those_of_images_with_one_level(facts, drawn):
    image = {"file": "a.fits", "missing": "", "thumbnail": "data:", "pulls": "data:"}
    assert ("Residuals" in template("parts.html.j2").module.card({**image, **facts}, "", "Image")) == drawn
