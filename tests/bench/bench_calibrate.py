"""Calibrating a 4096 x 4096 uint16 frame: the fused pass against a chain of numpy expressions, and against a
copy.

Run it: ``python tests/bench/bench_calibrate.py [size] [repeats]``. It prints the ratios of the medians of CPU
time, the candidates taking turns; both sides make their results anew, and use one thread unless said.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from ccdfx.engines import engine
from ccdfx.noise import ccd_noise
from ccdfx.operations.calibration.calibrate import calibrate
from ccdfx.records.image import Image

GAIN, READNOISE, SATURATION = 1.5, 5.0, 60000
Result = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def frames(size: int) -> dict[str, Image]:
    """A raw frame, masters with variance, and a bad-pixel map."""
    rng = np.random.default_rng(1)
    shape = (size, size)

    def master(level: float, sigma: float, variance: float) -> Image:
        array = rng.normal(level, sigma, shape).astype(np.float32)
        return Image(array, variance=np.full(shape, variance, np.float32))

    return {
        "raw": Image(rng.integers(300, 65535, shape, dtype=np.uint16)),
        "bias": master(300, 2, 1.0),
        "dark": master(3, 0.1, 0.1),
        "flat": master(1, 0.02, 1e-5),
        "bad": Image((rng.random(shape) < 1e-3).astype(np.uint8)),
    }


def chain(given: dict[str, Image]) -> Result:
    """Values and flags as a careful script writes them."""
    raw, bias, dark, flat = (given[name].array for name in ("raw", "bias", "dark", "flat"))
    mask = given["bad"].array | np.where(raw >= SATURATION, np.uint8(4), np.uint8(0))
    mask |= np.where(flat > 0, np.uint8(0), np.uint8(1))
    x = (raw.astype(np.float32) - bias - dark) / np.where(flat > 0, flat, np.float32(1))
    return x * np.float32(GAIN), mask, None


def chain_with_variance(given: dict[str, Image]) -> Result:
    """Values, flags and variance."""
    raw, bias, dark, flat = (given[name].array for name in ("raw", "bias", "dark", "flat"))
    mask = given["bad"].array | np.where(raw >= SATURATION, np.uint8(4), np.uint8(0))
    mask |= np.where(flat > 0, np.uint8(0), np.uint8(1))
    x = raw.astype(np.float32) - bias
    variance = np.maximum(x, 0) / np.float32(GAIN) + np.float32((READNOISE / GAIN) ** 2)
    variance = variance + given["bias"].variance + given["dark"].variance
    divisor = np.where(flat > 0, flat, np.float32(1))
    x = (x - dark) / divisor
    variance = (variance + x * x * given["flat"].variance) / (divisor * divisor)
    return x * np.float32(GAIN), mask, variance * np.float32(GAIN**2)


def fused(given: dict[str, Image], variance: bool) -> Result:
    """The same by `calibrate`."""
    masters = {
        name: given[name] if variance else given[name].replace(variance=None)
        for name in ("bias", "dark", "flat")
    }
    noise = ccd_noise(gain=GAIN, readnoise=READNOISE) if variance else None
    image = calibrate(
        given["raw"],
        **masters,
        statistic=None,
        noise=noise,
        saturation=SATURATION,
        bad_pixels=given["bad"],
        gain=GAIN,
    )
    return image.array, image.mask, image.variance


def medians(
    candidates: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Median seconds of each candidate; they take turns, so that a slow minute hits all."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for repeat in range(repeats + 1):
        for name, function in candidates.items():
            start = clock()
            function()
            if repeat:
                seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main(size: int = 4096, repeats: int = 9) -> None:
    """Print the table."""
    given = frames(size)
    for mine, theirs in (
        (fused(given, False), chain(given)),
        (fused(given, True), chain_with_variance(given)),
    ):
        assert np.allclose(mine[0], theirs[0], rtol=1e-6) and np.array_equal(mine[1], theirs[1])
        assert theirs[2] is None or np.allclose(mine[2], theirs[2], rtol=1e-5)
    source, target = given["bias"].array, np.empty((size, size), np.float32)
    candidates: dict[str, Callable[[], object]] = {
        "numpy chain": lambda: chain(given),
        "fused": lambda: fused(given, False),
        "numpy chain, variance": lambda: chain_with_variance(given),
        "fused, variance": lambda: fused(given, True),
        "np.copyto of float32": lambda: np.copyto(target, source),
    }
    with engine(threads=1):
        one = medians(candidates, repeats, time.process_time)
    for name, seconds in one.items():
        print(f"{name:24s} {1e3 * seconds:8.1f} ms CPU, one thread")
    copy = one["np.copyto of float32"]
    for case in ("", ", variance"):
        ratio = one["numpy chain" + case] / one["fused" + case]
        print(
            f"{'without' if not case else 'with'} variance: {ratio:.2f} x numpy, {one['fused' + case] / copy:.1f} copies"
        )
    with engine(threads=2):
        two = medians(
            {name: candidates[name] for name in ("fused", "fused, variance")}, repeats, time.perf_counter
        )
    for name, seconds in two.items():
        print(f"{name:24s} {1e3 * seconds:8.1f} ms wall, two threads")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
