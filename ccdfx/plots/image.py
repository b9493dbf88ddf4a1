"""One image as a picture: on matplotlib axes, or as a small PNG."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.image import as_image
from ccdfx.records.numbers import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ccdfx.records.image import Image

MASKED_COLOUR = "#e4572e"
"""Colour of masked and non-finite pixels in every picture."""

_MASKED = 255  # index of the masked colour in the palette of a thumbnail; the greys come before it
_SAMPLE = 50_000  # pixels that limits are estimated from: enough for 1 % of a sigma, and cheap on a 16k frame
_NAMES = ("minmax", "percentile", "robust", "zscale")
_HUGE = 1e290  # sums and differences of this many stay finite


def image(
    image: Image | Any,
    *,
    limits: str | tuple[float, float] = "zscale",
    ax: Axes | None = None,
    cmap: str = "gray",
    colorbar: bool = False,
    title: str | None = None,
) -> Axes:
    """Draw an image, first row at the bottom, masked and non-finite pixels in `MASKED_COLOUR`.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
        What to show, in its own unit. The pixel centre (0, 0) is at axes position (0, 0).
    limits : {"zscale", "robust", "percentile", "minmax"} or (float, float)
        Values shown black and white; see `display_limits`.
    ax : matplotlib Axes, optional
        Where to draw. By default axes on a new figure that pyplot does not know of.
    cmap : str
        Name of a matplotlib colour map.
    colorbar : bool
        Add a bar with the values, labelled with the unit of the image.
    title : str, optional
        Shown as it stands: neither mathematics nor escapes are read into it.

    Returns
    -------
    matplotlib Axes
        ``axes.figure.savefig(path)`` writes the picture.

    Raises
    ------
    ArgumentError
        Limits that are no limits, or a colour map matplotlib does not have.

    Examples
    --------
    >>> import numpy as np
    >>> axes = image(np.arange(12.0).reshape(3, 4), limits="minmax", title="ramp")
    >>> axes.get_title(), axes.images[0].get_clim()
    ('ramp', (0.0, 11.0))
    """
    picture = as_image(image)
    low, high = display_limits(picture, limits=limits)
    axes = new_axes() if ax is None else ax
    shown = axes.imshow(
        np.ma.masked_array(picture.array, mask=~_shown(picture)),
        cmap=_colour_map(cmap),
        vmin=low,
        vmax=high,
        origin="lower",
        interpolation="nearest",
    )
    axes.set_xlabel("x [pixel]")
    axes.set_ylabel("y [pixel]")
    if title is not None:
        axes.set_title(title, parse_math=False)
    if colorbar:
        axes.figure.colorbar(shown, ax=axes, label=str(picture.unit or ""))
    return axes


def thumbnail(image: Image | Any, *, size: int = 300, limits: str | tuple[float, float] = "zscale") -> bytes:
    """Picture of an image in grey, at most `size` pixels wide and high, as the bytes of a PNG file.

    The image is reduced by a whole factor, each pixel being the mean of the good pixels of its block; a block
    of which half or more is masked or not finite is drawn in `MASKED_COLOUR`. The first row is at the bottom.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
    size : int
        Greatest width and height of the picture in its pixels. Smaller images are not enlarged.
    limits : {"zscale", "robust", "percentile", "minmax"} or (float, float)
        Values shown black and white; see `display_limits`. They are taken from the reduced image.

    Examples
    --------
    >>> import numpy as np
    >>> thumbnail(np.arange(10000.0).reshape(100, 100), size=50)[:4]
    b'\\x89PNG'
    """
    picture = as_image(image)
    size = whole("size", size, least=1, remedy="give pixels")
    values, good = _reduce(picture.array, _shown(picture), size)
    low, high = _limits(values[good], limits)
    grey = (np.clip(np.where(good, values, low), low, high) - low) / (high - low)
    colours = np.where(good, np.rint(grey * (_MASKED - 1)), _MASKED).astype(np.uint8)
    return _png(colours[::-1])


def _png(colours: np.ndarray) -> bytes:
    """A PNG of `_MASKED` greys and the colour of masked pixels: a third of the size of full colour."""
    greys = np.repeat(np.rint(np.linspace(0, 255, _MASKED)).astype(np.uint8), 3).tobytes()
    size = struct.pack(">II", colours.shape[1], colours.shape[0])
    rows = np.pad(colours, ((0, 0), (1, 0)))  # each row begins with its filter: none
    chunks = (
        (b"IHDR", size + b"\x08\x03\x00\x00\x00"),  # 8 bits, a palette
        (b"PLTE", greys + bytes.fromhex(MASKED_COLOUR[1:])),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def display_limits(
    image: Image | Any, *, limits: str | tuple[float, float] = "zscale"
) -> tuple[float, float]:
    """Values to show black and white, from the good finite pixels.

    ``"zscale"`` is the IRAF algorithm (contrast 0.25), ``"robust"`` the median -10 and +10 deviations
    (1.4826 times the median absolute deviation), ``"percentile"`` the 0.1 and 99.9 percentiles, ``"minmax"``
    the extremes; a pair of numbers is taken as it is. Only "minmax" looks at every pixel of a large image.

    Raises
    ------
    ArgumentError
        An unknown name, or a pair that is not two finite numbers with low < high.

    Examples
    --------
    >>> import numpy as np
    >>> display_limits(np.array([[1.0, 5.0], [np.nan, 2.0]]), limits="minmax")
    (1.0, 5.0)
    """
    picture = as_image(image)
    return _limits(picture.array[_shown(picture)], limits)


def new_axes() -> Axes:
    """Axes on a new figure with an Agg canvas, unknown to pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def _shown(picture: Image) -> np.ndarray:
    """Pixels that have a value to show: bool (ny, nx)."""
    return picture.good & np.isfinite(picture.array)


def _colour_map(name: str) -> Any:
    from matplotlib import colormaps

    if name not in colormaps:
        raise ArgumentError(
            "cmap", "is no colour map of matplotlib", value=name, remedy='for example "gray" or "viridis"'
        )
    return colormaps[name].with_extremes(bad=MASKED_COLOUR)


def _limits(values: np.ndarray, limits: str | tuple[float, float]) -> tuple[float, float]:
    """Limits of a flat array of good finite values; never an empty interval."""
    if not isinstance(limits, str):
        return _given_limits(limits)
    if limits not in _NAMES:
        raise ArgumentError(
            "limits",
            f"must be a pair of numbers or one of {', '.join(_NAMES)}",
            value=limits,
            remedy="choose one of these",
        )
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    unit = min(max(abs(low), abs(high)), _HUGE)
    if limits == "minmax":
        low, high = max(low, -_HUGE), min(high, _HUGE)
    elif unit > 0.0:
        # Limits are found in units of the greatest value, so that squares of huge values stay finite.
        sample = np.clip(values[:: -(-values.size // _SAMPLE)].astype(np.float64), -_HUGE, _HUGE)
        low, high = (unit * end for end in _ENDS[limits](sample / unit))
    if high - low > max(1e-12 * unit, 1e-290):
        return low, high
    # A constant image: show it as middle grey. The margin must survive the addition to huge values.
    margin = max(0.5, abs(low) * 1e-6)
    return low - margin, high + margin


def _zscale(sample: np.ndarray) -> tuple[float, float]:
    from astropy.visualization.interval import ZScaleInterval

    low, high = ZScaleInterval(n_samples=2000, contrast=0.25).get_limits(sample)
    return float(low), float(high)


def _robust(sample: np.ndarray) -> tuple[float, float]:
    middle = float(np.median(sample))
    reach = 10.0 * 1.4826 * float(np.median(np.abs(sample - middle)))
    # More than half of the values may be the same.
    return (middle - reach, middle + reach) if reach > 0.0 else _percentile(sample)


def _percentile(sample: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(sample, (0.1, 99.9))
    return float(low), float(high)


_ENDS = {"percentile": _percentile, "robust": _robust, "zscale": _zscale}


def _given_limits(limits: Any) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in limits)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "limits",
            f"must be a pair of numbers or one of {', '.join(_NAMES)}",
            value=limits,
            remedy="choose one of these",
        ) from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ArgumentError(
            "limits", "must be two finite numbers, the lower first", value=limits, remedy="give (low, high)"
        )
    return low, high


def _reduce(array: np.ndarray, good: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Block means of the good pixels and where they exist; the last blocks may be smaller."""
    factor = max(1, -(-max(array.shape) // size))
    values = np.clip(np.where(good, array, 0).astype(np.float64), -_HUGE, _HUGE)
    if factor == 1:
        return values, good
    starts = tuple(np.arange(0, length, factor) for length in array.shape)
    total, count = (
        np.add.reduceat(np.add.reduceat(plane, starts[0], axis=0), starts[1], axis=1)
        for plane in (values, good.astype(np.float64))
    )
    area = np.outer(
        *(np.diff(np.append(start, length)) for start, length in zip(starts, array.shape, strict=True))
    )
    shown = count > 0.5 * area
    return np.divide(total, count, out=np.zeros_like(total), where=shown), shown
