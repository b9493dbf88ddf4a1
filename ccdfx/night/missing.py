"""What is said of calibrations that are missing: one text for many frames."""

from __future__ import annotations

from collections.abc import Iterable

from ccdfx.night.calibrators import EXPOSURE, TEMPERATURE, Use
from ccdfx.night.frames.frame import Frame
from ccdfx.night.words import listed


def missing_warnings(uses: Iterable[Use]) -> tuple[str, ...]:
    """Write one warning per doubt about a header and per missing calibration, with the files of the frames concerned.

    >>> from pathlib import Path
    >>> frames = [Frame(path=Path(name), file=name, exptime=9.0) for name in ("a.fits", "b.fits")]
    >>> missing_warnings(Use(frame, missing=("no dark of {exposure} fits",)) for frame in frames)
    ('no dark of 9 s fits: a.fits, b.fits',)
    """
    missing: dict[str, list[Frame]] = {}
    for use in uses:
        for doubt in use.frame.doubts:
            missing.setdefault(f"{doubt}; it is not used", []).append(use.frame)
        for reason in use.missing:
            missing.setdefault(reason, []).append(use.frame)
    return tuple(
        f"{filled(reason, frames)}: {listed([frame.file for frame in frames])}"
        for reason, frames in missing.items()
    )


def filled(reason: str, frames: Iterable[Frame]) -> str:
    """Return the reason with the exposure times and temperatures of the frames concerned."""
    frames = tuple(frames)
    exposures = dict.fromkeys(f"{frame.exptime or 0.0:g} s" for frame in frames)
    temperatures = dict.fromkeys(
        f"{frame.temperature.keyword} = {frame.temperature.value:.3g}"
        for frame in frames
        if frame.temperature
    )
    return reason.replace(EXPOSURE, listed([*exposures])).replace(TEMPERATURE, listed([*temperatures]))
