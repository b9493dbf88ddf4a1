"""CPU time of combining compressed files, in units of that of plain ones: `python tests/bench/bench_compressed.py`.

20 frames of 2048 x 2048 unsigned 16-bit pixels, sigma clip, two threads, medians of three runs in turn. What gzip takes
alone to inflate the files is the floor of theirs.
"""

from __future__ import annotations

import gzip
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

import ccdfx

FRAMES, SHAPE, RUNS = 20, (2048, 2048), 3


def write_frames(folder: Path) -> dict[str, list[Path]]:
    """Write frames plain, gzipped and tile-compressed; return their paths by ending."""
    rng = np.random.default_rng(0)
    found: dict[str, list[Path]] = {"fits": [], "fits.fz": [], "fits.gz": []}
    for number in range(FRAMES):
        pixels = rng.normal(1000, 10, SHAPE).astype(np.uint16)
        plain, tiles, packed = (folder / f"a{number:02d}.{ending}" for ending in found)
        fits.writeto(plain, pixels)
        tiled = fits.CompImageHDU(pixels, compression_type="RICE_1")
        fits.HDUList([fits.PrimaryHDU(), tiled]).writeto(tiles)
        packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
        for ending, path in zip(found, (plain, tiles, packed), strict=True):
            found[ending].append(path)
    return found


def combined(paths: list[Path]) -> None:
    """Combine files."""
    with ccdfx.engine(threads=2):
        ccdfx.stack([ccdfx.open_source(path) for path in paths], reject=ccdfx.sigma_clip())


def inflated(paths: list[Path]) -> None:
    """Inflate files with gzip alone."""
    for path in paths:
        gzip.decompress(path.read_bytes())


def seconds(work: Callable[[list[Path]], None], paths: list[Path]) -> float:
    """Return the CPU time of a call."""
    begun = time.process_time()
    work(paths)
    return time.process_time() - begun


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as where:
        frames = write_frames(Path(where))
        calls = [(ending, combined, paths) for ending, paths in frames.items()]
        calls.append(("gzip alone", inflated, frames["fits.gz"]))
        for _, work, paths in calls:
            work(paths)
        runs = [[seconds(work, paths) for _, work, paths in calls] for _ in range(RUNS)]
    middles = [statistics.median(times) for times in zip(*runs, strict=True)]
    for (name, _, _), middle in zip(calls, middles, strict=True):
        print(f"{name:10s} {middle:6.2f} s  {middle / middles[0]:5.1f}")


if __name__ == "__main__":
    main()
