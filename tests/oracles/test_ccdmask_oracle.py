"""Deviant pixels against the task ccdmask of IRAF, if it is installed, in /usr/lib/iraf or CCDFX_IRAF.

Two differences are intended: IRAF does not measure sigma in a block that ends at the last column, so that no width
here is a multiple of 15; and it leaves a single good pixel at the end of a column.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ccdfx import find_deviant, read, write

IRAF = Path(os.environ.get("CCDFX_IRAF", "/usr/lib/iraf"))
TASK, COPY = IRAF / "noao/bin/x_ccdred.e", IRAF / "bin/x_images.e"


def run(task, command, folder):
    root = f"{IRAF}/"
    own = {
        "iraf": root,
        "host": f"{root}unix/",
        "tmp": f"{folder}/",
        "imdir": f"{folder}/",
        "uparm": f"{folder}/",
    }
    done = subprocess.run(
        [task], input=f"{command}\nbye\n", text=True, env={**os.environ, **own, "imtype": "fits"},
        capture_output=True, cwd=folder, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def of_iraf(array, folder, *, low, high, box, gap):
    write(array, folder / "image.fits")
    options = f"ncmed={box} nlmed={box} ncsig=15 nlsig=15 lsigma={low} hsigma={high} ngood={gap}"
    said = run(TASK, f"ccdmask image=image.fits mask=m.pl {options} linterp=1 cinterp=1 eqinterp=1", folder)
    said += run(COPY, "imcopy input=m.pl output=m.fits verbose=no", folder)
    assert (folder / "m.fits").exists(), said
    return read(folder / "m.fits", checksum=False).array != 0  # imcopy keeps DATASUM


@pytest.mark.skipif(not (TASK.exists() and COPY.exists()), reason=f"IRAF is not installed in {IRAF}")
@pytest.mark.parametrize("seed", range(6))
def test_the_pixels_are_those_of_ccdmask(seed, tmp_path):
    rng = np.random.default_rng(seed)
    ny, nx = rng.integers(90, 240), 15 * rng.integers(6, 15) + rng.integers(1, 15)
    array = rng.normal(1, 0.01, (ny, nx))
    places = rng.integers(nx, size=3)
    array[:, places[0]] -= 0.01
    array[50:80, places[1]] += 0.015
    array[:, places[2]] -= 0.3 * (rng.random(ny) < 0.5)
    array[rng.integers(ny, size=60), rng.integers(nx, size=60)] += rng.normal(0, 0.3, 60)
    array[20:50, 0] += 0.02
    array[-30:, -1] -= 0.02
    options = {"low": 5.0 + seed % 3, "high": 6.0, "gap": 3 + seed % 4}
    box = (7, 5)[seed % 2]
    found = find_deviant(array.astype(np.float32), median_box=box, **options)
    expected = of_iraf(array.astype(np.float32), tmp_path, box=box, **options)
    assert expected.sum() > ny
    np.testing.assert_array_equal(found[:-1], expected[:-1])
    assert np.count_nonzero(found[-1] != expected[-1]) <= 2
