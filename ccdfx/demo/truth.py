"""The truth of a simulated night: its parameters, stars and frames, as records and as truth.json."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.demo.detector import MAXIMUM, Detector
from ccdfx.errors import ArgumentError, FormatError
from ccdfx.io.text import read_json


@dataclass(frozen=True)
class Star:
    """A star at (x, y) of the reference frame, 0-based pixels; `flux` in e- per exposure, one per filter."""

    x: float
    y: float
    flux: tuple[float, ...]


@dataclass(frozen=True)
class TrueFrame:
    """One raw frame: its contents, where its stars lie, the state of the sky, and its cosmic rays.

    `level` is the signal of the sky or the lamp in the middle of the frame, in e- per pixel; `cosmic_rays` are
    (x, y, e-). The stars are turned about the middle of the frame by `rotation`, in degrees from x towards y,
    and moved by (dx, dy) pixels. `transparency` is the fraction of their light that arrives, `fwhm` the width
    of their images in pixels, `gradient` the change of the sky across the frame in x and y, relative to
    `level`.
    """

    file: str
    kind: str
    filter: str | None
    exptime: float
    level: float
    dx: float
    dy: float
    cosmic_rays: tuple[tuple[int, int, float], ...]
    rotation: float = 0.0
    transparency: float = 1.0
    fwhm: float = 0.0
    gradient: tuple[float, float] = (0.0, 0.0)

    def from_field(self, places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Convert positions (n, 2) of x, y as the stars have them to pixels of this frame."""
        middle = 0.5 * (np.array(shape[::-1]) - 1)
        return (np.reshape(places, (-1, 2)) - middle) @ self._turn + middle + (self.dx, self.dy)

    def to_field(self, places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Convert pixels (n, 2) of x, y of this frame to positions as the stars have them."""
        middle = 0.5 * (np.array(shape[::-1]) - 1)
        return (np.reshape(places, (-1, 2)) - (self.dx, self.dy) - middle) @ self._turn.T + middle

    @property
    def _turn(self) -> np.ndarray:
        cosine, sine = math.cos(math.radians(self.rotation)), math.sin(math.radians(self.rotation))
        return np.array([[cosine, sine], [-sine, cosine]])


@dataclass(frozen=True)
class Truth:
    """Everything from which a simulated night was made; `read_truth` reads it from truth.json.

    `fwhm` is the width of the star images in the best seeing, in pixels.
    """

    seed: int
    shape: tuple[int, int]
    filters: tuple[str, ...]
    fwhm: float
    detector: Detector
    stars: tuple[Star, ...]
    frames: tuple[TrueFrame, ...]

    def places(self, frame: TrueFrame) -> np.ndarray:
        """Return the pixels (n, 2) of x, y at which the stars lie in a frame."""
        return frame.from_field(np.array([(star.x, star.y) for star in self.stars]), self.shape)

    def frame(self, file: str) -> TrueFrame:
        """Return the frame with this file name; the directory of a path is ignored."""
        name = Path(file).name
        for frame in self.frames:
            if frame.file == name:
                return frame
        raise ArgumentError(
            "file", "is no frame of this simulated night", value=name, remedy="name one of its raw files"
        )


def read_truth(path: str | Path) -> Truth:
    """Read the truth of a simulated night from its truth.json.

    Raises
    ------
    FormatError
        The file is missing, no regular file or larger than 256 MiB, or is not a valid truth.json.
    """
    try:
        facts = read_json(path)
        detector = Detector(**{name: _tuples(value) for name, value in facts.pop("detector").items()})
        stars = tuple(
            Star(**{name: _tuples(value) for name, value in star.items()}) for star in facts.pop("stars")
        )
        frames = tuple(
            TrueFrame(**{k: _tuples(v) for k, v in frame.items()}) for frame in facts.pop("frames")
        )
        rest = {name: _tuples(value) for name, value in facts.items()}
        return Truth(detector=detector, stars=stars, frames=frames, **rest)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FormatError(
            str(path), f"is no truth of a simulated night: {error}", remedy="make the night again"
        ) from error


def write_truth(truth: Truth, path: Path) -> None:
    """Write the truth as JSON; refuse to overwrite a file."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(path, False) as temporary:
        Path(temporary).write_text(json.dumps(asdict(truth), indent=1) + "\n", encoding="utf-8")


def _tuples(value: Any) -> Any:
    """Convert lists of JSON to tuples, as the records have them."""
    if isinstance(value, dict):
        raise TypeError("a number or a list is expected")
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


PIXEL_SCALE = 0.4  # arcsec/pixel
_RA, _DEC = 201.25, -11.5  # degrees, the centre of the reference frame


def raw_cards(truth: Truth, frame: TrueFrame, number: int) -> Iterator[tuple[str, Any, str]]:
    """Yield the header cards (keyword, value, comment) of raw frame `number`, counted from 0."""
    ny, nx = truth.shape
    minutes = 17 * 60 + 20 * (number // 5) + 4 * (number % 5)
    day, minutes = divmod(minutes, 24 * 60)
    kinds = {"bias": "zero", "science": "object"}
    names = {"bias": "bias", "dark": "dark", "flat": f"twilight {frame.filter}", "science": "FIELD 12"}
    yield "OBJECT", names[frame.kind], "name of the object"
    yield "IMAGETYP", kinds.get(frame.kind, frame.kind), "zero, dark, flat or object"
    yield "EXPTIME", frame.exptime, "[s] exposure time"
    yield "DARKTIME", frame.exptime, "[s] time since the detector was cleared"
    if frame.filter is not None:
        yield "FILTER", frame.filter, "name of the filter"
    start = f"{minutes // 60:02d}:{minutes % 60:02d}:00.000"
    yield "DATE-OBS", f"2012-03-{14 + day:02d}T{start}", "UTC at the start"
    yield "MJD-OBS", round(56000 + day + minutes / 1440, 6), "[d] the same as a modified Julian date"
    yield "OBSERVAT", "SIMULATED", "observatory"
    yield "TELESCOP", "1.0m reflector", "telescope"
    yield "INSTRUME", "CCD camera", "instrument"
    yield "DETECTOR", f"SIM{nx}x{ny}", "detector"
    yield "GAIN", truth.detector.gain, "[e-/ADU] gain"
    yield "RDNOISE", truth.detector.readnoise, "[e-] read noise"
    yield "SATURATE", MAXIMUM, "[ADU] greatest number of the converter"
    yield "CCDSUM", "1 1", "binning in x and y"
    if truth.detector.overscan:
        yield "BIASSEC", f"[{nx + 1}:{nx + truth.detector.overscan},1:{ny}]", "overscan section"
    yield "TRIMSEC", f"[1:{nx},1:{ny}]", "part of the frame to keep"
    yield "DATASEC", f"[1:{nx},1:{ny}]", "part of the frame with light"
    if frame.kind == "science":
        yield from _wcs_cards(truth, frame)


def _wcs_cards(truth: Truth, frame: TrueFrame) -> Iterator[tuple[str, Any, str]]:
    """Yield the WCS cards of a tangential projection, north up and east left, that moves with the stars."""
    ny, nx = truth.shape
    yield "AIRMASS", 1.18, "at the middle of the exposure"
    yield "CTYPE1", "RA---TAN", "right ascension, tangential"
    yield "CTYPE2", "DEC--TAN", "declination, tangential"
    yield "CRVAL1", _RA, "[deg] right ascension at CRPIX"
    yield "CRVAL2", _DEC, "[deg] declination at CRPIX"
    yield "CRPIX1", round(0.5 * (nx + 1) + frame.dx, 3), "pixel of CRVAL"
    yield "CRPIX2", round(0.5 * (ny + 1) + frame.dy, 3), "pixel of CRVAL"
    cosine, sine = math.cos(math.radians(frame.rotation)), math.sin(math.radians(frame.rotation))
    scale = PIXEL_SCALE / 3600.0
    yield "CD1_1", -scale * cosine, "[deg/pixel]"
    yield "CD1_2", -scale * sine, "[deg/pixel]"
    yield "CD2_1", -scale * sine, "[deg/pixel]"
    yield "CD2_2", scale * cosine, "[deg/pixel]"
    yield "RADESYS", "ICRS", "frame of the coordinates"
