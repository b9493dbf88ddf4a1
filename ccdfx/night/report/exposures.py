"""The exposures of a night, one record each: what their frames, products and detectors tell, for pages and tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

EXCESS = 1.15
"""The ratio of measured to expected noise above which a frame is marked."""
_KINDS = ("science", "arc")
_MEDIANS = ("sky", "sky_mag", "fwhm", "fwhm_arcsec", "ellipticity", "transparency", "overscan")


def exposures_of(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the science exposures of a night in the order of their times, each with its detectors or colours as `parts`.

    Parameters
    ----------
    facts : mapping
        The content of night.json.

    Returns
    -------
    list of dict
        What was measured of an exposure with several parts is the median of theirs; stars and flags are the sums of its
        detectors, the ratio of the noise is the one farthest from 1.

    Examples
    --------
    >>> frames = [{"file": f"a.fits[{name}]", "kind": "science", "exposure": "a.fits", "detector": name} for name in "NS"]
    >>> products = [{"file": f"{name}.fits", "source": f"a.fits[{name}]", "stars": 9} for name in "NS"]
    >>> one, = exposures_of({"frames": frames, "calibrated": products})
    >>> one["exposure"], one["stars"], [part["label"] for part in one["parts"]]
    ('a.fits', 18, ['N', 'S'])
    """
    products = _by_source(facts)
    combined = {
        str(name): str(one.get("file"))
        for one in records_of(facts, "combined")
        for name in one.get("inputs") or ()
    }
    grouped: dict[str, list[dict[str, Any]]] = {}
    for frame in records_of(facts, "frames"):
        if frame.get("kind") in _KINDS:
            grouped.setdefault(str(frame.get("exposure") or frame.get("file")), []).append(frame)
    rows = [_row(name, frames, products, combined) for name, frames in grouped.items()]
    return sorted(rows, key=lambda row: (row["time"] is None, str(row["time"]), row["exposure"]))


def count_exposures(frames: Iterable[Mapping[str, Any]]) -> int:
    """Count exposures: the frames of several detectors of one exposure are one.

    >>> count_exposures([{"file": "a[N]", "exposure": "a"}, {"file": "a[S]", "exposure": "a"}, {"file": "b"}])
    2
    """
    return len({str(frame.get("exposure") or frame.get("file")) for frame in frames})


def records_of(facts: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the records of a list of night.json; what is none is left out."""
    return [dict(record) for record in facts.get(name) or () if isinstance(record, Mapping)]


def noise_ratio(product: Mapping[str, Any]) -> tuple[float | None, str]:
    """Return the ratio of measured to expected noise, and a mark if it is outside the tolerance; an arc is not marked.

    >>> noise_ratio({"excess": 1.3}), noise_ratio({"noise_measured": 2.0, "noise_predicted": 2.0})
    ((1.3, '▲ excess'), (1.0, ''))
    """
    ratio, measured, expected = (product.get(key) for key in ("excess", "noise_measured", "noise_predicted"))
    if ratio is None and is_number(measured) and is_number(expected) and expected:
        ratio = measured / expected
    if not is_number(ratio):
        return None, ""
    if product.get("kind") == "arc":  # whose lines leave no empty sky
        return float(ratio), ""
    if ratio > EXCESS:
        return float(ratio), "▲ excess"
    return float(ratio), "▽ too little" if ratio < 1 / EXCESS else ""


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number, and no truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def sky_brightness(product: Mapping[str, Any]) -> float | None:
    """Return the sky of a calibrated frame in mag/arcsec^2, None where its zero point or pixel scale is not known.

    ``zero_point - 2.5 log10(sky / pixel_scale^2)``, with the sky in the unit of the frame for a pixel.

    >>> sky_brightness({"sky": 100.0, "zero_point": 25.0, "pixel_scale": 0.1})
    15.0
    """
    sky, zero, scale = (product.get(key) for key in ("sky", "zero_point", "pixel_scale"))
    if not (is_number(sky) and is_number(zero) and is_number(scale)) or sky <= 0 or scale <= 0:
        return None
    return float(zero - 2.5 * math.log10(sky / scale**2))


def _by_source(facts: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the calibrated products of each raw frame; the images of colours are made of a mosaic that is made of it."""
    products = records_of(facts, "calibrated")
    origin = {str(one.get("file")): str(one.get("source")) for one in products}
    found: dict[str, list[dict[str, Any]]] = {}
    for one in products:
        source = str(one.get("source"))
        found.setdefault(origin.get(source, source), []).append(one)
    return found


def _row(
    name: str,
    frames: Sequence[dict[str, Any]],
    products: Mapping[str, list[dict[str, Any]]],
    combined: Mapping[str, str],
) -> dict[str, Any]:
    parts = [
        _part(frame, product, combined)
        for frame in frames
        for product in products.get(str(frame.get("file")), []) or [{}]
    ]
    # The first of several colours is the mosaic.
    detectors = list({part["raw"]: part for part in reversed(parts)}.values())
    first = frames[0]
    row = {
        "exposure": name,
        "time": first.get("date"),
        **{key: first.get(key) for key in ("kind", "object", "filter", "airmass", "temperature")},
        "exptime": next(
            (part["exptime"] for part in parts if part["exptime"] is not None), first.get("exptime")
        ),
        "used": any(frame.get("used", True) for frame in frames),
        "why": "; ".join(
            dict.fromkeys(str(why) for one in frames if (why := one.get("problem") or one.get("left_out")))
        ),
        "parts": parts,
        "unit": next((part["unit"] for part in parts if part["unit"]), None),
        "stars": _sum(part["stars"] for part in detectors),
        "flags": _flag_sums(detectors),
    }
    for key in _MEDIANS:
        known = [part[key] for part in parts if is_number(part[key])]
        row[key] = statistics.median(known) if known else None
    ratios = [part for part in parts if part["ratio"] is not None]
    worst = max(
        ratios, key=lambda part: abs(math.log(part["ratio"])) if part["ratio"] > 0 else math.inf, default={}
    )
    return row | {"ratio": worst.get("ratio"), "mark": worst.get("mark", "")}


def _part(
    frame: Mapping[str, Any], product: Mapping[str, Any], combined: Mapping[str, str]
) -> dict[str, Any]:
    """Return one detector or colour of an exposure."""
    file = product.get("file")
    width, scale = product.get("fwhm"), product.get("pixel_scale")
    ratio, mark = noise_ratio(product)
    masters = product.get("masters") or ()
    return {
        "label": " ".join(str(one) for one in (frame.get("detector"), product.get("colour")) if one),
        "raw": frame.get("file"),
        "shape": frame.get("shape"),
        "data": frame.get("data"),
        "file": file,
        "combined": combined.get(str(file)),
        "masters": [str(one) for one in (masters.values() if isinstance(masters, Mapping) else masters)],
        **{
            key: product.get(key)
            for key in (
                "unit",
                "exptime",
                "sky",
                "fwhm",
                "ellipticity",
                "stars",
                "overscan",
                "overscans",
                "transparency",
            )
        },
        "sky_mag": sky_brightness(product),
        "fwhm_arcsec": width * scale if is_number(width) and is_number(scale) else None,
        "flags": product.get("flags"),
        "ratio": ratio,
        "mark": mark,
    }


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if is_number(value)]
    return sum(known) if known else None


def _flag_sums(parts: Iterable[Mapping[str, Any]]) -> dict[str, int] | None:
    tables = [part["flags"] for part in parts if isinstance(part["flags"], Mapping)]
    if not tables:
        return None
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: sum(table.get(name) or 0 for table in tables) for name in names}
