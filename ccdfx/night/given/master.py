"""A master that is given, as its header and its levels describe it, and its place in the plan of a night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.records.range import Range

PREFIX = "given:"
"""Beginning of the names of given files: no raw frame has such a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMaster:
    """A master that is given.

    Parameters
    ----------
    frame : Frame
        What its header says, read as by one instrument; `kind` is bias, dark or flat.
    is_own : bool
        Whether ccdfx made it.
    combined : int
        Number of frames that it is made of, 0 where its header does not tell.
    factor : float
        By which its pixels are multiplied to be in ADU.
    overscan, bias : bool or None
        Whether they were subtracted from it; None where neither header nor levels tell.
    electrons : bool
        Whether its pixels are in electrons.
    has_binning : bool
        Whether its header tells the binning.
    window : Range or None
        Its place on the raw frame, where its header tells.
    telescope : str or None

    Examples
    --------
    >>> from pathlib import Path
    >>> frame = Frame(path=Path("old/dark.fits"), file="given:dark.fits", kind="dark")
    >>> master = GivenMaster(frame=frame, bias=False)
    >>> master.name, master.holds_bias
    ('dark.fits', True)
    """

    frame: Frame
    is_own: bool = False
    combined: int = 0
    factor: float = 1.0
    overscan: bool | None = None
    bias: bool | None = None
    electrons: bool = False
    has_binning: bool = True
    window: Range | None = None
    telescope: str | None = None
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("telescope",)

    @property
    def name(self) -> str:
        """Its file, without the prefix of given files."""
        return self.frame.file.removeprefix(PREFIX)

    @property
    def holds_bias(self) -> bool:
        """Whether the bias is still in it."""
        return not self.bias


@dataclass(frozen=True, slots=True)
class GivenMasters:
    """All masters that are given, each as read by every instrument of the night, and what is said of the files."""

    masters: tuple[GivenMaster, ...] = ()
    remarks: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[GivenMaster]:
        return iter(self.masters)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenPlan:
    """A given master that is taken in a setup where the night has none of its own: a copy is a product.

    `temperature` is that of the detector, `filter` and `exptime` (s) as for a master of the night.
    """

    kind: str
    setup: Setup
    file: str
    master: GivenMaster
    filter: str | None = None
    exptime: float | None = None
    temperature: float | None = None
