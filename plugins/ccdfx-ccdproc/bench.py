"""Each function against ccdproc: the same call, in one process in turn, and whole processes.

    python plugins/ccdfx-ccdproc/bench.py [--side 1024] [--frames 11] [--rounds 3] [--only combine] [--whole]

Ratios of CPU time, ccdproc over this package; the median of the rounds, both sides warm. ``--whole`` times processes that
import, read files, combine and write, from the start to the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import astropy.units as u
import ccdproc as theirs
import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty
from astropy.stats import mad_std
from astropy.wcs import WCS

import ccdfx_ccdproc as ours

SCRIPT = """
import sys
import {module} as ccdproc
folder, what = sys.argv[1:]
files = [f"{{folder}}/{{i}}.fits" for i in range({frames})]
if what == "combine":
    ccdproc.combine(files, output_file=f"{{folder}}/out.fits", unit="adu", sigma_clip=True, overwrite_output=True)
elif what == "median":
    ccdproc.combine(files, output_file=f"{{folder}}/out.fits", unit="adu", method="median", overwrite_output=True)
elif what == "rays":
    ccd = ccdproc.CCDData.read(files[0], unit="adu")
    ccdproc.cosmicray_lacosmic(ccd).write(f"{{folder}}/out.fits", overwrite=True)
elif what == "collection":
    print(len(ccdproc.ImageFileCollection(folder).summary))
"""


def cases(side: int, frames: int) -> dict[str, Callable[[Any], Any]]:
    """Return what is timed: calls of a module."""
    rng = np.random.default_rng(1)
    shape = (side, side)

    def frame(level: float, error: bool = False) -> CCDData:
        values = rng.normal(level, 20, shape)
        wrong = StdDevUncertainty(np.full(shape, 20.0)) if error else None
        return CCDData(values, unit="adu", uncertainty=wrong, mask=np.zeros(shape, bool))

    many = [frame(500) for _ in range(frames)]
    raw, bias, flat = frame(900, True), frame(300, True), frame(1000, True)
    rays = CCDData(rng.poisson(400, shape).astype(float), unit="adu")
    y, x = rng.integers(8, side - 8, (2, side * side // 2000))
    rays.data[y, x] += rng.uniform(500, 3000, y.size)
    small = rays.data[: side // 4, : side // 4].copy()
    ratio = CCDData(rng.normal(1, 0.01, (side // 2, side // 2)), unit="")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [10, 20], [side / 2, side / 2]
    wcs.wcs.cdelt = [-1e-4, 1e-4]
    target = wcs.deepcopy()
    target.wcs.crpix = [side / 2 + 3.3, side / 2]
    sky = CCDData(rays.data, unit="adu", wcs=wcs, mask=np.zeros(shape, bool))
    sky.mask[5, 5] = True
    gain, noise = 2 * u.electron / u.adu, 5 * u.electron
    robust = {"sigma_clip": True, "sigma_clip_func": np.ma.median, "sigma_clip_dev_func": mad_std}

    def average(module: Any) -> Any:
        combiner = module.Combiner(many)
        combiner.sigma_clipping()
        return combiner.average_combine()

    return {
        "combine, average": lambda m: m.combine(many),
        "combine, median": lambda m: m.combine(many, method="median"),
        "combine, sum": lambda m: m.combine(many, method="sum"),
        "combine, sigma_clip": lambda m: m.combine(many, sigma_clip=True),
        "combine, median and mad_std": lambda m: m.combine(many, **robust),
        "combine, clip_extrema": lambda m: m.combine(many, clip_extrema=True),
        "Combiner, clipped average": average,
        "cosmicray_lacosmic, sepmed": lambda m: m.cosmicray_lacosmic(rays),
        "cosmicray_lacosmic, squares": lambda m: m.cosmicray_lacosmic(rays, sepmed=False),
        "cosmicray_median, 11": lambda m: m.cosmicray_median(rays.data, error_image=20.0),
        "median_filter, 5": lambda m: m.median_filter(rays, 5),
        "median_filter, 11": lambda m: m.median_filter(rays, 11),
        "background_deviation_box, 25": lambda m: m.background_deviation_box(rays.data, 25),
        "background_deviation_filter, 9": lambda m: m.background_deviation_filter(small, 9),
        "ccdmask": lambda m: m.ccdmask(ratio),
        "ccdmask, byblocks": lambda m: m.ccdmask(ratio, byblocks=True),
        "subtract_bias": lambda m: m.subtract_bias(raw, bias),
        "subtract_dark": lambda m: m.subtract_dark(
            raw, bias, dark_exposure=2 * u.s, data_exposure=1 * u.s, scale=True
        ),
        "flat_correct": lambda m: m.flat_correct(raw, flat),
        "gain_correct": lambda m: m.gain_correct(raw, gain),
        "create_deviation": lambda m: m.create_deviation(raw, gain=gain, readnoise=noise),
        "subtract_overscan": lambda m: m.subtract_overscan(raw, fits_section="[1:32,:]", median=True),
        "trim_image": lambda m: m.trim_image(raw, fits_section=f"[33:{side},:]"),
        "ccd_process": lambda m: m.ccd_process(
            raw,
            oscan="[1:32,:]",
            error=True,
            gain=gain,
            readnoise=noise,
            gain_corrected=False,
            master_bias=bias,
        ),
        "wcs_project": lambda m: m.wcs_project(sky, target),
        "transform_image": lambda m: m.transform_image(raw, np.flipud),
        "block_average": lambda m: m.block_average(rays, 4),
        "rebin": lambda m: m.rebin(rays.data, (side // 2, side // 2)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("side", 1024), ("frames", 11), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--only", default="", help="calls or processes with this in their name")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.whole:
        whole(options.side, options.frames, options.rounds, options.only)
        return
    print(
        f"{options.frames} frames of {options.side} x {options.side} float64; CPU ms, median of {options.rounds}"
    )
    print("| call | ccdproc | ccdfx | ratio |\n|---|---|---|---|")
    calls = cases(options.side, options.frames)
    for name, call in ((name, calls[name]) for name in calls if options.only in name):
        spent: dict[Any, list[float]] = {theirs: [], ours: []}
        call(ours)
        for _ in range(options.rounds):
            for module in spent:
                start = time.process_time()
                call(module)
                spent[module].append(1000 * (time.process_time() - start))
        row(name, *(statistics.median(spent[module]) for module in (theirs, ours)))


def whole(side: int, frames: int, rounds: int, only: str) -> None:
    """Print the table of whole processes."""
    rng = np.random.default_rng(1)
    print(f"whole processes, {frames} files of {side} x {side} uint16; CPU ms, median of {rounds}")
    print("| process | ccdproc | ccdfx | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for i in range(frames):
            CCDData(rng.poisson(400, (side, side)).astype(np.uint16), unit="adu").write(f"{folder}/{i}.fits")
        for what in (what for what in ("combine", "median", "rays", "collection") if only in what):
            spent: dict[str, list[float]] = {"ccdproc": [], "ccdfx_ccdproc": []}
            for turn in range(rounds + 1):
                for module, times in spent.items():
                    script = SCRIPT.format(module=module, frames=frames)
                    before = os.times()
                    subprocess.run(
                        [sys.executable, "-c", script, folder, what], check=True, capture_output=True
                    )
                    after = os.times()
                    if turn:  # the first one compiles
                        children = after.children_user - before.children_user
                        times.append(1000 * (children + after.children_system - before.children_system))
            row(what, *(statistics.median(times) for times in spent.values()))


def row(name: str, first: float, second: float) -> None:
    """Print a row of a table."""
    print(f"| {name} | {first:.0f} | {second:.0f} | {first / second:.1f} |", flush=True)


if __name__ == "__main__":
    main()
