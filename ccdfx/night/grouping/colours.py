"""Mosaics of colours (BAYERPAT): the images of single colours that are made of their calibrated frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ccdfx.errors import ArgumentError
from ccdfx.night import naming
from ccdfx.night.calibrators import Use
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.settings.choices import ColourChoice, NightRecipe
from ccdfx.night.words import listed
from ccdfx.operations.colour.pattern import ColourPattern

COLOURS = ("R", "G", "B")
GUIDE = "G"
"""The colour by whose stars the frames of all colours are registered: it has the most pixels."""
SPLIT = "split"


class Calibrated(Protocol):
    """A calibrated frame that is planned."""

    @property
    def setup(self) -> Setup: ...
    @property
    def file(self) -> str: ...
    @property
    def use(self) -> Use: ...
    @property
    def filter(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourPlan:
    """The image of one colour (R, G, B) of a calibrated mosaic, which is a calibrated frame of a filter of its own.

    `mosaic` is the file of the calibrated mosaic, `guide` that of the image by whose stars the frame is registered,
    `pattern` that of the mosaic from its first pixel. `method` is "split" or a method of `debayer`.
    """

    setup: Setup
    file: str
    mosaic: str
    guide: str
    use: Use
    colour: str
    pattern: str
    method: str = SPLIT

    @property
    def filter(self) -> str:
        """The filter of the frame with the colour, such as ``V R``."""
        return " ".join(part for part in (self.use.frame.filter, self.colour) if part)

    @property
    def step(self) -> tuple[float, float]:
        """How far the pixels of this image are moved, (x, y) in pixels, to lie on those of the guide.

        >>> plan = ColourPlan(setup=None, file="", mosaic="", guide="", use=None, colour="R", pattern="GRBG")
        >>> plan.step
        (0.25, -0.25)
        """
        if self.method != SPLIT or self.colour == GUIDE:
            return 0.0, 0.0
        x, y = ColourPattern(self.pattern).place(self.colour)
        return (x - 0.5) / 2, (y - 0.5) / 2

    def describe(self) -> str:
        """Describe how the image is made, for messages."""
        how = "split" if self.method == SPLIT else f"interpolated ({self.method})"
        return f"colour {self.colour} of {self.mosaic.rpartition('/')[2]}, {how}"


def pattern_of(setup: Setup) -> ColourPattern | None:
    """Return the pattern of colours on the exposed pixels of a setup; None without a mosaic, or one that is not known."""
    if setup.colours is None or not is_known(setup.colours):
        return None
    return ColourPattern(setup.colours).moved(setup.data.x_lower, setup.data.y_lower)


def is_known(colours: str) -> bool:
    """Return whether a pattern is one of the mosaics whose colours can be told apart.

    >>> is_known("RGGB"), is_known("CMYG")
    (True, False)
    """
    try:
        ColourPattern(colours)
    except ArgumentError:
        return False
    return True


def plan_colours(
    science: Sequence[Calibrated], stems: Sequence[str], choice: ColourChoice
) -> tuple[ColourPlan, ...]:
    """Plan the images of colours of the mosaics among calibrated frames, R, G and B of each.

    Parameters
    ----------
    science : sequence of Calibrated
    stems : sequence of str
        The names of their files without folder and suffix.
    choice : ColourChoice
    """
    if choice.products == "none":
        return ()
    mosaics = [
        (item, stem, pattern)
        for item, stem in zip(science, stems, strict=True)
        if (pattern := pattern_of(item.setup)) is not None
    ]
    wanted = [f"{stem}_{colour}" for _, stem, _ in mosaics for colour in COLOURS]
    files = [f"calibrated/{stem}.fits" for stem in naming.unique([*stems, *wanted])[len(stems) :]]
    method = SPLIT if choice.products == SPLIT else choice.method
    found = []
    for number, (item, _, pattern) in enumerate(mosaics):
        own = dict(zip(COLOURS, files[len(COLOURS) * number :], strict=False))
        found += [
            ColourPlan(
                setup=item.setup,
                file=own[colour],
                mosaic=item.file,
                guide=own[GUIDE],
                use=item.use,
                colour=colour,
                pattern=pattern.letters,
                method=method,
            )
            for colour in COLOURS
        ]
    return tuple(found)


def mosaic_warnings(frames: Iterable[Frame], recipe: NightRecipe) -> tuple[str, ...]:
    """Return warnings about mosaics of colours that are not taken apart; none where all are."""
    mosaics = [frame for frame in frames if frame.colours and frame.problem is None]
    strange = [frame for frame in mosaics if not is_known(str(frame.colours))]
    known = [frame for frame in mosaics if frame not in strange]
    combined = (
        "; they are not combined, because frames that are moved would mix the colours (combine.align = false in "
        "the recipe combines frames that need not be moved)"
        if recipe.combine.use and recipe.combine.align
        else ""
    )
    found = []
    if strange:
        found.append(
            f"frames are mosaics of colours of a pattern that is not known ({_patterns(strange)}; known are "
            f"{', '.join(ColourPattern.KNOWN)}) and are treated as of one colour: flats have one level for all "
            f"colours, and no cosmic rays are masked in single frames{combined}: {_files(strange)}"
        )
    if known and recipe.colour.products == "none" and recipe.combine.use:
        found.append(
            f"frames are mosaics of colours ({_patterns(known)}) and stay so, as colour.products of the recipe wants; "
            "they are not combined, because each colour has a sky and a flux scale of its own, and moving them would "
            f'mix the colours ("split" and "debayer" combine each colour): {_files(known)}'
        )
    return tuple(found)


def _patterns(frames: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(str(frame.colours) for frame in frames))


def _files(frames: Iterable[Frame]) -> str:
    return listed([frame.file for frame in frames])
