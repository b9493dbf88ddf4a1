"""Which frames are combined with others of their object and filter, and what is said of spectra, which are not."""

from __future__ import annotations

from collections.abc import Iterable

from ccdfx.night.frames.frame import Frame
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.words import listed


def is_combined(frame: Frame, recipe: NightRecipe) -> bool:
    """Return whether a frame is combined with others of its object and filter.

    Colours and spectra cannot be moved by stars: they are where the recipe says that frames lie on one another. Arcs are
    calibrated alone.
    """
    if frame.kind == "arc" or not recipe.combine.use:
        return False
    fixed = bool(frame.colours) or frame.dispersion is not None
    return not (recipe.combine.align and fixed)


def spectra_warnings(frames: Iterable[Frame], recipe: NightRecipe) -> tuple[str, ...]:
    """Describe the spectra of one object and filter are not combined, and what combines them.

    >>> from pathlib import Path
    >>> pair = [Frame(path=Path(n), file=n, kind="science", object="M 1", dispersion="rows") for n in ("a.fits", "b.fits")]
    >>> spectra_warnings(pair, NightRecipe())[0]
    'spectra are not moved by stars, and whether they lie on one another no header says, so they are not combined: M 1 (a.fits, b.fits); combine.align = false in the recipe combines them unmoved'
    """
    if not (recipe.combine.use and recipe.combine.align):
        return ()
    groups: dict[tuple[str, str | None], list[Frame]] = {}
    for frame in frames:
        if frame.kind == "science" and frame.dispersion is not None and frame.object:
            groups.setdefault((frame.object, frame.filter), []).append(frame)
    several = [
        f"{name} ({listed([frame.file for frame in members])})"
        for (name, _), members in groups.items()
        if len(members) > 1
    ]
    if not several:
        return ()
    return (
        "spectra are not moved by stars, and whether they lie on one another no header says, so they are not combined: "
        f"{listed(several)}; combine.align = false in the recipe combines them unmoved",
    )
