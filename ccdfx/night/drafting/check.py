"""What frames become with an instrument file, and what is strange in that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxError
from ccdfx.night.calibrators import equal_exposures
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.night.instruments.paths import with_path
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.words import listed

COLUMNS = (
    "file", "kind", "filter", "exptime", "object", "binning", "overscan", "data", "gain", "readnoise", "saturation",
    "problem",
)  # fmt: skip


def check_rows(frames: Sequence[Frame]) -> list[list[Any]]:
    """Tabulate what frames become, by `COLUMNS`: sections as FITS text, exposures in s, gain in e-/ADU.

    >>> row = check_rows([Frame(path=Path("a.fits"), file="a.fits", kind="bias", binning=(2, 2))])[0]
    >>> dict(zip(COLUMNS, row, strict=True))["binning"]
    '2x2'
    """
    rows = []
    for frame in frames:
        facts = frame.as_dict()
        facts["binning"] = f"{frame.binning[0]}x{frame.binning[1]}" if frame.binning else None
        rows.append([facts[name] for name in COLUMNS])
    return rows


def check_remarks(frames: Sequence[Frame], instrument: Instrument) -> list[str]:
    """List what is strange: frames whose header it does not match, kinds that are absent, numbers that are not known.

    Parameters
    ----------
    frames : sequence of Frame
        As `scan` reads them with the instrument.
    instrument : Instrument
    """
    kinds = Counter(frame.kind for frame in frames if frame.problem is None)
    remarks = []
    unmatched = [frame.file for frame in frames if not _matches(frame, instrument)]
    if unmatched:
        remarks.append(
            f"[match] does not hold for {listed(unmatched)}: these are read so only with --instrument"
        )
    for kind in ("flat", "science"):
        if frames and not kinds[kind]:
            remarks.append(f"no frame is a {kind} frame")
    if not kinds["bias"] and not any(frame.has_overscan for frame in frames):
        without = _without_dark(frames)
        if without:
            remarks.append(
                "no frame is a bias frame, none has an overscan, and no dark has the exposure of "
                f"{listed(without)}: nothing tells the level without light of these"
            )
    used = [frame for frame in frames if frame.problem is None and frame.kind != "other"]
    for name, words in (("filter", "filter"), ("date", "date"), ("object", "object")):
        own = [one for one in used if one.kind == "science" or (name == "filter" and one.kind == "flat")]
        without = [one.file for one in own if getattr(one, name) is None]
        if without:
            remarks.append(f"no {words} is known of {listed(without)}")
    shapes = {(frame.shape, frame.overscan, frame.data) for frame in used}
    if len(shapes) > 1:
        remarks.append(
            f"the frames have {len(shapes)} different sizes or sections, which are not used together"
        )
    return remarks


def _without_dark(frames: Sequence[Frame]) -> list[str]:
    """List the flats and science frames of whose exposure there is no dark, which would hold their bias."""
    good = [frame for frame in frames if frame.problem is None]
    darks = [frame.exptime or 0.0 for frame in good if frame.kind == "dark"]
    tolerance = NightRecipe().dark.tolerance
    return [
        frame.file
        for frame in good
        if frame.kind in ("flat", "science")
        and not any(equal_exposures(dark, frame.exptime or 0.0, tolerance) for dark in darks)
    ]


def _matches(frame: Frame, instrument: Instrument) -> bool:
    from ccdfx.io import read_header

    try:
        header = read_header(frame.path, hdu=instrument.hdu)
    except CcdfxError:
        return True  # its problem is said
    return instrument.specificity(with_path(header, frame.path.absolute().as_posix())) is not None


def instrument_text(instrument: Instrument) -> str | None:
    """Return the text of the file of an instrument, None where it has none.

    >>> from ccdfx.night.instruments.known import load_instrument
    >>> instrument_text(load_instrument("nickel")).splitlines()[0]
    'name = "nickel"'
    """
    import ccdfx

    if not instrument.source:
        return None
    own = Path(instrument.source)
    home = Path(ccdfx.__file__).parent / "night"
    found = [own] if own.is_file() else sorted(home.rglob(own.name))
    return found[0].read_text(encoding="utf-8") if found else None
