"""Star lists: their order, and the errors of their centroids."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import ArgumentError
from ccdfx.operations.registration.star_list import match_tolerance, star_list

TABLE = np.array(
    [(1.0, 2.0, 50.0, 10.0, 4.0), (3.0, 4.0, 900.0, 100.0, 2.0)],
    dtype=[("x", "f8"), ("y", "f8"), ("flux", "f8"), ("snr", "f8"), ("fwhm", "f8")],
)


@pytest.mark.quick
def test_the_error_of_a_centroid_follows_from_fwhm_and_snr_down_to_a_floor() -> None:
    stars = star_list(TABLE, "stars")
    assert stars.rows.tolist() == [1, 0] and stars.places.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert stars.squares == pytest.approx([(2 / 100) ** 2 / 2 + 0.03**2, (4 / 10) ** 2 / 2 + 0.03**2])
    assert star_list([(1, 2), (3, 4)], "stars").squares == pytest.approx([0.03**2] * 2)  # of unknown ratio


def test_a_list_without_some_stars_keeps_what_belongs_together() -> None:
    left = star_list(TABLE, "stars").without(np.array([0]))
    assert left.rows.tolist() == [0] and left.fwhm.tolist() == [4.0] and left.snr.tolist() == [10.0]


def test_wide_stars_may_lie_further_apart() -> None:
    assert (match_tolerance(2.0), match_tolerance(10.0)) == (1.5, 4.0)


@pytest.mark.quick
@pytest.mark.parametrize("column", ["flux", "snr", "fwhm"])
def test_a_column_with_nan_is_refused(column: str) -> None:
    table = TABLE.copy()
    table[column][1] = np.nan
    with pytest.raises(
        ArgumentError, match=f"stars: must have .*numbers in {column}, not as in row 1 .*nan.*leave out"
    ):
        star_list(table, "stars")
