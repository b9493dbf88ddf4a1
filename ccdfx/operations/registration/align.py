"""Alignment: resampling the images of one field onto one pixel grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.operations.registration.correlation import correlated
from ccdfx.operations.registration.displacement import SHARE, displacements
from ccdfx.operations.registration.shifts import Shift, index_of, measure_shifts
from ccdfx.operations.registration.star_match import TRANSFORM_MODELS
from ccdfx.operations.registration.view import View, viewed
from ccdfx.operations.registration.ways import MEASURED, WAYS
from ccdfx.operations.resampling.taps import check_kernel
from ccdfx.operations.resampling.transform import AlignmentError, Transform, tried
from ccdfx.operations.resampling.warp import warp
from ccdfx.photometry import detection
from ccdfx.records.checks import one_of
from ccdfx.records.compatibility import require_match, require_same_unit
from ccdfx.records.image import Image, ImageLike, as_image, as_images
from ccdfx.records.wcs import astropy_wcs, converted

_BENT = 0.25  # pixels by which two WCS may differ from an affine transform
_NODES = 12


def measure_transform(
    image: ImageLike,
    *,
    reference: ImageLike,
    by: str = "stars",
    model: str = "similarity",
    name: str = "image",
    stars: Any = None,
    reference_stars: Any = None,
) -> Transform:
    """Measure the transform that brings `image` onto `reference`.

    Parameters
    ----------
    image, reference : Image or 2-D array
        Of one unit; for "phase" also of one shape, window and binning. Flagged pixels are ignored.
    by : {"stars", "phase", "wcs"}
        "stars": from the stars that `find_sources` finds in both, matched as a shift where that is what most
        show, or else as `match_stars` does (within 0.4 of their FWHM, at least 1.5 pixels), or, if too few
        match, from the cross-correlation. What is believed is as in `measure_shift`. "phase": a shift alone,
        to a fraction of a pixel, from the cross-correlation of the images, cleaned of hot pixels and of all
        smooth structure, in the band of frequencies in which they have structure in common. "wcs": from the
        WCS in the headers, without using the pixels.
    model : {"similarity", "affine"}
        For "stars", as in `match_stars`.
    name : str
        Name of `image` in error messages.
    stars, reference_stars : tables as from `find_sources`, optional
        The stars of `image` and of `reference`, where they were measured before; by default they are
        measured. Used for "stars".

    Returns
    -------
    Transform
        For "stars" its `pairs` are rows of the tables, or of ``find_sources(image)`` and
        ``find_sources(reference)``. For "wcs"
        `rms` and `error` are the rms and the greatest residual of the best affine transform.

    Raises
    ------
    AlignmentError
        No transform is believed; or two WCS between which no affine transform is right
        within 0.25 pixels.
    ArgumentError, ArgumentTypeError
        A header without celestial WCS; tables of stars where they are not used, or without positions.
    MismatchError
        Unit, or for "phase" shape, window or binning differ.

    See Also
    --------
    align, warp, measure_shift

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import similarity, warp
    >>> rng = np.random.default_rng(1)
    >>> y, x = np.mgrid[:200, :200]
    >>> stars = rng.uniform(50, 150, (12, 2))
    >>> def field(transform):
    ...     return rng.normal(50, 1, x.shape) + sum(
    ...         200 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 5) for a, b in transform.apply(stars)
    ...     )
    >>> turned, straight = field(similarity(rotation=5, offset=(8, -9))), field(similarity())
    >>> found = measure_transform(straight, reference=turned)
    >>> round(found.rotation, 1), round(found.scale, 2), found.matched > 7
    (5.0, 1.0, True)
    """
    one_of("by", by, MEASURED, UnknownNameError)
    one_of("model", model, TRANSFORM_MODELS, UnknownNameError)
    base = View(as_image(reference, "reference"), reference_stars, "reference_stars")
    found = _transforms([base, View(as_image(image), stars)], ["reference", name], 0, by, model)[1]
    if isinstance(found, AlignmentError):
        raise found
    return found


def measure_transforms(
    images: Iterable[ImageLike],
    *,
    reference: int = 0,
    by: str = "stars",
    model: str = "similarity",
    stars: Sequence[Any] | None = None,
) -> tuple[Transform | AlignmentError, ...]:
    """Measure the transforms of all images onto one of them; a failed one is returned as an error.

    Parameters
    ----------
    images : iterable of Image or 2-D array
    reference : int
        Index of the reference; negative counts from the end.
    by, model
        As in `measure_transform`.
    stars : sequence of tables as from `find_sources`, or None, optional
        As in `measure_shifts`.

    Returns
    -------
    tuple of Transform or AlignmentError
        One per image. Errors are returned, not raised, so that a frame can be left out with a known reason.

    Raises
    ------
    ArgumentError, MismatchError
        As `measure_transform`.

    See Also
    --------
    measure_transform, align

    Examples
    --------
    >>> import numpy as np
    >>> sky = np.random.default_rng(1).normal(0, 1, (2, 64, 64))
    >>> one, two = measure_transforms(sky)
    >>> one.method, type(two).__name__
    ('reference', 'AlignmentError')
    """
    frames = as_images(images)
    base = index_of(reference, len(frames))
    one_of("by", by, MEASURED, UnknownNameError)
    one_of("model", model, TRANSFORM_MODELS, UnknownNameError)
    names = [f"images[{i}]" for i in range(len(frames))]
    return tuple(_transforms(viewed(frames, stars), names, base, by, model))


def align(
    images: Iterable[ImageLike], *, reference: int = 0, by: str = "shift", kernel: str = "spline"
) -> list[Image]:
    """Resample all images onto the pixel grid of one of them.

    Parameters
    ----------
    images : iterable of Image or 2-D array
    reference : int
        Index of the reference, which is returned unchanged.
    by : {"shift", "phase", "stars", "wcs"}
        "shift": a shift from the stars, or from the correlation if there are too few (`measure_shifts`);
        frames that are turned are refused.
        "phase": a shift from the correlation alone. "stars": rotation, scale, mirror and shift, where needed,
        from the stars. "wcs": from the headers. See `measure_transform` for the last three and for residuals.
    kernel : {"spline", "lanczos"}
        As in `shift` and `warp`, which describe what happens to mask, variance, header and flux.

    Returns
    -------
    list of Image
        With the shape and range of the reference.

    Raises
    ------
    AlignmentError
        Raised for the first image that cannot be aligned; `measure_shifts` and `measure_transforms` return
        all errors.
    ArgumentError
        With "wcs", a header without celestial WCS.
    MismatchError
        Units differ; with "shift" and "phase", also shape, window or binning.
    UnknownNameError
        Unknown `kernel` or `by`.

    See Also
    --------
    measure_transforms, warp, combine

    Examples
    --------
    >>> import numpy as np
    >>> [image.shape for image in align([np.eye(8)])]
    [(8, 8)]
    """
    frames = as_images(images)
    check_kernel(kernel)
    found: tuple[Shift | Transform | AlignmentError, ...]
    if one_of("by", by, WAYS, UnknownNameError) == "shift":
        found = measure_shifts(frames, reference=reference)
    else:
        found = measure_transforms(frames, reference=reference, by=by)
    base = frames[index_of(reference, len(frames))]
    out = []
    for frame, step in zip(frames, found, strict=True):
        if isinstance(step, AlignmentError):
            raise step
        if step.method == "reference":
            out.append(frame)
        else:
            laid = warp(frame, transform=step, shape=base.shape, kernel=kernel)
            out.append(laid.replace(range=base.range))
    return out


def _transforms(
    views: Sequence[View], names: Sequence[str], base: int, by: str, model: str
) -> list[Transform | AlignmentError]:
    target = views[base].image
    for view, name in zip(views, names, strict=True):
        require_same_unit(target, view.image, name)
    if by == "stars":
        return displacements(views, names, base, model)
    for view in views:
        if view.given is not None:
            raise ArgumentError(
                view.name, f'must be left out where by is "{by}"', remedy='give them with by="stars"'
            )
    measure = _by_phase if by == "phase" else _by_wcs
    return [
        Transform(method="reference") if view is views[base] else tried(measure, view.image, target, name)
        for view, name in zip(views, names, strict=True)
    ]


def _by_phase(image: Image, reference: Image, name: str) -> Transform:
    require_match(reference, image, name)
    ny, nx = image.shape
    planes = [detection.prepared_image(one) for one in (reference, image)]
    peak = correlated(planes[0], planes[1], (SHARE * nx, SHARE * ny))
    objection = peak.objection
    if objection is not None:
        raise AlignmentError(
            name,
            f"cannot be correlated with the reference: {objection}",
            remedy="align by stars, or give a reference that shares more of the field",
        )
    return Transform(
        offset=(float(peak.step[0]), float(peak.step[1])), error=float(peak.error), method="correlation"
    )


def _by_wcs(image: Image, reference: Image, name: str) -> Transform:
    """Fit the affine transform that a grid of pixels follows from one WCS to the other."""
    systems = []
    for one, called in ((image, name), (reference, "reference")):
        system = astropy_wcs(one.header)
        if system is None:
            raise ArgumentError(called, "must have a celestial WCS", remedy="align by stars")
        systems.append(system)
    ny, nx = image.shape
    x, y = (
        axis.ravel() for axis in np.meshgrid(np.linspace(0, nx - 1, _NODES), np.linspace(0, ny - 1, _NODES))
    )
    there = _across(systems[0], systems[1], x, y)
    basis = np.column_stack([x - x.mean(), y - y.mean(), np.ones_like(x)])
    known = np.isfinite(there).all()
    solution = np.linalg.lstsq(basis, there if known else np.zeros_like(there), rcond=None)[0]
    far = np.hypot(*(there - basis @ solution).T)
    if not known or far.max() > _BENT:
        raise AlignmentError(
            name,
            f"must lie on the reference under one affine transform within {_BENT} pixels, as its WCS does not",
            value=round(float(far.max()), 2) if known else "another part of the sky",
            remedy="project it with reproject_image of ccdfx-reproject",
        )
    matrix = solution[:2].T
    (xx, xy), (yx, yy) = matrix.tolist()
    offset = solution[2] - matrix @ (x.mean(), y.mean())
    rms = float(np.sqrt((far**2).mean()))
    return Transform(
        ((xx, xy), (yx, yy)),
        (float(offset[0]), float(offset[1])),
        rms=rms,
        error=float(far.max()),
        method="wcs",
    )


def _across(system: Any, other: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Convert pixels to those of the other WCS, (n, 2); return NaN if that does not converge."""
    from astropy.wcs import NoConvergence

    try:
        world = converted(system, other, system.all_pix2world(x, y, 0))
        return np.column_stack(other.all_world2pix(*world, 0))
    except NoConvergence:
        return np.full((x.size, 2), np.nan)
