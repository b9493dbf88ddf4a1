"""What speaks for and against a match: bright stars that agree, shapes, and the correlation of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.operations.registration.evidence import agreement, likeness, star_shaped
from ccdfx.operations.registration.fits import started
from ccdfx.operations.registration.star_list import StarList, star_list

SHAPES = (300, 400), (300, 400)
NONE = np.empty((0, 2), int)


def moved_by(*step: float):
    return started(np.eye(2), np.array(step), NONE, 0.0)


@pytest.mark.quick
def test_only_the_bright_stars_of_the_common_area_must_agree() -> None:
    rng = np.random.default_rng(61)
    places = np.column_stack([rng.uniform(10, 390, 60), rng.uniform(10, 290, 60)])
    step = np.array([-120.0, 40.0])
    there = places + step
    there = star_list(there[(there > 3).all(axis=1) & (there < (396, 296)).all(axis=1)], "there")
    here = star_list(places, "here")
    assert agreement(there, here, moved_by(*step), SHAPES, 1.5) == 1.0
    assert agreement(there, here, moved_by(*(step + 6)), SHAPES, 1.5) < 0.3
    # A deeper list has many that the other cannot have; its brightest still agree.
    deeper = star_list(np.vstack([places, rng.uniform(10, 290, (300, 2))]), "here")
    assert agreement(there, deeper, moved_by(*step), SHAPES, 1.5) > 0.9
    assert agreement(there, here, moved_by(900.0, 0.0), SHAPES, 1.5) == 0.0


@pytest.mark.quick
def test_groups_of_pixels_are_not_shaped_like_stars() -> None:
    rng = np.random.default_rng(62)

    def sources(fwhm: np.ndarray, roundness: np.ndarray) -> StarList:
        count = len(fwhm)
        return StarList(
            rng.uniform(0, 300, (count, 2)), np.full(count, 100.0), fwhm, roundness, np.arange(count)
        )

    none = sources(np.empty(0), np.empty(0))
    stars = sources(rng.normal(2.0, 0.03, 20), rng.normal(0.96, 0.01, 20))
    guided = sources(rng.normal(2.5, 0.03, 20), rng.normal(0.7, 0.015, 20))
    blocks = sources(np.full(20, 1.45), np.full(20, 0.99))
    groups = sources(rng.normal(2.3, 0.2, 20), rng.uniform(0.6, 0.95, 20))
    assert star_shaped(stars, none) and star_shaped(guided, none)
    assert not star_shaped(blocks, none) and not star_shaped(groups, none)
    assert not star_shaped(stars, sources(np.full(5, 4.0), np.ones(5)))  # wider ones move
    assert not star_shaped(
        sources(np.full(2, 9.0), np.full(2, 0.6)), none
    )  # may be structure of the detector
    fringes = sources(rng.normal(8.0, 0.6, 40), rng.normal(0.7, 0.08, 40))._replace(snr=np.full(40, 6.0))
    assert not star_shaped(fringes, none)
    assert star_shaped(sources(rng.normal(8.0, 0.1, 20), rng.normal(0.97, 0.01, 20)), none)  # a broad seeing
    assert not star_shaped(stars.taken(np.arange(2)), none)


@pytest.mark.quick
def test_pixels_around_stars_correlate_after_the_right_step() -> None:
    rng = np.random.default_rng(63)
    y, x = np.mgrid[:120, :150]
    places = np.column_stack([rng.uniform(20, 130, 8), rng.uniform(20, 100, 8)])
    frames = [
        rng.normal(0, 1, x.shape)
        + sum(30 * np.exp(-((x - a - dx) ** 2 + (y - b) ** 2) / 4) for a, b in places)
        for dx in (0.0, 5.0)
    ]
    stars = star_list(places, "stars")
    right, wrong = (likeness(*frames, stars, moved_by(dx, 0.0)) for dx in (-5.0, 4.0))
    assert right is not None and right[0] > 0.9 > 0.4 > right[1]
    assert wrong is not None and wrong[0] < 0.4
    assert likeness(*frames, stars.taken(np.arange(0)), moved_by(0, 0)) is None
