"""The rejection rule: it drops what it says, and never the last value."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import registry


def test_rejection_drops_the_brightest() -> None:
    frames = [np.full((3, 70), level, np.float32) for level in (1, 2, 3, 100, 200)]
    rule = registry.lookup("rejection", "drop_brightest")
    assert (ccdfx.combine(frames, reject=rule.configure(count=2)).array == 2).all()
    assert (ccdfx.stack(frames, reject=rule).rejected_high == 1).all()
    assert (ccdfx.combine(frames, reject=rule.configure(count=0)).array == np.float32(61.2)).all()


def test_rejection_never_drops_the_last_value() -> None:
    good = ccdfx.Image(np.full((1, 4), 5.0))
    flagged = good.replace(mask=np.ones((1, 4), np.uint8))
    combined = ccdfx.combine([good, flagged], reject=registry.lookup("rejection", "drop_brightest"))
    assert (combined.array == 5).all()


@pytest.mark.parametrize("count", [-1, 1.5, True, 5])
def test_rejection_refuses_nonsense(count: object) -> None:
    with pytest.raises(ccdfx.ArgumentError, match="count"):
        rule = registry.lookup("rejection", "drop_brightest").configure(count=count)
        ccdfx.combine([np.zeros((1, 2))] * 5, reject=rule)
