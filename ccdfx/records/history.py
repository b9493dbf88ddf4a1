"""Options of steps as text for the HISTORY of an image, and calibration frames that name their file there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import PurePath
from typing import Any

from ccdfx.records.image import Image
from ccdfx.records.range import Range

_HASH_DIGITS = 16


def history_text(value: Any) -> str:
    """Format an option of a step for its HISTORY line and its repr.

    >>> history_text(({"low": 3.0}, "[1:2,1:1]"))
    '[(low=3.0),[1:2,1:1]]'
    """
    if isinstance(value, Master):
        return f"{PurePath(value.name).name} sha256={value.sha256[:_HASH_DIGITS]}"
    if isinstance(value, Range):
        return value.to_fits()
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(history_text, value)) + "]"
    options = getattr(value, "parameters", None)
    if hasattr(value, "name") and isinstance(options, Mapping):
        return value.name + _options_text(options)
    if isinstance(value, Mapping):
        return _options_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _options_text({field.name: getattr(value, field.name) for field in fields(value)})
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return str(value)


def _options_text(options: Mapping[str, Any]) -> str:
    return f"({','.join(f'{name}={history_text(value)}' for name, value in options.items())})"


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
