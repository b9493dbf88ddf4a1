"""The kernel that puts the pixels of a readout in their place is its twin in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.readouts import place_readout
from ccdfx.records.flags import Flag


def twin(raw, mask, levels, errors, numbers, place, out, out_mask, out_variance):
    start, size, x, y, step, turned = place
    gain, limit, noise = out.dtype.type(numbers[0]), numbers[1], out.dtype.type(numbers[2])
    part = raw[:, start : start + size].astype(out.dtype)
    values = gain * (part - levels)
    variance = np.broadcast_to(noise + out.dtype.type(numbers[0] ** 2) * errors, part.shape)
    flags = np.where(part >= limit, Flag.SATURATED, 0) | np.where(np.isfinite(part), 0, Flag.NO_DATA)
    if mask.size:
        flags |= mask[:, start : start + size]
    rows = y + step * np.arange(raw.shape[0])
    for plane, found in ((out, values), (out_mask, flags), (out_variance, variance)):
        if plane.size:
            plane[rows, x : x + size] = found[:, ::-1] if turned else found


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["uint16", "float32", "float64"])
@pytest.mark.parametrize("by_rows", [True, False])
def test_it_is_its_twin(kind: str, by_rows: bool) -> None:
    rng = np.random.default_rng(1)
    working = np.float64 if kind == "float64" else np.float32
    raw = rng.uniform(900, 65000, (9, 23)).astype(kind)
    if kind != "uint16":
        raw[2, 5] = np.nan
    mask = (rng.random(raw.shape) < 0.1).astype(np.uint8)
    for turned, step, flags in ((0, 1, mask), (1, -1, mask), (1, 1, np.zeros((0, 0), np.uint8))):
        place = np.array([3, 17, 5, 1 if step == 1 else 10, step, turned])
        levels, errors = rng.uniform(0, 999, (2, *((9, 1) if by_rows else (1, 17)))).astype(working)
        found, expected = ([np.zeros((12, 30), k) for k in (working, np.uint8, working)] for _ in range(2))
        numbers = np.array([2.5, 60000.0, 30.0])
        inputs = (raw, flags, levels, errors, numbers, place)
        for array in inputs:
            array.flags.writeable = False
        place_readout(*inputs, *found)
        twin(*inputs, *expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
        assert found[1].any()
