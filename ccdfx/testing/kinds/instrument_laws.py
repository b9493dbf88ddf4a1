"""Laws of instruments."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ccdfx.night.frames.scan import scan
from ccdfx.night.instruments.instrument import KINDS, Instrument, match_instrument
from ccdfx.night.instruments.known import known_instruments
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.testing.laws import Trial, it_can_be_pickled, require, require_speed
from ccdfx.testing.strategies import headers


def it_matches_a_header_that_meets_its_conditions_and_no_empty_one(
    instrument: Instrument, trial: Trial
) -> None:
    require(
        instrument.specificity(Header()) is None,
        "it matches an empty header, and so every frame of the world",
    )
    header = trial.draw("header", _own_headers(instrument))
    require(
        instrument.specificity(header) is not None, "it does not match a header that meets its conditions"
    )


def it_is_told_apart_from_the_others(instrument: Instrument, trial: Trial) -> None:
    others = [item for item in known_instruments() if item.name != instrument.name]
    match_instrument(trial.draw("header", _own_headers(instrument)), [instrument, *others])


def any_header_is_read_without_an_error(instrument: Instrument, trial: Trial) -> None:
    header = trial.draw("header", headers() | _own_headers(instrument, free=True))
    fit, kind, refusal = (
        instrument.specificity(header),
        instrument.kind_of(header),
        instrument.refusal(header),
    )
    require(fit is None or isinstance(fit, tuple), f"specificity gives {fit!r}")
    require(kind is None or kind in KINDS, f"kind_of gives {kind!r}, which is none of {', '.join(KINDS)}")
    require(refusal is None or (isinstance(refusal, str) and refusal), f"refusal gives {refusal!r}")


def every_rule_names_a_kind_of_frame(instrument: Instrument, trial: Trial) -> None:
    require(instrument.rules, "it has no rules, so that no frame is of any kind")


def its_numbers_can_be(instrument: Instrument, trial: Trial) -> None:
    for name, least in (("gain", 1e-6), ("readnoise", 0.0), ("saturation", 1.0)):
        for item in getattr(instrument, name):
            fits = isinstance(item, str) or (np.isfinite(item) and item >= least)
            require(fits, f"its {name} is {item!r}")


def it_never_changes(instrument: Instrument, trial: Trial) -> None:
    require(dataclasses.is_dataclass(instrument), "it is no record")
    try:
        instrument.name = "other"  # type: ignore[misc]
    except (AttributeError, TypeError):
        return
    require(False, "its name can be set")


def a_frame_of_it_is_found_in_a_directory(instrument: Instrument, trial: Trial) -> None:
    from ccdfx.io import write

    header = trial.draw("header", _own_headers(instrument))
    write(Image(np.zeros((4, 4), np.uint16), header), trial.folder / "a.fits")
    frames = scan(trial.folder, instrument=instrument)
    require(len(frames) == 1, f"scan finds {len(frames)} frames in a directory of one")
    require(frames[0].instrument in (None, instrument.name), f"its instrument is {frames[0].instrument!r}")


def it_is_fast(instrument: Instrument, trial: Trial) -> None:
    header = Header({f"KEY{i}": i for i in range(200)})
    many = range(1000)
    require_speed(lambda: [instrument.specificity(header) for _ in many], trial.seconds, "1000 headers")


LAWS = (
    it_can_be_pickled, it_matches_a_header_that_meets_its_conditions_and_no_empty_one,
    it_is_told_apart_from_the_others, any_header_is_read_without_an_error, every_rule_names_a_kind_of_frame,
    its_numbers_can_be, it_never_changes, a_frame_of_it_is_found_in_a_directory, it_is_fast,
)  # fmt: skip


@st.composite
def _own_headers(draw: st.DrawFn, instrument: Instrument, *, free: bool = False) -> Header:
    """Generate headers that meet one group of the conditions and one rule.

    With `free`, the values may be of any kind.
    """
    when = list(draw(st.sampled_from(instrument.match)))
    if instrument.rules:
        when += draw(st.sampled_from(instrument.rules))[1]
    header: dict[str, Any] = {}
    for item in when:
        value = _meeting(item.test)
        if free:
            value = draw(st.sampled_from((value, 0, 1.5, True, "", "x", None)))
        keyword = item.keywords[0]
        if value is not None and (free or keyword not in header):
            header[keyword] = value
    return Header(header)


def _meeting(test: Any) -> Any:
    """Return a value that meets the test of a condition, or None if the keyword must be absent."""
    if isinstance(test, tuple):
        return _meeting(test[0])
    if isinstance(test, bool):
        return "present" if test else None
    if not isinstance(test, str):
        return test
    if test.startswith("!"):
        return None
    compared = re.match(r"^(<=|>=|<|>)\s*(.+)$", test)
    if compared:
        number = float(compared[2])
        return number + {"<": -1, ">": 1}[compared[1][0]]
    return test.replace("*", "").replace("?", "x") or "x"
