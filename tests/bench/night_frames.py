"""The frames of a night that is timed: raw uint16 files of any number and size, with the truth beside them.

The detector, its truth and the headers are those of `ccdfx demo`, without overscan, because not every program that is
compared has use for one; there are more stars and a mount that does not turn. Noise is normal with the variance of
photons, dark current and read noise. The same arguments give the same bytes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ccdfx.demo.detector import (
    MAXIMUM,
    Detector,
    bias_structure,
    cosmic_rays,
    dark_rate,
    flat_field,
    make_detector,
    stream,
)
from ccdfx.demo.simulate import light, sky
from ccdfx.demo.truth import Star, TrueFrame, Truth, raw_cards, write_truth

BAND = "R"
SHARES = {"bias": 10, "dark": 5, "flat": 10, "science": 20}  # of 45 frames
EXPTIME = {"bias": 0.0, "dark": 180.0, "flat": 4.0, "science": 180.0}  # s
SKY = 900.0  # e- per pixel of a science frame
FWHM = 3.2  # pixels, in the best seeing
DITHER = 20.0  # pixels, greatest
CELL = 90  # pixels; every star has a square of its own, so that the sky around it is empty
EDGE = 30  # pixels between a star and the edge of its square


def counts_of(frames: int) -> dict[str, int]:
    """Return how many frames of each kind make a night of so many frames: of 45, 10 + 5 + 10 + 20."""
    counts = {kind: max(3, round(frames * share / 45)) for kind, share in SHARES.items()}
    counts["science"] = frames - sum(count for kind, count in counts.items() if kind != "science")
    if counts["science"] < 2:
        raise SystemExit(f"{frames} frames are too few for a night: give 11 or more")
    return counts


def plan(frames: int, size: int, seed: int = 1) -> Truth:
    """Return the truth of a night; frame i of a kind is the same whatever the number of frames is."""
    detector = make_detector(seed, (size, size), overscan=0)
    found = [
        _frame(detector, kind, index) for kind, count in counts_of(frames).items() for index in range(count)
    ]
    return Truth(seed, (size, size), (BAND,), FWHM, detector, _stars(detector), tuple(found))


def _frame(detector: Detector, kind: str, index: int) -> TrueFrame:
    rng = stream(detector.seed, 20, list(SHARES).index(kind), index)
    rays = cosmic_rays(detector, EXPTIME[kind], rng) if EXPTIME[kind] > 60 else {}
    sky_of = {"flat": round(float(rng.uniform(30_000.0, 52_000.0)), 1), "science": SKY}
    dx, dy = (
        np.round(rng.uniform(-DITHER, DITHER, 2), 3).tolist() if kind == "science" and index else (0.0, 0.0)
    )
    light_of = {
        "transparency": round(float(rng.uniform(0.8, 1.0)), 3),
        "fwhm": round(float(FWHM * rng.uniform(1.0, 1.3)), 3),
        "gradient": tuple(np.round(rng.uniform(-0.05, 0.05, 2), 3).tolist()),
    }
    return TrueFrame(
        file=f"{kind}_{index + 1:05d}.fits",
        kind=kind,
        filter=BAND if kind in sky_of else None,
        exptime=EXPTIME[kind],
        level=sky_of.get(kind, 0.0),
        dx=dx,
        dy=dy,
        cosmic_rays=tuple((x, y, round(charge, 1)) for (x, y), charge in sorted(rays.items())),
        **(light_of if kind == "science" else {}),
    )


def _stars(detector: Detector) -> tuple[Star, ...]:
    """Draw one star in each square of `CELL` pixels: 2025 of them on 4096 x 4096, over five magnitudes."""
    ny, nx = detector.shape
    rng = stream(detector.seed, 21)
    rows, columns = ny // CELL, nx // CELL
    y0, x0 = (np.indices((rows, columns)).reshape(2, -1) * CELL).astype(float)
    places = np.round(np.column_stack([x0, y0]) + rng.uniform(EDGE, CELL - EDGE, (rows * columns, 2)), 3)
    fluxes = np.round(10.0 ** (3.5 + 2.2 * rng.uniform(size=len(places)) ** 1.5), 1)
    return tuple(Star(x, y, (flux,)) for (x, y), flux in zip(places.tolist(), fluxes.tolist(), strict=True))


def generate(directory: Path, frames: int, size: int, seed: int = 1) -> Truth:
    """Write the raw frames of a night and `truth.json`; refuse a directory that has one already."""
    directory.mkdir(parents=True, exist_ok=True)
    truth = plan(frames, size, seed)
    write_truth(truth, directory / "truth.json")
    write_raw(truth, directory, range(len(truth.frames)))
    return truth


def write_raw(truth: Truth, directory: Path, numbers: range | list[int]) -> None:
    """Write the raw frames with these numbers in the truth."""
    detector = truth.detector
    bias = (bias_structure(detector) + detector.bias_level).astype(np.float32)
    dark = dark_rate(detector).astype(np.float32)
    flat = flat_field(detector, BAND).astype(np.float32)

    def write_one(number: int) -> None:
        frame = truth.frames[number]
        raw = bias + _electrons(truth, frame, dark, flat) / np.float32(detector.gain)
        raw[:, list(detector.bad_columns)] = MAXIMUM
        _write(directory / frame.file, truth, number, np.rint(np.clip(raw, 0, MAXIMUM)).astype(np.uint16))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write_one, numbers))


def _electrons(truth: Truth, frame: TrueFrame, dark: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Return the electrons of a frame with the noise of photons, dark current and reading."""
    signal = dark * np.float32(frame.exptime)
    if frame.kind == "flat":
        signal += np.float32(frame.level) * flat
    if frame.kind == "science":
        signal += (sky(truth, frame) + light(truth, frame)).astype(np.float32) * flat
    if frame.cosmic_rays:
        x, y, charge = np.array(frame.cosmic_rays).T
        np.add.at(signal, (y.astype(int), x.astype(int)), charge.astype(np.float32))
    # Counted within its kind, so that a longer night begins with the frames of a shorter one.
    place = list(SHARES).index(frame.kind), int(frame.file[-10:-5])
    noise = stream(truth.seed, 22, *place).standard_normal(signal.shape, np.float32)
    noise *= np.sqrt(signal + np.float32(truth.detector.readnoise**2))
    return signal + noise


def _write(path: Path, truth: Truth, number: int, pixels: np.ndarray) -> None:
    from astropy.io import fits

    header = fits.Header(list(raw_cards(truth, truth.frames[number], number)))
    fits.PrimaryHDU(pixels, header).writeto(path)
