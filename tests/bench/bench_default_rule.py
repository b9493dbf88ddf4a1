"""The evidence for the default rule of combine: python tests/bench/bench_default_rule.py [--pixels 100000]

Frames of a level of 1000 electrons with read noise 5, without and with cosmic rays on 0.5 % of the values, of 5 to 500
sigma each (as many in every octave). Printed for each rule and number of frames: the rms error of the mean of what is
kept over that of the mean of all values that no ray has hit, without and with rays.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import ccdfx

LEVEL, READNOISE, RAYS = 1000.0, 5.0, 0.005
COUNTS = (2, 3, 4, 5, 7, 10, 30)
MODEL = {"gain": 1.0, "readnoise": READNOISE}
KNOWN = {
    "cr_reject 3": ccdfx.cr_reject(**MODEL),
    "cr_reject 4": ccdfx.cr_reject(**MODEL, high=4),
    "cr_reject 5": ccdfx.cr_reject(**MODEL, high=5),
    "ccd_clip 3": ccdfx.ccd_clip(**MODEL),
    "ccd_clip 4": ccdfx.ccd_clip(**MODEL, low=4, high=4),
    "ccd_clip 5": ccdfx.ccd_clip(**MODEL, low=5, high=5),
    "variance_clip 4": ccdfx.variance_clip(low=4, high=4),
}
UNKNOWN = {
    "none": None,
    "mad_clip 4": ccdfx.mad_clip(low=4, high=4),
    "mad_clip 5": ccdfx.mad_clip(low=5, high=5),
    "mad_clip 7": ccdfx.mad_clip(low=7, high=7),
    "sigma_clip 3": ccdfx.sigma_clip(),
    "sigma_clip 4": ccdfx.sigma_clip(low=4, high=4),
    "winsorized 3": ccdfx.winsorized_clip(),
    "winsorized 4": ccdfx.winsorized_clip(low=4, high=4),
    "gesd": ccdfx.gesd(),
    "minmax 0, 1": ccdfx.minmax(low=0, high=1),
}


def errors(count: int, pixels: int, rays: float) -> dict[str, float]:
    """The rms error by each rule over that of the values that no ray has hit."""
    rng = np.random.default_rng([count, int(1000 * rays)])
    sigma = np.sqrt(LEVEL + READNOISE**2)
    values = rng.poisson(LEVEL, (count, 1, pixels)) + rng.normal(0, READNOISE, (count, 1, pixels))
    hit = rng.random(values.shape) < rays
    ideal = np.ma.MaskedArray(values, hit).mean(axis=0) - LEVEL
    values += np.where(hit, sigma * 5 * 100 ** rng.random(values.shape), 0)
    # The variance of each value comes from the level, as from a smooth model: it is not that of the ray.
    frames = [ccdfx.Image(v, variance=np.full(v.shape, sigma**2)) for v in values.astype("f4")]
    best = float(np.sqrt(np.mean(ideal**2)))
    found = {}
    for name, rule in {**KNOWN, **UNKNOWN}.items():
        result = ccdfx.stack(frames, reject=rule)
        left = result.count > 0
        found[name] = float(np.sqrt(np.mean((result.value[left] - LEVEL) ** 2))) / best
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=100_000)
    pixels = parser.parse_args().pixels
    warnings.simplefilter("ignore", ccdfx.CcdfxWarning)
    found = {(n, rays): errors(n, pixels, rays) for n in COUNTS for rays in (0.0, RAYS)}
    print("| rule | " + " | ".join(f"N = {n}" for n in COUNTS) + " |")
    print("|---" * (len(COUNTS) + 1) + "|")
    for name in found[2, 0.0]:
        cells = [f"{found[n, 0.0][name]:.2f}, {found[n, RAYS][name]:.2f}" for n in COUNTS]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
