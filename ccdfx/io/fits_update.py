"""Rewriting of a window of an image in a FITS file; all other bytes are kept, except the checksums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ccdfx.errors import ArgumentError, FileError
from ccdfx.io.card_text import BLOCK
from ccdfx.io.checksum import ones_sum, with_sums
from ccdfx.io.content import FileContent, opened
from ccdfx.io.encode import encode
from ccdfx.io.fits import FitsSource
from ccdfx.io.fits_write import mask_hdu
from ccdfx.io.groups import Group, chosen, flags_of, grouped
from ccdfx.io.hdus import Hdu, walk
from ccdfx.io.pixels import Pixels
from ccdfx.records.flags import Flag, flag_counts
from ccdfx.records.image import Image
from ccdfx.records.matching import require_inside, require_part

_CHUNK = 512 * BLOCK
_WHOLE = "read the file, paste the part, and write the result to a file"


@dataclass(frozen=True, slots=True)
class _Patch:
    """The numbers to store in the window of one plane of an HDU."""

    pixels: Pixels
    stored: np.ndarray


def update_fits(path: Path, part: Image, target: Path, *, hdu: Any = None, plane: int | None = None) -> None:
    """Write to `target` the file `path` with the window ``part.range`` of an image replaced.

    Flags go into the MASK of the image; if there is none and the part has flags, one is inserted behind the
    image. A variance goes into its UNCERT, VAR or IVAR, in the form of that HDU. Existing checksums are
    updated. Compressed files are refused.
    """
    with opened(path) as content:
        if not isinstance(content, FileContent):
            raise FileError(path, "is compressed, and only whole files are written so", remedy=_WHOLE)
        hdus = list(walk(content))
        group = chosen(content, hdus, hdu)
        if any(one and one.kind == "tiles" for one in (group.image, group.mask, group.uncertainty)):
            raise FileError(path, "is tile-compressed, and only whole images are written so", remedy=_WHOLE)
        source = FitsSource(content, hdus, group, plane)
        require_inside(source.range, part)
        require_part(source.select(part.range), part)
        window = part.range.relative_to(source.range).slices
        patches, flags = _patches(content, group, plane, part, window)
        inserted = b""
        if flags is not None:
            _require_room_for_flags(path, group, grouped(content, hdus))
            mask = np.zeros(source.shape, np.uint8)
            mask[window] = flags
            inserted = mask_hdu(mask)
        with open(target, "r+b") as file:
            _copy(content, file, group.image.end, inserted)
            for patch in patches:
                moved = len(inserted) if patch.pixels.hdu.index > group.image.index else 0
                _put(file, patch, window, moved)
                _renew_sums(file, patch.pixels.hdu, moved)


def _patches(
    content: FileContent, group: Group, plane: int | None, part: Image, window: tuple[slice, slice]
) -> tuple[list[_Patch], np.ndarray | None]:
    """Return the patches to write, and the flags if the file needs a new MASK for them."""
    image = Pixels(content, group.image, plane, checksum=False)
    stored = encode(part.array, image.coding, None if part.mask is None else part.mask != 0, "part")
    patches = [_Patch(image, stored)]
    nodata = np.isnan(stored) if stored.dtype.kind == "f" else stored == image.coding.blank
    nodata = np.zeros(part.shape, bool) | nodata
    if group.uncertainty is not None and part.variance is not None:
        errors = Pixels(content, group.uncertainty, plane, checksum=False)
        patches.append(_Patch(errors, _stored_variance(errors, part.variance, group.power, window)))
        if group.power == -1:
            nodata |= np.isinf(part.variance)
    wanted = np.zeros(part.shape, np.uint8) if part.mask is None else part.mask
    if group.mask is not None:
        flags = Pixels(content, group.mask, plane, checksum=False)
        return [*patches, _Patch(flags, _stored_flags(flags, wanted, nodata, window))], None
    implied = np.where(nodata, np.uint8(Flag.NO_DATA), np.uint8(0))  # flags that a reader sets without a MASK
    return patches, wanted if ((wanted != 0) & (wanted != implied)).any() else None


def _stored_variance(
    pixels: Pixels, variance: np.ndarray, power: int, window: tuple[slice, slice]
) -> np.ndarray:
    """Encode the variance in the form of the file; unchanged values keep their stored bits."""
    old = pixels.window(*window)[0]
    wide = variance.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        now, new = {
            1: (old, wide),
            2: (old * old, np.sqrt(wide)),
            -1: (1 / old, 1 / wide),
        }[power]
    same = (now == variance) | (np.isnan(now) & np.isnan(variance))
    return encode(np.where(same, old, new), pixels.coding, None, "variance of part")


def _stored_flags(
    pixels: Pixels, wanted: np.ndarray, nodata: np.ndarray, window: tuple[slice, slice]
) -> np.ndarray:
    """Encode the flags in the bits of the file's own mask; unchanged flags keep their stored value."""
    old = pixels.window(*window)[0]
    flags = flags_of(old, pixels.hdu)
    keep = (flags == wanted) | ((flags == 0) & nodata & (wanted == Flag.NO_DATA))
    known = np.arange(256, dtype=np.uint8) if old.dtype == np.uint8 else np.array([0, 1], old.dtype)
    codes = np.full(256, -1)
    codes[flags_of(known, pixels.hdu)[::-1]] = known[::-1]  # of several codes, the smallest
    new = codes[wanted]
    lost = (new < 0) & ~keep
    if lost.any():
        raise ArgumentError(
            "part",
            "must have flags that the MASK of the file can hold",
            value=", ".join(flag_counts(wanted[lost])),
            remedy=_WHOLE,
        )
    return encode(np.where(keep, old, new.astype(old.dtype)), pixels.coding, None, "mask of part")


def _require_room_for_flags(path: Path, group: Group, groups: list[Group]) -> None:
    lead = group.image.axes[:-2]
    if group not in groups or any(n != 1 for n in lead):
        what = "a cube" if lead else "itself the mask or the variance of another"
        raise FileError(path, f"has no MASK for the flags of the part, and the image is {what}",
                        remedy="drop the flags with part.replace(mask=None), or write a new file")  # fmt: skip


def _copy(content: FileContent, file: BinaryIO, place: int, inserted: bytes) -> None:
    """Copy the bytes of a file, with `inserted` added at one place."""
    _copy_bytes(content, file, 0, min(place, content.size))
    if inserted:
        file.write(b"\0" * (place - file.tell()))  # a file may end without its last padding
        file.write(inserted)
    _copy_bytes(content, file, place, content.size)


def _copy_bytes(content: FileContent, file: BinaryIO, start: int, stop: int) -> None:
    for at in range(start, stop, _CHUNK):
        file.write(content.read_at(at, min(_CHUNK, stop - at)))


def _put(file: BinaryIO, patch: _Patch, window: tuple[slice, slice], moved: int) -> None:
    layout = patch.pixels.raw()
    assert layout is not None  # the image is uncompressed and on disk
    rows, columns = window
    nx, size = layout.shape[1], patch.stored.itemsize
    whole = columns.stop - columns.start == nx
    pieces = [patch.stored] if whole else patch.stored
    for row, piece in enumerate(pieces, rows.start):
        file.seek(layout.offset + moved + (row * nx + columns.start) * size)
        file.write(piece.tobytes())


def _renew_sums(file: BinaryIO, hdu: Hdu, moved: int) -> None:
    hdu = replace(hdu, header_at=hdu.header_at + moved, data_at=hdu.data_at + moved)
    file.seek(hdu.data_at)
    data, left = 0, hdu.end - hdu.data_at
    while left > 0 and (piece := file.read(min(_CHUNK, left))):
        data, left = ones_sum(piece, data), left - len(piece)
    file.seek(hdu.header_at)
    header = with_sums(file.read(hdu.data_at - hdu.header_at), hdu, data)
    file.seek(hdu.header_at)
    file.write(header)
