"""Flats of spectra: what is divided out, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.spectra.axis import axis_of_flat
from ccdfx.night.spectra.response import without_response
from ccdfx.records.image import Image

OPTIONS = {"dispersion": "rows", "smooth": 60.0, "response": 0.1}
Y, X = np.mgrid[:60, :300]
LAMP = 5000 * np.exp(-(((X - 200) / 100.0) ** 2)) + 400


@pytest.mark.quick
def test_masked_pixels_tell_nothing_and_the_variance_is_scaled():
    mask = np.zeros(LAMP.shape, np.uint8)
    mask[20, 100:140] = 1  # a gap of most of a piece of the spline
    array = np.where(mask, 1e6, LAMP)
    flat = without_response(Image(array, mask=mask, variance=LAMP / 2), **OPTIONS)
    assert abs(flat.array - 1)[flat.good].max() < 0.01 and np.array_equal(flat.mask, mask)
    assert np.allclose(flat.variance[flat.good], (1 / (2 * LAMP))[flat.good], rtol=0.02)


def test_orders_that_cross_the_lines_are_refused():
    orders = LAMP * (0.05 + np.maximum(np.sin((Y - X / 9) / 2.0), 0))
    with pytest.raises(ArgumentError, match="dispersion"):
        without_response(Image(orders, variance=orders), **OPTIONS)


def test_the_axis_is_told_only_where_it_is_clear():
    assert axis_of_flat(Image(LAMP)) == "rows" and axis_of_flat(Image(LAMP.T)) == "columns"
    assert axis_of_flat(Image(LAMP * np.exp(Y / 40))) is None
    assert axis_of_flat(Image(np.full(LAMP.shape, 9.0))) is None


def test_slits_have_lamps_of_their_own_and_lines_that_their_edges_cross_are_flagged():
    rng = np.random.default_rng(1)
    slit = np.digitize(Y + (X > 150), [3, 28, 32, 57])  # edges that step by one line
    light = np.select([slit == 1, slit == 3], [LAMP, LAMP[:, ::-1]], 0.0) * 4
    flat = without_response(Image(rng.poisson(light) * 1.0, variance=light + 1), **OPTIONS)
    found = ((flat.array - 1) / np.sqrt(np.where(flat.good, flat.variance, 1)))[flat.good]
    assert 0.95 < found.std() < 1.05
    whole = [*range(4, 27), *range(33, 56)]
    assert flat.good[whole].all() and not flat.good[[0, 1, 29, 30, 58, 59]].any()
    assert not flat.good[[2, 27, 31, 56]].all(axis=1).any()


def test_narrow_light_of_all_lines_is_said_to_stay():
    lamp = LAMP * (1 + 0.3 * np.exp(-(((X - 150) / 3.0) ** 2)))
    with pytest.warns(CcdfxWarning, match=r"not all smooth: up to \d+%.*flat.smooth"):
        without_response(Image(lamp, variance=lamp), **OPTIONS)
