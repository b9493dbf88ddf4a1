"""Products of plugins in the report: a section for each kind."""

from __future__ import annotations

import pytest

from ccdfx.night.graph.preview import drawn_pictures, write_pictures
from ccdfx.night.graph.record import facts_path
from ccdfx.night.report.page import write_report

from .test_page import Page, sky


@pytest.mark.quick
def test_products_of_plugins_have_sections_of_their_own(tmp_path):
    facts_path(tmp_path, "sky/V.fits").parent.mkdir(parents=True)
    write_pictures(drawn_pictures(sky(900.0), kind="sky"), tmp_path, "sky/V.fits")
    products = {
        "sky": [
            {"file": "sky/V.fits", "kind": "sky", "level": 901.5, "text": "<b>bold</b>", "parts": [1, 2]},
            {"file": "sky/R.fits", "kind": "sky", "text": None},
        ],
        "<i>odd": [{"file": "odd/a.json", "kind": "<i>odd", "count": 12}],
        "lost": [],
    }
    page = Page(write_report({"products": products}, tmp_path).read_text())
    assert [attrs["id"] for attrs in page.tags("section") if "further" in attrs["id"]] == [
        "further-1",
        "further-2",
        "further-3",
    ]
    assert "sky Products of a plugin File level text sky/V.fits 901.5 <b>bold</b> sky/R.fits – –" in page.text
    assert "<i>odd Products of a plugin File count odd/a.json 12" in page.text
    assert "None was made." in page.text and "parts" not in page.text
    assert len(page.tags("img")) == 1 and page.text.count("No picture") == 1
