"""Display of an image record in a terminal and in a notebook."""

from __future__ import annotations

import base64
import html as markup
import struct
import zlib
from typing import Any

import numpy as np

from ccdfx.errors import printable
from ccdfx.records.flags import flag_counts

_THUMBNAIL = 160


def text(image: Any) -> str:
    """Describe an image in six short lines."""
    return "\n".join(f"{label:<9} {value}" for label, value in _facts(image))


def html(image: Any) -> str:
    """Return an HTML table of the metadata beside a thumbnail."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{label}</th><td>{markup.escape(value)}</td></tr>"
        for label, value in _facts(image)
    )
    data = base64.b64encode(thumbnail_png(image.array, image.good)).decode("ascii")
    return (
        f"<div style='display:flex;gap:1em;align-items:center'><img alt='thumbnail' src='data:image/png;base64,{data}'>"
        f"<table>{rows}</table></div>"
    )


def thumbnail_png(array: np.ndarray, good: np.ndarray) -> bytes:
    """Draw a greyscale PNG of at most 160 pixels a side, from the 1st to the 99.5th percentile.

    The first row is at the bottom.
    """
    step = max(1, -(-max(array.shape) // _THUMBNAIL))
    small, usable = np.clip(array[::step, ::step].astype(float), -1e300, 1e300), good[::step, ::step]
    low, high = np.percentile(small[usable], (1.0, 99.5)) if usable.any() else (0.0, 1.0)
    level = np.clip((np.where(usable, small, low) - low) / max(high - low, 1e-30), 0, 1)
    return _png((level[::-1] * 255).astype(np.uint8))


def _facts(image: Any) -> list[tuple[str, str]]:
    good = int(np.count_nonzero(image.good))
    values = image.array[image.good] if good else np.zeros(0)
    low, high = (f"{values.min():g}", f"{values.max():g}") if good else ("-", "-")
    flags = ", ".join(f"{name} {count}" for name, count in flag_counts(image.mask).items()) or "none"
    name = image.header.get("OBJECT")
    return [
        (
            "Image",
            f"{image.shape[0]} x {image.shape[1]} (ny, nx) {image.dtype}, unit {image.unit or 'unknown'}",
        ),
        (
            "object",
            printable(name if name not in (None, "") else "-", 40)
            + f", band {printable(image.band or '-', 20)}",
        ),
        ("range", f"{image.range.to_fits()} of the parent frame"),
        ("values", f"{low} to {high}, {good} good pixels"),
        ("flags", flags),
        ("variance", "none" if image.variance is None else f"{image.variance.dtype}"),
    ]


def _png(pixels: np.ndarray) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    start = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", start)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
