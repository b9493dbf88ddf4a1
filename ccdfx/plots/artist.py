"""Artist that draws an image, as means of blocks where the screen has fewer pixels than the image."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def add_picture(axes: Axes, array: np.ndarray, shown: np.ndarray, **options: Any) -> AxesImage:
    """Draw an array, first row at the bottom, on axes.

    It works as ``axes.imshow(..., origin="lower")`` does, but averages the pixels that share a pixel of the
    screen instead of showing one of them, at any zoom and resolution, and is faster.

    Parameters
    ----------
    axes : matplotlib Axes
    array : numpy.ndarray, shape (ny, nx)
    shown : numpy.ndarray of bool
        Where the array has values; other pixels have the colour of bad values.
    **options
        Keywords of `imshow`.
    """
    aspect = options.pop("aspect", "equal")
    picture = _picture_class()(axes, origin="lower", **options)
    picture.set_data(np.ma.masked_array(array, mask=~shown))
    if picture.get_clip_path() is None:
        picture.set_clip_path(axes.patch)
    axes.set_aspect(aspect)
    axes.add_image(picture)
    left, right, bottom, top = picture.get_extent()
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    return picture


@cache
def _picture_class() -> Any:
    """Make the class of the artist, when matplotlib is first needed."""
    from matplotlib.image import AxesImage
    from matplotlib.transforms import Bbox

    class Picture(AxesImage):
        """An AxesImage that is reduced by a whole factor before it is drawn."""

        _A: Any
        _blocks: tuple[int, Any] = (1, None)  # the last factor, and the image reduced by it
        _drawn: tuple[float, float, float, float] | None = None  # extent of that image while it is drawn

        def set_data(self, A: Any) -> None:
            self._blocks = (1, None)
            super().set_data(A)

        def get_extent(self) -> Any:
            return self._drawn or super().get_extent()

        def draw(self, renderer: Any) -> None:
            ratio = self._ratio(renderer)
            if ratio <= 1.0 or not self.get_visible():
                super().draw(renderer)
                return
            whole, interpolation = self._A, self.get_interpolation()
            left, right, bottom, top = self.get_extent()
            ny, nx = whole.shape
            factor = int(ratio)
            reduced = self._reduced(factor)
            wide, high = factor * reduced.shape[1] / nx, factor * reduced.shape[0] / ny
            try:
                # The last blocks may extend beyond the image; their means are those of the pixels inside.
                self._drawn = (left, left + (right - left) * wide, bottom, bottom + (top - bottom) * high)
                self._A = reduced
                if interpolation == "nearest":  # "nearest" would omit rows and columns
                    self.set_interpolation("antialiased")
                super().draw(renderer)
            finally:
                self._A, self._drawn = whole, None
                self.set_interpolation(interpolation)
                self.stale = False

        def _ratio(self, renderer: Any) -> float:
            """Return the number of image pixels per screen pixel along an axis (the smaller of the two)."""
            left, right, bottom, top = self.get_extent()
            place = Bbox([[left, bottom], [right, top]]).transformed(self.get_transform())
            magnification = renderer.get_image_magnification()
            ny, nx = self._A.shape
            width, height = abs(place.width) * magnification, abs(place.height) * magnification
            return float(min(nx / max(width, 1.0), ny / max(height, 1.0)))

        def _reduced(self, factor: int) -> Any:
            from ccdfx.estimators.block_means import block_means

            if factor == 1:
                return self._A
            if self._blocks[0] != factor:
                values, good = block_means(self._A.data, ~np.ma.getmaskarray(self._A), factor)
                self._blocks = (factor, np.ma.masked_array(values, mask=~good))
            return self._blocks[1]

    return Picture
