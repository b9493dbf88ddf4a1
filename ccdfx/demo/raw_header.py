"""Headers of the simulated raw frames, with the keywords of IRAF's ccdred."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ccdfx.demo.detector import MAXIMUM, OVERSCAN
from ccdfx.demo.truth import TrueFrame, Truth

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
    yield "BIASSEC", f"[{nx + 1}:{nx + OVERSCAN},1:{ny}]", "overscan section"
    yield "TRIMSEC", f"[1:{nx},1:{ny}]", "part of the frame to keep"
    yield "DATASEC", f"[1:{nx},1:{ny}]", "part of the frame with light"
    if frame.kind == "science":
        yield from _wcs_cards(truth, frame)


def _wcs_cards(truth: Truth, frame: TrueFrame) -> Iterator[tuple[str, Any, str]]:
    """Yield the WCS cards of a tangential projection, north up and east left, that moves with the dither."""
    ny, nx = truth.shape
    yield "AIRMASS", 1.18, "at the middle of the exposure"
    yield "CTYPE1", "RA---TAN", "right ascension, tangential"
    yield "CTYPE2", "DEC--TAN", "declination, tangential"
    yield "CRVAL1", _RA, "[deg] right ascension at CRPIX"
    yield "CRVAL2", _DEC, "[deg] declination at CRPIX"
    yield "CRPIX1", round(0.5 * (nx + 1) + frame.dx, 3), "pixel of CRVAL"
    yield "CRPIX2", round(0.5 * (ny + 1) + frame.dy, 3), "pixel of CRVAL"
    yield "CD1_1", -PIXEL_SCALE / 3600.0, "[deg/pixel]"
    yield "CD1_2", 0.0, "[deg/pixel]"
    yield "CD2_1", 0.0, "[deg/pixel]"
    yield "CD2_2", PIXEL_SCALE / 3600.0, "[deg/pixel]"
    yield "RADESYS", "ICRS", "frame of the coordinates"
