"""Bytes in the other order, and their sums, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.byte_order import from_big_endian, to_big_endian


@pytest.mark.quick
@pytest.mark.parametrize("size", [1, 2, 4, 8])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("count", [8, 24, 1000])
def test_order_and_sum_are_those_of_numpy(size, flip, count):
    values = np.random.default_rng(size).integers(0, 256, count * 8, np.uint8).view(f"u{size}")
    sign = values.dtype.type(1 << (8 * size - 1)) if flip else values.dtype.type(0)
    stored = (values ^ sign).astype(values.dtype.newbyteorder(">")).view(np.uint8)
    total = int(stored.view(">u4").sum(dtype=np.uint64))
    pattern = np.uint32({1: 0x80808080, 2: 0x80008000}.get(size, 0x80000000) if flip else 0)
    out = np.empty(count * 2, np.uint32)
    words = values.view(np.uint32)
    words.flags.writeable = False
    assert to_big_endian(words, size, pattern, out) == total
    assert np.array_equal(out.view(np.uint8), stored)
    words = stored.view(np.uint32)
    words.flags.writeable = False
    found, most = from_big_endian(words, size, pattern, out)
    assert found == total
    assert np.array_equal(out.view(values.dtype), values)
    first = (stored.view(">u4")[:: max(size // 4, 1)] & 0x7FFFFFFF).max() if size >= 4 else 0
    assert most == first
