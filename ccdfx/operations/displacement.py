"""Image displacement: the shifts between images of one field, from stars or by cross-correlation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.kernels import detection
from ccdfx.operations.correlation import NEEDED, correlated
from ccdfx.operations.matching import CERTAIN, Stars, matched
from ccdfx.operations.refinement import refined
from ccdfx.operations.transform import AlignmentError, tried
from ccdfx.photometry import sources_in, usable
from ccdfx.records.image import Image, as_image, as_images
from ccdfx.records.matching import require_match
from ccdfx.records.numbers import whole

_THRESHOLD = 5.0
SHARE = 0.4
"""Steps up to this part of the frame are looked for."""
_FINE = 0.05  # pixels: shifts with smaller errors are not refined


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift in pixels that brings an image onto its reference: ``shift(image, dx=s.dx, dy=s.dy)``.

    Attributes
    ----------
    dx, dy : float
        pixels.
    error : float
        Standard error of the worse axis, in pixels, from the scatter of the averaged values.
    matched : int
        Number of stars that agree; 0 for a correlation.
    method : str
        "stars", "correlation", or "reference" for the reference itself.
    """

    dx: float
    dy: float
    error: float
    matched: int
    method: str


class _View(NamedTuple):
    image: Image
    plane: detection.Plane
    stars: Stars


def measure_shift(image: Any, *, reference: Any, name: str = "image") -> Shift:
    """Measure the shift that brings `image` onto `reference`.

    Stars are found in both; the differences of all pairs vote for a shift, which is refined by the robust
    mean of the differences of the stars that agree. Hot pixels, bad columns and cosmic rays are not taken for
    stars (see `find_sources`), and sources fixed to the detector cannot outvote stars that moved. If there
    are too few stars, the images, cleaned of hot pixels and of all smooth structure, are cross-correlated.
    Shifts up to 0.4 of the frame are found.

    Parameters
    ----------
    image, reference : Image or 2-D array
        Of one shape, window, unit and binning. Flagged pixels are ignored.
    name : str
        Name of `image` in error messages.

    Returns
    -------
    Shift

    Raises
    ------
    AlignmentError
        No shift is significant against chance.
    MismatchError
        Shape, window, unit or binning differ.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> y, x = np.mgrid[:100, :120]
    >>> def field(dx):
    ...     stars = [(20, 30), (90, 25), (60, 70), (35, 80), (75, 45)]
    ...     return rng.normal(50, 1, x.shape) + sum(
    ...         200 * np.exp(-((x - a - dx) ** 2 + (y - b) ** 2) / 5) for a, b in stars
    ...     )
    >>> found = measure_shift(field(3.5), reference=field(0))
    >>> round(found.dx, 1), round(abs(found.dy), 1), found.matched, found.method
    (-3.5, 0.0, 5, 'stars')
    """
    image, reference = as_image(image), as_image(reference, "reference")
    step = _steps([reference, image], ["reference", name], 0)[1]
    if isinstance(step, AlignmentError):
        raise step
    return step


def measure_shifts(images: Iterable[Any], *, reference: int = 0) -> tuple[Shift | AlignmentError, ...]:
    """Measure the shifts that bring all images onto one of them; a failed one is returned as an error.

    Parameters
    ----------
    images : iterable of Image or 2-D array
    reference : int
        Index of the reference; negative counts from the end.

    Returns
    -------
    tuple of Shift or AlignmentError
        One per image. Errors are returned, not raised, so that a frame can be left out with a known reason.

    Raises
    ------
    MismatchError
        Shape, window, unit or binning differ.

    Examples
    --------
    >>> import numpy as np
    >>> sky = np.random.default_rng(1).normal(0, 1, (2, 64, 64))
    >>> one, two = measure_shifts(sky)
    >>> one.method, type(two).__name__
    ('reference', 'AlignmentError')
    """
    frames = as_images(images)
    base = index_of(reference, len(frames))
    return tuple(_steps(frames, [f"images[{i}]" for i in range(len(frames))], base))


def _steps(images: Sequence[Image], names: Sequence[str], base: int) -> list[Shift | AlignmentError]:
    """Measure the shift of each image onto one of them; an error takes its place if that fails."""
    for image, name in zip(images, names, strict=True):
        require_match(images[base], image, name)
    views = [_view(image) for image in images]
    target = views[base]
    found = [
        Shift(0.0, 0.0, 0.0, len(target.stars.snr), "reference")
        if view is target
        else tried(_measured, view, target, name)
        for view, name in zip(views, names, strict=True)
    ]
    return _together(found, [view.plane.array for view in views], target.stars.fwhm, base)


def _view(image: Image) -> _View:
    plane = detection.prepared(image.array, usable(image))
    fwhm = detection.estimated_fwhm(plane, _THRESHOLD)
    table = sources_in(plane, fwhm=fwhm, threshold=_THRESHOLD, border=math.ceil(fwhm))
    return _View(image, plane, Stars(np.column_stack([table["x"], table["y"]]), table["snr"], fwhm))


def _measured(image: _View, reference: _View, name: str) -> Shift:
    ny, nx = image.image.shape
    limit = SHARE * nx, SHARE * ny
    match = matched(reference.stars, image.stars, limit)
    if match is not None and match.chance < CERTAIN:
        return Shift(float(match.step[0]), float(match.step[1]), match.error, len(match.pairs), "stars")
    peak = correlated(reference.plane, image.plane, limit)
    if peak.certain:
        return Shift(float(peak.step[0]), float(peak.step[1]), peak.error, 0, "correlation")
    agree = 0 if match is None else len(match.pairs)
    raise AlignmentError(
        name,
        f"cannot be aligned: of {len(image.stars.snr)} stars here and {len(reference.stars.snr)} in the reference "
        f"{agree} agree on a step, which chance explains; their correlation peaks at {peak.height:.1f} sigma "
        f"({NEEDED:.0f} needed), {peak.alone:.1f} times its next peak, with {peak.alike:.0%} of the structure in common",
        remedy="leave the frame out, or give a reference that shares more of the field",
    )


def _together(
    found: Sequence[Shift | AlignmentError], planes: Sequence[np.ndarray], fwhm: float, base: int
) -> list[Shift | AlignmentError]:
    """Refine the shifts found by stars together; those that do not improve are kept."""
    out = list(found)
    by_stars = [i for i, s in enumerate(found) if isinstance(s, Shift) and s.method in ("stars", "reference")]
    old = [s for i in by_stars if isinstance(s := found[i], Shift)]
    if max(s.error for s in old) < _FINE:
        return out
    steps = np.array([(s.dx, s.dy) for s in old])
    better = refined([planes[i] for i in by_stars], steps, fwhm, by_stars.index(base))
    if better is None:
        return out
    for i, step, error, stars in zip(by_stars, *better, strict=True):
        if i != base:
            out[i] = Shift(float(step[0]), float(step[1]), float(error), int(stars), "stars")
    return out


def index_of(reference: Any, count: int) -> int:
    """Return the index of the reference among `count` images, from 0."""
    index = whole("reference", reference, remedy="give the number of an image, from 0")
    if count == 0:
        raise ArgumentError(
            "images", "must hold at least one image", value=[], remedy="give a list of images"
        )
    if not -count <= index < count:
        raise ArgumentError(
            "reference",
            f"must be below the number of images, {count}",
            value=index,
            remedy="count from 0, or from the end with negative numbers",
        )
    return index % count
