"""Balance of assembled readouts: the steps that are left at their borders, measured and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators import sigma_clipped
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.checks import whole
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_levels
from ccdfx.records.planes import working_dtype
from ccdfx.records.range import Range

BALANCED = "RDOFF"
"""Cards of the levels that were subtracted from readouts, by their number from 1."""
_FEWEST_LINES = 8
_LEAST_PART = 0.5  # of a strip that must be good in a line


@dataclass(frozen=True, slots=True)
class _Border:
    """A border of two readouts, by their numbers: strips of lines along it, (lines, pixels), on either side."""

    one: int
    two: int
    sides: tuple[Range, Range]
    upright: bool


def balance(image: ImageLike, *, readouts: Sequence[Readout], inset: int = 5, width: int = 64) -> Image:
    """Subtract from each readout a constant, so that no step is left at its borders.

    The step of a border is the clipped mean, over the lines across it, of the difference of the medians of two strips of
    a line, one on either side. The constants are those of the least squares of all steps, weighted by the squares of
    their errors; their mean over the detector is 0, so that the level of the whole stays.

    Parameters
    ----------
    image : Image or 2-D array
        Assembled; of the whole detector.
    readouts : sequence of Readout
        Whose places are used. One that touches no other keeps its level.
    inset : int
        Pixels from the border that are left out.
    width : int
        Of the strips; less where a readout is narrower. A slope of the sky across a border is taken for a step of the
        slope times width + 2 inset: subtract it first.

    Returns
    -------
    Image
        Floats; flags and variance stay. The header has the constants in RDOFF1, RDOFF2..., in the order of the readouts.

    Raises
    ------
    ArgumentError
        A place lies outside of the image, or it was balanced before.

    See Also
    --------
    assemble_exposure

    Examples
    --------
    >>> import numpy as np
    >>> places = [Range(0, 50, 0, 40), Range(50, 100, 0, 40)]
    >>> two = [Readout(name=n, window=p, data=p, place=p) for n, p in zip("AB", places)]
    >>> sky = np.full((40, 100), 500.0)
    >>> sky[:, 50:] += 4.0
    >>> done = balance(sky, readouts=two)
    >>> float(np.ptp(done.array)), done.header["RDOFF2"]
    (0.0, 2.0)
    """
    image, readouts = as_image(image), tuple(readouts)
    inset = whole("inset", inset, least=0, remedy="give pixels")
    width = whole("width", width, least=1, remedy="give pixels")
    if f"{BALANCED}1" in image.header:
        raise ArgumentError("image", "must not have been balanced before", value=image.header[f"{BALANCED}1"],
                            remedy="give the image before that")  # fmt: skip
    for one in readouts:
        if not Range.whole(image.shape).contains(one.place):
            raise ArgumentError(
                f"place of readout {one.name}", "must lie inside the image", value=one.place.to_fits(),
                remedy="give the assembled image of the whole detector",
            )  # fmt: skip
    offsets = border_offsets(image, readouts, inset=inset, width=width)
    array = image.array.astype(working_dtype(image.array))
    header = without_levels(image.header)
    for number, (one, offset) in enumerate(zip(readouts, offsets, strict=True), 1):
        array[one.place.slices] -= array.dtype.type(offset)
        header = header.set(
            f"{BALANCED}{number}", float(f"{offset:.7g}"), f"subtracted from readout {one.name}"[:46]
        )
    return adopt(array, header, image.mask, image.range, image.variance)


def border_offsets(image: Image, readouts: Sequence[Readout], *, inset: int, width: int) -> np.ndarray:
    """Measure the constants that `balance` subtracts."""
    rows: list[np.ndarray] = []
    steps: list[float] = []
    for border in _borders(readouts, inset, width):
        found = _step(image, border)
        if found is not None:
            weight = 1.0 / max(found[1], 1e-12)
            row = np.zeros(len(readouts))
            row[border.one], row[border.two] = -weight, weight
            rows.append(row)
            steps.append(weight * found[0])
    if not rows:
        return np.zeros(len(readouts))
    # The least norm leaves what touches nothing at 0; each group that touches keeps its mean level.
    offsets = np.linalg.lstsq(np.array(rows), np.array(steps), rcond=None)[0]
    areas = np.array([one.place.shape[0] * one.place.shape[1] for one in readouts], np.float64)
    for group in _groups(np.array(rows) != 0):
        offsets[group] -= np.average(offsets[group], weights=areas[group])
    return offsets


def _borders(readouts: Sequence[Readout], inset: int, width: int) -> list[_Border]:
    found = []
    for one, first in enumerate(readouts):
        for two, second in enumerate(readouts):
            a, b = first.place, second.place
            if a.x_upper == b.x_lower and (lines := _common((a.y_lower, a.y_upper), (b.y_lower, b.y_upper))):
                reach = min(inset + width, a.shape[1], b.shape[1])
                if reach > inset:
                    left = Range(a.x_upper - reach, a.x_upper - inset, *lines)
                    found.append(
                        _Border(one, two, (left, Range(b.x_lower + inset, b.x_lower + reach, *lines)), True)
                    )
            if a.y_upper == b.y_lower and (lines := _common((a.x_lower, a.x_upper), (b.x_lower, b.x_upper))):
                reach = min(inset + width, a.shape[0], b.shape[0])
                if reach > inset:
                    below = Range(*lines, a.y_upper - reach, a.y_upper - inset)
                    found.append(
                        _Border(one, two, (below, Range(*lines, b.y_lower + inset, b.y_lower + reach)), False)
                    )
    return found


def _common(one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int] | None:
    lower, upper = max(one[0], two[0]), min(one[1], two[1])
    return (lower, upper) if upper - lower >= _FEWEST_LINES else None


def _step(image: Image, border: _Border) -> tuple[float, float] | None:
    """Return the step of a border and its error; None where too few lines are good."""
    levels = []
    for side in border.sides:
        values = np.where(image.good[side.slices], image.array[side.slices], np.nan).astype(np.float64)
        lines = values if border.upright else values.T
        enough = np.isfinite(lines).mean(axis=1) >= _LEAST_PART
        level = np.full(lines.shape[0], np.nan)
        if enough.any():
            level[enough] = np.nanmedian(lines[enough], axis=1)
        levels.append(level)
    differences = (levels[1] - levels[0]).reshape(1, -1)
    usable = np.isfinite(differences)
    if usable.sum() < _FEWEST_LINES:
        return None
    numbers = sigma_clipped(np.where(usable, differences, 0.0), usable)
    return float(numbers.mean), float(numbers.std) / np.sqrt(usable.sum())


def _groups(touches: np.ndarray) -> list[np.ndarray]:
    """Return the readouts, by number, that touch one another, directly or through others."""
    groups: list[set[int]] = []
    for row in touches:
        pair = set(np.flatnonzero(row).tolist())
        joined = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair] + [pair.union(*joined)]
    return [np.array(sorted(group)) for group in groups]
