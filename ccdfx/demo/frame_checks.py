"""Checks of what was measured of each science frame against its truth: FWHM, transparency, alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ccdfx.demo.checks import Check, Reduced, combined, reference_frame

_BEYOND = 4.4  # standard deviations; a correct error is exceeded once in 100,000 frames
_LEAST = 0.003  # relative error of a transparency by the flat
_OF_FWHM = 0.02  # relative error of a FWHM by the sampling of the profile


def check_frames(night: Reduced) -> Iterator[Check]:
    """Check the FWHM of the calibrated frames, and the transparency of those that were combined."""
    for band in night.truth.filters:
        widths = [_known(product["fwhm"]) / frame.fwhm - 1 for product, frame in night.calibrated(band)]
        yield Check(f"FWHM {band}, greatest error", "%", 0.0, 100 * greatest(widths), 100 * _OF_FWHM)
        found, errors = [], []
        for product in combined(night, band):
            reference = reference_frame(night, product)
            for scale in product["scales"]:
                true = night.raw_of(scale["source"]).transparency / reference.transparency
                found.append(_known(scale["transparency"]) / true - 1)
                errors.append(_known(scale["transparency_error"]) / true)
        tolerance = _BEYOND * greatest(errors) + _LEAST
        yield Check(f"transparency {band}, greatest error", "%", 0.0, 100 * greatest(found), 100 * tolerance)


def _known(value: float | None) -> float:
    """Return a fact, NaN where it was not measured."""
    return float("nan") if value is None else value


def check_alignment(night: Reduced) -> Iterator[Check]:
    """Check where the measured transforms lay the corners and the middle of the frames on the reference."""
    ny, nx = night.truth.shape
    corners = np.array([(0, 0), (nx - 1, 0), (0, ny - 1), (nx - 1, ny - 1)], float)
    places = np.vstack([corners, corners.mean(axis=0)])
    for band in night.truth.filters:
        errors, turns = [], []
        for product in combined(night, band):
            reference = reference_frame(night, product)
            for shift in product["shifts"]:
                frame = night.raw_of(shift["source"])
                true = reference.from_field(frame.to_field(places, night.truth.shape), night.truth.shape)
                errors.append(np.hypot(*(_moved(shift, places) - true).T).max())
                turns.append(shift["rotation"] - (reference.rotation - frame.rotation))
        yield Check(f"alignment {band}, greatest error", "pixel", 0.0, greatest(errors), 0.1)
        yield Check(f"rotation {band}, greatest error", "degree", 0.0, greatest(turns), 0.02)


def _moved(shift: Mapping[str, Any], places: np.ndarray) -> np.ndarray:
    """Apply a transform as night.json tells it: rotated and scaled about the middle, the last place, and moved."""
    middle, angle = places[-1], np.radians(shift["rotation"])
    turn = shift["scale"] * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (places - middle) @ turn + middle + (shift["dx"], shift["dy"])


def greatest(errors: list[float]) -> float:
    """Return the greatest absolute value; NaN without values."""
    return float(np.max(np.abs(errors))) if errors else float("nan")
