"""Sites of readouts: their stored sections, and the section of the detector that their pixels cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import Directed, StoredImage, hull
from ccdfx.records.range import Range


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionCards:
    """Name the cards that hold the stored sections of a readout; its own end in `suffix`."""

    data: tuple[str, ...] = ("DATASEC",)
    trim: tuple[str, ...] = ("TRIMSEC",)
    bias: tuple[str, ...] = ("BIASSEC",)
    window: tuple[str, ...] = ()
    suffix: str = ""

    def first(self, image: StoredImage, cards: tuple[str, ...]) -> str:
        """Return the first of some cards that gives a section, empty where none does."""
        return next((card + self.suffix for card in cards if image.has(card + self.suffix)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The stored sections of a readout.

    Parameters
    ----------
    image : StoredImage
    data : Directed
        The pixels that cover the section of the detector.
    kept : Range
        Those of them that are used.
    bias : tuple of Range
    window : Range
    card : str
        That gave `data`.
    suffix : str
        Of the cards of this readout.
    """

    image: StoredImage
    data: Directed
    kept: Range
    bias: tuple[Range, ...]
    window: Range
    card: str = "NAXIS"
    suffix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A readout: its stored sections, and where `stored.data` lies on its detector.

    Parameters
    ----------
    stored : Stored
    place : Directed
        On the detector, as pixels are binned or not.
    flips : (bool, bool)
        Whether stored columns and rows run against those of the detector.
    card : str
        That gave `place`.
    detector : str
    name : str
    reversals : (bool, bool)
        Whether stored columns and rows run against the order of reading.
    numbers : Numbers or None
        Where gain, read noise and saturation of this readout are, if not where those of all are.
    """

    stored: Stored
    place: Directed
    flips: tuple[bool, bool]
    card: str
    detector: str = ""
    name: str = ""
    reversals: tuple[bool, bool] = (False, False)
    numbers: Numbers | None = None


def stored_sections(image: StoredImage, cards: SectionCards) -> Stored:
    """Read the stored sections of a readout; without DATASEC and TRIMSEC, all pixels are data.

    Raises
    ------
    ArgumentError
        A section is outside of the image, TRIMSEC is not in DATASEC, or BIASSEC is among the pixels that are used.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> cards = {"DATASEC": "[1:10,1:4]", "TRIMSEC": "[2:10,1:4]", "BIASSEC": "[11:12,1:4]"}
    >>> found = stored_sections(StoredImage(header=Header(cards), shape=(4, 12)), SectionCards())
    >>> found.kept.to_fits(), found.window.to_fits()
    ('[2:10,1:4]', '[1:12,1:4]')
    """
    data_card, trim_card, bias_card, window_card = (
        cards.first(image, names) for names in (cards.data, cards.trim, cards.bias, cards.window)
    )
    given, trim, bias, window = (
        image.stored_section(card) if card else None
        for card in (data_card, trim_card, bias_card, window_card)
    )
    whole = cards.suffix == ""
    if given is None and trim is None and (bias is not None or not whole):
        raise image.refusal(
            cards.data[0] + cards.suffix, "is missing, which says where the exposed pixels are"
        )
    data = given or trim or Directed(image.whole)
    if bias is not None and bias.range == data.range:  # written where there is none
        bias = None
    kept = data.range if trim is None else trim.range
    if not data.range.contains(kept):
        raise image.refusal(
            trim_card, f"must lie inside {data_card} = {data.range.to_fits()}", kept.to_fits()
        )
    if bias is not None and bias.range.intersection(kept) is not None:
        kept_card = trim_card or data_card
        raise image.refusal(
            bias_card,
            f"must not overlap the exposed pixels {kept_card} = {kept.to_fits()}",
            bias.range.to_fits(),
        )
    sections = () if bias is None else (bias.range,)
    covered = hull([kept, *sections])
    around = image.whole if whole else covered
    if window is not None and window.range.contains(covered):
        around = window.range
    return Stored(
        image=image,
        data=data,
        kept=kept,
        bias=sections,
        window=around,
        card=data_card or trim_card or "NAXIS",
        suffix=cards.suffix,
    )


def place_as_stored(here: Range, every: Sequence[Range]) -> Range:
    """Return the place of a data section on its detector where `every` one of it follow each other as they are stored.

    >>> place_as_stored(Range(6, 10, 0, 4), [Range(0, 4, 0, 4), Range(6, 10, 0, 4)])
    Range(x_lower=4, x_upper=8, y_lower=0, y_upper=4)
    """
    columns = {(one.x_lower, one.x_upper) for one in every if one.x_upper <= here.x_lower}
    rows = {(one.y_lower, one.y_upper) for one in every if one.y_upper <= here.y_lower}
    x, y = (sum(upper - lower for lower, upper in spans) for spans in (columns, rows))
    height, width = here.shape
    return Range(x, x + width, y, y + height)


def differing(values: Sequence[bool], others: Sequence[bool]) -> tuple[bool, bool]:
    """Return for x and y whether two directions differ.

    >>> differing((True, False), (True, True))
    (False, True)
    """
    return values[0] != others[0], values[1] != others[1]
