"""Cosmic-ray detection in one frame: L.A.Cosmic (van Dokkum 2001, PASP 113, 1420)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.operations.laplacian import Plane, Search, find
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, adopt, as_image
from ccdfx.records.numbers import real, whole
from ccdfx.records.pixels import working_dtype
from ccdfx.records.words import one_of

MEDIANS = ("exact", "separable")


def mask_cosmic_rays(
    image: Any,
    *,
    sigma_limit: float = 4.5,
    neighbour_fraction: float = 0.3,
    object_limit: float = 5.0,
    iterations: int = 4,
    medians: str = "exact",
    noise: Any = None,
    replace: str | None = None,
) -> Image:
    """Flag the cosmic rays of a single frame, which are sharper than any well-sampled star.

    The Laplacian of the frame, taken on pixels subsampled 2 x 2 and clipped at 0, is compared with the noise.
    S is the Laplacian over twice the noise, less its own median. A pixel belongs to a ray where S exceeds
    both `sigma_limit` and, to exclude stars, `object_limit` times the fine structure of the frame (median of
    3 x 3 less the median of 7 x 7 of that) over the noise. Pixels next to rays are added where S exceeds
    `sigma_limit`, and their neighbours in turn where it exceeds ``neighbour_fraction * sigma_limit``. Rays
    are replaced, in a copy, by the median of their good neighbours, and the search is repeated until it finds
    no more.

    Parameters
    ----------
    image : Image or 2-D array
        A calibrated frame, with the sky not subtracted. Stars should have a FWHM of 2 pixels or more.
    sigma_limit : float
        In sigma of the noise, positive.
    neighbour_fraction : float
        0 to 1.
    object_limit : float
        Positive; a higher limit protects sharper stars, a lower one finds less sharp rays.
    iterations : int
        Maximum number of passes.
    medians : {"exact", "separable"}
        "exact": square windows (5 for the noise and for S, 3 and 7 for the fine structure). "separable":
        medians of rows and then of columns (7, 7, 5, 9), which are faster and find nearly the same.
    noise : NoiseModel, optional
        The noise of a value, in the unit of the image. By default the variance of the image, else that of
        `ccd_noise` with GAIN and RDNOISE of the header. The noise of a pixel is the median around it, so that
        a ray does not raise its own noise. A ray must also exceed two thirds of `sigma_limit` relative to the
        noise of the pixel itself, which a hot pixel does not once its dark is subtracted.
    replace : {None, "median"}
        "median" replaces the rays by the median of the good pixels around them (of 5 x 5, or of a larger
        window if there are fewer than three), and their variance by the median of the variances there.

    Returns
    -------
    Image
        With COSMIC_RAY added to the flags; header and, unless they are replaced, values and variance are
        unchanged. There is a mask even if nothing is found. Replaced values are float32, or float64 for wide
        input. Flagged and non-finite pixels (also those whose variance is not finite) are never found and are
        not used. But pixels flagged SATURATED or NONLINEAR (see `mask_saturated`) may be rays, except for the
        cores of stars (where the median around a pixel is above a tenth of its height over the sky), flagged
        pixels joined to them, and all pixels within 4 of these. Nothing is found where the noise is 0, or in
        the outermost 2 pixels (3 with separable medians), where the windows would leave the frame.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When a limit is not positive, or the noise is not known.
    UnknownNameError
        Unknown `medians` or `replace`.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.full((9, 9), 100.0)
    >>> frame[4, 3:6] = 900.0
    >>> found = mask_cosmic_rays(Image(frame, variance=np.full((9, 9), 25.0)), replace="median")
    >>> found.mask[4].tolist(), found.array[4].tolist()[2:5]
    ([0, 0, 0, 8, 8, 8, 0, 0, 0], [100.0, 100.0, 100.0])
    """
    image = as_image(image)
    search = Search(
        sigma_limit=real("sigma_limit", sigma_limit, above=0, remedy="give sigmas, such as 4.5"),
        neighbour_fraction=_fraction(neighbour_fraction),
        object_limit=real("object_limit", object_limit, above=0, remedy="give a contrast, such as 5"),
        iterations=whole("iterations", iterations, least=1, remedy="give a number of passes, such as 4"),
        square=one_of("medians", medians, MEDIANS, UnknownNameError) == "exact",
    )
    if replace is not None:
        one_of("replace", replace, ("median",), UnknownNameError)
    plane = Plane.of(image, _variance(image, noise))
    rays = find(plane, search)
    mask = rays * np.uint8(Flag.COSMIC_RAY)
    if image.mask is not None:
        mask |= image.mask
    if replace is None:
        return adopt(image.array, image.header, mask, image.range, image.variance)
    array, variance = image.array.astype(working_dtype(image.array)), image.variance
    array[rays] = plane.values_at(rays)
    if variance is not None:
        variance = variance.copy()
        variance[rays] = plane.variances_at(rays)
    return adopt(array, image.header, mask, image.range, variance)


def _fraction(value: Any) -> float:
    fraction = real("neighbour_fraction", value, least=0, remedy="give a fraction, such as 0.3")
    if fraction > 1:
        raise ArgumentError(
            "neighbour_fraction", "must be at most 1", value=value, remedy="give a fraction, such as 0.3"
        )
    return fraction


def _variance(image: Image, noise: Any) -> np.ndarray:
    """Return the variance of each pixel: by the noise model, else the image's own, else by its header."""
    from ccdfx.noise import ccd_noise
    from ccdfx.operations.calibrate import add_variance

    if noise is None and image.variance is not None:
        return image.variance
    if noise is None:
        gain, readnoise = (image.header.number(keyword) for keyword in ("GAIN", "RDNOISE"))
        if gain is None or readnoise is None:
            raise ArgumentError(
                "image",
                "must have a variance, or GAIN and RDNOISE in its header",
                value=f"GAIN {gain}, RDNOISE {readnoise}",
                remedy="give noise=ccd_noise(gain=..., readnoise=...)",
            )
        noise = ccd_noise(gain, readnoise)
    bare = adopt(image.array, image.header, image.mask, image.range)
    return add_variance(bare, noise=noise).variance  # type: ignore[return-value]
