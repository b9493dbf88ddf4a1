"""A raw frame: its file and what its header says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.instruments.camera_settings import CameraSetting, Temperature
from ccdfx.night.instruments.corrections import Correction
from ccdfx.night.instruments.header_facts import Known
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.range import Range

_ENTRY_KEYS = ("kind", "object", "filter", "exptime", "instrument")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A raw frame and the metadata of its header.

    Parameters
    ----------
    path : Path
        The file.
    file : str
        The path relative to the scanned directory, or to the common one of several, with forward slashes.
    kind : str or None
        bias, dark, flat, science, arc or other; None where it cannot be determined.
    object, filter, date, instrument : str or None
        From the header; `instrument` is the name of the instrument that matched.
    filter_cards : tuple of (str, str)
        Other cards that may name a filter: keyword and text.
    colours : str or None
        Pattern of a mosaic of colour filters from the first pixel of the raw frame, such as RGGB (see `colour_pattern`).
    dispersion : str or None
        Of a spectrum: "rows" where the wavelength changes along the rows (in x), "columns" where it does along the columns,
        "unknown" where nothing says it. Its filter names what disperses the light, and the slit. None for an image.
    exptime : float or None
        s.
    binning : (int, int) or None
        (x, y).
    shape : (int, int) or None
        (ny, nx) of the raw frame.
    problem : str or None
        Reason why the frame cannot be used.
    gain, readnoise, saturation : Known or None
        e-/ADU, e-, ADU, and the source of the number.
    settings : tuple of CameraSetting
        Settings of the camera that change the signal.
    temperature : Temperature or None
        Of the detector, as in the header.
    overscan, data : Range or None
        Sections of the raw frame.
    bad : tuple of Range
        Bad sections of the raw frame according to the instrument file.
    unit : str
        Unit of the pixel values.
    planes : (int, int) or None
        Of a cube: its first plane, and the one behind its last; the frame is their mean, and the exposure time that of one
        plane. None for an image of two axes.
    hdu : int, str or None
        The HDU of the image; None where the file has one image.
    corrections : tuple of Correction
        What the instrument file corrects in the header, before anything is looked at.
    readouts : tuple of Readout
        The amplifiers through which the detector was read; empty for one image of one readout. `bad` is then of the
        assembled image.
    detector : str or None
        Of the readouts, where the file has several detectors.
    doubts : tuple of str
        What the header says and is not used, such as a gain that is a setting of the camera.
    remarks : tuple of str
        What is strange in the header, its text, and behind the last image, and read all the same; see `list_remarks`,
        which looks at the pixels, too.
    header : mapping
        The values of the header by keyword (case is ignored), without comments and HISTORY; not compared.
    stamp : tuple of int, or None
        Inode, size and time of change of the file when its header was read; not compared.

    Examples
    --------
    >>> Frame(path=Path("raw/a.fits"), file="a.fits", kind="bias").as_dict()["kind"]
    'bias'
    """

    path: Path
    file: str
    kind: str | None = None
    object: str | None = None
    filter: str | None = None
    filter_cards: tuple[tuple[str, str], ...] = ()
    colours: str | None = None
    dispersion: str | None = None
    exptime: float | None = None
    binning: tuple[int, int] | None = None
    shape: tuple[int, int] | None = None
    date: str | None = None
    instrument: str | None = None
    problem: str | None = None
    gain: Known | None = None
    readnoise: Known | None = None
    saturation: Known | None = None
    settings: tuple[CameraSetting, ...] = ()
    temperature: Temperature | None = None
    overscan: Range | None = None
    data: Range | None = None
    bad: tuple[Range, ...] = ()
    unit: str = "adu"
    planes: tuple[int, int] | None = None
    hdu: int | str | None = None
    corrections: tuple[Correction, ...] = ()
    readouts: tuple[Readout, ...] = ()
    detector: str | None = None
    doubts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    header: Mapping[str, Any] = field(default=HeaderValues(), compare=False, repr=False)
    stamp: tuple[int, ...] | None = field(default=None, compare=False, repr=False)
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("path", "doubts", "remarks", "header", "stamp")

    @property
    def has_overscan(self) -> bool:
        """Whether an overscan tells the level of all its pixels."""
        return self.overscan is not None or (bool(self.readouts) and all(one.bias for one in self.readouts))

    @property
    def averaged(self) -> int:
        """The number of planes of which it is the mean; 1 for all other frames."""
        return 1 if self.planes is None else self.planes[1] - self.planes[0]

    def as_dict(self) -> dict[str, Any]:
        """Return the metadata as plain values for JSON."""
        entry: dict[str, Any] = {"file": self.file}
        entry |= {key: getattr(self, key) for key in _ENTRY_KEYS}
        entry |= {"date": self.date, "problem": self.problem}
        entry |= {"dispersion": self.dispersion} if self.dispersion else {}
        entry |= {"planes": list(self.planes)} if self.planes else {}
        entry |= {key: list(value) if (value := getattr(self, key)) else None for key in ("shape", "binning")}
        entry |= {
            key: value.to_fits() if (value := getattr(self, key)) else None for key in ("overscan", "data")
        }
        entry |= {
            key: value.value if (value := getattr(self, key)) else None
            for key in ("gain", "readnoise", "saturation", "temperature")
        }
        entry["colours"] = self.colours
        if self.readouts:
            entry |= {"detector": self.detector, "readouts": [_plain(readout) for readout in self.readouts]}
        entry["corrections"] = "; ".join(map(str, self.corrections)) or None
        return entry | {"doubts": "; ".join(self.doubts) or None, "remarks": "; ".join(self.remarks) or None}


def _plain(readout: Readout) -> dict[str, Any]:
    """Return a readout as plain values for JSON, its sections as FITS text."""
    entry: dict[str, Any] = {"name": readout.name, "hdu": readout.hdu}
    entry |= {key: getattr(readout, key).to_fits() for key in ("window", "data", "place")}
    entry |= {"bias": [section.to_fits() for section in readout.bias]}
    return entry | {
        key: getattr(readout, key) for key in ("flip_x", "flip_y", "gain", "readnoise", "saturation")
    }
