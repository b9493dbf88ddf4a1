"""The pictures of products for a page: small ones in the page, large ones in it too while they are few, else linked."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ccdfx.errors import CcdfxError, printable
from ccdfx.night.graph.preview import (
    FLAGS_PICTURE,
    LARGE_PICTURE,
    RAW_PICTURE,
    SMALL_PICTURE,
    picture_path,
)
from ccdfx.night.graph.record import read_record
from ccdfx.night.report.exposures import is_number, records_of
from ccdfx.night.report.histogram import draw_histogram
from ccdfx.night.report.pulls import draw_pulls
from ccdfx.records.range import Range

EMBEDDED = 6 << 20
"""Bytes of large pictures that a page holds; with more, they stay files beside it, and the page needs the folder of facts."""
_TYPES = {".png": "png", ".jpg": "jpeg"}
_LONGEST = 500
_TURNED = ("rotation", "scale", "flipped")
_LARGE = {"large": LARGE_PICTURE, "flags": FLAGS_PICTURE, "raw": RAW_PICTURE}


def data_uri(kind: str, picture: bytes) -> str:
    """Return a picture as an address that holds it.

    >>> data_uri("png", b"abc")
    'data:image/png;base64,YWJj'
    """
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")


def is_inside(output: Path, file: str) -> bool:
    """Return whether a file of facts is one inside the output."""
    return bool(file) and (output / file).resolve().is_relative_to(output.resolve())


def small_pictures(output: Path, file: str) -> dict[str, str]:
    """Return the small picture and the histograms of a product, and the link of the large one, or the reason why they are missing."""
    if not is_inside(output, file):
        return {"missing": "no file inside the output directory is named"}
    record = read_record(output, file)
    try:
        png = picture_path(output, file, SMALL_PICTURE).read_bytes()
    except OSError as error:
        return {"missing": printable(error.strerror or error, _LONGEST)}
    shown = {"missing": "", "thumbnail": data_uri("png", png)}
    if picture_path(output, file, LARGE_PICTURE).is_file():
        shown["link"] = picture_link(output, file, LARGE_PICTURE)
    if record is not None and record.intact and record.histogram is not None:
        shown["histogram"] = data_uri("svg+xml", draw_histogram(record.histogram).encode())
        if record.histogram.get("pulls"):
            shown["pulls"] = data_uri("svg+xml", draw_pulls(record.histogram["pulls"]).encode())
    return shown


def large_pictures(
    output: Path, files: Iterable[str], *, embedded: int = EMBEDDED
) -> tuple[dict[str, Any], bool]:
    """Return the addresses of the large pictures of products by their files, and whether they are in the page.

    Parameters
    ----------
    output : Path
    files : iterable of str
    embedded : int
        Bytes that may be in the page.
    """
    found = {
        (file, name): path
        for file in dict.fromkeys(files)
        if is_inside(output, file)
        for name, ending in _LARGE.items()
        if (path := picture_path(output, file, ending)).is_file()
    }
    try:
        inside = sum(path.stat().st_size for path in found.values()) <= embedded
        contents = {key: path.read_bytes() for key, path in found.items()} if inside else {}
    except OSError:
        inside, contents = False, {}
    addresses: dict[str, Any] = {}
    for (file, name), path in found.items():
        address = (
            data_uri(_TYPES[path.suffix], contents[file, name])
            if inside
            else picture_link(output, file, _LARGE[name])
        )
        addresses.setdefault(file, {})[name] = address
    return addresses, inside


def views_of(facts: Mapping[str, Any], exposures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return of each calibrated frame what its large picture can be compared with: its combined image, and how that lies.

    `dx` and `dy` are the part of the width and height of the frame by which its middle is moved onto the combined image; absent where
    they, or the size, are not known. `rotation` (degrees from x to y), `scale` and `flipped` (in x, before the rotation) say how it is turned.
    """
    shifts = {
        str(shift.get("source")): shift
        for item in records_of(facts, "combined")
        for shift in records_of(item, "shifts")
    }
    views: dict[str, Any] = {}
    for row in exposures:
        for part in row["parts"]:
            if part["file"] is None:
                continue
            words = [row["object"], part["label"], row["filter"], row["exposure"]]
            view: dict[str, Any] = {"title": ", ".join(str(word) for word in words if word)}
            if part["combined"]:
                view["combined"] = part["combined"]
            size, shift = _size(part), shifts.get(part["file"])
            if (
                size is not None
                and shift is not None
                and is_number(shift.get("dx"))
                and is_number(shift.get("dy"))
            ):
                view |= {"dx": shift["dx"] / size[0], "dy": shift["dy"] / size[1]}
                view |= {name: shift.get(name) for name in _TURNED} if is_turned(shift) else {}
            views[part["file"]] = view
    return views


def is_turned(shift: Mapping[str, Any]) -> bool:
    """Return whether a frame is more than moved onto a combined image.

    >>> is_turned({"dx": 3.0, "rotation": 0.0, "scale": 1.0}), is_turned({"dx": 3.0, "rotation": 179.9})
    (False, True)
    """
    turned, scale = shift.get("rotation"), shift.get("scale")
    return bool(
        shift.get("flipped") or (is_number(turned) and turned != 0) or (is_number(scale) and scale != 1)
    )


def _size(part: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the width and height of a calibrated frame; None where it is an image of one colour, or not known."""
    try:
        whole = tuple(part["shape"])
        ny, nx = Range.of(str(part["data"]), whole).shape if part["data"] else whole
        return (int(nx), int(ny)) if nx > 0 and ny > 0 else None
    except (CcdfxError, ValueError, TypeError):
        return None


def picture_link(output: Path, file: str, ending: str) -> str:
    """Return the address of a picture of a product relative to the page.

    >>> picture_link(Path("out"), "calibrated/a b.fits", LARGE_PICTURE)
    'facts/calibrated/a%20b~large.jpg'
    """
    return quote(picture_path(output, file, ending).relative_to(output).as_posix())
