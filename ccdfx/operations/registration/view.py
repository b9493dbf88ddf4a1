"""What registration knows of an image: its stars, and its pixels when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.operations.registration.fixed import unlike_stars
from ccdfx.operations.registration.star_list import StarList, star_list
from ccdfx.photometry import detection
from ccdfx.photometry.sources import sources_of, usable
from ccdfx.records.image import Image


class View:
    """An image with its stars, measured once, and its plane cleaned for detection, prepared at first use.

    `stars` is a table as of `find_sources`, or None to measure one.
    """

    def __init__(self, image: Image, stars: Any = None, name: str = "stars") -> None:
        self.image = image
        self.given = stars
        self.name = name

    @cached_property
    def plane(self) -> detection.Plane:
        """The pixels without spikes, gaps and bad lines."""
        return detection.prepared(self.image.array, usable(self.image))

    @cached_property
    def stars(self) -> StarList:
        """The sources, brightest first, without those that cannot be stars."""
        table = sources_of(self.image, self.plane) if self.given is None else self.given
        found = star_list(table, self.name)
        return found.without(unlike_stars(found, self.shape))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (ny, nx) of the image."""
        ny, nx = self.image.shape
        return ny, nx


def viewed(images: Sequence[Image], stars: Sequence[Any] | None) -> list[View]:
    """Join images with their tables of stars, of which there is one each, or None."""
    if stars is None:
        return [View(image) for image in images]
    if len(stars) != len(images):
        raise ArgumentError(
            "stars",
            f"must be one table for each of the {len(images)} images",
            value=len(stars),
            remedy="give as many as images; None has one measured",
        )
    return [
        View(image, table, f"stars[{i}]") for i, (image, table) in enumerate(zip(images, stars, strict=True))
    ]
