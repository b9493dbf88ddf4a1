"""Frames that wait in temporary files."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.run import reduce_night


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.quick
def test_many_frames_go_through_temporary_files(camera, out, monkeypatch):
    """The spool keeps little in memory; results are the same, and nothing is left behind."""
    from ccdfx.night.products import spool

    camera.night()
    reduce_night(camera.folder, out)
    monkeypatch.setattr(spool.Spool, "memory", 100_000)
    reduce_night(camera.folder, out.parent / "small")
    for name in ("masters/bias.fits", "masters/flat_V.fits", "combined/field_V.fits"):
        one, two = read(out / name), read(out.parent / "small" / name)
        np.testing.assert_array_equal(one.array, two.array)
        np.testing.assert_array_equal(one.variance, two.variance)
    assert files_in(out) == files_in(out.parent / "small")
