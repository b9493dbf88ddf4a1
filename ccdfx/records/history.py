"""Provenance: options of steps as text for the HISTORY, masters that name their file there, and the bias.

A frame from which a bias was subtracted has two cards: BIASID, which tells that bias from any other by its
pixels, and BIASVAR, the part of the bias' variance in that of the frame. A dark and a science frame of the
same BIASID have an error in common. VARPART says that the variance of a frame is that of its calibration alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

BIAS_ID, BIAS_VARIANCE = "BIASID", "BIASVAR"
PARTIAL = "VARPART"
_HASH_DIGITS = 16
_SAMPLE = 64  # pixels of each axis that tell one bias from another


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


def bias_identity(bias: Image) -> str:
    """Compute what tells a bias from any other: a SHA-256 of its shape and a sample of its pixels.

    It is the same in memory and read from a file, as the pixels are; the noise of no two biases is the same.
    """
    digest = hashlib.sha256(f"{bias.shape}".encode())
    with np.errstate(over="ignore"):
        digest.update(_sample(bias.array).astype("<f4").tobytes())
    return digest.hexdigest()[:_HASH_DIGITS]


def typical_variance(image: Image) -> float:
    """Compute the mean variance of a sample of the pixels, without unknown ones; NaN without a variance."""
    if image.variance is None:
        return math.nan
    sample = _sample(image.variance)
    known = sample[np.isfinite(sample)]
    return float(np.mean(known, dtype=np.float64)) if known.size else math.nan


def with_bias(header: Header, identity: str, variance: float) -> Header:
    """Record which bias was subtracted, and its typical variance in that of the frame, if it has one.

    >>> with_bias(Header(), "0123456789abcdef", 2.5)["BIASVAR"]
    2.5
    """
    header = header.set(BIAS_ID, identity, "bias subtracted, by its pixels")
    if not math.isfinite(variance):
        return header.remove(BIAS_VARIANCE)
    return header.set(BIAS_VARIANCE, variance, "variance of that bias in UNCERT")


def less_bias(header: Header, factor: float) -> Header:
    """Multiply the recorded variance of the bias, if there is one."""
    known = header.number(BIAS_VARIANCE)
    return header if known is None else header.set(BIAS_VARIANCE, known * factor)


def _sample(plane: np.ndarray) -> np.ndarray:
    steps = (max(1, size // _SAMPLE) for size in plane.shape)
    return plane[tuple(slice(None, None, step) for step in steps)]


def with_partial_variance(header: Header) -> Header:
    """Record that the variance is without the noise of the frame itself, which `add_variance` adds."""
    return header.set(PARTIAL, True, "UNCERT is without the noise of the frame")


def has_partial_variance(header: Header) -> bool:
    """Return whether the variance is that of the calibration alone.

    >>> has_partial_variance(with_partial_variance(Header())), has_partial_variance(Header())
    (True, False)
    """
    return header.get(PARTIAL) is True
