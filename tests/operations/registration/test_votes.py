"""The step on which the pairs of two lists agree."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.operations.registration.coincidence import CERTAIN
from ccdfx.operations.registration.star_list import star_list
from ccdfx.operations.registration.votes import voted


@pytest.mark.quick
def test_few_stars_among_many_others_agree_on_their_step() -> None:
    rng = np.random.default_rng(52)
    stars = rng.uniform(50, 350, (9, 2))
    here = np.vstack([stars, rng.uniform(0, 400, (12, 2))])
    step = np.array([31.5, -12.25])
    there = np.vstack([stars + step + rng.normal(0, 0.1, (9, 2)), rng.uniform(0, 400, (15, 2))])
    found = voted(star_list(there, "there"), star_list(here, "here"), (160, 160), 1.5)
    assert found is not None and found.chance < CERTAIN and len(found.pairs) >= 9
    assert np.hypot(*(found.step - step)) < 0.15


@pytest.mark.parametrize("seed", range(5))
def test_unrelated_lists_agree_no_better_than_chance(seed: int) -> None:
    rng = np.random.default_rng(530 + seed)
    lists = [star_list(rng.uniform(0, 400, (40, 2)), "stars") for _ in range(2)]
    found = voted(*lists, (160, 160), 1.5)
    assert found is None or found.chance > CERTAIN


def test_two_stars_have_no_vote() -> None:
    two = star_list([(1, 2), (30, 40)], "stars")
    assert voted(two, two, (20, 20), 1.5) is None
