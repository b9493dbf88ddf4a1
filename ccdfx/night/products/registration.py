"""Registration of the calibrated frames of one object and filter: which frames match, and how they lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccdfx.night.summary import plain
from ccdfx.operations.registration.displacement import displacements
from ccdfx.operations.registration.view import View
from ccdfx.operations.resampling.transform import AlignmentError, Transform

_MOST_REFERENCES = 4


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
        has a table measured. Pixels are read only where the stars do not decide.
    """
    from ccdfx.io import open_source

    best = Registration({}, {})
    with ExitStack() as stack:
        views = {
            file: View(stack.enter_context(open_source(folder / file)), table)
            for file, table in frames.items()
        }
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
