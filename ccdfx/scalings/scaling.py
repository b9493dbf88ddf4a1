"""The record of a scaling, its application to an image, and its inversion.

The function of the pixel value is computed in bands of rows on the threads of the current engine: intermediate
results of a formula stay in the cache, and the pixels are read and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import FUNCTION, FUNCTION_OR_NONE, NAME, OPTIONS, check_fields
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_levels
from ccdfx.records.parameters import frozen, merged
from ccdfx.records.planes import working_dtype


@dataclass(frozen=True, slots=True)
class Scaling:
    """A named function of the pixel value, with its options.

    The functions take a read-only array of float32 or float64 and the options by name, and return a new array
    of that type. They are called for bands of rows and must treat each pixel independently. A value without a
    result becomes NaN or infinite; `scale` then flags the pixel.

    Parameters
    ----------
    name : str
    parameters : mapping
        The options.
    transform : callable
        ``transform(array, **parameters) -> array``; strictly increasing, or decreasing, on the domain.
    inverse : callable or None
        ``inverse(array, **parameters) -> array``; None when there is none.
    derivative : callable or None
        ``derivative(array, **parameters) -> array``, of the transform. None: variances cannot be propagated.
    domain : callable or None
        ``domain(**parameters) -> (lowest, highest)``: a value outside has no result, or that of the nearest
        end. None: all numbers.
    check : callable or None
        ``check(**parameters)`` raises for invalid options.
    settle : callable or None
        ``settle(image, scaled, **parameters) -> options``: those that come from the image where they were not
        given. `scaled` is True when the image is already scaled, so that only its header can be used.

    Examples
    --------
    >>> from ccdfx.scalings import asinh
    >>> asinh(softening=10.0)
    Scaling(asinh, softening=10.0)
    >>> asinh().configure(softening=5.0).parameters["softening"]
    5.0
    """

    name: str
    parameters: Mapping[str, Any] = field(hash=False)
    transform: Callable[..., np.ndarray]
    inverse: Callable[..., np.ndarray] | None = None
    derivative: Callable[..., np.ndarray] | None = None
    domain: Callable[..., tuple[float, float]] | None = None
    check: Callable[..., None] | None = None
    settle: Callable[..., Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            name=NAME,
            parameters=OPTIONS,
            transform=FUNCTION,
            inverse=FUNCTION_OR_NONE,
            derivative=FUNCTION_OR_NONE,
            domain=FUNCTION_OR_NONE,
            check=FUNCTION_OR_NONE,
            settle=FUNCTION_OR_NONE,
        )
        object.__setattr__(self, "parameters", frozen(self.parameters))
        if self.check is not None:
            self.check(**self.parameters)

    def __repr__(self) -> str:
        options = [f"{name}={value!r}" for name, value in self.parameters.items()]
        return f"Scaling({', '.join([self.name, *options])})"

    def configure(self, **options: Any) -> Scaling:
        """Return the scaling with other options."""
        return replace(self, parameters=merged(self.name, self.parameters, options))

    def settled(self, image: ImageLike) -> Scaling:
        """Return the scaling with missing options taken from an image, which must not be scaled yet.

        >>> from ccdfx.scalings import histogram_equalisation
        >>> histogram_equalisation(levels=3).settled([[1.0, 2.0, 7.0]]).parameters["values"]
        (1.0, 2.0, 7.0)
        """
        return self._settled(as_image(image), scaled=False)

    def _settled(self, image: Image, *, scaled: bool) -> Scaling:
        return (
            self if self.settle is None else self.configure(**self.settle(image, scaled, **self.parameters))
        )

    def _call(self, function: Callable[..., np.ndarray]) -> Function:
        return partial(function, **self.parameters)

    def _forward(self) -> Callable[..., np.ndarray] | None:
        """Return the function that propagates variances to scaled values, or None."""
        if self.derivative is None:
            return None
        slope = self._call(self.derivative)
        return lambda variance, values, _: variance * slope(values) ** 2

    def _backward(self) -> Callable[..., np.ndarray] | None:
        """Return the function that propagates variances of scaled values back, or None."""
        if self.derivative is None:
            return None
        slope = self._call(self.derivative)
        return lambda variance, _, restored: variance / slope(restored) ** 2


def scale(image: ImageLike, *, scaling: Scaling) -> Image:
    """Scale every value of an image.

    Parameters
    ----------
    image : Image or 2-D array
    scaling : Scaling

    Returns
    -------
    Image
        float32, or float64 for wide input. Pixels outside the scaling's domain, or whose result is not
        finite, become NaN and are flagged NO_DATA. The variance is multiplied by the square of the derivative
        (to first order), or dropped where the scaling has none. The header is unchanged except for BUNIT,
        which becomes ``log(adu)`` after a logarithm of ADU.

    Raises
    ------
    ArgumentError
        The image lacks metadata that the scaling needs, such as a zero point.
    ArgumentTypeError
        `scaling` is not a Scaling.

    See Also
    --------
    unscale, Scaling

    Examples
    --------
    >>> from ccdfx.scalings import log
    >>> scale([[1.0, 100.0, -1.0]], scaling=log()).array
    array([[ 0.,  2., nan]])
    """
    image, values = _input(image, scaling)
    scaling = scaling._settled(image, scaled=False)
    done = by_bands(values, scaling._call(scaling.transform), image.variance, scaling._forward())
    unit = image.header.get("BUNIT")
    header = image.header.set("BUNIT", f"{scaling.name}({str(unit).strip()})") if unit else image.header
    return _output(image, values, done, header)


def unscale(image: ImageLike, *, scaling: Scaling) -> Image:
    """Undo a scaling of an image, which restores the values from before `scale`.

    Parameters
    ----------
    image : Image or 2-D array
    scaling : Scaling
        The one that was applied.

    Returns
    -------
    Image
        As `scale` returns it. NO_DATA flags set by `scale` remain set. BUNIT is restored.

    Raises
    ------
    ArgumentError
        The scaling has no inverse, or it needs options from the image before it was scaled.
    ArgumentTypeError
        `scaling` is not a Scaling.

    See Also
    --------
    scale

    Examples
    --------
    >>> from ccdfx.scalings import log
    >>> unscale(scale([[1.0, 100.0]], scaling=log()), scaling=log()).array
    array([[  1., 100.]])
    """
    image, values = _input(image, scaling)
    scaling = scaling._settled(image, scaled=True)
    if scaling.inverse is None:
        raise ArgumentError(
            "scaling",
            "must have an inverse",
            value=scaling,
            remedy="keep the image from before it was scaled",
        )
    done = by_bands(values, scaling._call(scaling.inverse), image.variance, scaling._backward())
    unit = str(image.header.get("BUNIT") or "").strip()
    header = image.header
    if unit.startswith(f"{scaling.name}(") and unit.endswith(")"):
        header = header.set("BUNIT", unit[len(scaling.name) + 1 : -1])
    return _output(image, values, done, header)


def _input(image: Any, scaling: Any) -> tuple[Image, np.ndarray]:
    if not isinstance(scaling, Scaling):
        raise ArgumentTypeError(
            "scaling", "must be a Scaling", value=scaling, remedy="make one, as with ccdfx.scalings.asinh()"
        )
    image = as_image(image)
    return image, image.array.astype(working_dtype(image.array), copy=False)


def _output(
    image: Image, values: np.ndarray, done: tuple[np.ndarray, np.ndarray | None, bool], header: Header
) -> Image:
    result, variance, finite = done
    mask = image.mask
    if not finite:
        lost = ~np.isfinite(result)
        result[lost] = np.nan
        lost &= np.isfinite(values)
        if lost.any():
            mask = np.zeros(image.shape, np.uint8) if mask is None else mask.copy()
            mask[lost] |= np.uint8(Flag.NO_DATA)
    return adopt(result, without_levels(header), mask, image.range, variance)


Function = Callable[[np.ndarray], np.ndarray]
_BAND = 1 << 16  # pixels: a few arrays of them fit into the cache


def by_bands(
    values: np.ndarray,
    function: Function,
    variance: np.ndarray | None = None,
    variance_of: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Compute ``function(values)``, ``variance_of(variance, values, result)``, and whether all is finite."""
    out = np.empty(values.shape, values.dtype)
    out_variance = None if variance is None or variance_of is None else np.empty_like(values)

    def band(start: int) -> bool:
        part = slice(start, start + rows)
        with np.errstate(all="ignore"):
            result = np.asarray(function(values[part]))
            _require_shape(result, values[part])
            out[part] = result
            if out_variance is not None:  # NaN from 0 times infinity, and pixels without a value
                errors = variance_of(variance[part], values[part], out[part])  # type: ignore[misc, index]
                out_variance[part] = np.nan_to_num(errors, copy=False, nan=0.0, posinf=np.inf)
        return bool(np.isfinite(result).all())

    rows = max(1, _BAND // values.shape[1])
    return out, out_variance, all([*map_here(band, range(0, values.shape[0], rows))])


def by_kernel(kernel: Callable[..., None], array: np.ndarray, *numbers: float) -> np.ndarray:
    """Apply ``kernel(x, *numbers, out)`` to every pixel of a float32 array and return `out`."""
    out = np.empty(array.shape, array.dtype)
    kernel(np.ascontiguousarray(array).reshape(-1), *map(float, numbers), out.reshape(-1))
    return out


def _require_shape(result: np.ndarray, values: np.ndarray) -> None:
    if result.shape != values.shape:
        raise ArgumentError(
            "scaling", f"must give an array of the shape {values.shape}", value=result.shape,
            remedy="its functions answer for every pixel of the array that they get",
        )  # fmt: skip
