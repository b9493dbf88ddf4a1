"""The readouts of a raw file, by the headers of all its images; no pixels are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ccdfx.errors import ArgumentError
from ccdfx.io.fits.remarks import begin_remarks
from ccdfx.night.frames.one_image import is_full, refuse_several, require_one_of_name, survey_of
from ccdfx.night.instruments.header_facts import KnownByUnit, binning_of, gain_of, shape_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.readouts.applied import with_laws
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
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
    numbers = Numbers(instrument.gain, instrument.readnoise, instrument.saturation_in(header))
    if isinstance(gain_of(header, instrument), KnownByUnit):
        numbers = replace(numbers, gain=(1.0,))
    found = find_readouts(images, described=instrument.readouts, numbers=numbers, hdus=hdus)
    if not found:
        refuse_several(path, list(headers.values()))
    detectors = dict.fromkeys(readout.detector for readout in found)
    members_of = []
    for detector in detectors:
        members = tuple(readout for readout in found if readout.detector == detector)
        first = next(image for image in images if image.hdu == members[0].hdu)
        members_of.append((first.header, members))
    return Exposure(members_of, remarks)


def with_laws_of(instrument: Instrument, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a frame with the laws of its instrument in its readouts; one image with a law is a readout.

    A law that cannot be applied is the problem of the frame.
    """
    facts = dict(facts)
    if "problem" in facts:
        return facts
    try:
        if (instrument.linearity or instrument.crosstalk) and not facts.get("readouts"):
            facts |= _as_readout(facts)
        readouts = facts.get("readouts", ())
        if readouts and facts.get("colours") is not None:
            raise ArgumentError(
                "frame", "must not be a mosaic of colours of several readouts, or with a law of linearity",
                value=str(facts["colours"]), remedy="split its colours first, or leave the law out",
            )  # fmt: skip
        found = with_laws(readouts, crosstalk=instrument.crosstalk, linearity=instrument.linearity)
        return facts | {"readouts": found}
    except ArgumentError as error:
        return facts | {"problem": str(error)}


def _as_readout(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the readout of a detector that has one, in one image, and its bad pixels in the exposed section."""
    whole = Range.whole(facts["shape"])
    data, overscan = facts.get("data") or whole, facts.get("overscan")
    numbers = {key: facts[key].value for key in ("gain", "readnoise", "saturation") if facts.get(key)}
    readout = Readout(
        name="image",
        window=whole,
        data=data,
        bias=() if overscan is None else (overscan,),
        place=data.relative_to(data),
        hdu=facts.get("hdu"),
        **numbers,
    )
    cuts = (window.intersection(data) for window in facts.get("bad", ()))
    bad = tuple(cut.moved(-data.x_lower, -data.y_lower) for cut in cuts if cut is not None)
    return {"readouts": (readout,), "bad": bad}


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
