"""Raw frames as they are read: one image, with the usual header keywords."""

from __future__ import annotations

from ccdfx import registry
from ccdfx.errors import CcdfxError, FileError, FormatError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.one_image import refuse_several
from ccdfx.night.frames.planes import open_planes_of
from ccdfx.night.instruments.corrections import corrected
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image

_UNITS = frozenset({"adu", "count", "counts", "dn", "electron", "electrons", "e-"})


def raw_image(frame: Frame, recipe: NightRecipe) -> Image:
    """Read a raw frame as it is, with the corrections of its header that the instrument file makes.

    Raises
    ------
    FileError
        The file cannot be read.
    FormatError
        It holds several images, and the instrument names none, or no pixel has data.
    """
    from ccdfx.io import read

    checksum = recipe.read.checksum
    try:
        if frame.planes is not None:
            with open_planes_of(frame, checksum=checksum) as source:
                return _corrected(_with_data(with_planes(source.select(), frame), frame), frame)
        if frame.hdu is not None:
            return _corrected(_with_data(read(frame.path, hdu=frame.hdu, checksum=checksum), frame), frame)
        images = read(frame.path, hdu="all", checksum=checksum)
    except CcdfxError:
        raise
    except Exception as problem:  # the reader of a plugin may raise anything; one file must not stop a night
        rule = f"cannot be read: {type(problem).__name__}: {problem}"
        raise FileError(frame.path, rule, remedy="report it to the author of the format") from problem
    refuse_several(frame.path, [image.header for image in images])
    return _corrected(_with_data(images[0], frame), frame)


def with_planes(image: Image, frame: Frame) -> Image:
    """Write into the header which planes of a cube an image is."""
    assert frame.planes is not None
    first, end = frame.planes
    header = image.header.set("PLANE", first + 1, "plane of the raw cube, from 1; the first of several")
    if end - first > 1:
        header = header.set("NPLANES", end - first, "planes of the raw cube, averaged")
        if frame.exptime:
            header = header.set(
                "TOTALEXP", frame.exptime * (end - first), "[s] of all planes; EXPTIME is that of one"
            )
        header = header.add_history(
            f"ccdfx {registry.version()} mean of planes {first + 1} to {end} of the raw cube"
        )
    return image.replace(header=header)


def _with_data(image: Image, frame: Frame) -> Image:
    """Return the image of a frame; refuse one without data, such as of NaN alone."""
    if image.mask is not None and image.mask[0, 0] & Flag.NO_DATA and (image.mask & Flag.NO_DATA).all():
        raise FormatError(frame.path, "has no pixel with data", remedy="leave it out, or copy it again")
    return image


def _corrected(image: Image, frame: Frame) -> Image:
    if not frame.corrections:
        return image
    return image.replace(header=corrected(image.header, frame.corrections))


def standard_header(header: Header, frame: Frame) -> Header:
    """Copy the metadata of the frame to the usual header keywords, for other programs.

    EXPTIME (s) and FILTER are set to the values found by the instrument file, OBJECT and DATE-OBS are added where
    they are absent, a DATE-OBS without a time of day gets that of the frame, and BUNIT is set to the unit of the
    instrument file unless the header has a usual one.
    """
    # The comment of the card may name another unit.
    for keyword, value, comment in (
        ("EXPTIME", frame.exptime, "[s] exposure time"),
        ("FILTER", frame.filter, None),
    ):
        if value is not None and header.get(keyword) != value:
            header = header.set(keyword, value, comment)
    dated = ":" in str(header.get("DATE-OBS", "")) or ":" not in (frame.date or "")
    for keyword, text in (("OBJECT", frame.object), ("DATE-OBS", frame.date)):
        if text is not None and (keyword not in header or (keyword == "DATE-OBS" and not dated)):
            header = header.set(keyword, text)
    unit = str(header.get("BUNIT") or "").strip().lower()
    return header if unit in _UNITS else header.set("BUNIT", frame.unit, "unit of the pixel values")
