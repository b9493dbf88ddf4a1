"""K-corrections of matched images, pixel by pixel."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import ccdfx
from ccdfx import ArgumentError, CcdfxWarning, Flag
from ccdfx_kcorrect.calibration import Exposure, exposures, matched_images
from ccdfx_kcorrect.corrected import Corrected, described
from ccdfx_kcorrect.spectra import (
    RestFrame,
    checked_bands,
    distance_modulus,
    finite,
    load_templates,
    maggies,
)

_TILE = 1 << 13  # pixels; a tile then fits in the cache of a processor


def kcorrect_images(
    images: Any,
    *,
    bands: Sequence[str],
    redshift: float,
    section: Any = None,
    zero_points: Any = None,
    pixel_areas: Any = None,
    rest: RestFrame | None = None,
    range: Any = None,
) -> Corrected:
    """K-correct matched images of one redshift, pixel by pixel.

    A non-negative sum of template spectra is fitted to the fluxes of each pixel. It gives the K-correction of
    each band (Blanton & Roweis 2007, AJ 133, 734), with the templates and responses of the package
    ``kcorrect``.

    Parameters
    ----------
    images : sequence of Image, 2-D array or path
        One for each band, (ny, nx), of the same pixels and resolution; neither is checked or corrected.
    bands : sequence of str
        The band of each image, as ``kcorrect`` names it ("sdss_g0"); `ccdfx_kcorrect.bands` lists all. Bands
        in a header are not used, because names such as "g" are ambiguous.
    redshift : float
        From 0 to 2. For any other value, all results are NaN and flagged, with a warning.
    section : Range or what `Range.of` accepts, optional
        The window of each image to correct.
    zero_points : float or sequence of float, optional
        In AB mag; by default `Image.zero_point`, or that of the unit if it is (nano)maggies.
    pixel_areas : float or sequence of float, optional
        In arcsec^2; by default from `Image.pixel_scale`. 1 gives magnitudes per pixel.
    rest : RestFrame, optional
        Bands at rest, their shift, distance modulus and templates.
    range : optional
        The old word of `section`, accepted for one release.

    Returns
    -------
    Corrected
        M = mu - distance modulus - K, where mu = zero_point - 2.5 log10(counts) + 2.5 log10(area).
        The flags of a pixel are those of all images. A flagged pixel, or one without finite flux and positive
        variance, is left out of the fit, and has no magnitude in that band; the other bands are fitted
        without it. Negative fluxes are fitted as they are, and have no magnitude. If no template is positive,
        all results are NaN and flagged NO_DATA. The variance is that of the flux. For an image without
        variance it is the square of the `local_noise` of its window.

    Raises
    ------
    ArgumentError, ArgumentTypeError, UnknownNameError
        A band that is unknown, named twice, or missing; a redshift that is not a number; no zero point, no
        pixel scale, or neither variance nor measurable noise; `section` and its old word.
    MismatchError
        Images of different shapes or windows.

    Warns
    -----
    CcdfxWarning
        Fewer bands than templates: several sums fit equally well, and K depends on the choice. A redshift out
        of range, or one without a distance. The old word of `section`.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import Image
    >>> fluxes = {"sdss_u0": 12.0, "sdss_g0": 40.0, "sdss_r0": 79.0, "sdss_i0": 110.0, "sdss_z0": 140.0}
    >>> frames = [Image(np.full((2, 3), flux), {"BUNIT": "nanomaggy"}, variance=np.full((2, 3), 0.01))
    ...           for flux in fluxes.values()]
    >>> galaxy = kcorrect_images(frames, bands=list(fluxes), redshift=0.1, pixel_areas=0.396**2)
    >>> galaxy.magnitudes.shape, f"{galaxy.kcorrections_by_band()['sdss_g0'].array[0, 0]:.2f}"
    ((5, 2, 3), '0.21')
    """
    rest = rest or RestFrame()
    if range is not None:
        section = _renamed(section, range)
    frames = matched_images(images, section)
    names = _one_each(checked_bands(bands, "bands"), len(frames), "bands")
    targets = names if rest.bands is None else _one_each(tuple(rest.bands), len(frames), "RestFrame.bands")
    redshift = finite(redshift, "redshift")
    light = exposures(frames, zero_points, pixel_areas)
    templates = load_templates(rest.templates)
    modulus = distance_modulus(redshift) if rest.distance_modulus is None else rest.distance_modulus
    observed = maggies(names, templates, redshift)
    for problem in _problems(len(names), templates.nsed, observed is not None, redshift, modulus):
        warnings.warn(problem, CcdfxWarning, stacklevel=2)
    planes = _empty(len(names), templates.nsed, frames[0].shape, _union(light))
    if observed is None:
        for plane in planes[:-1]:
            plane.fill(np.nan)
    else:
        at_rest = maggies(targets, templates, rest.band_shift)
        assert at_rest is not None  # RestFrame has checked the shift
        _run(light, _Matrices(observed, at_rest / (1 + rest.band_shift), modulus), planes)
    planes.mask[~np.isfinite(planes.chi2)] |= int(Flag.NO_DATA)
    header = described(frames[0].header, names, redshift, modulus)
    return Corrected(targets, *planes, frames[0].range, header, redshift, modulus)


def _renamed(section: Any, range: Any) -> Any:
    """Return the section that the old word gives, with a warning; refuse both words together."""
    if section is not None:
        raise ArgumentError(
            "kcorrect_images",
            "takes 'section' or its old word 'range', not both",
            remedy="leave out 'range'",
        )
    text = "kcorrect_images: the option 'range' is now 'section'; the old word goes with the next release"
    warnings.warn(text, CcdfxWarning, stacklevel=3)
    return range


class _Matrices(NamedTuple):
    """Matrices (bands, templates) from coefficients to maggies, observed and at rest; distance modulus."""

    observed: np.ndarray
    at_rest: np.ndarray
    modulus: float


class _Planes(NamedTuple):
    """The arrays of the result, in the order of `Corrected`."""

    magnitudes: np.ndarray
    kcorrections: np.ndarray
    variance: np.ndarray
    chi2: np.ndarray
    coefficients: np.ndarray
    mask: np.ndarray

    def rows(self, cut: slice) -> _Planes:
        """Cut some rows out of all planes, as views."""
        return _Planes._make(plane[..., cut, :] for plane in self)


def _one_each(names: tuple[str, ...], count: int, subject: str) -> tuple[str, ...]:
    if len(names) != count:
        raise ArgumentError(
            subject, f"must name one band for each of {count} images", value=names, remedy="in the same order"
        )
    return names


def _problems(bands: int, templates: int, in_range: bool, redshift: float, modulus: float) -> list[str]:
    found = []
    if bands < templates:
        found.append(
            f"{bands} bands do not determine {templates} templates: sums that fit equally well may differ in K"
        )
    if not in_range:
        found.append(
            f"no K-correction at the redshift {redshift:g}, which is not between 0 and 2: all is NaN"
        )
    elif not np.isfinite(modulus):
        found.append(
            f"no distance follows from the redshift {redshift:g}, so magnitudes are NaN: give RestFrame(distance_modulus=)"
        )
    return found


def _union(light: Sequence[Exposure]) -> np.ndarray:
    flags = np.zeros(light[0].image.shape, np.uint8)
    for exposure in light:
        if exposure.image.mask is not None:
            flags |= exposure.image.mask
    return flags


def _empty(bands: int, templates: int, shape: tuple[int, int], flags: np.ndarray) -> _Planes:
    magnitudes, kcorrections, variance = np.empty((3, bands, *shape))
    return _Planes(magnitudes, kcorrections, variance, np.empty(shape), np.empty((templates, *shape)), flags)


def _run(light: Sequence[Exposure], matrices: _Matrices, planes: _Planes) -> None:
    """Fit tiles of whole rows on the threads of the current engine."""
    ny, nx = planes.chi2.shape
    height = max(1, _TILE // nx)
    cuts = [slice(y, min(y + height, ny)) for y in np.arange(0, ny, height)]

    def tile(cut: slice) -> None:
        with np.errstate(all="ignore"):  # set per thread; infinities and NaN are intended
            _correct([_rows(exposure, cut) for exposure in light], matrices, planes.rows(cut))

    with ccdfx.engine() as current:
        # Arrays in memory are not sent to other processes.
        for _ in current.map(tile, cuts) if current.shares_memory else map(tile, cuts):
            pass


def _rows(exposure: Exposure, cut: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return maggies per square arcsecond and 1 / sigma of some rows, (n); 1 / sigma is 0 for unused pixels."""
    flux = exposure.image.array[cut].astype(np.float64)
    flux *= exposure.factor
    variance = exposure.variance[cut] if isinstance(exposure.variance, np.ndarray) else exposure.variance
    weight = 1 / (exposure.factor * np.sqrt(np.broadcast_to(variance, flux.shape), dtype=np.float64))
    useful = np.isfinite(flux) & np.isfinite(weight)
    if exposure.image.mask is not None:
        useful &= exposure.image.mask[cut] == 0
    return flux.ravel(), np.where(useful, weight, 0.0).ravel()


def _correct(light: list[tuple[np.ndarray, np.ndarray]], matrices: _Matrices, planes: _Planes) -> None:
    """Compute the planes of a tile."""
    from ccdfx_kcorrect.magnitudes import correct_pixels
    from ccdfx_kcorrect.nonnegative import fit_pixels

    flux, weight = (np.array(rows) for rows in zip(*light, strict=True))
    chi2, coefficients = np.empty(flux.shape[1]), np.empty((matrices.observed.shape[1], flux.shape[1]))
    fit_pixels(flux, weight, matrices.observed, coefficients, chi2)
    failed = ~coefficients.any(axis=0)
    chi2[failed] = coefficients[:, failed] = np.nan
    results = np.empty((3, *flux.shape))
    both = np.array([matrices.observed, matrices.at_rest])
    correct_pixels(flux, weight, coefficients, both, matrices.modulus, results)
    for plane, values in zip(planes[:-1], (*results, chi2, coefficients), strict=True):
        plane[...] = values.reshape(plane.shape)
