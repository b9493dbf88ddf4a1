"""The engine: a stack on it is the same as on threads."""

from __future__ import annotations

import numpy as np

import ccdfx


def test_a_stack_is_the_same_as_on_threads() -> None:
    rng = np.random.default_rng(1)
    frames = [rng.normal(100, 9, (60, 80)).astype("f4") for _ in range(5)]
    with ccdfx.engine("threads"):
        expected = ccdfx.combine(frames)
    with ccdfx.engine("serial"):
        found = ccdfx.combine(frames)
    assert found.array.tobytes() == expected.array.tobytes()
