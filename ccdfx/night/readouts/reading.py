"""Reading of exposures of several readouts: whole, as one assembled image, or by rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ccdfx import registry
from ccdfx.errors import ArgumentError, FormatError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.settings.choices import NightRecipe, OverscanChoice
from ccdfx.operations.readouts.bias_sections import stored_window
from ccdfx.operations.readouts.exposure import AssembledRows, plan_assembly
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.history import history_text
from ccdfx.records.image import Image
from ccdfx.records.range import Range

_ROWS = 4  # that are looked at


def read_assembled(frame: Frame, recipe: NightRecipe) -> Image:
    """Read a frame of several readouts, and assemble it to an image of its detector; see `assemble_exposure`.

    Raises
    ------
    FileError
        The file cannot be read.
    FormatError
        An image of a readout is missing.
    """
    from ccdfx.io import read

    return _opened(frame, recipe, read).select()


def open_assembled(frame: Frame, recipe: NightRecipe) -> AssembledRows:
    """Open a frame of several readouts as a source that is assembled as its rows are read."""
    from ccdfx.io import open_source

    return _opened(frame, recipe, open_source)


def balanced(image: Image, frame: Frame) -> Image:
    """Take out what steps at the borders of the readouts of a calibrated frame; see `balance`."""
    from ccdfx.operations.readouts.balance import balance

    done = balance(image, readouts=frame.readouts)
    line = f"ccdfx {registry.version()} balance {history_text({'readouts': [one.name for one in frame.readouts]})}"
    return done.replace(header=done.header.add_history(line))


def overscan_levels_of(choice: OverscanChoice) -> dict[str, Any]:
    """Return the options of `subtract_overscan` that say how levels are measured."""
    from ccdfx.operations.calibration.overscan_fit import OverscanFit

    options: dict[str, Any] = {"statistic": choice.statistic}
    if choice.fit is not None:
        options["fit"] = OverscanFit(**choice.fit)
    return options


def _opened(frame: Frame, recipe: NightRecipe, opener: Callable[..., Any]) -> AssembledRows:
    found: dict[int | str | None, Any] = {}
    for readout in frame.readouts:
        if readout.hdu not in found:
            found[readout.hdu] = _image(frame, readout.hdu, recipe, opener)
    for readout in frame.readouts:
        _require_noise(frame, readout, found[readout.hdu])
    options = overscan_levels_of(recipe.overscan)
    opened = plan_assembly(
        [found[one.hdu] for one in frame.readouts],
        readouts=frame.readouts,
        shape=frame.shape,
        again=recipe.read.again,
        **options,
    )
    said = {"readouts": [one.name for one in frame.readouts], **options}
    line = f"ccdfx {registry.version()} assemble_exposure {history_text(said)}"
    return opened.with_header(opened.header.add_history(line))


def _require_noise(frame: Frame, readout: Readout, stored: Any) -> None:
    """Refuse a readout whose middle rows are one value, exposed pixels and bias sections alike: it was not read."""
    if not Range.whole(stored.shape).contains(readout.window):
        return  # it is told where the readouts are assembled
    left, right, low, high = readout.window
    middle = (low + high) // 2
    rows = stored_window(stored, Range(left, right, middle, min(middle + _ROWS, high))).array
    if rows.size > 1 and (rows == rows[0, 0]).all():
        raise FormatError(
            frame.path,
            f"must hold an image of readout {readout.name}, whose middle rows have one value",
            value=rows[0, 0].item(),
            remedy="leave the frame out: this amplifier gave nothing",
        )


def _image(frame: Frame, hdu: int | str | None, recipe: NightRecipe, opener: Callable[..., Any]) -> Any:
    options: dict[str, Any] = {} if hdu is None else {"hdu": hdu}
    options |= {} if frame.planes is None else {"plane": frame.planes[0]}
    try:
        return opener(frame.path, checksum=recipe.read.checksum, **options)
    except ArgumentError as error:  # there is no such HDU
        raise FormatError(
            frame.path,
            "must hold the readouts of its detector, and one has no image",
            value=hdu,
            remedy=error.remedy,
        ) from error
