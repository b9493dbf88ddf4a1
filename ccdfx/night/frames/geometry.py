"""The readouts of a raw file, by the headers of all its images; no pixels are read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ccdfx.errors import ArgumentError, CcdfxWarning
from ccdfx.night.frames.one_image import is_full, refuse_several, require_one_of_name
from ccdfx.night.instruments.header_facts import KnownByUnit, binning_of, gain_of, shape_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.header import Header


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
        Empty where the file has one image of one readout.

    Raises
    ------
    ArgumentError
        The headers of the file contradict each other; see `find_readouts`.
    FormatError
        The file has several images, and its headers do not tell that they are readouts; they are named.
    FileError
        The file cannot be read.
    """
    if hdu is not None:
        require_one_of_name(path, hdu)
    headers: dict[int | str | None, Header] = {hdu: header}
    hdus = None
    if hdu is None and not is_full(path, header):
        every, hdus = _headers(path)
        headers = {**every} if len(every) > 1 else headers
    images = _stored(headers, instrument)
    numbers = Numbers(instrument.gain, instrument.readnoise, instrument.saturation)
    if isinstance(gain_of(header, instrument), KnownByUnit):
        numbers = replace(numbers, gain=(1.0,))
    found = find_readouts(images, described=instrument.readouts, numbers=numbers, hdus=hdus)
    if not found:
        refuse_several(path, list(headers.values()))
    detectors = dict.fromkeys(readout.detector for readout in found)
    exposure = []
    for detector in detectors:
        members = tuple(readout for readout in found if readout.detector == detector)
        first = next(image for image in images if image.hdu == members[0].hdu)
        exposure.append((first.header, members))
    return exposure


def _stored(headers: Mapping[int | str | None, Header], instrument: Instrument) -> list[StoredImage]:
    """Return the images of a file; none where it has several of which one has not two axes."""
    try:
        return [
            StoredImage(
                header=header,
                shape=shape_of(header),
                hdu=hdu,
                binning=binning_of(header, (*instrument.binning, "CCDSUM")),
            )
            for hdu, header in headers.items()
        ]
    except ArgumentError:
        if len(headers) == 1:
            raise
        return []


def _headers(path: Path) -> tuple[dict[int, Header], int | None]:
    """Return the headers of all images of a FITS file by the number of their HDU, and how many HDUs there are."""
    from ccdfx.io.fits.source import read_image_headers
    from ccdfx.io.reading import find_format, open_every_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CcdfxWarning)  # they are said when the file is read
        if find_format(path).name == "fits":
            return read_image_headers(path)
        return {number: source.header for number, source in enumerate(open_every_image(path))}, None
