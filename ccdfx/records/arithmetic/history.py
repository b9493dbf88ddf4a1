"""The HISTORY line of an operation: what was done, with what, as far as it can be told without a file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccdfx.errors import printable
from ccdfx.records.arithmetic.apply import Operand

_SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}
_SIGNS = {"negative": "-", "positive": "+"}
_DIGITS = 16  # of a SHA-256
_SAMPLE = 64  # pixels of each axis that tell one image from another


def history_line(name: str, operands: Sequence[Operand]) -> str:
    """Write what an operation did; the image whose header goes on is "image", another one is named by `described`.

    >>> history_line("subtract", [Operand(np.zeros((1, 2)), None, "an image"), Operand(2.5, "adu")])
    'ccdfx image - 2.5 adu'
    """
    lead = next(one.image for one in operands if one.image is not None)
    texts = [_text(one, lead) for one in operands]
    if name in _SYMBOLS:
        return f"ccdfx {texts[0]} {_SYMBOLS[name]} {texts[1]}"
    return f"ccdfx {_SIGNS[name]}{texts[0]}" if name in _SIGNS else f"ccdfx {name}({texts[0]})"


def described(image: Any) -> str:
    """Describe an image by object, date and `identity`, as far as it has them."""
    known = [image.header.get(keyword) for keyword in ("OBJECT", "DATE-OBS")]
    words = [printable(value, 40) for value in known if isinstance(value, str) and value.strip()]
    return " ".join(["image", *words, identity(image.array)])


def identity(pixels: np.ndarray) -> str:
    """Compute what tells an image from any other: a SHA-256 of its shape and a sample of its pixels.

    It is the same in memory and read from a file, as the pixels are; the noise of no two frames is the same.

    >>> len(identity(np.zeros((3, 4)))), identity(np.zeros((3, 4))) == identity(np.ones((3, 4)))
    (16, False)
    """
    steps = (slice(None, None, max(1, size // _SAMPLE)) for size in pixels.shape)
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    with np.errstate(over="ignore"):
        digest.update(pixels[tuple(steps)].astype("<f4").tobytes())
    return digest.hexdigest()[:_DIGITS]


def _text(operand: Operand, lead: Any) -> str:
    unit = f" {operand.unit}" if operand.unit and operand.image is None else ""
    if operand.is_number:
        return f"{operand.values!r}{unit}"
    if operand.image is None:
        return f"array {identity(operand.values)}{unit}"
    return "image" if operand.image is lead else described(operand.image)
