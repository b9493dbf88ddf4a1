"""Shifts between images of one field, measured from votes of all pairs of stars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.registration.displacement import displacements
from ccdfx.operations.registration.refinement import refined
from ccdfx.operations.registration.view import View, viewed
from ccdfx.operations.resampling.transform import AlignmentError, Transform, tried
from ccdfx.records.checks import whole
from ccdfx.records.compatibility import require_match
from ccdfx.records.image import ImageLike, as_image, as_images

_FINE = 0.05  # pixels: shifts with smaller errors are not refined
_CONSISTENT = 3.0
_SAMPLED = 2.0  # pixels: stars of a smaller FWHM cannot be interpolated
_APART = 0.1  # pixels: how far a shift may lay stars of turned frames apart


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift in pixels that brings an image onto its reference: ``shift(image, dx=s.dx, dy=s.dy)``.

    Attributes
    ----------
    dx, dy : float
        pixels.
    error : float
        Standard error per axis, in pixels, from the scatter of the averaged values, with the factor of
        Student's distribution where they are few; never below that of the centroids.
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

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number of pixels, so that `shift` by it does not interpolate."""
        return self.dx.is_integer() and self.dy.is_integer()


def measure_shift(
    image: ImageLike,
    *,
    reference: ImageLike,
    name: str = "image",
    stars: Any = None,
    reference_stars: Any = None,
) -> Shift:
    """Measure the shift that brings `image` onto `reference`.

    Stars are found in both; the differences of all pairs vote for a shift, which is refined by the weighted
    mean of the differences of the stars that agree. It is believed where chance does not explain it, most of
    the brighter sources that both frames should show agree, and, where few agree, the pixels around them
    correlate better after the shift than before. Sources at the same pixels of both frames, in rows, or of
    the shapes of cosmic rays are not counted as stars (see `find_sources`). If there are too few stars, the
    images, cleaned of hot pixels and of all smooth structure, are cross-correlated; what runs along rows or
    columns, as spectra do, is not measured so, and a correlation at rest is believed only where at least three
    stars confirm it, since fringes and dust correlate there. Shifts up to 0.4 of the frame are found.

    Parameters
    ----------
    image, reference : Image or 2-D array
        Of one shape, window, unit and binning. Flagged pixels are ignored.
    name : str
        Name of `image` in error messages.
    stars, reference_stars : tables as from `find_sources`, optional
        The stars of `image` and of `reference`, where they were measured before; by default they are
        measured.

    Returns
    -------
    Shift

    Raises
    ------
    AlignmentError
        No shift is believed; or the frames are turned, scaled or flipped against each other so that a shift
        would lay stars more than 0.1 pixels apart: `measure_transform` measures these.
    ArgumentError, ArgumentTypeError
        A table of stars without positions.
    MismatchError
        Shape, window, unit or binning differ.

    See Also
    --------
    measure_shifts, measure_transform, shift

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
    views = [
        View(as_image(reference, "reference"), reference_stars, "reference_stars"),
        View(as_image(image), stars, "stars"),
    ]
    step = _steps(views, ["reference", name], 0)[1]
    if isinstance(step, AlignmentError):
        raise step
    return step


def measure_shifts(
    images: Iterable[ImageLike], *, reference: int = 0, stars: Sequence[Any] | None = None
) -> tuple[Shift | AlignmentError, ...]:
    """Measure the shifts that bring all images onto one of them; a failed one is returned as an error.

    Parameters
    ----------
    images : iterable of Image or 2-D array
    reference : int
        Index of the reference; negative counts from the end.
    stars : sequence of tables as from `find_sources`, or None, optional
        The stars of each image, where they were measured before; None for those that are to be measured.

    Returns
    -------
    tuple of Shift or AlignmentError
        One per image. Errors are returned, not raised, so that a frame can be left out with a known reason.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Not one table for each image, or one without positions.
    MismatchError
        Shape, window, unit or binning differ.

    See Also
    --------
    measure_shift, align

    Notes
    -----
    Of three and more frames, sources at the same pixels of most of them are left out where the others show
    that the field moved. Shifts of faint stars are refined on the pixels of all frames together.

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
    return tuple(_steps(viewed(frames, stars), [f"images[{i}]" for i in range(len(frames))], base))


def _steps(views: Sequence[View], names: Sequence[str], base: int) -> list[Shift | AlignmentError]:
    """Measure the shift of each image onto one of them; an error takes its place if that fails."""
    for view, name in zip(views, names, strict=True):
        require_match(views[base].image, view.image, name)
    target = views[base]
    found = [
        Shift(0.0, 0.0, 0.0, len(target.stars.snr), "reference")
        if isinstance(one, Transform) and one.method == "reference"
        else one
        if isinstance(one, AlignmentError)
        else tried(_shift_of, one, target, name)
        for one, name in zip(displacements(views, names, base), names, strict=True)
    ]
    return _together(found, views, base)


def _shift_of(found: Transform, reference: View, name: str) -> Shift:
    """Return the shift of a transform, refused where it lays stars apart."""
    if not found.is_shift:
        ny, nx = reference.shape
        corners = np.array([(0, 0), (nx - 1, 0), (0, ny - 1), (nx - 1, ny - 1)], float)
        middle = corners.mean(axis=0)
        step = found.apply([middle])[0] - middle
        far = float(np.hypot(*(found.apply(corners) - corners - step).T).max())
        if far > _APART:
            raise AlignmentError(
                name,
                f"must not be turned, scaled or flipped against the reference for a shift: {found.matched} stars "
                f"say {found.rotation:.3f} degrees, a scale of {found.scale:.5f}"
                f"{', flipped' if found.flipped else ''}; a shift would lay stars up to {far:.1f} pixels apart",
                remedy='align by "stars" (--align-by stars), or measure it with measure_transform',
            )
        return Shift(float(step[0]), float(step[1]), max(found.error, far / 2), found.matched, found.method)
    return Shift(found.offset[0], found.offset[1], found.error, found.matched, found.method)


def _together(
    found: Sequence[Shift | AlignmentError], views: Sequence[View], base: int
) -> list[Shift | AlignmentError]:
    """Refine the shifts found by stars together; those that do not improve are kept."""
    out = list(found)
    by_stars = [i for i, s in enumerate(found) if isinstance(s, Shift) and s.method in ("stars", "reference")]
    old = [s for i in by_stars if isinstance(s := found[i], Shift)]
    fwhm = views[base].stars.typical_fwhm
    if max(s.error for s in old) < _FINE or fwhm < _SAMPLED:
        return out
    steps = np.array([(s.dx, s.dy) for s in old])
    better = refined([views[i].plane.array for i in by_stars], steps, fwhm, by_stars.index(base))
    if better is None:
        return out
    for i, before, step, error, stars in zip(by_stars, old, *better, strict=True):
        # Pixels that stay, such as blemishes near stars, pull the step away from that of the stars.
        far = max(abs(step[0] - before.dx), abs(step[1] - before.dy))
        if i != base and far <= _CONSISTENT * math.hypot(error, before.error):
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
