"""What is advised about warnings: of the right kind, on pages that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ccdfx.night.report import advice
from ccdfx.night.report.advice import ADVICE, OTHER, advice_for, documentation

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("one", [*(one for _, one in ADVICE), OTHER], ids=lambda one: one.title)
def test_the_place_is_there(one):
    text = (DOCS / f"{one.page}.md").read_text(encoding="utf-8")
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    places = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    assert not one.place or one.place in places, (one.place, places)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("warning", "words"),
    [
        (
            "no flat of filter R (there are flats of filter V), so there is no division by a flat: e.fits",
            "--masters",
        ),
        ("no dark of 9 s fits: a.fits, b.fits", "--masters"),
        (
            "frames of M 1 are not combined with each other, as they differ in gain setting (GAIN = 2, not 1): a | b",
            "correct the headers",
        ),
        ("exposures of one camera that began at the same time are used: a.fits, b.fits", "copies"),
        ("masters/bias.fits: the level drifts by 9 ADU, more than the read noise of 3 ADU", "overscan"),
        ("dark current of ccd: there is no dark", "take darks"),
        ("fringes of ccd, filter I: 3 pairs of frames", "Not corrected"),
        (
            "masters/bias.fits is made of one frame, b.fits: its noise and cosmic rays stay in it",
            "three or more",
        ),
        ("combined/a.fits: calibrated/b.fits is left out: its stars do not match", "[select]"),
        ("combined/a.fits: calibrated/b.fits is left out: cannot be aligned: of 0 stars", "another field"),
        (
            "spectra are not moved by stars; combine.align = false in the recipe combines them",
            "lie on one another",
        ),
        ("masters/bias.fits could not be made: no frame of 3 is usable", "only what is missing"),
        ("calibrated/a.fits is of an earlier run and no product of this one", "remove it"),
        (
            "gain and read noise are not known; two flats of a filter and two biases would measure them",
            "two flats",
        ),
        ("masters/bias.fits: sigma_clip rejects nothing: it needs 3 frames or more (got 2)", "rule"),
    ],
)
def test_a_warning_has_the_advice_of_its_kind(warning, words):
    assert words in advice_for(warning).remedy


def test_pages_are_linked_where_the_package_says_where_they_are(monkeypatch):
    class Package(dict):
        def get_all(self, name):
            return ["Documentation, https://example.org/docs/", "Source, https://example.org"]

    documentation.cache_clear()
    monkeypatch.setattr(advice.metadata, "metadata", lambda name: Package())
    assert advice_for("no flat of filter V").address == (
        "https://example.org/docs/recipes.html#masters-of-other-nights"
    )
    documentation.cache_clear()
    monkeypatch.undo()
    documentation.cache_clear()
