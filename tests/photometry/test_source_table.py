"""Sources, and statistics, as a table."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import ccdfx
from ccdfx.photometry.source_table import SourceTable


@pytest.mark.quick
def test_sources_are_an_array_that_is_a_table() -> None:
    y, x = np.mgrid[:64, :64]
    sky = np.random.default_rng(1).normal(100, 1, (64, 64))
    stars = ccdfx.find_sources(sky + 50 * np.exp(-((x - 30.3) ** 2 + (y - 20.6) ** 2) / 6))
    assert type(stars["x"]) is np.ndarray and type(stars[:1]) is SourceTable and len(stars) == 1
    table = stars.to_table()
    assert table["x"].tolist() == stars["x"].tolist() and str(table["fwhm"].unit) == "pix"
    assert repr(stars).split()[:2] == ["x", "y"] and "<td>" in stars._repr_html_()
    assert float(stars[0]["x"]) == stars["x"][0] and repr(stars[:0]).startswith("no sources")
    assert len(stars[:0].to_table()) == 0 and pickle.loads(pickle.dumps(stars)) == stars
    facts = ccdfx.statistics(sky)
    assert facts.to_table()["mean"][0] == facts.mean and "clipped_std" in facts._repr_html_()
