"""The raw calibration frames of a night, one record each: level, read noise, saturation, outliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccdfx.night.report.exposures import is_number, records_of


def raw_calibrations_of(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was measured of the inputs of masters, in the order of their times.

    Parameters
    ----------
    facts : mapping
        The content of night.json.

    Returns
    -------
    list of dict
        As `measured` of masters, with `time`, `filter`, `exptime`, `kind` and `master`; `raw_level` is the level with the overscan that was
        subtracted; `readnoise`, of biases, in electrons where one gain is known for all setups of the instrument.

    Examples
    --------
    >>> master = {"file": "masters/bias.fits", "kind": "bias", "instrument": "ccd"}
    >>> master["measured"] = [{"file": "b.fits", "level": 1.0, "overscan": 1000.0, "noise": 3.0}]
    >>> one, = raw_calibrations_of({"masters": [master], "noise": [{"instrument": "ccd", "gain": 2.0}]})
    >>> one["raw_level"], one["readnoise"]
    (1001.0, 6.0)
    """
    frames = {frame.get("file"): frame for frame in records_of(facts, "frames")}
    gains: dict[str, set[float | None]] = {}
    for row in records_of(facts, "noise"):
        gain = row.get("gain")
        gains.setdefault(str(row.get("instrument")), set()).add(float(gain) if is_number(gain) else None)
    rows = []
    for master in records_of(facts, "masters"):
        known = gains.get(str(master.get("instrument")), set())
        gain = next(iter(known)) if len(known) == 1 else None
        for one in records_of(master, "measured"):
            frame = frames.get(one.get("file"), {})
            level, overscan, noise = (one.get(key) for key in ("level", "overscan", "noise"))
            bias = master.get("kind") == "bias"
            rows.append(
                {
                    **one,
                    "time": frame.get("date"),
                    "temperature": frame.get("temperature"),
                    **{key: master.get(key) for key in ("kind", "filter", "instrument")},
                    "exptime": frame.get("exptime"),
                    "master": master.get("file"),
                    "raw_level": level + overscan if is_number(level) and is_number(overscan) else level,
                    "readnoise": noise * gain if bias and is_number(noise) and is_number(gain) else None,
                }
            )
    return sorted(rows, key=lambda row: (row["time"] is None, str(row["time"]), str(row["file"])))
