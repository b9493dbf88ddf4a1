"""The truth of a simulated night: its parameters, stars and frames, as records and as truth.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ccdfx.demo.detector import Detector
from ccdfx.errors import ArgumentError, FormatError


@dataclass(frozen=True)
class Star:
    """A star at (x, y) of the reference frame, 0-based pixels; `flux` in e- per exposure, one per filter."""

    x: float
    y: float
    flux: tuple[float, ...]


@dataclass(frozen=True)
class TrueFrame:
    """One raw frame: its contents, the shift (dx, dy) of its stars from the reference, and its cosmic rays.

    `level` is the mean signal of the sky or the lamp in e- per pixel, `cosmic_rays` are (x, y, e-).
    """

    file: str
    kind: str
    filter: str | None
    exptime: float
    level: float
    dx: float
    dy: float
    cosmic_rays: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class Truth:
    """Everything from which a simulated night was made; `read_truth` reads it from truth.json."""

    seed: int
    shape: tuple[int, int]
    filters: tuple[str, ...]
    fwhm: float
    detector: Detector
    stars: tuple[Star, ...]
    frames: tuple[TrueFrame, ...]

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
        The file is missing or is not a valid truth.json.
    """
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
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
