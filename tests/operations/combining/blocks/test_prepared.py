"""Rows of all frames that move down a block."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.kernels.stack.gather import scaled
from ccdfx.operations.combining.blocks.prepared import PreparedRows, prepared_job
from ccdfx.operations.combining.plan import Choices, plan_job
from ccdfx.operations.combining.tile_reader import RawFiles


@pytest.mark.quick
def test_rows_in_common_are_not_read_again_and_all_are_those_of_the_frames(tmp_path) -> None:
    rng = np.random.default_rng(3)
    arrays = rng.normal(100, 5, (3, 40, 50)).astype("f4")
    mask = (rng.random((40, 50)) < 0.1).astype(np.uint8)
    read = []

    class Counted:
        """A source that tells which rows are read."""

        def __init__(self, image):
            self.image, self.name, self.header, self.shape, self.dtype = (
                image,
                "c",
                image.header,
                image.shape,
                image.dtype,
            )

        def select(self, window=None):
            read.append((window.y_lower, window.y_upper))
            return self.image.select(window)

        def close(self): ...

    path = ccdfx.write(ccdfx.Image(arrays[2]), tmp_path / "raw.fits")
    with ccdfx.open_source(path) as raw:
        frames = [Counted(ccdfx.Image(arrays[0], mask=mask)), ccdfx.Image(arrays[1]), raw]
        job = plan_job(frames, Choices(scale=[1.0, 2.0, 0.5], zero=[0.0, 3.0, 1.0]))
        read.clear()
        rows = PreparedRows(job, RawFiles(job.frames), (5, 45), 20)
        plain = prepared_job(job)
        for lower, upper in ((0, 12), (4, 24), (20, 40)):
            tile, found = rows.tile(lower, upper), np.empty((3, (upper - lower) * 40), "f4")
            scaled(tile.table, plain.factors, found)
            expected = (
                arrays.astype(float) / np.array([1, 2, 0.5])[:, None, None]
                - np.array([0, 3, 1])[:, None, None]
            )
            expected[0, mask > 0] = np.inf
            window = np.s_[lower:upper, 5:45]
            assert np.array_equal(found.reshape(3, -1, 40), expected[:, *window].astype("f4"))
            assert np.array_equal(tile.rows[0].flags, mask[window])
            assert not tile.rows[1].flags.any()
        assert read == [(0, 12), (12, 24), (24, 40)]
