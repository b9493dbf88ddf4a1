"""Strips without light at the sides of frames, found in profiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.night.drafting.edges import find_edges, profile_of

widths = st.tuples(*(st.sampled_from((0, 1, 2, 5, 16)) for _ in range(4)))


def frames(sizes: tuple[int, int, int, int], light: float, share: float = 0.0, noise: float = 4.0):
    """Make the profiles of a bias and a flat; strips of the sizes at left, right, bottom, top see a share of the light."""
    rng = np.random.default_rng(1)
    left, right, bottom, top = sizes
    y, x = np.mgrid[:96, :120]
    exposed = (x >= left) & (x < 120 - right) & (y >= bottom) & (y < 96 - top)
    vignetted = 1.0 - 0.6 * ((x - 60) ** 2 + (y - 48) ** 2) / (60**2 + 48**2)
    scene = light * vignetted * np.where(exposed, 1.0, share)
    found = [rng.normal(300.0, noise, x.shape) for _ in range(2)]
    found[1] = found[1] + scene + rng.normal(0.0, 1.0, x.shape) * np.sqrt(scene)
    return [[profile_of(ccdfx.Image(np.round(one)))] for one in found]


@pytest.mark.quick
@settings(max_examples=15)
@given(widths, st.sampled_from((300.0, 5000.0, 40000.0)))
def test_the_strips_are_found_to_the_line(sizes: tuple[int, int, int, int], light: float) -> None:
    edges = find_edges(*frames(sizes, light))
    assert edges is not None
    found = {side: edge.lines for side, edge in edges.items()}
    assert found == {
        side: size for side, size in zip(("left", "right", "bottom", "top"), sizes, strict=True) if size
    }
    assert all(not edge.constant and edge.share < 0.01 for edge in edges.values())


@pytest.mark.quick
def test_what_is_no_overscan_is_said() -> None:
    assert find_edges(*frames((0, 16, 0, 0), 20.0, noise=40.0)) is None  # too little light
    lit = find_edges(*frames((0, 16, 0, 0), 20000.0, share=0.05))
    assert lit is not None and lit["right"].usable == 0 and abs(lit["right"].share - 0.05) < 0.03
    padded = find_edges(*frames((8, 0, 0, 0), 20000.0, noise=0.0))
    assert padded is not None and padded["left"].constant and padded["left"].usable == 0
