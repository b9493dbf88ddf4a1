"""Sources that are no part of the sky: at the same pixels of most frames, in rows, elongated."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.operations.registration.fixed import in_most, lined_up, standing, unlike_stars
from ccdfx.operations.registration.star_list import StarList, star_list

SHAPE = (400, 500)


@pytest.mark.quick
def test_what_stands_still_is_told_from_what_moves() -> None:
    rng = np.random.default_rng(57)
    still, stars = rng.uniform(20, 380, (15, 2)), rng.uniform(20, 380, (10, 2))
    lists = [
        star_list(np.vstack([still + rng.normal(0, 0.05, still.shape), stars + step]), "stars")
        for step in ((0, 0), (6, 3), (-4, 8), (9, -5))
    ]
    assert standing(lists[0], lists[1], 1.5)[:, 0].tolist() == list(range(15))
    for which in in_most(lists):
        assert which.tolist() == [True] * 15 + [False] * 10


@pytest.mark.quick
@pytest.mark.parametrize("axis", [0, 1])
def test_a_row_of_sources_is_no_row_of_stars(axis: int) -> None:
    rng = np.random.default_rng(58)
    stars = rng.uniform(10, 390, (30, 2))
    line = rng.uniform(10, 390, (9, 2))
    line[:, axis] = 153 + rng.normal(0, 0.7, 9)
    found = lined_up(np.vstack([stars, line]), SHAPE)
    assert found[30:].all() and found[:30].sum() <= 3


def test_a_cluster_of_stars_is_no_row() -> None:
    rng = np.random.default_rng(59)
    places = np.vstack([rng.uniform(0, 400, (100, 2)), rng.normal(200, 30, (100, 2))])
    assert not lined_up(places, SHAPE).any()
    assert not lined_up(np.empty((0, 2)), SHAPE).any()


def test_stars_are_about_as_round_as_each_other() -> None:
    rng = np.random.default_rng(60)
    places, round_ones = rng.uniform(0, 400, (20, 2)), rng.uniform(0.8, 1, 20)
    round_ones[3] = 0.35
    stars = StarList(places, np.full(20, 30.0), np.full(20, 3.0), round_ones, np.arange(20))
    assert np.flatnonzero(unlike_stars(stars, SHAPE)).tolist() == [3]
    guided = stars._replace(roundness=0.4 * round_ones / round_ones)
    assert not unlike_stars(guided, SHAPE).any()  # all are drawn out by the guiding
