"""Ranks and medians by counting are those by ordering."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.blocks import middle, ranked


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ranks_and_medians_are_those_of_numpy(dtype: type) -> None:
    rng = np.random.default_rng(2)
    for size in (1, 2, 3, 4, 63, 64, 500):
        for values in (
            rng.normal(1000, 3, size),
            rng.exponential(1, size) ** 9,  # over many powers of ten
            np.rint(rng.normal(0, 3, size)),
            rng.choice([-1e30, 0.0, 1e-30, 1e30], size),
            np.full(size, 0.1),
            np.append(np.full(size, 7.0), -1e37),
        ):
            values = values.astype(dtype)
            ordered = np.sort(values).astype(float)
            low, high = ordered[(values.size - 1) // 2], ordered[values.size // 2]
            assert middle(values) == (high if values.size % 2 else low / 2 + high / 2)
            for rank in {0, values.size // 3, values.size - 1}:
                assert ranked(values, rank) == ordered[rank]
