"""What each rule rejects, by simulation: python tests/bench/bench_rejection.py [--pixels 40000]

Normal values of sigma 10 (gain 1, level 100, as a detector gives them), one hit of some sigma in one frame of every
pixel. Printed: how many per cent of the hits go, how many per cent of good values go with them and without any hit, and
by how much the mean of the survivors is noisier than that of all, where there is no hit.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import ccdfx

LEVEL, SIGMA = 100.0, 10.0
RULES = {
    "default": ccdfx.default_rejection(),
    "mad_clip 4": ccdfx.mad_clip(low=4, high=4),
    "mad_clip 7": ccdfx.mad_clip(low=7, high=7),
    "sigma_clip 3": ccdfx.sigma_clip(),
    "ccd_clip 4": ccdfx.ccd_clip(low=4, high=4),
    "winsorized 3": ccdfx.winsorized_clip(),
    "gesd": ccdfx.gesd(),
}


def share_rejected(rule: ccdfx.Rejection, count: int, pixels: int, size: float) -> tuple[float, float, float]:
    """Shares of the hits and of the good values that go, in per cent, and the loss of efficiency, in per cent.

    The frames have whole units of 2^-10, so that no two values are equal; the hit is in the first frame.
    """
    rng = np.random.default_rng(count)
    values = rng.normal(LEVEL, SIGMA, (count, 1, pixels))
    values[0] += size * SIGMA
    result = ccdfx.stack(list(values), reject=rule)
    rejected = result.rejected_low + result.rejected_high
    hit = size > 0 and float((result.rejected_high > 0).mean())
    good = float((rejected - (result.rejected_high > 0) * (size > 0)).mean()) / (count - (size > 0))
    noise = float((result.value - LEVEL).std() / (SIGMA / np.sqrt(count)) - 1)
    return 100 * hit, 100 * good, 100 * noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=40_000)
    pixels = parser.parse_args().pixels
    warnings.simplefilter("ignore", ccdfx.CcdfxWarning)
    print(f"{'rule':14} {'N':>4} {'1000':>7} {'10':>7} {'5':>7} {'good':>7} {'noisier':>8}")
    for count in (3, 5, 10, 100):
        for name, rule in RULES.items():
            hits = [share_rejected(rule, count, pixels, size)[0] for size in (1000.0, 10.0, 5.0)]
            _, good, noise = share_rejected(rule, count, pixels, 0.0)
            print(
                f"{name:14} {count:4d} {hits[0]:7.1f} {hits[1]:7.1f} {hits[2]:7.1f} {good:7.2f} {noise:8.1f}"
            )


if __name__ == "__main__":
    main()
