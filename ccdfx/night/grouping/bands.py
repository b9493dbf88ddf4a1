"""Filters of flats and science frames: those of one name whose other cards of filters differ are kept apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.agreement import agreeing_groups
from ccdfx.night.words import listed

_LIT = ("flat", "science", "arc")


def separate_bands(frames: Iterable[Frame]) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    """Split frames that have one filter by name, or none, but differ in another card that names filters.

    Returns
    -------
    frames : tuple of Frame
        In the same order; a frame that differs from others of its filter has a filter of its own, which
        names the card: ``V (FILTER2 = ND1)``.
    warnings : tuple of str
        One for each filter that was separated.
    """
    frames = tuple(frames)
    kinds: dict[tuple[str | None, str | None], list[Frame]] = {}
    for frame in frames:
        if frame.kind in _LIT and frame.problem is None:
            kinds.setdefault((frame.instrument, frame.filter), []).append(frame)
    renamed: dict[tuple[str, str | None], Frame] = {}
    warnings = []
    for (_, name), members in kinds.items():
        groups = agreeing_groups(members, _cards_of)
        if len(groups) == 1:
            continue
        cards = _distinctive([properties for properties, _ in groups])
        said = []
        for properties, together in groups:
            text = ", ".join(f"{card} = {properties[card]}" for card in cards if card in properties)
            band = f"{name} ({text})" if name and text else text or name
            renamed |= {(one.file, one.detector): replace(one, filter=band) for one in together}
            said.append(f"{text or 'no ' + ' or '.join(cards)}: {listed([frame.file for frame in together])}")
        what = f"frames of filter {name} differ" if name else "frames without a filter's name differ"
        warnings.append(
            f"{what} in {' and '.join(cards)} and are kept apart ({'; '.join(said)}); name the keywords of "
            "the filter in an instrument file (keywords.filter)"
        )
    return tuple(renamed.get((one.file, one.detector), one) for one in frames), tuple(warnings)


def _cards_of(frame: Frame) -> dict[str, Hashable]:
    """Return the cards to compare; the slot of a wheel counts only where no filter is named."""
    named = frame.filter is not None
    return {card: text for card, text in frame.filter_cards if not (named and text.isdigit())}


def _distinctive(groups: Sequence[dict[str, Hashable]]) -> list[str]:
    """Return the cards that tell the groups apart: one that does so alone, a text before a number, or all."""
    names = sorted({name for properties in groups for name in properties})
    differing = [name for name in names if len({group[name] for group in groups if name in group}) > 1]
    alone = [name for name in differing if len({group.get(name) for group in groups}) == len(groups)]
    texts = [name for name in alone if not all(str(group.get(name, "")).isdigit() for group in groups)]
    return (texts or alone)[:1] or differing
