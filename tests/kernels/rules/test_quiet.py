"""The bound that says which pixels are within the noise in all frames, against the formulas themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccdfx.kernels.rules import quiet

LEVEL, AMPLITUDE, LIMIT, EXPECTED = 100.0, 0.2, 3.0, 4.0


@pytest.mark.parametrize("measured", [False, True], ids=["detector", "measured"])
@pytest.mark.parametrize("count", [2, 7])
def test_what_is_not_marked_is_within_the_noise_and_most_of_a_sky_is_not_marked(
    count: int, measured: bool
) -> None:
    rng = np.random.default_rng(count)
    noise = np.array([[s, 5.0, 40.0, 0.7, 1e-4] for s in rng.uniform(0.8, 1.2, count)])
    center = rng.normal(LEVEL, 3, 90).astype("f4")
    center[40:44] += 200
    change = np.abs(rng.normal(0, 2, 90)).astype("f4")

    raw = np.maximum(noise[:, :1] * (center.astype(float) + 5), 0)
    variances = (40 + 0.7 * raw + 1e-4 * raw**2) / noise[:, :1] ** 2
    own = variances.astype("f4") if measured else np.empty((0, 90), "f4")
    values = (center + rng.normal(0, 0.9, (count, 90)) * np.sqrt(variances)).astype("f4")
    values[0, [3, 60]] = np.inf, 900
    center[70] = np.nan

    least, doubts = np.empty(count), np.empty(90, "f4")
    quiet.least_variances(noise, center, own, least)
    known = np.arange(90) != 70
    assert (least <= variances[:, known].min(axis=1) * (1 + 1e-6)).all() and (least > 0.8 * 40).all()
    spread = quiet.spread_bound(least)
    quiet.mark_allowed(center, change, AMPLITUDE, LEVEL, 1 / LIMIT**2, EXPECTED, spread, least.min(), doubts)
    for j in range(count):
        quiet.mark_beyond(values[j], center, LIMIT**2 * (least[j] + spread), doubts)

    clear = doubts == 0
    assert not clear[[3, 40, 41, 42, 43, 60, 70]].any() and clear.sum() > 60
    true_spread = np.pi / 2 * count / (1 / np.sqrt(variances)).sum(axis=0) ** 2
    allowed = AMPLITUDE**2 * np.maximum((center - LEVEL) ** 2 - true_spread, 0)
    allowed += np.maximum(change**2 - EXPECTED * true_spread, 0) / LIMIT**2
    total = variances + true_spread
    assert ((values - center)[:, clear] ** 2 <= LIMIT**2 * total[:, clear]).all()
    assert (allowed[clear] <= total[:, clear]).all()
    assert not quiet.is_clear(doubts) and quiet.is_clear(doubts[clear])


@pytest.mark.quick
def test_noise_that_is_not_known_leaves_all_in_doubt() -> None:
    center, row, doubts = np.full(20, 5, "f4"), np.full(20, 5, "f4"), np.zeros(20, "f4")
    least = np.empty(1)
    quiet.least_variances(np.array([[1.0, 0.0, 9.0, -1.0, 0.0]]), center, np.empty((0, 20), "f4"), least)
    assert least[0] == 0  # it would fall with the level
    quiet.mark_beyond(row, center, 0.0, doubts)
    assert doubts.all()
    quiet.mark_beyond(np.full(20, np.inf, "f4"), center, math.inf, doubts)
    assert (doubts == 2).all()
