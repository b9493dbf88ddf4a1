"""Blocks of lanes: their length changes no result."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx


@pytest.mark.parametrize("lanes", [64, 128, 320])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_bytes_do_not_depend_on_the_length_of_a_block(lanes, kind, monkeypatch):
    from ccdfx.kernels.stack import lanes as module

    rng = np.random.default_rng(1)
    frames = [rng.normal(1000, 30, (3, 700)).astype(kind) for _ in range(12)]
    frames[3][1, :50] = np.nan
    for reject in (None, ccdfx.sigma_clip(low=1.5, high=1.5), ccdfx.mad_clip(), ccdfx.ccd_clip(readnoise=30)):
        expected = ccdfx.stack(
            frames, reject=reject, average=ccdfx.median() if reject is None else ccdfx.mean()
        )
        monkeypatch.setattr(module, "block_lanes", lambda count, itemsize: lanes)
        got = ccdfx.stack(frames, reject=reject, average=ccdfx.median() if reject is None else ccdfx.mean())
        monkeypatch.undo()
        for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags"):
            assert getattr(got, name).tobytes() == getattr(expected, name).tobytes(), (reject, name)
