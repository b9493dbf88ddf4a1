"""The facts of a night as plain values: what night.json holds."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ccdfx.records.flags import flag_counts
from ccdfx.records.image import Image


def plain(value: float | None) -> float | None:
    """A number that JSON can hold: None instead of NaN and infinity.

    >>> plain(float("nan")) is None, plain(2)
    (True, 2.0)
    """
    return None if value is None or not math.isfinite(value) else float(value)


def flags_of(image: Image) -> dict[str, int]:
    """How many pixels carry each flag; only those that occur."""
    return {name: int(count) for name, count in flag_counts(image.mask).items()}


def sky_facts(image: Image) -> dict[str, Any]:
    """Sky level, measured and predicted noise of the sky, and their ratio, in the unit of the image."""
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


def write_facts(facts: Mapping[str, Any], path: Path, *, overwrite: bool) -> Path:
    """Write the facts as JSON, whole or not at all."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(path, overwrite) as temporary:
        Path(temporary).write_text(json_text(facts) + "\n", encoding="utf-8")
    return path


def json_text(facts: object) -> str:
    """Facts as JSON that any reader takes: what is not finite becomes null.

    >>> print(json_text({"low": float("inf"), "good": 2.5}))
    {
     "low": null,
     "good": 2.5
    }
    """
    return json.dumps(_of_json(facts), indent=1, allow_nan=False)


def _of_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _of_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_of_json(item) for item in value]
    value = value.item() if hasattr(value, "item") else value  # numpy scalars
    if isinstance(value, float):
        return plain(value)
    return value if value is None or isinstance(value, str | int) else str(value)


def left_over(output: Path, files: Collection[str]) -> list[str]:
    """Files in the folders of products that are none of `files`: what earlier runs left there."""
    folders = [output / name for name in ("masters", "calibrated", "combined")]
    found = [path for folder in folders if folder.is_dir() for path in folder.glob("*.fits")]
    return sorted(name for path in found if (name := f"{path.parent.name}/{path.name}") not in files)
