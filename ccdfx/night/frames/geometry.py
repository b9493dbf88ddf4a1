"""The readouts of a raw file, by the headers of all its images; no pixels are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ccdfx.errors import ArgumentError
from ccdfx.io.fits.remarks import begin_remarks
from ccdfx.night.frames.one_image import is_full, refuse_several, require_one_of_name, survey_of
from ccdfx.night.instruments.header_facts import KnownByUnit, binning_of, gain_of, shape_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.operations.readouts.linearity import Linearity
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.header import Header
from ccdfx.records.range import Range


class Exposure(NamedTuple):
    """The detectors of a raw file: the header of the first image of each, and its readouts; and remarks of the file.

    There are no detectors where the file has one image of one readout.
    """

    detectors: list[tuple[Header, tuple[Readout, ...]]]
    remarks: list[str]


def exposure_of(path: Path, header: Header, instrument: Instrument, hdu: int | str | None) -> Exposure:
    """Return what a raw file holds by the headers of all its images; the rest of a file of one image is not read.

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
    Exposure

    Raises
    ------
    ArgumentError
        The headers of the file contradict each other; see `find_readouts`.
    FormatError
        The file has several images, and its headers do not tell that they are readouts; they are named.
    FileError
        The file cannot be read.
    """
    headers: Mapping[Any, Header] = {hdu: header}  # by the HDU
    hdus, remarks = None, []
    if hdu is not None:
        remarks = require_one_of_name(path, hdu)
    elif is_full(path, header):
        remarks = begin_remarks(path)
    else:
        every, hdus, remarks = survey_of(path)
        headers = every if len(every) > 1 else headers
    images = _stored(headers, instrument)
    numbers = Numbers(instrument.gain, instrument.readnoise, instrument.saturation)
    if isinstance(gain_of(header, instrument), KnownByUnit):
        numbers = replace(numbers, gain=(1.0,))
    found = find_readouts(images, described=instrument.readouts, numbers=numbers, hdus=hdus)
    if not found:
        refuse_several(path, list(headers.values()))
    detectors = dict.fromkeys(readout.detector for readout in found)
    members_of = []
    for detector in detectors:
        members = with_laws([readout for readout in found if readout.detector == detector], instrument)
        first = next(image for image in images if image.hdu == members[0].hdu)
        members_of.append((first.header, members))
    return Exposure(members_of, remarks)


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


def _stored(headers: Mapping[Any, Header], instrument: Instrument) -> list[StoredImage]:
    """Return the images of a file; none where it has several of which one has not two axes."""
    try:
        return [
            StoredImage(
                header=header,
                shape=shape_of(header, cubes=True),
                hdu=hdu,
                binning=binning_of(header, (*instrument.binning, "CCDSUM")),
            )
            for hdu, header in headers.items()
        ]
    except ArgumentError:
        if len(headers) == 1:
            raise
        return []
