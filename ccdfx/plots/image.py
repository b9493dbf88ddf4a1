"""Picture of one image on matplotlib axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.plots.artist import add_picture
from ccdfx.plots.axes import PixelAxes, SkyAxes, axes_of, dress, extent_of, projection_of
from ccdfx.plots.colours import Colours, domain_of, norm_of
from ccdfx.plots.figures import new_axes
from ccdfx.plots.limits import Interval, Limits, interval_of, shown_values
from ccdfx.plots.scale_bar import ScaleBar, add_scale_bar
from ccdfx.records.image import ImageLike, as_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    from ccdfx.records.image import Image
    from ccdfx.scalings import Scaling

_LARGE = 1e37  # float32 holds values and quotients up to this one
_OURS = {"cmap": "colours", "norm": "scaling", "vmin": "limits", "vmax": "limits", "origin": "axes",
         "extent": "axes", "data": "image", "X": "image"}  # fmt: skip


def image(
    image: ImageLike,
    *,
    limits: str | Interval | Limits = "zscale",
    full: ImageLike | None = None,
    scaling: str | Scaling = "linear",
    colours: str | Colours = "gray",
    axes: str | PixelAxes | SkyAxes = "image",
    scale_bar: bool | tuple[str, str] | ScaleBar = False,
    title: str | None = None,
    ax: Axes | None = None,
    **imshow: Any,
) -> Axes:
    """Draw an image, first row at the bottom, masked and non-finite pixels in a separate colour.

    Parameters
    ----------
    image : Image or 2-D array, shape (ny, nx)
        The image to show. Where the screen has fewer pixels than the image, means of blocks are shown.
    limits : str, (float, float) or Limits
        Values shown black and white: "zscale", "p99", "s3", "n10", (10, 250)...; see `Limits`.
    full : Image or 2-D array, optional
        The frame that the image is a window of, for limits with ``g``.
    scaling : str or Scaling
        Mapping of the values between the limits to grey. A name maps positions between the limits, 0 to 1, as
        SAOImage DS9 does: "linear", "log" (1000 t + 1), "asinh" (10 t), "sqrt", "power" (t^2), "exp", or one
        of a plugin. A Scaling is applied to the pixel values themselves; those outside its domain count as
        masked.
    colours : str or Colours
        A colour map, or a record with all colours and the choice of a colour bar.
    axes : {"image", "sky"}, PixelAxes or SkyAxes
        Pixels of the parent frame, or the sky; the records can also flip axes.
    scale_bar : bool, (colour, unit) or ScaleBar
        A bar of a round length.
    title : str, optional
        Shown literally: mathematics and escapes are not interpreted.
    ax : matplotlib Axes, optional
        Where to draw. By default, axes on a new figure that is not registered with pyplot. Given axes show
        the WCS only if they are WCSAxes (made with ``projection=image.wcs``), else offsets.
    **imshow
        Other keywords of matplotlib's `imshow`, such as `interpolation`, `alpha`, `aspect`, `zorder`.

    Returns
    -------
    matplotlib Axes
        ``axes.figure.savefig(path)`` writes the picture; a notebook displays it as the value of a cell.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When an argument is invalid, or for sky axes without WCS and pixel scale.
    UnknownNameError
        When the scaling is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> axes = image(np.arange(12.0).reshape(3, 4), limits="minmax", title="ramp")
    >>> axes.get_title(), axes.images[0].get_clim()
    ('ramp', (0.0, 11.0))
    """
    picture = as_image(image)
    colours, bar, kind = Colours.of(colours), ScaleBar.of(scale_bar), axes_of(axes)
    wanted = Limits.of(limits)
    source = as_image(full, "full") if wanted.whole and full is not None else picture
    norm = norm_of(scaling, *interval_of(shown_values(source, domain_of(scaling)), wanted))
    wcs = _projection(picture, kind, ax)
    where = new_axes(size_for(picture.shape, bool(colours.bar)), wcs) if ax is None else ax
    extent, pixel = extent_of(picture, kind, wcs)
    shown = _draw(where, picture, {"cmap": colours.colour_map(), "norm": norm, "extent": extent}, imshow)
    dress(where, picture, kind, wcs)
    if title is not None:
        where.set_title(title, parse_math=False)
    if bar is not None:
        add_scale_bar(where, picture, bar, pixel)
    if colours.bar:
        _add_colour_bar(
            where, shown, colours.bar if isinstance(colours.bar, str) else str(picture.unit or "")
        )
    return where


def size_for(shape: tuple[int, int], bar: bool) -> tuple[float, float]:
    """Compute a figure size (width, height in inches) for an image with labels around it."""
    width, height = 5.0, 5.0 * shape[0] / shape[1]
    shrink = min(1.0, 6.5 / height)
    width, height = max(width * shrink, 1.5), max(height * shrink, 1.5)
    return width + 1.0 + (0.8 if bar else 0.0), height + 0.8


def _projection(picture: Image, kind: PixelAxes | SkyAxes, ax: Axes | None) -> Any:
    """Return the WCS of the axes to draw on; None for plain axes."""
    wcs = projection_of(picture, kind)
    if ax is None or wcs is None:
        return wcs
    if not hasattr(ax, "reset_wcs"):
        projection_of(picture, SkyAxes(offsets=True))
        return None
    ax.reset_wcs(wcs)
    return wcs


def _draw(axes: Axes, picture: Image, ours: dict[str, Any], given: dict[str, Any]) -> AxesImage:
    for name in given.keys() & _OURS.keys():
        raise ArgumentError(
            name, "is decided by another argument", value=given[name], remedy=f"give {_OURS[name]}= instead"
        )
    shown = picture.good & np.isfinite(picture.array)
    array = _tame(picture.array, shown, ours["norm"].vmin, ours["norm"].vmax)
    try:
        return add_picture(axes, array, shown, **{"interpolation": "nearest", **given, **ours})
    except (AttributeError, TypeError, ValueError) as error:
        if not given:
            raise
        raise ArgumentError(
            "imshow", f"has no such keyword or value: {error}", value=given, remedy="see matplotlib's imshow"
        ) from error


def _tame(array: np.ndarray, shown: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return an array that matplotlib, which computes in its type, can map to colours; usual ones are returned as they are."""
    if array.dtype.kind != "f":
        return array
    usual = max(abs(low), abs(high)) < _LARGE and high - low > 1 / _LARGE
    if usual and np.abs(array).max(where=shown, initial=0) < _LARGE:
        return array
    width = high - low
    return np.clip(array.astype(np.float64), low - width, high + width)


def _add_colour_bar(axes: Axes, shown: AxesImage, label: str) -> None:
    bar = axes.figure.colorbar(shown, ax=axes, pad=0.02, fraction=0.05)
    bar.set_label(label, parse_math=False)
    if type(shown.norm).__name__ == "ScaledNorm":
        bar.set_ticks(_round_ticks(shown.norm))  # type: ignore[arg-type]
        bar.minorticks_off()


def _round_ticks(norm: Any) -> np.ndarray:
    """Compute round tick values at about equal steps of colour."""
    values = norm.inverse(np.linspace(0.0, 1.0, 8))
    gaps = np.minimum(np.diff(values, prepend=-np.inf), np.diff(values, append=np.inf))
    tens = 10.0 ** np.floor(np.log10(np.maximum(gaps, 1e-300)))
    steps = tens * np.select([gaps >= 5 * tens, gaps >= 2 * tens], [5, 2], 1)
    rounded = np.round(values / steps) * steps
    return np.unique(rounded[(rounded >= norm.vmin) & (rounded <= norm.vmax)])
