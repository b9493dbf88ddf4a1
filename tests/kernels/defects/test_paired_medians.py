"""Medians of windows of two rows at a time against those of one."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.defects.medians import window_medians, window_sorter
from ccdfx.kernels.defects.paired_medians import paired_medians, paired_sorter


@pytest.mark.parametrize(("box", "kind"), [(3, "u2"), (5, "f4"), (7, "f4"), (7, "u2"), (7, "f8"), (9, "u2")])
def test_medians_are_those_of_single_windows(box, kind):
    rng = np.random.default_rng(box)
    for shape in ((1, 5), (6, 321), (33, 700)):
        for most in (9, 60000):  # many equal values, and few
            source = rng.integers(0, most, (shape[0] + box - 1, shape[1] + box - 1)).astype(kind)
            expected, found = np.empty(shape, kind), np.empty(shape, kind)
            window_medians(source, box, box, window_sorter(source.dtype, box * box), expected)
            paired_medians(source, box, paired_sorter(kind, box), found)
            np.testing.assert_array_equal(found, expected)
