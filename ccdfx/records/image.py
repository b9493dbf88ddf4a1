"""The immutable record of an image: pixels, header, flags, window and variance."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from ccdfx.errors import ArgumentTypeError, CcdfxError, CcdfxWarning, MismatchError
from ccdfx.records import keywords
from ccdfx.records import wcs as sky
from ccdfx.records.arithmetic.apply import Operand, applied, exact_operand
from ccdfx.records.arithmetic.history import history_line
from ccdfx.records.arithmetic.operators import Operators, window_of_slices
from ccdfx.records.exchange.objects import fields_of_object, joined_fields
from ccdfx.records.flags import as_mask
from ccdfx.records.header import Header, HeaderLike
from ccdfx.records.keywords import text_of, with_keyword, without_extremes
from ccdfx.records.planes import as_pixels, as_shape, as_variance, working_dtype
from ccdfx.records.range import Range, RangeLike, window_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class HasArray(Protocol):
    """An array of numpy, or an object that converts itself to one."""

    def __array__(self) -> np.ndarray: ...


class HasImage(Protocol):
    """A record that holds an image, such as `Master` and `Stack`."""

    @property
    def image(self) -> Image: ...


class HasUncertainty(Protocol):
    """A `CCDData`, by the attributes that tell it from an array."""

    @property
    def uncertainty(self) -> Any: ...
    @property
    def wcs(self) -> Any: ...


ImageLike = HasArray | HasImage | HasUncertainty | Sequence[Sequence[float]]
"""What a public function accepts as an image: see `as_image`."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Image(Operators):
    """An immutable image: pixels, header, flags, window and variance.

    Arrays are copied and made read-only. Make new images with `replace`, the operations and arithmetic: ``+ - * / **``
    with images, arrays and numbers, and `numpy.add` and so on, ``abs``, `numpy.sqrt`. There masks are OR-ed, units checked, and the
    variance is that of independent errors, to first order; it is known only where that of every image is, arrays
    and numbers are exact. ``image[y1:y2, x1:x2]`` cuts out a window. Each operation adds a HISTORY line. Comparisons are refused. Other
    functions of numpy see an array, in which flagged pixels are NaN (`__array__`, with a CcdfxWarning).

    Parameters
    ----------
    array : array_like, shape (ny, nx), or what `Image.of` accepts
        Pixels, indexed ``[y, x]``; converted to native byte order. Integers stay integers. A masked array, CCDData,
        NDData, Quantity, HDU or HDUList gives its header, mask, window, variance and unit too; arguments replace
        these, but for the mask, which is OR-ed.
        ``Image((ny, nx))`` with a tuple of two whole numbers is an image of zeros (see `Image.filled`).
    header : Header, mapping or astropy Header, optional
    mask : array_like of bool or of `Flag` bits, shape (ny, nx), optional
        0 is good; True becomes BAD_PIXEL.
    range : Range or what `Range` accepts, optional
        Window of the array in its parent frame, half-open and 0-based; the whole frame by default.
    variance : array_like, shape (ny, nx), optional
        In the unit of the array squared; infinite for pixels whose variance is unknown, None when all are.
        Operations in float32 set values to infinity that float32 cannot represent.

    Examples
    --------
    >>> import numpy as np
    >>> image = Image(np.arange(6).reshape(2, 3), {"OBJECT": "M 13", "BUNIT": "adu"})
    >>> image.shape, image.unit, image.array.flags.writeable
    ((2, 3), 'adu', False)
    >>> image.replace(band="V").band
    'V'
    >>> ((image - 1.0) / 2)[0:1, 1:3].array
    array([[0. , 0.5]])
    """

    array: np.ndarray
    header: Header = None  # type: ignore[assignment]
    mask: np.ndarray | None = None
    range: Range = None  # type: ignore[assignment]
    variance: np.ndarray | None = None

    if TYPE_CHECKING:  # the fields have the types after conversion; this is what is accepted

        def __init__(
            self,
            array: ImageLike | Sequence[Sequence[float] | HasArray] | tuple[int, int],
            header: HeaderLike = None,
            mask: ArrayLike | None = None,
            range: RangeLike = None,
            variance: ArrayLike | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        found = _inherent_fields(self.array)
        given = self if found is None else SimpleNamespace(**joined_fields(found, self))
        array = as_pixels(given.array)
        shape = array.shape
        header = given.header if isinstance(given.header, Header) else Header(given.header)
        mask, window = as_mask(given.mask, shape), window_of(given.range, shape)
        _fill(self, array, header, mask, window, as_variance(given.variance, array))

    @classmethod
    def filled(cls, shape: tuple[int, int], value: float = 0.0, **fields: Any) -> Image:
        """Make an image of `shape` (ny, nx) in which every pixel has this value."""
        return cls(np.full(as_shape(shape), value), **fields)

    @classmethod
    def of(cls, data: ImageLike | tuple[HeaderLike, ImageLike]) -> Image:
        """Convert an Image, an array, a masked array, CCDData, NDData, Quantity, HDU, HDUList or a pair (header, array).

        >>> Image.of(({"OBJECT": "x"}, [[1.0, 2.0]])).header["OBJECT"]
        'x'
        """
        if isinstance(data, tuple) and len(data) == 2 and not np.isscalar(data[0]):
            header, array = cast(tuple[HeaderLike, ImageLike], data)
            return cls.of(array).replace(header=Header(header))
        return as_image(data)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.array.shape

    @property
    def data(self) -> np.ndarray:
        """The pixels, as `array`; the name that astropy has for them."""
        return self.array

    @property
    def ndim(self) -> int:
        """2, the number of axes."""
        return 2

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.array.size

    @property
    def dtype(self) -> np.dtype:
        """Data type of the pixels."""
        return self.array.dtype

    @property
    def good(self) -> np.ndarray:
        """Bool array: True where no flag is set and the value is finite."""
        good = np.ones(self.shape, bool) if self.mask is None else self.mask == 0
        return good & np.isfinite(self.array) if self.dtype.kind == "f" else good

    @property
    def unit(self) -> str | None:
        """BUNIT, or None; ADU, counts and electrons in lower case, other units as written (K, nJy)."""
        return keywords.unit_of(self.header)

    @property
    def band(self) -> str | None:
        """The photometric band, from FILTER."""
        return text_of(self.header, "FILTER")

    @property
    def zero_point(self) -> float | None:
        """Zero point in mag: m = -2.5 log10(counts) + zero_point."""
        return keywords.zero_point(self.header)

    @property
    def pixel_scale(self) -> tuple[float, float] | None:
        """Pixel scale in arcsec per pixel (x, y)."""
        return keywords.pixel_scale(self.header)

    @property
    def exptime(self) -> float | None:
        """Exposure time in s, from EXPTIME or EXPOSURE."""
        value = self.header.number("EXPTIME")
        return self.header.number("EXPOSURE") if value is None else value

    @property
    def wcs(self) -> Any:
        """The `astropy.wcs.WCS` of this window, or None."""
        return sky.astropy_wcs(self.header)

    def replace(self, **fields: Any) -> Image:
        """Return a new image with some fields changed.

        Besides the five fields it accepts `unit`, `band`, `zero_point` (mag) and `pixel_scale` (arcsec, one
        number or x and y), which are set in the header; None removes them.
        """
        header = Header(fields.pop("header")) if "header" in fields else self.header
        for name in ("unit", "band", "zero_point", "pixel_scale"):
            if name in fields:
                header = with_keyword(header, name, fields.pop(name))
        unknown = fields.keys() - set(Image.__slots__)
        if unknown:
            raise ArgumentTypeError(
                "replace",
                f"knows the fields {', '.join(Image.__slots__)}",
                value=sorted(unknown),
                remedy="replace one of these, or unit, band, zero_point, pixel_scale",
            )
        array = self.array if "array" not in fields else as_pixels(fields["array"])
        old = [name for name in ("mask", "range", "variance") if name not in fields]
        if array.shape != self.shape and any(getattr(self, name) is not None for name in old):
            raise MismatchError(
                "array",
                f"must have the shape {self.shape} of the other fields",
                value=array.shape,
                remedy="replace mask, variance and range too",
            )
        mask = as_mask(fields["mask"], array.shape) if "mask" in fields else self.mask
        variance = as_variance(fields["variance"], array) if "variance" in fields else self.variance
        window = window_of(fields["range"], array.shape) if "range" in fields else self.range
        return adopt(array, header, mask, window, variance)

    def select(self, range: RangeLike = None) -> Image:
        """Cut out a window, given in the coordinates of the parent frame; the WCS is adjusted."""
        window = Range.of(range, self.range)
        if window == self.range:
            return self
        cut = window.relative_to(self.range).slices
        return adopt(
            self.array[cut].copy(),
            sky.windowed(without_extremes(self.header), self.range, window),
            None if self.mask is None else self.mask[cut].copy(),
            window,
            None if self.variance is None else self.variance[cut].copy(),
        )

    def __getitem__(self, index: Any) -> Image:
        return self.select(window_of_slices(index, self.range))

    def to_masked_array(self) -> np.ma.MaskedArray:
        """Convert to a `numpy.ma` array, masked where any flag is set."""
        mask = np.ma.nomask if self.mask is None else self.mask != 0
        return np.ma.MaskedArray(self.array.copy(), mask=mask)

    @classmethod
    def from_masked_array(cls, array: np.ma.MaskedArray, header: HeaderLike = None) -> Image:
        """Make an image from a `numpy.ma` array; masked pixels become BAD_PIXEL."""
        return cls(
            np.ma.getdata(array), header, np.ma.getmaskarray(array) if np.ma.is_masked(array) else None
        )

    def to_ccddata(self) -> Any:
        """Convert to an `astropy.nddata.CCDData` with the same pixels, header, WCS and variance.

        Flagged pixels are True in its mask; the flags are in its ``flags``, and the window in its header.
        """
        from ccdfx.records.exchange.ccddata import to_ccddata

        return to_ccddata(self)

    @classmethod
    def from_ccddata(cls, data: Any) -> Image:
        """Make an image from a `CCDData`; standard deviations and inverse variances become variances."""
        from ccdfx.records.exchange.ccddata import ccddata_fields

        return cls(**ccddata_fields(data))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Convert to an array: flagged pixels become NaN, with a CcdfxWarning; without flags it is the pixels.

        Raises
        ------
        ArgumentTypeError
            A type of integers, which has no NaN, is asked for an image with flags.
        ValueError
            ``copy=False``, and the array would be another.
        """
        flagged = self.mask is not None and bool(self.mask.any())
        if copy is False and (flagged or (dtype is not None and np.dtype(dtype) != self.dtype)):
            raise ValueError("an array of another type, or with NaN for flagged pixels, needs a copy")
        if not flagged:
            return np.array(self.array, dtype=dtype, copy=bool(copy) or None)
        kind = working_dtype(self.array) if dtype is None else np.dtype(dtype)
        if kind.kind not in "fc":
            raise ArgumentTypeError(
                "image",
                f"has flagged pixels, which {kind} cannot hold",
                remedy="take image.array and image.mask",
            )
        warnings.warn(
            "an image becomes an array in which its flagged pixels are NaN; image.array has their values,"
            " image.to_masked_array() the mask",
            CcdfxWarning,
            stacklevel=2,
        )
        array = self.array.astype(kind)
        array[self.mask != 0] = np.nan
        return array

    def _applied(self, name: str, *operands: Any) -> Any:
        found: Any = [_operand(one, self.shape) for one in operands]
        if any(one is None for one in found):
            return NotImplemented
        result = applied(name, found)
        header = result.header.add_history(history_line(name, found))
        return adopt(result.array, header, result.mask, result.range, result.variance)

    def __reduce__(self) -> tuple[Any, ...]:
        return Image, (self.array, self.header, self.mask, self.range, self.variance)

    def __repr__(self) -> str:
        from ccdfx.records.views.image import text

        return text(self)

    def _repr_html_(self) -> str:
        from ccdfx.records.views.image import html

        return html(self)


def adopt(
    array: np.ndarray,
    header: Header,
    mask: np.ndarray | None = None,
    range: Range | None = None,
    variance: np.ndarray | None = None,
) -> Image:
    """Make an image of arrays that have no other owner: they are made read-only, not copied and not checked.

    For operations, with arrays that they have just allocated or that already belong to an `Image`.
    """
    image = object.__new__(Image)
    window = Range.whole(array.shape) if range is None else range
    _fill(image, np.ascontiguousarray(array), header, mask, window, variance)
    return image


def as_image(data: Any, name: str = "image") -> Image:
    """Convert the argument of a public function to an image.

    `data` is an Image, a record that holds one (`Master`, `Stack`), a plain 2-D array, a masked array, or an
    astropy CCDData, NDData, Quantity, HDU or HDUList of one image. Error messages name the argument `name`.
    """
    if isinstance(data, Image):
        return data
    if isinstance(getattr(data, "image", None), Image):
        return data.image
    _refuse_other_things(data, name)
    try:
        return Image(np.asarray(list(data)) if isinstance(data, tuple) else data)  # here a tuple is no shape
    except CcdfxError as error:
        raise error.about(name) from None


def as_images(frames: Any, name: str = "images") -> list[Image]:
    """Convert a sequence or another iterable to a list of images, each as in `as_image`."""
    single = isinstance(frames, Image | str | bytes) or getattr(frames, "ndim", 3) == 2
    if single or not hasattr(frames, "__iter__"):
        raise ArgumentTypeError(
            name, "must be several images", value=type(frames).__name__, remedy="give a list of them"
        )
    return [as_image(frame, f"{name}[{i}]") for i, frame in enumerate(frames)]


def _inherent_fields(data: Any) -> dict[str, Any] | None:
    """Return the fields of what holds more than pixels, an image among them; None for a plain array."""
    image = data if isinstance(data, Image) else getattr(data, "image", None)
    if isinstance(image, Image):
        return {name: getattr(image, name) for name in Image.__slots__}
    return fields_of_object(data)


def _operand(data: Any, shape: tuple[int, int]) -> Operand | None:
    """Convert an operand of arithmetic; None for what is none."""
    holds = isinstance(data, Image) or isinstance(getattr(data, "image", None), Image)
    holds = (
        holds
        or isinstance(data, np.ma.MaskedArray)
        or (hasattr(data, "uncertainty") and hasattr(data, "wcs"))
    )
    if holds:
        image = as_image(data, "the operand")
        return Operand(image.array, image.unit, image)
    return exact_operand(data, shape)


def _refuse_other_things(data: Any, name: str) -> None:
    if isinstance(data, list | tuple) and any(isinstance(item, Image) or np.ndim(item) >= 2 for item in data):
        raise ArgumentTypeError(
            name, "must be one image", value=f"{len(data)} images", remedy="give them one by one"
        )
    if data is None or isinstance(data, str | bytes) or hasattr(data, "__fspath__"):
        raise ArgumentTypeError(
            name, "must be an image or a 2-D array", value=data, remedy="read files with ccdfx.read"
        )


def _fill(
    image: Image,
    array: np.ndarray,
    header: Header,
    mask: np.ndarray | None,
    range: Range,
    variance: np.ndarray | None,
) -> None:
    for name, value in zip(Image.__slots__, (array, header, mask, range, variance), strict=True):
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        object.__setattr__(image, name, value)
