"""A simulated night with one exposure a filter: its cosmic rays against the truth."""

from __future__ import annotations

import numpy as np

from ccdfx import Flag, read, reduce_night
from ccdfx.demo.simulate import simulate_night


def test_the_rays_of_single_exposures_are_found_and_little_else(tmp_path):
    truth = simulate_night(tmp_path / "raw", seed=3, shape=(400, 400), counts=(7, 4, 4, 1))
    night = reduce_night(tmp_path / "raw", tmp_path / "out")
    assert night.status == 0
    hits, total, false, pixels = 0, 0, 0, 0
    for frame in truth.frames:
        if frame.kind != "science":
            continue
        image = read(tmp_path / "out/calibrated" / frame.file)
        usable = (image.mask & ~np.uint8(Flag.COSMIC_RAY)) == 0
        found = (image.mask & np.uint8(Flag.COSMIC_RAY)) != 0
        struck, near = np.zeros(image.shape, bool), np.zeros(image.shape, bool)
        noise = np.sqrt(frame.level + truth.detector.readnoise**2)
        for x, y, charge in frame.cosmic_rays:
            near[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = True
            struck[y, x] = charge > 10 * noise
        inner = np.zeros(image.shape, bool)
        inner[2:-2, 2:-2] = True
        hits += np.count_nonzero(found & struck & usable & inner)
        total += np.count_nonzero(struck & usable & inner)
        false += np.count_nonzero(found & ~near)
        pixels += np.count_nonzero(~near)
    assert total > 40
    assert hits / total > 0.95, (hits, total)
    # What there is lies around hot pixels: where too much dark was subtracted, their neighbours stand out.
    assert false / pixels < 2e-4, (false, pixels)
