"""A calibration frame with its provenance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True)
class Master:
    """A master frame: the image, the name of its file and the SHA-256 of what it was read from.

    Every operation that takes a bias, dark, flat or bad-pixel map takes a Master too; a pipeline then writes
    name and hash into the HISTORY. Two masters are equal when name and hash are.
    """

    image: Image = field(compare=False)
    name: str
    sha256: str

    def __repr__(self) -> str:
        return f"Master({self.name!r}, sha256={self.sha256[:12]})"


def pixel_sha256(image: Image) -> str:
    """The SHA-256 of an image's shape, type, pixels, flags and variance, for frames that have no file."""
    digest = hashlib.sha256(f"{image.shape} {image.dtype.str}".encode())
    for plane in (image.array, image.mask, image.variance):
        digest.update(b"-" if plane is None else plane.tobytes())
    return digest.hexdigest()
