"""A simulated night: raw frames as a telescope writes them, and the truth from which they were made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.demo.detector import (
    BAD_OVERSCAN,
    MAXIMUM,
    OVERSCAN,
    TRAPPED,
    Detector,
    bias_structure,
    cosmic_rays,
    dark_rate,
    flat_field,
    make_detector,
    stream,
)
from ccdfx.demo.truth import Star, TrueFrame, Truth, raw_cards, write_truth
from ccdfx.errors import ArgumentError
from ccdfx.records.checks import real, whole

_SMALLEST = 128  # pixels; a smaller detector has no room for the stars
_STAR_SPACING = 30.0  # pixels between stars, so that the sky around each is empty
_MARGIN = 26.0  # pixels between a star and the edge, more than the largest dither and an aperture
_SKY = {"V": 420.0, "R": 900.0}  # e- per pixel in one science exposure
_TRANSPARENCY = (0.55, 1.0)  # of a science frame
_SEEING = 1.4  # the worst FWHM over the best
_GRADIENT = 0.08  # greatest change of the sky across the frame, relative to its level
_ROTATION = 0.4  # degrees, greatest
_EXPTIME = {"bias": 0.0, "flat": 4.0, "science": 180.0}  # s


def simulate_night(
    directory: str | Path,
    *,
    seed: int = 1,
    shape: tuple[int, int] = (512, 512),
    filters: tuple[str, ...] = ("V", "R"),
    counts: tuple[int, int, int, int] = (9, 5, 5, 5),
    fwhm: float = 3.2,
    steady: bool = False,
    overscan: int = OVERSCAN,
) -> Truth:
    """Write the raw frames of a simulated night, and `truth.json` beside them.

    Every raw pixel is round(bias + noise(dark + response x light + cosmic rays)), clipped at 65535 ADU;
    photon and read noise come from `ccdfx.ccd_noise`. From one science frame to the next transparency,
    seeing, rotation and the gradient of the sky vary. The same arguments give the same bytes.

    Parameters
    ----------
    directory : path
        Where to write; made if it is missing.
    seed : int
        Seed of all random numbers, at least 0.
    shape : (int, int)
        Rows and columns of the data section, at least 128 each.
    filters : tuple of str
        Names among "V" and "R".
    counts : (int, int, int, int)
        Numbers of bias frames, of dark frames (as many for the flats as for the science frames), of flats
        per filter, and of science frames per filter.
    fwhm : float
        Width of the Gaussian star images in the best seeing, in pixels.
    steady : bool
        Whether transparency, seeing and rotation of the science frames stay the same and the sky is flat.
    overscan : int
        Number of overscan columns to the right of the data section; of eight or more one is bad. With 0 the
        bias level is in the bias frames alone.

    Returns
    -------
    Truth

    Raises
    ------
    ArgumentError
        An argument is not valid.
    OutputExistsError
        One of the files exists.
    """
    _check(seed, shape, filters, counts)
    whole("overscan", overscan, least=0, remedy="give a number of columns")
    fwhm = real("fwhm", fwhm, above=0, remedy="give pixels")
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    detector = make_detector(int(seed), (int(shape[0]), int(shape[1])), int(overscan))
    truth = _plan_night(detector, filters, counts, fwhm, steady)
    _write_frames(truth, target)
    write_truth(truth, target / "truth.json")
    return truth


def light(truth: Truth, frame: TrueFrame, at: TrueFrame | None = None) -> np.ndarray:
    """Return the electrons per pixel of the stars alone in a frame, for a uniform response.

    With `at`, they lie where they are in that frame. The integral of a Gaussian over a pixel is exact: the
    product of two differences of error functions.
    """
    ny, nx = truth.shape
    scene = np.zeros((ny, nx))
    scale = frame.fwhm / math.sqrt(8 * math.log(2)) * math.sqrt(2)
    reach = math.ceil(6 * scale)
    band = truth.filters.index(str(frame.filter))
    places = truth.places(at or frame)
    for star, (x, y) in zip(truth.stars, places.tolist(), strict=True):
        (x0, along_x), (y0, along_y) = _line(x, scale, reach, nx), _line(y, scale, reach, ny)
        flux = frame.transparency * star.flux[band]
        scene[y0 : y0 + along_y.size, x0 : x0 + along_x.size] += flux * np.outer(along_y, along_x)
    return scene


def sky(truth: Truth, frame: TrueFrame) -> np.ndarray:
    """Return the electrons per pixel of the sky or the lamp in a frame, for a uniform response."""
    ny, nx = truth.shape
    x, y = np.arange(nx)[None, :] / (nx - 1) - 0.5, np.arange(ny)[:, None] / (ny - 1) - 0.5
    return frame.level * (1 + frame.gradient[0] * x + frame.gradient[1] * y)


def _line(centre: float, scale: float, reach: int, length: int) -> tuple[int, np.ndarray]:
    """Return the first pixel that a Gaussian covers along one axis, and its fraction in each pixel."""
    first = max(0, round(centre) - reach)
    last = min(length, round(centre) + reach + 1)
    edges = [math.erf((edge - 0.5 - centre) / scale) for edge in range(first, max(first, last) + 1)]
    return first, 0.5 * np.diff(edges)


def electrons(truth: Truth, frame: TrueFrame) -> np.ndarray:
    """Return the expected electrons in the data section of a raw frame, with cosmic rays, without noise."""
    signal = dark_rate(truth.detector) * frame.exptime
    if frame.filter is not None:
        scene = sky(truth, frame)
        if frame.kind == "science":
            scene += light(truth, frame)
        signal += scene * flat_field(truth.detector, frame.filter)
    for x, y, charge in frame.cosmic_rays:
        signal[y, x] += charge
    for x, y in truth.detector.traps:
        signal[y:, x] -= np.minimum(TRAPPED, 0.5 * signal[y:, x])
    return signal


def _check(seed: Any, shape: Any, filters: Any, counts: Any) -> None:
    whole("seed", seed, least=0)
    if np.shape(shape) != (2,) or not all(isinstance(n, (int, np.integer)) and n >= _SMALLEST for n in shape):
        raise ArgumentError(
            "shape",
            f"must be two whole numbers of at least {_SMALLEST} pixels",
            value=shape,
            remedy="give such as (512, 512)",
        )
    if not filters or len(set(filters)) != len(filters) or not set(filters) <= set(_SKY):
        raise ArgumentError(
            "filters",
            f"must be different names of {', '.join(_SKY)}",
            value=filters,
            remedy="choose from these",
        )
    if np.shape(counts) != (4,) or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in counts):
        raise ArgumentError(
            "counts",
            "must be four whole numbers: bias, dark, flats, science",
            value=counts,
            remedy="give such as (9, 5, 5, 5)",
        )


def _plan_night(
    detector: Detector, filters: tuple[str, ...], counts: tuple[int, ...], fwhm: float, steady: bool
) -> Truth:
    """Draw all frames and stars of the night; noise is added when the frames are written."""
    n_bias, n_dark, n_flat, n_science = counts
    wanted: list[tuple[str, str | None, float]] = [("bias", None, 0.0)] * n_bias
    for kind in ("flat", "science"):
        wanted += [("dark", None, _EXPTIME[kind])] * n_dark
    for kind, n in (("flat", n_flat), ("science", n_science)):
        wanted += [(kind, band, _EXPTIME[kind]) for band in filters for _ in range(n)]
    rng = stream(detector.seed, 4)
    frames = []
    for number, (kind, band, exptime) in enumerate(wanted, 1):
        name = "_".join([f"{number:04d}", "field" if kind == "science" else kind, *([band] if band else [])])
        first = kind != "science" or wanted[number - 2][:2] != (kind, band)
        dx, dy = (0.0, 0.0) if first else np.round(rng.uniform(-12.0, 12.0, 2), 3).tolist()
        rays = cosmic_rays(detector, exptime, stream(detector.seed, 5, number))
        frames.append(
            TrueFrame(
                file=f"{name}.fits",
                kind=kind,
                filter=band,
                exptime=exptime,
                level=_level(kind, band, rng),
                dx=dx,
                dy=dy,
                cosmic_rays=tuple((x, y, round(charge, 1)) for (x, y), charge in sorted(rays.items())),
                **(_conditions(stream(detector.seed, 8, number), fwhm, steady) if kind == "science" else {}),
            )
        )
    stars = _stars(detector, len(filters))
    return Truth(detector.seed, detector.shape, tuple(filters), fwhm, detector, stars, tuple(frames))


def _conditions(rng: np.random.Generator, fwhm: float, steady: bool) -> dict[str, Any]:
    """Draw transparency, seeing, rotation and sky gradient of one science frame."""
    if steady:
        return {"fwhm": fwhm}
    return {
        "transparency": round(float(rng.uniform(*_TRANSPARENCY)), 3),
        "fwhm": round(float(fwhm * rng.uniform(1.0, _SEEING)), 3),
        "rotation": round(float(rng.uniform(-_ROTATION, _ROTATION)), 3),
        "gradient": tuple(np.round(rng.uniform(-_GRADIENT, _GRADIENT, 2), 3).tolist()),
    }


def _level(kind: str, band: str | None, rng: np.random.Generator) -> float:
    """Return e- per pixel: random for a twilight flat, constant in each filter for the night sky."""
    if kind == "flat":
        return round(float(rng.uniform(30_000.0, 52_000.0)), 1)
    return _SKY[band] if kind == "science" and band is not None else 0.0


def _stars(detector: Detector, n_filters: int) -> tuple[Star, ...]:
    """Draw well separated stars: two are bright enough to saturate, the others cover five magnitudes."""
    ny, nx = detector.shape
    rng = stream(detector.seed, 6)
    wanted = min(60, max(8, ny * nx // 5000))
    places: list[tuple[float, float]] = []
    for _ in range(200 * wanted):
        x, y = rng.uniform(_MARGIN, nx - 1 - _MARGIN), rng.uniform(_MARGIN, ny - 1 - _MARGIN)
        if all(math.hypot(x - a, y - b) > _STAR_SPACING for a, b in places):
            places.append((round(x, 3), round(y, 3)))
        if len(places) == wanted:
            break
    stars = []
    for number, (x, y) in enumerate(places):
        flux = 4e6 if number < 2 else 10.0 ** (3.5 + 2.2 * rng.uniform() ** 1.5)
        colours = [1.0, *rng.uniform(0.6, 1.6, n_filters - 1)]
        stars.append(Star(x, y, tuple(round(float(flux * colour), 1) for colour in colours)))
    return tuple(stars)


def _write_frames(truth: Truth, target: Path) -> None:
    from ccdfx.io import write
    from ccdfx.noise import add_noise, ccd_noise
    from ccdfx.records.header import Header
    from ccdfx.records.image import Image

    detector = truth.detector
    model = ccd_noise(gain=detector.gain, readnoise=detector.readnoise)
    structure = bias_structure(detector)
    ny, nx = detector.shape
    for number, frame in enumerate(truth.frames):
        signal = np.zeros((ny, nx + detector.overscan))
        signal[:, :nx] = electrons(truth, frame) / detector.gain
        rng = stream(detector.seed, 7, number)
        raw = np.array(add_noise(Image(signal), model=model, rng=rng).array, dtype=np.float64)
        raw += detector.bias_level + _drift(ny, rng)[:, None]
        raw[:, :nx] += structure
        raw[:, [nx + column for column in detector.bad_overscan]] += BAD_OVERSCAN
        raw[:, list(detector.bad_columns)] = MAXIMUM
        pixels = np.rint(np.clip(raw, 0, MAXIMUM)).astype(np.uint16)
        write(Image(pixels, header=Header(raw_cards(truth, frame, number))), target / frame.file)


def _drift(ny: int, rng: np.random.Generator) -> np.ndarray:
    """Return the change of the bias level from row to row of one readout in ADU, as in the overscan."""
    phase, cycles = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2.0)
    return rng.normal(0.0, 0.8) + 0.8 * np.sin(phase + 2 * np.pi * cycles * np.arange(ny) / ny)
