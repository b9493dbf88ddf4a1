"""A draft of an instrument file for frames of a camera without a description."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.night.drafting.geometry import draft_sections
from ccdfx.night.drafting.guesses import (
    LIKELY,
    ROLES,
    Guess,
    guess,
    guess_binning,
    guess_exposure,
    time_beside,
)
from ccdfx.night.drafting.kinds import Kinds, find_kinds
from ccdfx.night.drafting.pixels import Seen, look_at, measure_noise
from ccdfx.night.drafting.text import Findings, draft_text, unknown_of
from ccdfx.night.frames.find import Paths
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.scan import candidate_files, scan
from ccdfx.night.instruments.conditions import number_of
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.header_facts import shape_of
from ccdfx.night.instruments.instrument import Instrument, match_instrument
from ccdfx.night.instruments.known import known_instruments
from ccdfx.night.words import listed
from ccdfx.noise.header_gain import doubt_about_gain
from ccdfx.records.compatibility import unit_name
from ccdfx.records.header import Header
from ccdfx.records.keywords import unit_of

_LONG = 24  # characters of a name
_BRIGHT = 0.25  # of the light of the brightest frame that a frame without light cannot have
_SHOWN = 3  # files whose problem is told
_COLOURS = ("BAYERPAT", "COLORTYP")


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of an instrument file, what is not known, what is strange, and the frames as it reads them."""

    text: str
    unknown: tuple[str, ...]
    remarks: tuple[str, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """A file whose header can be read: its path and name, header, and (ny, nx)."""

    path: Path
    file: str
    header: Header
    shape: tuple[int, int]


def draft_instrument(paths: Paths, *, name: str | None = None) -> Draft:
    """Write a draft of an instrument file from frames: a night with flats and biases tells most.

    Headers tell which keyword holds what. The pixels of a few frames of each kind tell which lines do not follow the light,
    where the camera saturates, and, by pairs of flats and of biases, gain and read noise.

    Parameters
    ----------
    paths : path or iterable of paths
        Files and directories, as of `scan`.
    name : str, optional
        Name of the instrument; by default that which the headers give.

    Returns
    -------
    Draft

    Raises
    ------
    ArgumentError
        No file has a header that can be read.
    FormatError
        The name is none: it has letters, digits, - and _.

    See Also
    --------
    load_instrument, scan

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ccdfx import Image, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in range(2):
    ...         image = Image(np.full((8, 8), 300), {"PICTURE": "zero", "TEXP": 0.0, "CAMNAME": "Odd 3"})
    ...         _ = write(image, f"{folder}/{number}.fits")
    ...     found = draft_instrument(folder)
    >>> [frame.kind for frame in found.frames], 'exptime = "TEXP"' in found.text
    (['bias', 'bias'], True)
    """
    read, broken = _headers(paths)
    headers = [one.header for one in read]
    guesses, kinds = _guesses(read)
    found = _findings(read, guesses, kinds, name)
    meant = {one.path: kind for one, kind in zip(read, kinds.of, strict=True)}
    frames = tuple(
        frame
        if meant[frame.path]
        else replace(frame, kind=None)  # the rule of a draft without any is no knowledge
        for frame in scan([one.path for one in read], instrument=_parsed(found))
    )
    seen = look_at(frames)
    main = _main_shape(read, kinds)
    sections = draft_sections(
        seen.edges,
        main,
        [one.header for one in read if one.shape == main],
        guesses.get("overscan"),
        guesses.get("data"),
    )
    found = replace(
        found,
        sections=sections,
        saturation=_saturation(seen),
        remarks=(
            *found.remarks,
            *_size_remarks(read, main, sections.data),
            *seen.problems[:_SHOWN],
            *broken[:_SHOWN],
        ),
        unknown=(*found.unknown, *_level_hints(seen, frames), *_gap_texts(seen)),
    )
    frames = scan([one.path for one in read], instrument=_parsed(found))
    strange = (*_disagreements(frames, meant), *_bright_biases(seen, frames), *_problems(frames))
    found = replace(found, remarks=(*found.remarks, *strange))
    noise, why = measure_noise(frames)
    found = replace(found, noise=noise, noise_why=why, stated=_stated(headers, guesses))
    text = draft_text(found)
    frames = scan([one.path for one in read], instrument=_parsed(found))
    return Draft(text, unknown_of(found), (*sections.remarks, *found.remarks), frames)


def _headers(paths: Paths) -> tuple[list[_Read], list[str]]:
    """Read all headers; say which cannot be read."""
    from ccdfx.io import read_header

    read, broken = [], []
    for path, file in candidate_files(paths).items():
        try:
            header = read_header(path)
            read.append(_Read(path, file, header, shape_of(header)))
        except CcdfxError as error:
            broken.append(f"{file} is left out: {str(error).removeprefix(f'{path}: ')}")
    if not read:
        raise ArgumentError(
            "frames", "must hold one with a header that can be read", value=broken[0] if broken else "no file",
            remedy="give raw frames: some of each kind tell most",
        )  # fmt: skip
    return read, broken


def _guesses(read: Sequence[_Read]) -> tuple[dict[str, Guess], Kinds]:
    """Find the keywords and kinds, which tell of each other."""
    headers = [one.header for one in read]
    files = [one.path.absolute().as_posix() for one in read]
    places = _below_common(files)
    found = {role: one for role in ROLES if (one := guess(role, headers)) is not None}
    if "gain" in found:
        kept = [
            key for key in found["gain"].keywords if not any(doubt_about_gain(one, key) for one in headers)
        ]
        gain = replace(found["gain"], keywords=tuple(kept))
        found = (
            {**found, "gain": gain} if kept else {role: one for role, one in found.items() if role != "gain"}
        )
    binning = guess_binning(headers)
    if binning is not None:
        found["binning"] = binning
    object_keyword = found["object"].keywords[0] if "object" in found else None
    exptime = found["exptime"].keywords[0] if "exptime" in found else None
    kinds = find_kinds(headers, places, exptime, object_keyword)
    if exptime is None and (by_values := guess_exposure(headers, kinds.of)) is not None:
        found["exptime"] = by_values
    return found, kinds


def _below_common(files: Sequence[str]) -> list[str]:
    """Return paths below the folder that all have in common, which says nothing of what tells frames apart.

    >>> _below_common(["/n/test/bias/1.fits", "/n/test/flat/1.fits"])
    ['bias/1.fits', 'flat/1.fits']
    """
    parts = [file.split("/") for file in files]
    shared = 0
    while all(len(one) > shared + 1 and one[shared] == parts[0][shared] for one in parts):
        shared += 1
    return ["/".join(one[shared:]) for one in parts]


def _findings(read: Sequence[_Read], guesses: dict[str, Guess], kinds: Kinds, name: str | None) -> Findings:
    headers = [one.header for one in read]
    match, why = _match(headers, guesses.get("camera"), read)
    own = name or _slug(next((str(value) for values in match.values() for value in values[:1]), ""))
    units = {unit_name(unit) for header in headers if (unit := unit_of(header)) is not None}
    remarks, unknown = [*_remarks(headers, guesses), *_known_already(headers)], _images(read[0].path)
    if len(units) > 1:
        unknown.append(f"the unit of the pixels: BUNIT says {', '.join(sorted(units))}")
    return Findings(
        name=own,
        frames=len(read),
        match=match,
        match_why=why,
        kinds=kinds,
        guesses=guesses,
        unit="electron" if units == {"electron"} else "adu",
        remarks=tuple(remarks),
        unknown=tuple(unknown),
    )


def _known_already(headers: Sequence[Header]) -> list[str]:
    """List the instruments that describe some of these headers already."""
    names: Counter[str] = Counter()
    for header in headers:
        try:
            one = match_instrument(header, known_instruments())
        except CcdfxError:
            continue
        if one is not None:
            names[one.name] += 1
    return [f"the instrument {name} describes {count} of these headers" for name, count in names.items()]


def _images(path: Path) -> list[str]:
    """List what is not known of a file that holds several images, of which only the camera's user knows which is meant."""
    from ccdfx.io.reading import open_every_image

    try:
        headers = [source.header for source in open_every_image(path)]
    except CcdfxError:
        return []
    if len(headers) < 2:
        return []
    names = [str(header.get("EXTNAME") or f"image {number}") for number, header in enumerate(headers, 1)]
    return [f"which image is meant: a file holds {len(names)} ({listed(names)}); hdu = NAME says it"]


def _match(
    headers: Sequence[Header], camera: Guess | None, read: Sequence[_Read]
) -> tuple[dict[str, list[Any]], str]:
    """Return what tells frames of this camera from others, and how sure that is."""
    for keyword in camera.keywords if camera else ():
        values = Counter(str(header.get(keyword) or "").strip() for header in headers)
        if "" not in values and len(values) <= 4:
            several = "; several cameras?" if len(values) > 1 else ""
            why = f"{camera.sure if camera else LIKELY}, {camera.why if camera else ''}{several}"
            return {keyword: [_literal(value) for value in values]}, why
    shape = _main_shape(read, None)
    why = "perhaps, no keyword names the camera: give this file with --instrument"
    return {"NAXIS1": [shape[1]], "NAXIS2": [shape[0]]}, why


def _main_shape(read: Sequence[_Read], kinds: Kinds | None) -> tuple[int, int]:
    sizes = [
        one.shape for number, one in enumerate(read) if kinds is None or kinds.of[number] != "other"
    ] or [one.shape for one in read]
    return Counter(sizes).most_common(1)[0][0]


def _remarks(headers: Sequence[Header], guesses: dict[str, Guess]) -> list[str]:
    remarks = []
    doubts = dict.fromkeys(
        doubt for header in headers for key in ("EGAIN", "GAIN") if (doubt := doubt_about_gain(header, key))
    )
    remarks += list(doubts)[:1]
    date = guesses.get("date")
    if date is not None and "T" not in date.found:
        clock = time_beside(headers)
        remarks += [f"{date.keywords[0]} has no time of day; {clock} has one"] if clock else []
    for keyword in _COLOURS:
        patterns = {str(header.get(keyword) or "").strip() for header in headers} - {""}
        if patterns:
            remarks.append(
                f"colour filters in front of the pixels: {keyword} = {', '.join(sorted(patterns))}"
            )
    exptime = guesses.get("exptime")
    if exptime is not None:
        comment = next(
            (one.comment(exptime.keywords[0]) for one in headers if exptime.keywords[0] in one), ""
        )
        if re.search(r"\bms\b|milli|\bmin(utes?)?\b", comment, re.IGNORECASE):
            remarks.append(f"{exptime.keywords[0]} may not be in seconds: its comment is {comment!r}")
    numbered = [
        role for role in ("gain", "readnoise") if role in guesses and _has_siblings(guesses[role], headers)
    ]
    if numbered:
        keywords = ", ".join(guesses[role].keywords[0] for role in numbered)
        remarks.append(f"{keywords}: there are others of this name with other numbers, of other amplifiers?")
    return remarks


def _has_siblings(one: Guess, headers: Sequence[Header]) -> bool:
    pattern = re.compile(re.sub(r"\\?\d+", r"\\d+", re.escape(one.keywords[0])) + r"\Z")
    return any(pattern.match(key) and key not in one.keywords for header in headers for key in header)


def _size_remarks(read: Sequence[_Read], main: tuple[int, int], data: str | None) -> list[str]:
    others = Counter(f"{one.shape[1]} x {one.shape[0]}" for one in read if one.shape != main)
    if not others:
        return []
    sizes = ", ".join(f"{size} ({count})" for size, count in others.items())
    said = f"frames of {main[1]} x {main[0]} were looked at; others are {sizes}"
    return [said + ("; the sections below may not be theirs" if data and "{" in data else "")]


def _level_hints(seen: Seen, frames: Sequence[Frame]) -> list[str]:
    """List the levels of frames of unknown kind: low ones are bias frames or darks."""
    unknown = {frame.file for frame in frames if frame.kind is None}
    levels = {file: level for file, level in seen.levels.items() if file in unknown}
    if not levels:
        return []
    texts = [f"{file} {level:.0f}" for file, level in sorted(levels.items(), key=lambda pair: pair[1])]
    return [f"what these show, by their median levels in ADU: {listed(texts, 8)}"]


def _gap_texts(seen: Seen) -> list[str]:
    return [
        f"how the readouts lie: {gap} inside of the frame do not follow the light, as between readouts side by side"
        for gap in seen.gaps
    ]


def _disagreements(frames: Sequence[Frame], meant: Mapping[Path, str | None]) -> list[str]:
    """List of which frames the rules make something else than was meant: patterns may catch more."""
    other = [
        f"{frame.file} ({frame.kind}, not {meant[frame.path]})"
        for frame in frames
        if meant[frame.path] not in (None, frame.kind)
    ]
    return [f"the rules make something else of {listed(other)}"] if other else []


def _bright_biases(seen: Seen, frames: Sequence[Frame]) -> list[str]:
    """List frames that are called bias and hold light: their names or cards may be wrong."""
    levels = {
        kind: {
            one.file: seen.levels[one.file] for one in frames if one.kind == kind and one.file in seen.levels
        }
        for kind in ("bias", "flat", "science")
    }
    lit = [*levels["flat"].values(), *levels["science"].values()]
    if not levels["bias"] or not lit:
        return []
    base = min(levels["bias"].values())
    limit = base + _BRIGHT * (max(lit) - base)
    bright = [file for file, level in levels["bias"].items() if level > limit > base]
    return [f"{listed(bright)} should be bias, and is as bright as frames with light"] if bright else []


def _problems(frames: Sequence[Frame]) -> list[str]:
    """List why frames cannot be used all the same, each reason once."""
    reasons: dict[str, list[str]] = {}
    for frame in frames:
        if frame.problem is not None and frame.kind is not None:
            reasons.setdefault(frame.problem, []).append(frame.file)
    return [
        f"cannot be used yet: {listed(files)}: {reason}" for reason, files in list(reasons.items())[:_SHOWN]
    ]


def _saturation(seen: Seen) -> tuple[float, str] | None:
    one = seen.saturation
    if one is None:
        return None
    why = (
        f"sure, {one.pixels} pixels pile up there"
        if one.pixels
        else "likely, the greatest value of its converter"
    )
    return one.level, why + (f"; all values are multiples of {one.step}" if one.step > 1 else "")


def _stated(headers: Sequence[Header], guesses: dict[str, Guess]) -> dict[str, float]:
    """Return the numbers of gain and read noise that all headers agree on."""
    found = {}
    for role in ("gain", "readnoise"):
        keyword = guesses[role].keywords[0] if role in guesses else None
        values = (
            {number_of(header.get(keyword)) for header in headers if keyword in header} if keyword else set()
        )
        if len(values) == 1 and (value := values.pop()) is not None:
            found[role] = value
    return found


def _parsed(found: Findings) -> Instrument:
    return read_instrument(draft_text(found), "draft")


def _slug(text: str) -> str:
    """Return a name of letters, digits and dashes.

    >>> _slug("Odd Cam (3)"), _slug("1056")
    ('odd-cam-3', 'camera-1056')
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONG].strip("-")
    return name if re.search("[a-z]", name) else f"camera-{name}".rstrip("-")


def _literal(text: str) -> str:
    text = text.replace("*", "?")
    return "?" + text[1:] if text[:1] in "<>!" else text
