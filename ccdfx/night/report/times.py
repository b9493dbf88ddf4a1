"""The small plots of a night over time: what was measured of its exposures and calibrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from ccdfx.night.report.exposures import is_number
from ccdfx.night.report.time_plot import SERIES, Point, draw_times
from ccdfx.night.words import number

_EXPOSURES = (
    ("sky", "Sky"),
    ("sky_mag", "Sky [mag/″²]"),
    ("fwhm", "FWHM [pixels]"),
    ("transparency", "Transparency"),
    ("overscan", "Overscan level"),
    ("temperature", "Temperature"),
)
_CALIBRATIONS = (
    (("bias",), "raw_level", "Bias level"),
    (("bias", "dark", "flat"), "overscan", "Overscan level"),
    (("bias",), "readnoise", "Read noise [e-]"),
    (("bias",), "noise", "Noise of biases"),
    (("bias", "dark", "flat"), "temperature", "Temperature"),
)


def moment(text: object) -> datetime | None:
    """Return a date with its time of day in UT, None for any other value.

    >>> moment("2020-01-02T03:04:05+01:00"), moment("2020-01-02")
    (datetime.datetime(2020, 1, 2, 2, 4, 5), None)
    """
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) and ":" in text else None
    except ValueError:
        return None
    return time if time is None or time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def plots_of_exposures(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Draw what was measured of the exposures of a night over time, each filter in a colour of its own."""
    units = {row["unit"] for row in rows if row.get("unit")}
    unit = f" [{units.pop()}]" if len(units) == 1 else ""
    plots = _drawn(rows, ((key, title + unit * (key == "sky"), rows) for key, title in _EXPOSURES))
    parts = [{**part, "time": row.get("time")} for row in rows for part in row.get("parts") or ()]
    return plots + _plots_of_readouts(parts)


def plots_of_calibrations(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Draw what was measured of raw calibrations over time; noise in electrons goes before that in ADU."""
    chosen = [
        (key, title, [row for row in rows if row.get("kind") in kinds]) for kinds, key, title in _CALIBRATIONS
    ]
    known = any(is_number(row.get("readnoise")) for row in rows)
    plots = _drawn(rows, (one for one in chosen if not (known and one[0] == "noise")), name="kind")
    return plots + _plots_of_readouts(rows)


def _plots_of_readouts(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Draw how the overscan of each readout differs from its own median over the frames."""
    levels = [
        {
            "time": row.get("time"),
            "file": f"{row.get('raw') or row.get('file')}, {name}",
            "readout": name,
            "level": level,
        }
        for row in rows
        for name, level in (row.get("overscans") or {}).items()
        if is_number(level)
    ]
    medians = {
        name: median(one["level"] for one in levels if one["readout"] == name)
        for name in {one["readout"] for one in levels}
    }
    changes = [{**one, "change": one["level"] - medians[one["readout"]]} for one in levels]
    few = len(medians) <= SERIES
    return _drawn(
        changes,
        [("change", "Overscan of readouts, from the median of each [ADU]", changes)],
        name="readout" if few else "",
    )


def _drawn(
    rows: Iterable[Mapping[str, Any]],
    wanted: Iterable[tuple[str, str, Sequence[Mapping[str, Any]]]],
    *,
    name: str = "filter",
) -> list[dict[str, Any]]:
    begin = min((time for row in rows if (time := moment(row.get("time")))), default=None)
    if begin is None:
        return []
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    plots = []
    for key, title, some in wanted:
        series: dict[str, list[Point]] = {}
        for row in some:
            time, value = moment(row.get("time")), row.get(key)
            if time is not None and is_number(value):
                words = f"{row.get('exposure') or row.get('file')}: {number(value)}"
                hours = (time - day).total_seconds() / 3600
                series.setdefault(str(row.get(name) or ""), []).append((hours, float(value), words))
        if sum(map(len, series.values())) > 1:
            drawn = draw_times(
                series, label=f"{title} over the hours of the night in UT", axis="UT [h]", turn=24.0
            )
            plots.append({"title": title, "names": list(series), "svg": drawn})
    return plots
