"""Readouts: the amplifiers through which a detector is read, and where their pixels belong."""

from __future__ import annotations

from dataclasses import dataclass

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import TEXT, YES_OR_NO, check_fields, real
from ccdfx.records.range import Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """Describe one readout (amplifier) of an exposure: its pixels in the file, and their place on the detector.

    Parameters
    ----------
    name : str
        Of the amplifier, such as its EXTNAME or AMPNAME.
    detector : str
        Of the detector that it reads; readouts of one detector are assembled into one image.
    hdu : int, str or None
        The HDU that holds its pixels (number from 0, or EXTNAME); None where the file has one image.
    window : Range
        All that it read, with its bias sections, in the stored image.
    data : Range
        Exposed pixels, in the stored image; inside `window`.
    bias : tuple of Range
        Bias sections (overscan and prescan), in the stored image; inside `window`, outside `data`.
    place : Range
        Where `data` lies in the assembled image of the detector, in pixels as they are binned; 0-based.
    flip_x, flip_y : bool
        Whether the columns (rows) of `data` run against those of the detector.
    gain : float or None
        e-/ADU.
    readnoise : float or None
        e-.
    saturation : float or None
        ADU, before the bias level is subtracted.
    reversed_x, reversed_y : bool
        Whether the stored columns (rows) run against the order in which they were read, for crosstalk.

    Raises
    ------
    ArgumentError
        A section is not where it must be, or a number is not above 0 (read noise: not below).

    Examples
    --------
    The right half of a detector of 100 x 50 pixels, read towards the right, with an overscan of 8 columns at its left:

    >>> right = Readout(
    ...     name="B",
    ...     window=Range(58, 116, 0, 50),
    ...     bias=(Range(58, 66, 0, 50),),
    ...     data=Range(66, 116, 0, 50),
    ...     place=Range(50, 100, 0, 50),
    ... )
    >>> right.data.shape == right.place.shape
    True
    """

    name: str
    window: Range
    data: Range
    place: Range
    bias: tuple[Range, ...] = ()
    detector: str = ""
    hdu: int | str | None = None
    flip_x: bool = False
    flip_y: bool = False
    gain: float | None = None
    readnoise: float | None = None
    saturation: float | None = None
    reversed_x: bool = False
    reversed_y: bool = False

    def __post_init__(self) -> None:
        check_fields(
            self,
            name=TEXT,
            detector=("text", lambda value: isinstance(value, str)),
            flip_x=YES_OR_NO,
            flip_y=YES_OR_NO,
            reversed_x=YES_OR_NO,
            reversed_y=YES_OR_NO,
        )
        for name, least in (("gain", None), ("readnoise", 0.0), ("saturation", None)):
            value = getattr(self, name)
            if value is not None:
                subject = f"{name} of readout {self.name}"
                real(subject, value, above=0.0) if least is None else real(subject, value, least=least)
        self._require_sections()

    def _require_sections(self) -> None:
        if not self.window.contains(self.data):
            self._refuse("data", f"must lie inside the readout {self.window.to_fits()}", self.data)
        if self.place.shape != self.data.shape:
            self._refuse("place", f"must have the size of the data section {self.data.to_fits()}", self.place)
        for section in self.bias:
            if not self.window.contains(section):
                self._refuse("bias", f"must lie inside the readout {self.window.to_fits()}", section)
            if section.intersection(self.data) is not None:
                self._refuse("bias", f"must not overlap the data section {self.data.to_fits()}", section)

    def _refuse(self, what: str, rule: str, section: Range) -> None:
        raise ArgumentError(
            f"{what} of readout {self.name}",
            rule,
            value=section.to_fits(),
            remedy="correct the header, or give the sections in an instrument file",
        )
