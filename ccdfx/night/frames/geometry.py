"""The readouts of a raw file, by the headers of all its images; no pixels are read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.frames.one_image import is_full
from ccdfx.night.instruments.header_facts import KnownByUnit, binning_of, gain_of, shape_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.operations.readouts.linearity import Linearity
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.header import Header
from ccdfx.records.range import Range


def exposure_of(
    path: Path, header: Header, instrument: Instrument, hdu: int | str | None
) -> list[tuple[Header, tuple[Readout, ...]]]:
    """Return each detector of a raw file: the header of its first image, and its readouts.

    Parameters
    ----------
    path : Path
    header : Header
        Of the first image, or of that which the instrument names.
    instrument : Instrument
    hdu : int, str or None
        The image that the instrument names.

    Returns
    -------
    list of (Header, tuple of Readout)
        Empty where the file has one image of one readout, and where its headers do not tell what its images are.

    Raises
    ------
    ArgumentError
        The headers of the file contradict each other; see `find_readouts`.
    FileError
        The file cannot be read.
    """
    images, hdus = _images(path, header, instrument, hdu)
    numbers = Numbers(instrument.gain, instrument.readnoise, instrument.saturation)
    if isinstance(gain_of(header, instrument), KnownByUnit):
        numbers = replace(numbers, gain=(1.0,))
    found = find_readouts(images, described=instrument.readouts, numbers=numbers, hdus=hdus)
    detectors = dict.fromkeys(readout.detector for readout in found)
    exposure = []
    for detector in detectors:
        members = with_laws([readout for readout in found if readout.detector == detector], instrument)
        first = next(image for image in images if image.hdu == members[0].hdu)
        exposure.append((first.header, members))
    return exposure


def single_readout(facts: Mapping[str, Any], instrument: Instrument) -> tuple[Readout, ...]:
    """Return the readout of a file of one image, where the instrument has a law for it; else none.

    `facts` are the fields of its frame; those of a frame that cannot be used have no sections.

    Raises
    ------
    ArgumentError
        The instrument file states crosstalk between readouts that the file does not have.
    """
    data, overscan = facts.get("data"), facts.get("overscan")
    if instrument.crosstalk is not None:
        instrument.crosstalk.row("image", ())
    if not instrument.linearity or data is None:
        return ()
    numbers = {key: facts[key].value for key in ("gain", "readnoise", "saturation") if facts.get(key)}
    readout = Readout(
        name="image",
        window=Range.whole(facts["shape"]),
        data=data,
        bias=() if overscan is None else (overscan,),
        place=Range.whole(data.shape),
        hdu=facts.get("hdu"),
        **numbers,
    )
    return with_laws([readout], instrument)


def with_laws(readouts: Sequence[Readout], instrument: Instrument) -> tuple[Readout, ...]:
    """Return the readouts of one detector with the linearity and crosstalk that an instrument file states.

    Raises
    ------
    ArgumentError
        The crosstalk does not name the readouts.
    """
    names = [readout.name for readout in readouts]
    laws = {law.readout: law for law in instrument.linearity}
    crosstalk = instrument.crosstalk if len(names) > 1 else None
    found = []
    for readout in readouts:
        law = laws.get(readout.name, laws.get(""))
        linearity = (
            None if law is None else Linearity(polynomial=law.polynomial, table=law.table, limit=law.limit)
        )
        parts = () if crosstalk is None else crosstalk.row(readout.name, names)
        found.append(replace(readout, linearity=linearity, crosstalk=parts))
    return tuple(found)


def _images(
    path: Path, header: Header, instrument: Instrument, hdu: int | str | None
) -> tuple[list[StoredImage], int | None]:
    """Return the images of a file, and how many HDUs it has where it is FITS; no images where one has not two axes."""
    if hdu is not None or is_full(path, header):
        return [_stored(header, instrument, hdu)], None
    headers, hdus = _headers(path)
    if len(headers) == 1:
        return [_stored(header, instrument, None)], hdus
    try:
        return [_stored(one, instrument, number) for number, one in headers.items()], hdus
    except ArgumentError:  # some image is no exposure: the file is refused with the list of all
        return [], hdus


def _stored(header: Header, instrument: Instrument, hdu: int | str | None) -> StoredImage:
    binning = binning_of(header, (*instrument.binning, "CCDSUM"))
    return StoredImage(header=header, shape=shape_of(header), hdu=hdu, binning=binning)


def _headers(path: Path) -> tuple[dict[int, Header], int | None]:
    """Return the headers of all images of a FITS file by the number of their HDU, and how many HDUs there are."""
    from ccdfx.io.fits.source import read_image_headers
    from ccdfx.io.reading import find_format, open_every_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CcdfxWarning)  # they are said when the file is read
        if find_format(path).name == "fits":
            return read_image_headers(path)
        return {number: source.header for number, source in enumerate(open_every_image(path))}, None
