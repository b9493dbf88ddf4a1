"""A calibration frame with its provenance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True)
class Master:
    """A master frame: the image, the name of its file and the SHA-256 of the file or pixels.

    Every operation that takes a bias, dark, flat or bad-pixel map accepts a Master; a pipeline then writes
    name and hash into the HISTORY. Two masters are equal if name and hash are equal.
    """

    image: Image = field(compare=False)
    name: str
    sha256: str

    def __repr__(self) -> str:
        return f"Master({self.name!r}, sha256={self.sha256[:12]})"


def pixel_sha256(image: Image) -> str:
    """Compute the SHA-256 of shape, type, pixels, flags and variance, for images without a file."""
    digest = hashlib.sha256(f"{image.shape} {image.dtype.str}".encode())
    for plane in (image.array, image.mask, image.variance):
        digest.update(b"-" if plane is None else plane.tobytes())
    return digest.hexdigest()
