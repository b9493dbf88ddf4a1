"""Trends over nights: level and noise of a camera, sky, seeing and zero points, on one page."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ccdfx.errors import ArgumentError
from ccdfx.io.atomic import atomic_path
from ccdfx.night.graph.state import refuse_foreign_page
from ccdfx.night.report.exposures import count_exposures, exposures_of, is_number, records_of
from ccdfx.night.report.heading import heading
from ccdfx.night.report.page import visible
from ccdfx.night.report.raw_calibrations import raw_calibrations_of
from ccdfx.night.report.template import as_markup, template
from ccdfx.night.report.time_plot import Point, draw_times
from ccdfx.night.report.times import moment
from ccdfx.night.words import number

_DAY = 86400.0  # s
_PLOTS = (
    ("bias", "Bias level"),
    ("readnoise", "Read noise [e-]"),
    ("gain", "Gain [e-/ADU]"),
    ("sky", "Sky"),
    ("sky_mag", "Sky [mag/″²]"),
    ("fwhm", "FWHM [pixels]"),
    ("fwhm_arcsec", "FWHM [″]"),
    ("zero_point", "Zero point [mag]"),
)


def night_trends(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of one night that are compared with those of others.

    Parameters
    ----------
    facts : mapping
        The content of night.json.

    Returns
    -------
    dict
        `time` of the first exposure; by setup of the camera `readnoise` (e-) and `gain` (e-/ADU), of several readouts each; by
        instrument `bias`, the median level of the raw biases in their unit; by filter the medians over exposures of `sky` (in
        the unit of the frames), `sky_mag` (mag/arcsec^2), `fwhm` (pixels), `fwhm_arcsec` and `zero_point` (mag).

    Examples
    --------
    >>> frame = {"file": "a.fits", "kind": "science", "filter": "V", "date": "2020-01-01T03:00:00"}
    >>> facts = {"frames": [frame], "calibrated": [{"source": "a.fits", "file": "c.fits", "fwhm": 2.5}]}
    >>> found = night_trends(facts)
    >>> found["fwhm"], found["time"].hour
    ({'V': 2.5}, 3)
    """
    frames, exposures = records_of(facts, "frames"), exposures_of(facts)
    times = [time for frame in frames if (time := moment(frame.get("date")))]
    values: dict[str, Any] = {
        "time": min(times, default=None),
        "exposures": len(exposures),
        "frames": count_exposures(frames),
        "warnings": len(facts.get("warnings") or ()),
        **{name: _of_cameras(facts, name) for name in ("readnoise", "gain")},
        "bias": _medians(
            (row["instrument"], row["raw_level"])
            for row in raw_calibrations_of(facts)
            if row["kind"] == "bias"
        ),
    }
    for name in ("sky", "sky_mag", "fwhm", "fwhm_arcsec"):
        values[name] = _medians((row["filter"], row[name]) for row in exposures)
    zero_points = ((one.get("filter"), one.get("zero_point")) for one in records_of(facts, "calibrated"))
    return values | {"zero_point": _medians(zero_points)}


def write_trends(nights: Sequence[tuple[str | Path, Mapping[str, Any]]], path: str | Path) -> Path:
    """Write one page with the trends of several nights, in the order of their times.

    Parameters
    ----------
    nights : sequence of (path, mapping)
        The outputs, to which the page links, and the content of their night.json.
    path : path
        The page; an older one is replaced.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        There is no night.
    OutputExistsError
        A file that is no page of ccdfx is there.
    FileError
        The page cannot be written.
    """
    if not nights:
        raise ArgumentError("nights", "must be one or more", value=0, remedy="give outputs of ccdfx reduce")
    target = Path(path)
    refuse_foreign_page(target)
    rows = []
    for output, facts in nights:
        seen = visible(facts)
        about = heading(seen)
        rows.append(
            {
                **night_trends(seen),
                "name": about["heading"],
                "instrument": seen.get("instrument"),
                "telescopes": about["about"]["telescopes"],
                "link": _link(Path(output), target),
            }
        )
    rows.sort(key=lambda row: (row["time"] is None, str(row["time"]), row["name"]))
    drawn = as_markup(_drawn(rows))
    undated = sum(row["time"] is None for row in rows)
    text = template("trends.html.j2").render(
        title=f"Trends of {len(rows)} nights", rows=rows, plots=drawn, undated=undated, columns=_columns(rows)
    )
    with atomic_path(target, True) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return target


def _of_cameras(facts: Mapping[str, Any], name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in records_of(facts, "noise"):
        setup = str(row.get("setup") or row.get("instrument") or "")
        readouts = records_of(row, "readouts")
        for label, one in [(f"{setup}, {one.get('name')}", one) for one in readouts] or [(setup, row)]:
            if is_number(one.get(name)):
                found[label] = float(one[name])
    return found


def _medians(pairs: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for name, value in pairs:
        if is_number(value):
            values.setdefault(str(name or ""), []).append(float(value))
    return {name: statistics.median(some) for name, some in values.items()}


def _drawn(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    times = [row["time"] for row in rows if row["time"] is not None]
    plots = []
    for key, title in _PLOTS:
        series: dict[str, list[Point]] = {}
        for row in rows:
            if row["time"] is not None:
                days = _days(row["time"], times[0])
                for name, value in row[key].items():
                    series.setdefault(name, []).append((days, value, f"{row['name']}: {number(value)}"))
        if series:
            drawn = draw_times(series, label=f"{title} over nights", axis="days")
            plots.append({"title": title, "names": list(series), "svg": drawn})
    return plots


def _days(time: datetime, first: datetime) -> float:
    return (time - first).total_seconds() / _DAY


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return the columns of the table that any night has a value for: key, name of the series, head."""
    found = []
    for key, title in _PLOTS:
        for name in dict.fromkeys(name for row in rows for name in row[key]):
            found.append((key, name, f"{title}, {name}" if name else title))
    return found


def _link(output: Path, page: Path) -> str | None:
    """Return the link of the report of a night, relative to the page; None where there is none."""

    report = output / "report.html"
    if not report.is_file():
        return None
    try:
        return quote(Path(os.path.relpath(report.absolute(), page.absolute().parent)).as_posix())
    except ValueError:  # another drive
        return None
