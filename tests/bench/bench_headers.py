"""Time to read 1000 headers of FITS files, ours against astropy's: ``python tests/bench/bench_headers.py [FILE]``."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ccdfx.io import read_header, write
from ccdfx.records.image import Image

COUNT, ROUNDS = 1000, 5


def night(folder: Path) -> list[Path]:
    """A thousand small frames whose headers have 120 cards, a tenth of which differ from frame to frame."""
    paths = []
    for i in range(COUNT):
        facts = {f"KEY{j}": f"value {j}" if j % 3 else j * 1.5 for j in range(108)}
        changing = {f"NOW{j}": i + j / 7 for j in range(12)}
        path = folder / f"{i:04d}.fits"
        write(Image(np.zeros((8, 8), np.uint16), {**facts, **changing}), path)
        paths.append(path)
    return paths


def seconds(function: Callable[[Path], object], paths: list[Path]) -> float:
    """The median time of several rounds over all files."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for path in paths:
            function(path)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print both times."""
    from astropy.io import fits

    from ccdfx.io.fits import cards

    def uncached(path: Path) -> object:
        cards._parse_line.cache_clear()
        return read_header(path)

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = [Path(sys.argv[1])] * COUNT if len(sys.argv) > 1 else night(Path(folder))
        ours, alone = seconds(read_header, paths), seconds(uncached, paths)
        theirs = seconds(fits.getheader, paths)
    print(
        f"{COUNT} headers: ccdfx {ours:.3f} s ({alone:.3f} s if no two frames shared a line), astropy {theirs:.3f} s"
    )
    print(f"ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
