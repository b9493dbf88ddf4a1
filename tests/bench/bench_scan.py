"""How long it takes to scan 1000 raw frames, against astropy opening their headers.

    python tests/bench/bench_scan.py [FRAMES]

The frames have headers of 150 cards and 2 MB of data, which nobody reads.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def make_frames(folder: Path, count: int) -> None:
    """Raw frames of 1024 x 1056 with 150 cards; the data are a hole in the file."""
    from astropy.io import fits

    header = fits.PrimaryHDU(np.zeros((1, 1), np.uint16)).header
    header["NAXIS1"], header["NAXIS2"] = 1056, 1024
    header["INSTRUME"], header["OBSTYPE"], header["OBJECT"] = "Nickel Direct Camera", "OBJECT", "NGC 4147"
    header["EXPTIME"], header["FILTNAM"], header["COVER"], header["GAIN"] = 60, "V", 32, 1
    for i in range(135):
        header[f"KEY{i}"] = (i * 0.5 if i % 3 else f"value {i}", "a comment of the usual length")
    text = header.tostring().encode()
    size = len(text) + -(-1056 * 1024 * 2 // 2880) * 2880
    for i in range(count):
        with open(folder / f"d{i:05d}.fits", "wb") as file:
            file.write(text)
            file.truncate(size)


def by_astropy(folder: Path) -> int:
    """What a script with astropy does: open each file and look at a few keywords."""
    from astropy.io import fits

    found = 0
    for path in sorted(folder.glob("*.fits")):
        with fits.open(path) as hdus:
            header = hdus[0].header
            found += all(key in header for key in ("OBSTYPE", "OBJECT", "EXPTIME", "FILTNAM"))
    return found


def by_getheader(folder: Path) -> int:
    """The same with `astropy.io.fits.getheader`."""
    from astropy.io import fits

    headers = (fits.getheader(path) for path in sorted(folder.glob("*.fits")))
    return sum(
        all(key in header for key in ("OBSTYPE", "OBJECT", "EXPTIME", "FILTNAM")) for header in headers
    )


def by_ccdfx(folder: Path) -> int:
    """`ccdfx.scan`: kind, object, filter, exposure, binning, sections and problems of each."""
    from ccdfx.night.frames.scan import scan

    return sum(frame.problem is None and frame.kind == "science" for frame in scan(folder))


def best(function: Callable[[Path], int], folder: Path, times: int = 3) -> tuple[float, int]:
    """Shortest of some runs, in s, and what the function found."""
    shortest, found = float("inf"), 0
    for _ in range(times):
        start = time.perf_counter()
        found = function(folder)
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, found


def main() -> None:
    """Print one line each; fail when ccdfx is not the fastest or loses a frame."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_frames(folder, count)
        seconds = {}
        for label, function in (
            ("ccdfx", by_ccdfx),
            ("astropy open", by_astropy),
            ("astropy getheader", by_getheader),
        ):
            seconds[label], found = best(function, folder)
            print(f"{label:20s} {count} headers in {seconds[label]:6.3f} s")
            if found != count:
                raise SystemExit(f"{label} found {found} of {count} frames")
    ratio = min(value for label, value in seconds.items() if label != "ccdfx") / seconds["ccdfx"]
    print(f"ccdfx is {ratio:.1f} times as fast")
    if ratio < 1:
        raise SystemExit("ccdfx is slower than astropy")


if __name__ == "__main__":
    main()
