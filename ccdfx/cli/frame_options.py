"""The calibration frames that commands measure: files found by a directory or pattern, read and prepared."""

from __future__ import annotations

from typing import Any

import click

from ccdfx.cli.options import naming, which_image
from ccdfx.cli.several import require_one_image
from ccdfx.errors import MismatchError


def files_of(name: str, text: str, least: int = 2) -> list[str]:
    """List the images in a directory or the files of a pattern, sorted by name; fewer than `least` are a usage error."""
    from glob import glob
    from pathlib import Path

    from ccdfx.night.frames.scan import candidate_files
    from ccdfx.night.words import counted

    if text and Path(text).is_dir():
        found = [str(path) for path in candidate_files(text)]
    else:
        found = sorted(path for path in glob(text) if Path(path).is_file())
    if len(found) < least:
        needed = "two are" if least > 1 else "one is"
        raise click.UsageError(f"{name}: {text!r} finds {counted(len(found), 'file')}, and {needed} needed")
    return found


def prepared_frames(
    paths: list[str],
    *,
    saturation: float | None,
    overscan: str | None,
    trim: str | None,
    **image: Any,
) -> list[Any]:
    """Read frames of one shape; flag saturated pixels, subtract the overscan and trim, on request."""
    import ccdfx

    frames: list[Any] = []
    which = which_image(**image)
    for path in paths:
        if not frames:
            require_one_image(path, which)
        with naming(path):
            frame = ccdfx.read(path, **which)
            if saturation is not None:
                frame = ccdfx.mask_saturated(frame, saturation=saturation)
            if overscan:
                frame = ccdfx.subtract_overscan(frame, overscan=overscan)
            frames.append(ccdfx.trim(frame, section=trim) if trim else frame)
        if frames[-1].shape != frames[0].shape:
            rule = f"must have the shape {frames[0].shape} of {paths[0]}"
            remedy = "give frames of one camera and setting"
            raise MismatchError(path, rule, value=frames[-1].shape, remedy=remedy)
    return frames
