"""Pictures in colour, put together from the grey pictures of the images of three colours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = ("R", "G", "B")


def colour_groups(products: Iterable[Mapping[str, Any]]) -> list[tuple[str, tuple[str, str, str]]]:
    """Return the images of one object and filter of which there are a red, a green and a blue one.

    Parameters
    ----------
    products : iterable of mapping
        Facts of combined images, with their `colour`.

    Returns
    -------
    list of (words, files)
        What they show, and the three files.

    Examples
    --------
    >>> one = {"object": "M 31", "filter": "L R", "colour": "R", "file": "r.fits"}
    >>> colour_groups([one, one | {"filter": "L G", "colour": "G"}, one | {"filter": "L B", "colour": "B"}])
    [('M 31, filter L', ('r.fits', 'r.fits', 'r.fits'))]
    """
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for one in products:
        colour = one.get("colour")
        if colour in _COLOURS:
            band = str(one.get("filter") or "").removesuffix(str(colour)).strip()
            group = groups.setdefault((str(one.get("object")), band), {})
            group.setdefault(str(colour), []).append(str(one.get("file")))
    found = []
    for (name, band), files in groups.items():
        words = f"{name}, filter {band}" if band else name
        parts = [files.get(colour, []) for colour in _COLOURS]
        found += [(words, (red, green, blue)) for red, green, blue in zip(*parts, strict=False)]
    return found


def merge_pictures(pictures: Sequence[bytes]) -> bytes | None:
    """Merge a red, a green and a blue picture, as `thumbnail` makes them, to one in colour; None where they differ in size.

    The darkest of the three skies (medians) is that of all, so that the sky is grey; masked pixels are black.
    """
    planes = [_decoded(picture) for picture in pictures]
    if len({plane.shape for plane in planes}) != 1:
        return None
    rows = np.stack(_balanced(planes), axis=2).reshape(planes[0].shape[0], -1)
    size = struct.pack(">II", planes[0].shape[1], planes[0].shape[0])
    content = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 9)
    chunks = ((b"IHDR", size + b"\x08\x02\x00\x00\x00"), (b"IDAT", content), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _balanced(planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Scale grey planes so that their medians are the least of them, by a power of the levels, which leaves black and white as they are."""
    medians = [float(np.median(plane)) / 255 for plane in planes]
    if not all(0 < median < 1 for median in medians):
        return list(planes)
    powers = [np.log(min(medians)) / np.log(median) for median in medians]
    return [
        np.rint(255 * (plane / 255) ** power).astype(np.uint8)
        for plane, power in zip(planes, powers, strict=True)
    ]


def _decoded(picture: bytes) -> np.ndarray:
    """Return the grey levels of a picture that `thumbnail` has made; an error where it is another PNG."""
    chunks: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at + 8 <= len(picture):
        length = struct.unpack(">I", picture[at : at + 4])[0]
        chunks[picture[at + 4 : at + 8]] = picture[at + 8 : at + 8 + length]
        at += 12 + length
    header = chunks.get(b"IHDR", b"")
    if not picture.startswith(_SIGNATURE) or header[8:] != b"\x08\x03\x00\x00\x00" or b"PLTE" not in chunks:
        raise ValueError("no picture of a product")
    width, height = struct.unpack(">II", header[:8])
    greys = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[:, 0].copy()
    greys[-1] = 0  # of masked pixels
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    found: np.ndarray = greys[rows[:, 1:]]
    return found
