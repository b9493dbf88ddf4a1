"""Reading of given masters: by headers, and by levels where a header does not tell what was subtracted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.errors import CcdfxError, cause_of, printable
from ccdfx.io.stamp import file_stamp
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.header_values import HeaderValues
from ccdfx.night.given.describe import UNIT_RANGE, Described, as_raw_header, described
from ccdfx.night.given.find import GivenFile
from ccdfx.night.given.master import GivenMaster, GivenMasters
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.known import known_instruments, load_instrument
from ccdfx.night.words import listed
from ccdfx.records.header import Header
from ccdfx.records.wcs import range_of

_LEAST_PEDESTAL = 30.0  # ADU: above, a bias has its level
_NO_PEDESTAL = 3.0  # ADU: below, it was subtracted; between, it is not sure
_NEAR_BIAS = 0.2  # of the level of a bias: a dark below this fraction holds none
_SAMPLE = 1 << 20  # pixels that tell a level
_ONE = 0.1  # difference from 1 of a flat that was normalised
_CAMERA = ("NAXIS1", "NAXIS2", "INSTRUME", "OFFSET", "GAIN", "XBINNING", "CCDSUM")
_FIELDS = (
    "filter",
    "colours",
    "exptime",
    "binning",
    "shape",
    "date",
    "gain",
    "settings",
    "temperature",
    "object",
)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Of a sample of the pixels of a master: median, whether they are floats, and whether all are fractions."""

    median: float
    is_float: bool
    are_fractions: bool


def read_given(
    files: Sequence[GivenFile], frames: Iterable[Frame], instrument: str | Path | Instrument | None = None
) -> GivenMasters:
    """Describe given masters as the instruments of a night read their headers.

    The kind is that which was said, or that of the header; a file that is not surely a master is left out, and so is
    one of which it is not sure what was subtracted, each with a remark that says what to do.

    Parameters
    ----------
    files : sequence of GivenFile
    frames : iterable of Frame
        Of the night: their instruments read the headers of the masters.
    instrument : str, path or Instrument, optional
        The one that was named for the night.
    """
    if not files:
        return GivenMasters()
    names = list(dict.fromkeys(frame.instrument for frame in frames if frame.instrument))
    given = None if instrument is None else load_instrument(instrument)
    known = {one.name: one for one in known_instruments()} | ({given.name: given} if given else {})
    instruments = [known[name] for name in names if name in known]
    masters: list[GivenMaster] = []
    refused: dict[str, list[str]] = {}
    biases: list[_Bias] = []
    for file in _biases_first(files):
        try:
            masters += _read(file, instruments, biases)
        except _Refusal as refusal:
            if refusal.reason:
                refused.setdefault(refusal.reason, []).append(file.path.name)
        except (CcdfxError, OSError) as error:
            text = str(error).removeprefix(f"{printable(file.path, 1000)}: ")
            refused.setdefault(text, []).append(file.path.name)
        except (
            Exception
        ) as error:  # the reader of a plugin may raise anything; one file must not stop a night
            text = f"cannot be read: {cause_of(error)}"
            refused.setdefault(text, []).append(file.path.name)
    order = {file.name: number for number, file in enumerate(files)}
    masters.sort(key=lambda one: order[one.frame.file])
    return GivenMasters(
        tuple(masters),
        tuple(f"no master is taken from {listed(names)}: {why}" for why, names in refused.items()),
    )


class _Refusal(Exception):
    """A file that is not taken, with the reason; without one it is not said."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def _biases_first(files: Sequence[GivenFile]) -> list[GivenFile]:
    """Return the files with those of biases first, whose levels tell whether darks hold them."""
    from ccdfx.io import read_header

    def is_later(file: GivenFile) -> bool:
        try:
            return (file.kind or described(read_header(file.path)).kind) != "bias"
        except Exception:  # it is said where the file is read
            return True

    return sorted(files, key=is_later)


@dataclass(frozen=True, slots=True)
class _Bias:
    """A bias that has its level, and what must agree in a dark that is compared with it."""

    camera: tuple[Any, ...]
    path: Path
    factor: float


def _read(file: GivenFile, instruments: Sequence[Instrument], biases: list[_Bias]) -> list[GivenMaster]:
    """Describe one file; `biases` are those that have their level, and get this one if it has."""
    from ccdfx.io import read_header

    stamp = file_stamp(file.path)
    header = read_header(file.path)
    found = described(header)
    kind = _kind(file, found)
    if found.problem:
        raise _Refusal(found.problem)
    raw = as_raw_header(header, is_mean=found.is_of_ccdfx)
    camera = tuple(str(raw.get(keyword)) for keyword in _CAMERA)
    factor, overscan, bias = _state(file, kind, found, [one for one in biases if one.camera == camera])
    if kind == "bias" and overscan is False:
        biases.append(_Bias(camera, file.path, factor))
    masters = []
    for instrument in instruments:
        facts = facts_of(raw, (), given=instrument, again=True)
        if "temperature" not in facts:
            raise _Refusal(str(facts.get("problem")))
        exptime = facts.get("exptime")
        if found.is_own:
            exptime = header.number("EXPTIME")
            facts["filter"] = header.get("FILTER")
        if kind == "dark" and exptime is None:
            raise _Refusal("it is a dark whose header does not tell its exposure time (EXPTIME)")
        frame = Frame(
            path=file.path,
            file=file.name,
            kind=kind,
            instrument=instrument.name,
            header=HeaderValues(header),
            stamp=stamp,
            **{name: facts[name] for name in _FIELDS if name in facts and name != "exptime"},
            exptime=exptime,
        )
        masters.append(
            GivenMaster(
                frame=frame,
                is_own=found.is_own,
                combined=found.frames,
                factor=factor,
                overscan=overscan,
                bias=bias,
                electrons=found.electrons,
                has_binning=_has_binning(header, instrument),
                window=_window(header, frame.shape),
                telescope=_text(header, "TELESCOP"),
            )
        )
    return masters


def _kind(file: GivenFile, found: Described) -> str:
    """Return the kind of a master that is surely one."""
    if found.is_other_product and file.kind is None:
        raise _Refusal(None)  # such as a map of bad pixels beside our masters
    if file.kind is not None:
        if found.kind is not None and found.kind != file.kind:
            raise _Refusal(f"it is said to be a {file.kind}, and its header says {found.kind}")
        return file.kind
    remedy = "say its kind: --masters bias=FILE, dark=FILE or flat=FILE"
    if found.kind is None:
        raise _Refusal(f"its header does not tell the kind; {remedy}")
    if not found.is_master:
        raise _Refusal(f"its header does not tell that it is a master and no raw {found.kind}; {remedy}")
    return found.kind


def _state(
    file: GivenFile, kind: str, found: Described, biases: Sequence[_Bias]
) -> tuple[float, bool | None, bool | None]:
    """Return the factor to ADU, and whether overscan and bias were subtracted.

    What a header does not tell, levels do where they leave no doubt.
    """
    if found.is_own:
        if kind == "flat" and not (found.bias or found.dark or found.overscan):
            raise _Refusal("neither overscan nor bias was subtracted from this flat")
        return 1.0, found.overscan, found.bias
    levels = _levels(file.path)
    if kind == "flat":
        normalised = levels.is_float and abs(levels.median - 1.0) < _ONE
        if not (file.level_free or found.bias or found.dark or found.overscan or normalised):
            raise _Refusal(
                "its header does not tell whether the bias was subtracted from this flat; if it was: --masters "
                "flat-without-bias=FILE"
            )
        return 1.0, found.overscan, True
    factor = _factor(levels, found)
    median = levels.median * factor
    level_free = True if abs(median) < _NO_PEDESTAL else False if median > _LEAST_PEDESTAL else None
    overscan = found.overscan if found.overscan is not None else level_free
    if kind == "bias":
        overscan = overscan if file.level_free is None else file.level_free
        if overscan is None:
            raise _Refusal(
                f"its level of {median:.3g} ADU and its header do not tell whether the overscan was subtracted; say it: "
                "--masters bias-with-level=FILE or bias-without-level=FILE"
            )
        return factor, overscan, None
    bias = file.level_free if file.level_free is not None else found.bias
    bias = bias if bias is not None else _dark_without_bias(median, biases)
    if bias is None:
        raise _Refusal(
            f"its level of {median:.3g} ADU and its header do not tell whether the bias was subtracted; say it: "
            "--masters dark-with-bias=FILE or dark-without-bias=FILE"
        )
    return factor, found.overscan if bias else overscan, bias


def _factor(levels: _Levels, found: Described) -> float:
    """Return by what pixels are multiplied to be in ADU."""
    if not (levels.is_float and levels.are_fractions) or found.has_unit:
        return 1.0
    if not found.fractions:
        raise _Refusal(
            "its pixels are between 0 and 1, and its header does not tell what 1 is in ADU; multiply them, by "
            "65535 for 16 bits, and write BUNIT = adu"
        )
    return UNIT_RANGE


def _dark_without_bias(median: float, biases: Sequence[_Bias]) -> bool | None:
    """Return whether the level of a dark tells that no bias is in it; None where it does not tell."""
    if abs(median) < _NO_PEDESTAL:
        return True
    known = [level for one in biases if (level := _levels(one.path).median * one.factor) > _LEAST_PEDESTAL]
    if known and max(known) < (1.0 + _NEAR_BIAS) * min(known):
        if median < _NEAR_BIAS * min(known):
            return True
        if abs(median - known[0]) < _NEAR_BIAS * known[0]:
            return False
    return None


def _levels(path: Path) -> _Levels:
    from ccdfx.io import read

    image = read(path)
    step = max(1, round((image.array.size / _SAMPLE) ** 0.5))
    array = image.array[::step, ::step]
    values = array[image.good[::step, ::step] & np.isfinite(array)]
    if not values.size:
        raise _Refusal("it has no good pixel")
    is_float = image.array.dtype.kind == "f"
    low, high = float(values.min()), float(values.max())
    return _Levels(float(np.median(values)), is_float, low >= 0.0 and high <= 1.0)


def _has_binning(header: Header, instrument: Instrument) -> bool:
    keys: list[Any] = []
    for item in instrument.binning:
        keys += item if isinstance(item, tuple) else (item,)
    return any(header.get(key) is not None for key in keys)


def _window(header: Header, shape: tuple[int, int] | None) -> Any:
    """Return the place on the raw frame; one at the origin is that of a header that tells none."""
    if shape is None:
        return None
    window = range_of(header, shape)
    return None if (window.x_lower, window.y_lower) == (0, 0) else window


def _text(header: Header, keyword: str) -> str | None:
    text = " ".join(str(header.get(keyword) or "").split())
    return text.casefold() or None
