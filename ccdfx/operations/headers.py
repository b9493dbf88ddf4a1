"""The header of a combined frame: exposure, times, effective gain and read noise, and what all frames say.

The value of a pixel is m = sum(p x / s), with the scales s by which the values x are divided, and the parts
p = w / sum(w) of a mean, 1 of a total. At one rate of light its level is that of the exposure sum(p t / s).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ccdfx.records.compatibility import unit_name
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.history import BIAS_ID, BIAS_VARIANCE
from ccdfx.records.keywords import text_of, unit_of
from ccdfx.records.wcs import sky_cards

EXPOSURES = ("EXPTIME", "EXPOSURE")
_TIMES = (*EXPOSURES, "DARKTIME", "XPOSURE", "ITIME")
_GAINS, _NOISES = ("EGAIN", "GAIN"), ("RDNOISE", "READNOIS", "READNOISE", "ENOISE")
_FIRST, _LAST, _MIDDLE = ("DATE-OBS", "DATE-BEG"), "DATE-END", "DATE-AVG"
_LEVEL_CARD = re.compile(r"RDLEV\d+\Z")  # of a readout of one exposure
_TINY, _HUGE = 1e-100, 1e100  # numbers of headers beyond are of no frame: their squares overflow
_SAME = 1e-3  # relative difference of exposures that counts as none
_LARGEST = 20.0  # e-/ADU of one frame; a larger number is a setting of the camera
_DAY_ZERO = datetime(1858, 11, 17)


@dataclass(frozen=True, slots=True)
class Mixture:
    """How frames make a combined one: the name of the average, the scales, the weights and zeros if there are any.

    `to_first` says that the scales bring the light of each frame to that of the first; `everywhere`, that all
    frames cover the whole result.
    """

    average: str
    scales: tuple[float, ...]
    weights: tuple[float, ...] | None = None
    to_first: bool = False
    everywhere: bool = True
    zeros: tuple[float, ...] = ()

    @property
    def parts(self) -> list[float]:
        """By what the scaled values are multiplied before they are added."""
        if self.average == "total":
            return [1.0] * len(self.scales)
        weights = self.weights or (1.0,) * len(self.scales)
        return [weight / math.fsum(weights) for weight in weights]


def combined_header(headers: Sequence[Header], mixture: Mixture) -> Header:
    """Make the header of a combined frame: that of the first, with what belongs to the result.

    Parameters
    ----------
    headers : sequence of Header
    mixture : Mixture

    Returns
    -------
    Header
        EXPTIME (EXPOSURE, DARKTIME, XPOSURE, ITIME) is the exposure of the level, ``sum(p t / s)``; GAIN (EGAIN) and
        RDNOISE are the effective ones, so that ``m / gain + (readnoise / gain)**2`` is the variance of the result;
        DATE-OBS is the earliest start, DATE-END the latest end, DATE-AVG and MJD-AVG the mean of the middles
        and AIRMASS that of the air masses, weighted by ``p t / s``. A card is absent where a frame does not
        say what it needs. Other cards in which the frames differ are removed, except OBJECT and those of WCS, unit and bias.

    Notes
    -----
    With gains g and read noises R, at one level of the scaled frames, ``1 / gain = sum(p**2 u / (s g))`` and
    ``(readnoise / gain)**2 = sum((p R / (s g))**2)``, with ``u`` the share of a frame in the level, 1 for a mean:
    N g and sqrt(N) R for N equal frames. The noise of a level z that is subtracted, ``sum(p**2 z / (s g))``, is in
    the read noise. Frames that are not scaled have shares in proportion to their exposures.
    The variance of a median is larger than that of a mean, by a factor known for each number of frames. Values that are rejected are not considered.

    Examples
    --------
    >>> darks = [Header({"EXPTIME": t, "GAIN": 2.0, "RDNOISE": 6.0}) for t in (10.0, 20.0, 30.0)]
    >>> made = combined_header(darks, Mixture("mean", (1.0, 2.0, 3.0)))
    >>> made["EXPTIME"], round(made["GAIN"], 3)
    (10.0, 9.818)
    """
    first = headers[0]
    if len(headers) == 1 and mixture.scales[0] == 1:
        return first
    header = _agreed(headers)
    header = _exposed(header, headers, mixture)
    header = _with_noise(header, headers, mixture)
    return _dated(header, headers, mixture)


def _number(header: Header, keyword: str) -> float | None:
    """Return the number of a card; None for one whose square a float cannot hold, which is that of no frame."""
    value = lenient_number(header, keyword)
    return value if value is None or value == 0 or _TINY <= abs(value) <= _HUGE else None


def exposure_of(header: Header) -> float | None:
    """Return the exposure time in s, from EXPTIME or EXPOSURE; None if it is not known."""
    found = (_number(header, keyword) for keyword in EXPOSURES)
    return next((time for time in found if time is not None and time >= 0), None)


def _agreed(headers: Sequence[Header]) -> Header:
    """Return the cards of the first header that no other one contradicts."""
    first = headers[0]
    own = {"OBJECT", "BUNIT", "NCOMBINE", BIAS_ID, BIAS_VARIANCE, "CORRFACT", "HISTORY", "COMMENT", ""}
    own |= {*_TIMES, *_GAINS, *_NOISES, *(card.keyword for card in sky_cards(first))}
    asked = {card for card in first.cards if card.keyword not in own}
    gone: set[str] = set()
    for header in headers[1:]:
        unlike = [card for card in asked.difference(header.cards) if card.keyword in header]
        differing = {card.keyword for card in unlike if header[card.keyword] != first[card.keyword]}
        gone |= differing
        asked = {card for card in asked if card.keyword not in differing} if differing else asked
    return first.remove(*gone) if gone else first


def _exposed(header: Header, headers: Sequence[Header], mixture: Mixture) -> Header:
    """Set each exposure time to that of the level, and remove those that a frame does not say."""
    for keyword in _TIMES:
        times = _all([_number(one, keyword) for one in headers])
        seconds = None if times is None else _level_time(times, mixture)
        if seconds is None:
            header = header.remove(keyword)
        elif times is not None and seconds != times[0]:
            header = header.set(keyword, seconds)
    times = _all([exposure_of(one) for one in headers])
    if times is not None and not any(keyword in header for keyword in EXPOSURES):
        seconds = _level_time(times, mixture)  # one frame says it by one keyword, another by the other
        header = header if seconds is None else header.set(EXPOSURES[0], seconds, "[s] exposure of the level")
    totals = _all([_number(one, "TOTALEXP") for one in headers])
    return header.remove("TOTALEXP") if totals is None else header.set("TOTALEXP", math.fsum(totals))


def _level_time(times: list[float], mixture: Mixture) -> float | None:
    """Return the exposure of the level; None where it is not one for all pixels."""
    scaled = [time / scale for time, scale in zip(times, mixture.scales, strict=True)]
    if mixture.to_first:  # light that clouds took is made up for
        return scaled[0] * (len(scaled) if mixture.average == "total" else 1)
    if mixture.average == "inverse_variance_mean":  # its weights differ from pixel to pixel
        return scaled[0] if max(scaled) - min(scaled) <= _SAME * abs(scaled[0]) else None
    if mixture.average != "total" and len(set(scaled)) == 1:
        return scaled[0]
    return math.fsum(part * time for part, time in zip(mixture.parts, scaled, strict=True))


def _with_noise(header: Header, headers: Sequence[Header], mixture: Mixture) -> Header:
    """Set gain and read noise to the effective ones; remove those that are not known."""
    electrons = unit_name(unit_of(header) or "") == "electron"
    variance, own, gain = _per_variance(mixture), None, None
    for keyword in (key for key in _GAINS if key in header):
        gains = _all([_gain_of(one, keyword, electrons) for one in headers])
        setting = own is not None and gains != own  # GAIN beside EGAIN
        if variance is None or gains is None or setting:
            header = header.remove(keyword)
            continue
        own, shares = gains, _level_shares(headers, mixture)
        terms = zip(mixture.parts, shares, mixture.scales, gains, strict=True)
        gain = 1 / (variance * math.fsum(part**2 * share / (scale * g) for part, share, scale, g in terms))
        header = header.set(keyword, gain)
    for keyword in (key for key in _NOISES if key in header):
        noises = _all([_number(one, keyword) for one in headers])
        if gain is None or own is None or variance is None or noises is None:
            header = header.remove(keyword)
            continue
        zeros = mixture.zeros or (0.0,) * len(own)
        rest = zip(mixture.parts, noises, mixture.scales, own, zeros, strict=True)
        total = math.fsum(
            part**2 * ((noise / (scale * g)) ** 2 + zero / (scale * g))
            for part, noise, scale, g, zero in rest
        )
        header = (
            header.remove(keyword) if total < 0 else header.set(keyword, gain * math.sqrt(variance * total))
        )
    return header


def _per_variance(mixture: Mixture) -> float | None:
    """Return the variance of the average in units of that of a mean or total; None if it is not of this form."""
    if not mixture.everywhere or mixture.average not in ("mean", "total", "median"):
        return None
    if mixture.average != "median":
        return 1.0
    from ccdfx.estimators.order_statistics import median_efficiency

    return median_efficiency(len(mixture.scales))


def _level_shares(headers: Sequence[Header], mixture: Mixture) -> list[float]:
    """Return the scaled signal of each frame in units of the level of the result."""
    parts = mixture.parts
    times = _all([exposure_of(header) for header in headers])
    if times is not None and all(times) and len(set(mixture.scales)) == 1:
        whole = math.fsum(part * time for part, time in zip(parts, times, strict=True))
        return [time / whole for time in times]
    return [1 / math.fsum(parts)] * len(parts)


def _gain_of(header: Header, keyword: str, electrons: bool) -> float | None:
    """Return the gain of a frame, 1 in electrons; None for what is no gain in e-/ADU."""
    gain = _number(header, keyword)
    combined = _number(header, "NCOMBINE") or 1.0
    if electrons and combined <= 1:
        return 1.0 if keyword in header else None
    return gain if gain is not None and 0 < gain <= _LARGEST * max(combined, 1.0) else None


def _dated(header: Header, headers: Sequence[Header], mixture: Mixture) -> Header:
    """Set the times of start, end and middle, and the air mass; remove those that a frame does not say."""
    weights = _light_shares(_all([exposure_of(one) for one in headers]), mixture)
    header = header.remove(*_FIRST, _LAST, _MIDDLE, "MJD-AVG")
    header = header.remove(*(key for key in header if _LEVEL_CARD.match(key)))
    for keyword, pick in (("MJD-OBS", min), ("MJD-BEG", min), ("MJD-END", max)):
        days = _all([_number(one, keyword) for one in headers])
        header = header.remove(keyword) if days is None else header.set(keyword, pick(days))
    masses = _all([_number(one, "AIRMASS") for one in headers])
    if masses is None or weights is None:
        header = header.remove("AIRMASS")
    elif len(set(masses)) > 1:
        mean = math.fsum(weight * mass for weight, mass in zip(weights, masses, strict=True))
        header = header.set("AIRMASS", mean)
    starts = _all([_start(one) for one in headers])
    return header if starts is None else _with_times(header, headers, starts, weights)


def _with_times(
    header: Header, headers: Sequence[Header], starts: list[datetime], weights: list[float] | None
) -> Header:
    begin = min(starts)
    earliest = headers[starts.index(begin)]
    for keyword in _FIRST:
        if keyword in earliest or keyword == _FIRST[0]:
            written = text_of(earliest, keyword) or ""
            text = written if ":" in written else begin.isoformat()
            header = header.set(keyword, text, earliest.comment(keyword) if keyword in earliest else "start")
    ends = _all([_end(one, start) for one, start in zip(headers, starts, strict=True)])
    if ends is None:
        return header
    header = header.set(_LAST, max(ends).isoformat(timespec="milliseconds"), "latest end")
    if weights is None:
        return header
    middles = [(start - begin + (end - start) / 2) for start, end in zip(starts, ends, strict=True)]
    seconds = math.fsum(w * middle.total_seconds() for w, middle in zip(weights, middles, strict=True))
    mean = begin + timedelta(seconds=seconds)
    header = header.set(_MIDDLE, mean.isoformat(timespec="milliseconds"), "mean of the middles, weighted")
    return header.set("MJD-AVG", round((mean - _DAY_ZERO) / timedelta(days=1), 8), "[d] DATE-AVG")


_Known = TypeVar("_Known")


def _all(values: Sequence[_Known | None]) -> list[_Known] | None:
    """Return the values, or None where one is not known."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None


def _light_shares(times: list[float] | None, mixture: Mixture) -> list[float] | None:
    """Return the share of each frame in the light of the result; that in its level, where no time is spent."""
    if times is None:
        return None
    parts = [
        part * time / scale for part, time, scale in zip(mixture.parts, times, mixture.scales, strict=True)
    ]
    if not math.fsum(parts) > 0:
        parts = mixture.parts
    return [part / math.fsum(parts) for part in parts]


def _start(header: Header) -> datetime | None:
    """Return the start of the exposure by DATE-OBS or DATE-BEG, with the time of a card of its own if need be."""
    for keyword in _FIRST:
        date = text_of(header, keyword)
        if date is None:
            continue
        clock = "" if ":" in date else next(filter(None, (text_of(header, key) for key in _CLOCKS)), "")
        found = _time(date if not clock else f"{date}T{clock}")
        if found is not None and ":" in date + clock:
            return found
    return None


_CLOCKS = ("TIME-OBS", "UTC-OBS", "UTSTART", "UT", "UTC")


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _end(header: Header, start: datetime) -> datetime | None:
    """Return the end of the exposure: DATE-END, else the start and the exposure time."""
    stated = _time(text_of(header, _LAST) or "")
    if stated is not None and stated >= start:
        return stated
    time = exposure_of(header)
    return None if time is None else start + timedelta(seconds=time)
