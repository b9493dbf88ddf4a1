"""Registration of the calibrated frames of one object and filter: which frames match, and how they lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.night.summary import plain
from ccdfx.operations.registration.displacement import displacements
from ccdfx.operations.registration.view import View
from ccdfx.operations.resampling.transform import AlignmentError, Transform
from ccdfx.records.image import Image
from ccdfx.records.range import Range

_MOST_REFERENCES = 4
_MOST_WINDOWS = 300  # around stars, beyond which the whole frame is read as fast


@dataclass(frozen=True, slots=True)
class Registration:
    """Frames that match, the reference first, with their transforms; and the others with the reason."""

    transforms: dict[str, Transform]
    left_out: dict[str, str]


def unmoved(files: Sequence[str]) -> Registration:
    """Return identities of unknown error, for frames that are already registered."""
    return Registration({file: Transform(error=math.nan, method="none") for file in files}, {})


def register(frames: Mapping[str, Any], folder: Path) -> Registration:
    """Measure the transforms of the frames to the first one, or to another one that more of them match.

    A transform is a shift, where nothing else is significant, or else a similarity, or any matrix: of the
    stars, or where there are too few a shift of the correlation. If most frames do not match the first, it
    may show another field or clouds; then frames that did not match are tried as the reference, one after
    another. Frames without stars, and spectra, are left out.

    Parameters
    ----------
    frames : mapping
        Of the calibrated frames, relative to `folder`, the tables of their stars as of `find_sources`; None
        has a table measured. Pixels are read only where the stars do not decide, and around stars that one frame lacks.
    """
    best = Registration({}, {})
    with ExitStack() as stack:
        views = {file: FileView(folder / file, table, stack) for file, table in frames.items()}
        for view in views.values():
            _ = view.stars
            view.drop_pixels()
        waiting = list(views)
        for _ in range(_MOST_REFERENCES):
            if not waiting or 2 * len(best.transforms) > len(views):
                break
            found = _onto(waiting[0], views)
            waiting = [file for file in waiting if file not in found.transforms]
            if len(found.transforms) > len(best.transforms):
                best = found
    return best


class FileView(View):
    """A `View` of a file, of which only the surroundings of stars are read to say which stars it cannot show.

    Checksums are compared where all pixels are read, not for these surroundings.
    """

    def __init__(self, path: Path, stars: Any, stack: ExitStack) -> None:
        from ccdfx.io import open_source

        super().__init__(stack.enter_context(open_source(path)), stars)
        self._around = stack.enter_context(open_source(path, checksum=False))

    def hidden(self, places: np.ndarray, fwhm: float) -> np.ndarray:
        """Return at which positions (n, 2) no star is listed, as a `View` of the whole image does."""
        if "image" in self.__dict__ or len(places) > _MOST_WINDOWS:
            return super().hidden(places, fwhm)
        centres = np.rint(places).astype(np.int64)
        reach = math.ceil(0.5 * fwhm + 1)
        last = np.array(self.shape[::-1]) - 1
        lower, upper = (np.clip(centres + step, 0, last) for step in (-reach, reach))
        found = [
            View(self._window(first, end)).hidden(centre[None] - first, fwhm)[0]
            for centre, first, end in zip(centres, lower, upper, strict=True)
        ]
        return np.array(found, bool)

    def _window(self, first: np.ndarray, last: np.ndarray) -> Image:
        """Read the pixels from `first` to `last` (x, y), both included."""
        own = self._around.range
        (x, y), (x_last, y_last) = first.tolist(), last.tolist()
        window = Range(own.x_lower + x, own.x_lower + x_last + 1, own.y_lower + y, own.y_lower + y_last + 1)
        read = getattr(self._around, "select_planes", self._around.select)
        found: Image = read(window)
        return found


def displacement_facts(found: Transform, shape: tuple[int, int]) -> dict[str, Any]:
    """Describe a transform by the step of the middle of the frame, its error, rotation and scale."""
    middle = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    (dx, dy) = found.offset if found.is_shift else (found.apply([middle])[0] - middle).tolist()
    return {
        "dx": plain(dx),
        "dy": plain(dy),
        "error": plain(found.error),
        "rotation": plain(found.rotation),
        "scale": plain(found.scale),
        "flipped": found.flipped,
        "matched": found.matched,
        "method": found.method,
    }


def _onto(reference: str, views: Mapping[str, View]) -> Registration:
    order = [reference, *(file for file in views if file != reference)]
    measured = displacements([views[file] for file in order], ["image"] * len(order), 0, "affine")
    transforms: dict[str, Transform] = {}
    left_out: dict[str, str] = {}
    for file, one in zip(order, measured, strict=True):
        if isinstance(one, AlignmentError):
            left_out[file] = one.rule
        else:
            transforms[file] = one
    return Registration(transforms, left_out)
