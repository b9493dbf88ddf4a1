"""Median filters against scipy's, and cosmic rays against astroscrappy with the same settings.

Run it: ``OMP_NUM_THREADS=1 python tests/bench/bench_cosmic.py [size] [repeats]``, and with 2 for two threads. It prints
medians of CPU time and of wall time, the candidates taking turns, and how many pixels both searches flag.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import astroscrappy
import numpy as np
from scipy import ndimage

import ccdfx
from ccdfx import Image, ccd_noise, mask_cosmic_rays, median_filter

GAIN, READNOISE = 1.5, 6.0


def field(size: int) -> np.ndarray:
    """Stars of FWHM 3.5 pixels on a noisy sky, and tracks of cosmic rays, in ADU."""
    rng = np.random.default_rng(1)
    electrons = np.full((size, size), 400.0)
    y, x = np.mgrid[-12:13, -12:13]
    for _ in range(size * size // 4000):
        a, b = rng.uniform(15, size - 15, 2)
        i, j = round(a), round(b)
        star = np.exp(-((x + i - a) ** 2 + (y + j - b) ** 2) / (2 * 1.49**2))
        electrons[j - 12 : j + 13, i - 12 : i + 13] += min(300 / (1 - rng.random()), 5e4) * star
    electrons = rng.poisson(electrons) + rng.normal(0, READNOISE, electrons.shape)
    for _ in range(size * size // 3000):
        a, b = rng.uniform(15, size - 15, 2)
        angle, density = rng.uniform(0, np.pi), rng.uniform(100, 2000)
        for step in np.arange(0, rng.uniform(1, 14), 0.5):
            electrons[int(b + step * np.sin(angle)), int(a + step * np.cos(angle))] += density
    return (electrons / GAIN).astype(np.float32)


def timed(candidates: dict[str, Callable[[], Any]], repeats: int) -> dict[str, tuple[float, float]]:
    """Median seconds of the processor and of the clock, for each."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, function in candidates.items():
            processor, clock = time.process_time(), time.perf_counter()
            function()
            seconds[name].append((time.process_time() - processor, time.perf_counter() - clock))
    return {name: tuple(map(statistics.median, zip(*pairs, strict=True))) for name, pairs in seconds.items()}


def told(name: str, mine: tuple[float, float], peer: tuple[float, float]) -> None:
    """Print one line."""
    ratios = f"{peer[0] / mine[0]:6.1f} x less CPU {peer[1] / mine[1]:6.1f} x faster"
    print(
        f"{name:28} {mine[0]:7.3f} s CPU {mine[1]:7.3f} s   peer {peer[0]:7.3f} s CPU {peer[1]:7.3f} s {ratios}"
    )


def main() -> None:
    """Print one line a median filter and a search, and the pixels in common."""
    size, repeats = (int(sys.argv[i]) if len(sys.argv) > i else given for i, given in ((1, 2048), (2, 3)))
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    array = field(size)
    image = Image(array, mask=np.zeros(array.shape, bool))
    noise = ccd_noise(GAIN, READNOISE)
    start = time.process_time()
    for medians in ("exact", "separable"):
        mask_cosmic_rays(array[:64, :64], noise=noise, medians=medians)
    print(f"{size} x {size} float32, threads: {threads}, load: {os.getloadavg()[0]:.1f}")
    print(f"first use of the kernels, compiled or from the cache: {time.process_time() - start:.1f} s CPU")
    with ccdfx.engine(threads=threads):
        for window in (3, 5, 7) if threads == 1 else ():
            found = timed(
                {
                    "mine": lambda window=window: median_filter(image, size=window),
                    "peer": lambda window=window: ndimage.median_filter(array, window),
                },
                repeats,
            )
            told(f"median filter {window} x {window}", found["mine"], found["peer"])
        for medians in ("exact", "separable"):
            options = {"sepmed": medians == "separable", "cleantype": "medmask", "satlevel": np.inf}
            results: dict[str, np.ndarray] = {}

            def mine(medians: str = medians, results: dict[str, np.ndarray] = results) -> None:
                results["mine"] = mask_cosmic_rays(image, noise=noise, medians=medians).mask != 0

            def peer(options: dict[str, Any] = options, results: dict[str, np.ndarray] = results) -> None:
                results["peer"] = astroscrappy.detect_cosmics(
                    array, gain=GAIN, readnoise=READNOISE, **options
                )[0]

            found = timed({"mine": mine, "peer": peer}, repeats)
            told(f"L.A.Cosmic, {medians}", found["mine"], found["peer"])
            one, two = results["mine"], results["peer"]
            print(f"    flagged {one.sum()} and {two.sum()}, both {np.count_nonzero(one & two)}")


if __name__ == "__main__":
    main()
