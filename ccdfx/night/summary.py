"""Metadata of a night as plain values, as stored in night.json."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ccdfx.io.text import read_json
from ccdfx.photometry.stars import FrameStars
from ccdfx.records.flags import flag_counts
from ccdfx.records.image import Image


def plain(value: float | None) -> float | None:
    """Return a number that JSON can store: None instead of NaN and infinity.

    >>> plain(float("nan")) is None, plain(2)
    (True, 2.0)
    """
    return None if value is None or not math.isfinite(value) else float(value)


def flags_of(image: Image) -> dict[str, int]:
    """Count the pixels with each flag that occurs."""
    return {name: int(count) for name, count in flag_counts(image.mask).items()}


def sky_facts(image: Image) -> dict[str, Any]:
    """Measure the sky: level, measured and predicted noise, their ratio (in the unit of the image), flags."""
    from ccdfx.estimators import background

    sky = background(image)
    return {
        "sky": plain(sky.level),
        "noise_measured": plain(sky.noise),
        "noise_predicted": plain(sky.predicted),
        "excess": plain(sky.excess),
        "unit": image.unit,
        "flags": flags_of(image),
    }


def star_facts(stars: FrameStars) -> dict[str, Any]:
    """Return what the stars of a frame tell: their number, FWHM and its error in pixels, ellipticity."""
    return {
        "stars": len(stars.sources),
        "fwhm": plain(stars.fwhm),
        "fwhm_error": plain(stars.fwhm_error),
        "ellipticity": plain(stars.ellipticity),
    }


def scale_facts(image: Image) -> dict[str, Any]:
    """Return what the header of an image says of its scales: arcsec per pixel (mean of both axes), and its zero point in mag.

    >>> scale_facts(Image([[1.0]], header={"PIXSCALE": 0.5, "ZEROPT": 25.0}))
    {'pixel_scale': 0.5, 'zero_point': 25.0}
    """
    scale = image.pixel_scale
    return {
        "pixel_scale": None if scale is None else plain(math.sqrt(scale[0] * scale[1])),
        "zero_point": plain(image.zero_point),
    }


def write_facts(facts: Mapping[str, Any], path: Path, *, overwrite: bool) -> Path:
    """Write the metadata as JSON; a failure leaves no partial file."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(path, overwrite) as temporary:
        Path(temporary).write_text(json_text(facts) + "\n", encoding="utf-8")
    return path


def night_schema() -> dict[str, Any]:
    """Return the JSON schema of night.json (draft 2020-12), of a night that is reduced or has begun.

    Examples
    --------
    >>> sorted(night_schema()["$defs"]["begun"]["properties"])
    ['complete', 'directory']
    """
    text = resources.files("ccdfx.night").joinpath("night.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def begin_facts(path: Path, directory: Path) -> None:
    """Write that a night has begun, in the place of its metadata: until they replace it, products may be of two runs."""
    write_facts({"complete": False, "directory": str(directory)}, path, overwrite=True)


def is_begun(path: Path) -> bool:
    """Return whether a file says that a night has begun and not ended."""
    if path.suffix != ".json":
        return False
    try:
        facts = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("complete") is False


def json_text(facts: object) -> str:
    """Convert metadata to standard JSON; values that are not finite become null.

    >>> print(json_text({"low": float("inf"), "good": 2.5}))
    {
     "low": null,
     "good": 2.5
    }
    """
    return json.dumps(plain_values(facts), indent=1, allow_nan=False)


def plain_values(value: Any) -> Any:
    """Convert values to those of JSON: numpy scalars to numbers, and numbers that are not finite to None."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_values(item) for item in value]
    value = value.item() if hasattr(value, "item") else value  # numpy scalars
    if isinstance(value, float):
        return plain(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def left_over(output: Path, files: Collection[str]) -> list[str]:
    """List files in the folders of products that are not in `files`: products of earlier runs.

    The folders are those of ccdfx and those of `files`.
    """
    names = {file.partition("/")[0] for file in files if "/" in file and file.endswith(".fits")}
    folders = [output / name for name in sorted({"masters", "calibrated", "combined"} | names)]
    found = [path for folder in folders if folder.is_dir() for path in folder.glob("*.fits")]
    return sorted(name for path in found if (name := f"{path.parent.name}/{path.name}") not in files)
