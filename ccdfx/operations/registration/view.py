"""What registration knows of an image: its stars, and its pixels when they are needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.registration.fixed import unlike_stars
from ccdfx.operations.registration.star_list import StarList, star_list
from ccdfx.photometry import detection
from ccdfx.photometry.sources import sources_of, usable_at
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.range import Range


class OpenFrame(Protocol):
    """A frame whose pixels are read on demand, such as an open file."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def range(self) -> Range: ...
    def select(self, range: Any = None) -> Image: ...


class View:
    """An image with its stars, measured once, and its plane cleaned for detection, prepared at first use.

    Parameters
    ----------
    frame : Image, or an open frame, of which pixels are read when they are needed
    stars : table as of `find_sources`, optional
        By default it is measured.
    name : str
        The name of the table in errors.
    """

    def __init__(self, frame: Image | OpenFrame, stars: Any = None, name: str = "stars") -> None:
        self.frame = frame
        self.given = stars
        self.name = name

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (ny, nx)."""
        ny, nx = self.frame.shape
        return ny, nx

    @cached_property
    def image(self) -> Image:
        """The image, read where that is still to be done."""
        return self.frame if isinstance(self.frame, Image) else self.frame.select()

    @cached_property
    def plane(self) -> detection.Plane:
        """The pixels without spikes, gaps and bad lines."""
        return detection.prepared_image(self.image)

    @cached_property
    def stars(self) -> StarList:
        """The sources, brightest first, without those that cannot be stars."""
        table = sources_of(self.image, self.plane) if self.given is None else self.given
        found = star_list(table, self.name)
        return found.without(unlike_stars(found, self.shape))

    def hidden(self, places: np.ndarray, fwhm: float) -> np.ndarray:
        """Return at which positions (n, 2) no star is listed: saturated ones, and more than half masked ones."""
        reach = math.ceil(0.5 * fwhm + 1)
        y, x = (axis.ravel() for axis in np.mgrid[-reach : reach + 1, -reach : reach + 1])
        disc = np.column_stack([x, y])[np.hypot(x, y) <= 0.5 * fwhm + 1]
        ny, nx = self.shape
        x, y = (
            np.clip(np.rint(places)[:, None] + disc, 0, (nx - 1, ny - 1)).astype(np.int64).transpose(2, 0, 1)
        )
        lost = (~usable_at(self.image, y, x)).mean(axis=1) > 0.5
        if self.image.mask is None:
            return lost
        return lost | ((self.image.mask[y, x] & Flag.SATURATED) != 0).any(axis=1)

    def drop_pixels(self) -> None:
        """Release the pixels of an open frame; the stars are kept."""
        if not isinstance(self.frame, Image):
            self.__dict__.pop("image", None)
            self.__dict__.pop("plane", None)


def viewed(images: Sequence[Image], stars: Sequence[Any] | None) -> list[View]:
    """Join images with their tables of stars, of which there is one each, or None."""
    if stars is None:
        return [View(image) for image in images]
    if len(stars) != len(images):
        raise ArgumentError(
            "stars",
            f"must be one table for each of the {len(images)} images",
            value=len(stars),
            remedy="give as many as images; None in the place of one has it measured",
        )
    return [
        View(image, table, f"stars[{i}]") for i, (image, table) in enumerate(zip(images, stars, strict=True))
    ]
