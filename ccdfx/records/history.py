"""Provenance: options of steps as text for the HISTORY, masters that name their file there, and the bias.

A frame from which a bias was subtracted has two cards: BIASID, which tells that bias from any other by its
pixels, and BIASVAR, the part of the bias' variance in that of the frame. A dark and a science frame of the
same BIASID have an error in common. VARPART says that the variance of a frame is that of its calibration alone.
CALSTAT has a letter for each step that was applied, as MaxIm writes it; other programs have other cards for them.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from ccdfx.errors import MismatchError, printable
from ccdfx.records.arithmetic.history import identity
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

BIAS_ID, BIAS_VARIANCE = "BIASID", "BIASVAR"
PARTIAL = "VARPART"
_HASH_DIGITS = 16
_SAMPLE = 64  # pixels of each axis that tell one bias from another


def history_text(value: Any) -> str:
    """Format an option of a step for its HISTORY line and its repr.

    >>> history_text(({"low": 3.0}, "[1:2,1:1]"))
    '[(low=3.0),[1:2,1:1]]'
    """
    if isinstance(value, Master):
        return f"{PurePath(value.name).name} sha256={value.sha256[:_HASH_DIGITS]}"
    if isinstance(value, Range):
        return value.to_fits()
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(history_text, value)) + "]"
    options = getattr(value, "parameters", None)
    if hasattr(value, "name") and isinstance(options, Mapping):
        return value.name + _options_text(options)
    if isinstance(value, Mapping):
        return _options_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _options_text({field.name: getattr(value, field.name) for field in fields(value)})
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return str(value)


def _options_text(options: Mapping[str, Any]) -> str:
    return f"({','.join(f'{name}={history_text(value)}' for name, value in options.items())})"


@dataclass(frozen=True, slots=True)
class Master:
    """A master frame: the image, the name of its file and the SHA-256 of the file or pixels.

    Every operation that takes a bias, dark, flat or bad-pixel map accepts a Master; a pipeline then writes
    name and hash into the HISTORY. Two masters are equal if name and hash are equal.
    """

    image: Image = field(compare=False)
    name: str
    sha256: str

    def __repr__(self) -> str:
        return f"Master({self.name!r}, sha256={self.sha256[:12]})"


def pixel_sha256(image: Image) -> str:
    """Compute the SHA-256 of shape, type, pixels, flags and variance, for images without a file."""
    digest = hashlib.sha256(f"{image.shape} {image.dtype.str}".encode())
    for plane in (image.array, image.mask, image.variance):
        digest.update(b"-" if plane is None else plane.tobytes())
    return digest.hexdigest()


def bias_identity(bias: Image) -> str:
    """Compute what tells a bias from any other: a SHA-256 of its shape and a sample of its pixels.

    It is the same in memory and read from a file, as the pixels are; the noise of no two biases is the same.
    """
    return identity(bias.array)


def typical_variance(image: Image) -> float:
    """Compute the mean variance of a sample of the pixels, without unknown ones; NaN without a variance."""
    if image.variance is None:
        return math.nan
    sample = _sample(image.variance)
    known = sample[np.isfinite(sample)]
    return float(np.mean(known, dtype=np.float64)) if known.size else math.nan


def with_bias(header: Header, identity: str, variance: float) -> Header:
    """Record which bias was subtracted, and its typical variance in that of the frame, if it has one.

    >>> with_bias(Header(), "0123456789abcdef", 2.5)["BIASVAR"]
    2.5
    """
    header = header.set(BIAS_ID, identity, "bias subtracted, by its pixels")
    if not math.isfinite(variance):
        return header.remove(BIAS_VARIANCE)
    return header.set(BIAS_VARIANCE, variance, "variance of that bias in UNCERT")


def less_bias(header: Header, factor: float) -> Header:
    """Multiply the recorded variance of the bias, if there is one."""
    known = header.number(BIAS_VARIANCE)
    return header if known is None else header.set(BIAS_VARIANCE, known * factor)


def _sample(plane: np.ndarray) -> np.ndarray:
    steps = (max(1, size // _SAMPLE) for size in plane.shape)
    return plane[tuple(slice(None, None, step) for step in steps)]


def with_partial_variance(header: Header) -> Header:
    """Record that the variance is without the noise of the frame itself, which `add_variance` adds."""
    return header.set(PARTIAL, True, "UNCERT is without the noise of the frame")


def has_partial_variance(header: Header) -> bool:
    """Return whether the variance is that of the calibration alone.

    >>> has_partial_variance(with_partial_variance(Header())), has_partial_variance(Header())
    (True, False)
    """
    return header.get(PARTIAL) is True


CALIBRATED = "CALSTAT"
_LETTERS = {"overscan": "O", "bias": "B", "dark": "D", "flat": "F"}
REDUCED = "reduced"
"""The step of cards that do not say which."""
_STEP_CARDS = {
    "BIASID": "bias", "ZEROCOR": "bias", "SUBBIAS": "bias", "BIASCORR": "bias", "BIASCOR": "bias", "L1STATBI": "bias",
    "DARKCOR": "dark", "SUBDARK": "dark", "DARKCORR": "dark", "L1STATDA": "dark",
    "FLATCOR": "flat", "FLATCORR": "flat", "L1STATFL": "flat",
    "SUBOSCAN": "overscan", "BLEVCORR": "overscan", "L1STATOV": "overscan", "OVERSCAN": "overscan",
    "CCDPROC": REDUCED, "TRIM": REDUCED, "TRIMIM": REDUCED, "GAINCOR": REDUCED, "ILLUMCOR": REDUCED,
    "FRINGCOR": REDUCED, "RLEVEL": REDUCED, "STACKCNT": REDUCED, "NCOMBINE": REDUCED, "ESO PRO CATG": REDUCED, "PRODUCT": REDUCED,
}  # fmt: skip
_COUNTS = {"STACKCNT", "NCOMBINE"}  # of frames in one; a raw frame may say 1
_NUMBERS_TOO = {"OVERSCAN", "TRIM"}  # raw frames have their sizes there; IRAF writes a sentence
_NOT_DONE = re.compile(
    r"(|no|none|not? .*|n|n/a|f|false|omit(ted)?|skipped|perform|off|0+|pending|incomplete|un.*)\Z",
    re.IGNORECASE,
)
_OWN_PRODUCT = re.compile(r"(master (bias|dark|flat)|(calibrated|combined) frame)\Z")
_CALSTAT = re.compile(r"[BDFOCMTSN]{1,8}\Z")
_STAMP = re.compile(r"[A-Z][a-z]{2} +\d+ +\d+:\d+(:\d+)? +")  # IRAF begins with the time
_LINES = (
    (re.compile(r"ccdfx \S+ subtract_overscan\b"), "overscan"),
    (re.compile(r"ccdfx \S+ subtract_bias\b"), "bias"),
    (re.compile(r"ccdfx \S+ subtract_dark\b"), "dark"),
    (re.compile(r"ccdfx \S+ divide_flat\b"), "flat"),
    (re.compile(r"ccdfx \S+ (trim|calibrate|combine)\b"), REDUCED),
    (re.compile(r"Bias corrected with "), "bias"),  # AstroImageJ
    (re.compile(r"Dark corrected with "), "dark"),
    (re.compile(r"Flat corrected with "), "flat"),
    (re.compile(r"(Median|Average) master (bias|dark|flat) created from "), REDUCED),
    (re.compile(r"Calibrated with .*\bbias\b"), "bias"),
    (re.compile(r"Calibrated with .*\bdark\b"), "dark"),
    (re.compile(r"Calibrated with .*\bflat\b"), "flat"),
    (
        re.compile(
            r".*(\bImageCalibration\b|\bImageIntegration\b|\bCalibrated\b.* by ASTAP|\bstacking with\b)"
        ),
        REDUCED,
    ),
)


def applied_steps(header: Header) -> dict[str, str]:
    """Return the steps that a header says were applied, each with the card that says so.

    Parameters
    ----------
    header : Header
        Of this package (CALSTAT, BIASID), or of IRAF, ccdproc, MaxIm, Siril, PixInsight, ASTAP, AstroImageJ and the
        pipelines of HST, LCO and ESO.

    Returns
    -------
    dict of str to str
        Keys are "overscan", "bias", "dark", "flat", and "reduced" where the card does not say which.

    Examples
    --------
    >>> applied_steps(Header({"ZEROCOR": "Nov 30 12:01 Zero level correction image is Zero", "CALSTAT": "BD"}))
    {'bias': "CALSTAT = 'BD'", 'dark': "CALSTAT = 'BD'"}
    """
    found: dict[str, str] = {}
    letters = str(header.get(CALIBRATED) or "").replace(",", "").replace(" ", "").upper()
    if _CALSTAT.match(letters):
        card = f"{CALIBRATED} = '{header[CALIBRATED]}'"
        found |= {step: card for step, letter in _LETTERS.items() if letter in letters}
    for keyword, step in _STEP_CARDS.items():
        if keyword in header and _says_done(keyword, header[keyword]):
            value = header[keyword]
            text = f"'{_STAMP.sub('', value)}'" if isinstance(value, str) else value
            found.setdefault(step, f"{keyword} = {printable(text, 60)}")
    for keyword in ("HISTORY", "COMMENT"):
        for line in header.all(keyword) if keyword in header else ():
            for pattern, step in _LINES:
                if pattern.match(str(line)):
                    found.setdefault(step, f"{keyword} {printable(line, 60)}")
    return found


def _says_done(keyword: str, value: Any) -> bool:
    if keyword == "PRODUCT":
        return isinstance(value, str) and _OWN_PRODUCT.match(value) is not None
    if keyword in _COUNTS:
        return isinstance(value, int | float) and value > 1
    if keyword in _NUMBERS_TOO:
        return isinstance(value, str) and re.search("section|overscan|trim", value, re.IGNORECASE) is not None
    if keyword.startswith("L1STAT") and isinstance(value, int | float):
        return value > 0  # -1: not done (Liverpool Telescope)
    if isinstance(value, str):
        return _NOT_DONE.match(value.strip()) is None
    return value is not None and bool(value)


def with_step(header: Header, step: str) -> Header:
    """Record in CALSTAT that overscan, bias, dark or flat were applied.

    >>> with_step(with_step(Header(), "dark"), "bias")["CALSTAT"]
    'BD'
    """
    before = str(header.get(CALIBRATED) or "").strip().upper()
    before = before if _CALSTAT.match(before) else ""
    own = [letter for name, letter in _LETTERS.items() if name == step or letter in before]
    rest = [letter for letter in before if letter not in _LETTERS.values()]
    return header.set(CALIBRATED, "".join(own + rest), "applied: Overscan, Bias, Dark, Flat")


def refuse_twice(header: Header, step: str, again: bool) -> None:
    """Refuse a frame to which a step was applied before, unless it is asked for `again`.

    Raises
    ------
    MismatchError
        It names the card that says so.
    """
    card = None if again else applied_steps(header).get(step)
    if card is not None:
        raise MismatchError(
            "image",
            f"must not have had the {step} {'divided' if step == 'flat' else 'subtracted'} before",
            value=card,
            remedy="give the raw frame, or again=True if the card does not hold",
        )
