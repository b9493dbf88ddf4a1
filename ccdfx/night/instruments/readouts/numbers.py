"""Gain, read noise and saturation of each readout: cards of its own, lists for all of them, or one for all."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.noise.header_gain import doubt_about_gain
from ccdfx.records.header import lenient_number

Lookup = tuple[str | float, ...]

_USUAL = {
    "gain": ("GTGAIN", "GAIN", "S_GAIN"),
    "readnoise": ("GTRON", "RDNOISE"),
    "saturation": ("SATURATE",),
}
_OF_OUTPUT = {"gain": "CONAD", "readnoise": "RON"}
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_LENGTH = 8  # of a keyword; the letter of an amplifier takes the place of its last one (SATURATE, SATURATA)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Keywords of the gain (e-/ADU), the read noise (e-) and the saturation (ADU), or the numbers themselves.

    `output` is what cards of an output begin with, and {} its number in it: "ESO DET OUT{} ". ESO's CONAD is e-/ADU,
    where its GAIN is ADU/e-.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> image = StoredImage(header=Header({"GAIN": "[2.0, 1.9]", "SATURATA": 50000}), shape=(4, 4))
    >>> Numbers(gain=("GAIN",), saturation=(65535.0,)).of(image, "A", 0, 2)
    {'gain': 2.0, 'readnoise': None, 'saturation': 50000.0}
    """

    gain: Lookup = ()
    readnoise: Lookup = ()
    saturation: Lookup = ()
    output: str = ""

    def of(self, image: StoredImage, suffix: str, index: int, count: int) -> dict[str, float | None]:
        """Return the numbers of readout `index` of `count`, whose own cards end in `suffix`.

        Raises
        ------
        ArgumentError
            A list has another length than `count`.
        """
        if self.output:
            return {name: self._of_output(image, name, suffix, index, count) for name in _USUAL}
        return {
            name: _number(image, getattr(self, name), usual, suffix, index, count)
            for name, usual in _USUAL.items()
        }

    def _of_output(self, image: StoredImage, name: str, suffix: str, index: int, count: int) -> float | None:
        card = _OF_OUTPUT.get(name)
        value = None if card is None else lenient_number(image.header, self.output.format(suffix) + card)
        if value is not None and value > 0:
            return value
        beginning = self.output.partition("{}")[0]  # a card of another output says nothing of this one
        lookup = tuple(item for item in getattr(self, name) if not str(item).startswith(beginning))
        return _number(image, lookup, (), "", index, count)


def _number(
    image: StoredImage, lookup: Lookup, usual: Iterable[str], suffix: str, index: int, count: int
) -> float | None:
    names = [item for item in lookup if isinstance(item, str)]
    for card in _own_cards([*names, *usual], suffix):
        value = lenient_number(image.header, card)
        if value is not None and value > 0:
            return value
    for item in lookup:
        if isinstance(item, float | int):
            return float(item)
        numbers = listed_numbers(image.text(item))
        if numbers is not None:
            return _of_list(image, item, numbers, index, count)
        value = lenient_number(image.header, item)
        if value is not None and value > 0 and doubt_about_gain(image.header, item) is None:
            return value
    return None


def _own_cards(names: Iterable[str], suffix: str) -> Iterator[str]:
    if suffix:
        for name in names:
            yield name[: _LENGTH - len(suffix)] + suffix if len(name) <= _LENGTH else name + suffix


def _of_list(image: StoredImage, card: str, numbers: list[float], index: int, count: int) -> float | None:
    if len(numbers) != count:
        rule = f"must be a list of {count} numbers, one for each readout"
        raise image.refusal(card, rule, image.text(card))
    return numbers[index] if numbers[index] > 0 else None


def listed_numbers(text: str) -> list[float] | None:
    """Return the numbers of a list that is written as text, None where the text is no list.

    >>> listed_numbers("[2.0, 1.9]"), listed_numbers("2.0 1.9"), listed_numbers("2,5"), listed_numbers("high gain")
    ([2.0, 1.9], [2.0, 1.9], None, None)
    """
    bracketed = text[:1] in _BRACKETS and text.endswith(_BRACKETS[text[:1]])
    inside = text[1:-1] if bracketed else text
    if not bracketed and not re.search(r"\d[\s;]+[-+.\d]|,\s", inside):
        return None
    try:
        numbers = [float(part) for part in re.split(r"[\s,;]+", inside.strip()) if part]
    except ValueError:
        return None
    return numbers if numbers and all(map(math.isfinite, numbers)) else None
