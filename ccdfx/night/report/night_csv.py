"""The table of all frames of a night as CSV: one row for each detector or colour of an exposure, and for each calibration."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from ccdfx.night.report.exposures import exposures_of, records_of
from ccdfx.night.report.raw_calibrations import raw_calibrations_of

CSV = "night.csv"
COLUMNS = (
    "exposure",
    "file",
    "part",
    "kind",
    "time",
    "object",
    "filter",
    "exptime",
    "airmass",
    "temperature",
    "overscan",
    "level",
    "noise",
    "outliers",
    "saturated",
    "sky",
    "unit",
    "sky_mag",
    "fwhm",
    "fwhm_arcsec",
    "ellipticity",
    "stars",
    "transparency",
    "noise_ratio",
    "flagged",
    "masters",
    "product",
    "combined",
    "used",
    "why",
)
"""exptime in s; temperature in degrees as in the header; overscan, level and noise in the unit of the raw frame; sky in `unit`, sky_mag in mag/arcsec^2;
fwhm in pixels; flagged: the number of pixels."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def night_csv(facts: Mapping[str, Any]) -> str:
    """Write the frames of a night as CSV with a line of names; what is not known is empty.

    A text that a spreadsheet would take for a formula begins with an apostrophe.

    >>> night_csv({"frames": [{"file": "b.fits", "kind": "bias"}]}).splitlines()[1][:14]
    'b.fits,b.fits,'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in _rows(facts):
        writer.writerow({name: _cell(row.get(name)) for name in COLUMNS})
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.7g}"
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _rows(facts: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    exposures = exposures_of(facts)
    told = {part["raw"] for row in exposures for part in row["parts"]}
    measured = {one["file"]: one for one in raw_calibrations_of(facts)}
    for frame in records_of(facts, "frames"):
        if frame.get("file") in told:
            continue
        yield {
            **{
                key: frame.get(key)
                for key in ("file", "kind", "object", "filter", "exptime", "airmass", "temperature")
            },
            **{key: value for key, value in measured.get(frame.get("file"), {}).items() if key in COLUMNS},
            "exposure": frame.get("exposure") or frame.get("file"),
            "time": frame.get("date"),
            "used": bool(frame.get("used", True)),
            "why": frame.get("problem") or frame.get("left_out"),
        }
    for row in exposures:
        for part in row["parts"]:
            flags = part["flags"] if isinstance(part["flags"], Mapping) else None
            yield {
                **{
                    key: row[key]
                    for key in ("exposure", "kind", "time", "object", "filter", "airmass", "temperature")
                },
                **{key: value for key, value in part.items() if key in COLUMNS},
                "file": part["raw"],
                "part": part["label"],
                "exptime": part["exptime"] if part["exptime"] is not None else row["exptime"],
                "noise_ratio": part["ratio"],
                "flagged": None if flags is None else sum(flags.values()),
                "masters": " ".join(part["masters"]),
                "product": part["file"],
                "used": row["used"],
                "why": row["why"],
            }
