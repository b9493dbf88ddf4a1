"""Which frames of a scan are used: by filter, object, kind, file and by conditions on what is known of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePosixPath
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError, did_you_mean
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.values import FACT_NAMES, is_fact, value_of, ways_of_value
from ccdfx.night.frames.where import AllOf, Where, evaluate, names_in, parse_where
from ccdfx.night.instruments.conditions import pattern_of
from ccdfx.night.words import counted, listed
from ccdfx.records.checks import one_of

KINDS = ("bias", "dark", "flat", "science", "arc", "other")
_CALIBRATIONS = ("bias", "dark", "flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenFrames:
    """The frames that were chosen, and why the others were not.

    Parameters
    ----------
    frames : tuple of Frame
        Those that were chosen, in the order in which they were given.
    left_out : tuple of (Frame, reason)
        The others.
    notes : tuple of str
        What was asked and is not there: names of which no frame has any, values that frames do not have.
    by : tuple of str
        What they were chosen by, such as ``filter V`` and ``where exptime > 10``.
    """

    frames: tuple[Frame, ...]
    left_out: tuple[tuple[Frame, str], ...] = ()
    notes: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    @property
    def reasons(self) -> dict[str, str]:
        """Why files were not chosen."""
        return {frame.file: reason for frame, reason in self.left_out}


def choose(
    frames: Iterable[Frame],
    *,
    where: str | Sequence[str] = (),
    filter: str | Sequence[str] = (),
    object: str | Sequence[str] = (),
    kind: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
) -> ChosenFrames:
    """Choose frames by what is known of them; what is not given chooses nothing away.

    A frame must meet all that is given; of several names of one option, one suffices (of conditions, all must hold). The calibration frames (bias,
    dark, flat) that science frames need stay: `object` does not look at them, `filter` only at flats that have a
    filter, and `where` only if it names ``kind``. `kind` and `exclude` look at all frames.

    Parameters
    ----------
    frames : iterable of Frame
        As `scan` returns them.
    where : str or sequence of str, optional
        A condition such as ``exptime > 10 and airmass < 2``, on facts (kind, object, filter, exptime, airmass, date,
        temperature, binning, file...) and keywords of the header. A comparison with a missing value is false.
    filter, object : str or sequence of str
        Names, case ignored, with the wildcards ``*`` and ``?``.
    kind : str or sequence of str
        bias, dark, flat, science, arc, other.
    exclude : str or sequence of str
        Patterns of files to leave out, with the wildcards of a shell: of the whole name, or of one folder or file in it.

    Returns
    -------
    ChosenFrames

    Raises
    ------
    ArgumentError, ArgumentTypeError
        The condition cannot be parsed (the place is named), a kind is unknown, or a name is empty.

    See Also
    --------
    scan, group_frames, tabulate_frames

    Examples
    --------
    >>> from pathlib import Path
    >>> def frame(file, **facts):
    ...     return Frame(path=Path(file), file=file, **facts)
    >>> night = [
    ...     frame("b.fits", kind="bias"),
    ...     frame("m51.fits", kind="science", object="M 51", filter="V", exptime=30.0),
    ...     frame("m52.fits", kind="science", object="M 52", filter="V", exptime=5.0),
    ... ]
    >>> chosen = choose(night, filter="V", where="exptime > 10")
    >>> [one.file for one in chosen.frames], chosen.reasons
    (['b.fits', 'm51.fits'], {'m52.fits': 'not chosen by where exptime > 10'})
    """
    known = tuple(frames)
    names = {"exclude": exclude, "kind": kind, "object": object, "filter": filter}
    given = {option: _texts_of(option, value) for option, value in names.items()}
    for word in given["kind"]:
        one_of("kind", word, KINDS)
    conditions = tuple(map(parse_where, _texts_of("where", where)))
    condition = AllOf(conditions) if conditions else None
    tests: list[tuple[str, _Test]] = [(option, _TESTS[option]) for option in _TESTS if given[option]]
    chosen, left_out = [], []
    missing: dict[str, list[str]] = {}
    for frame in known:
        reason = next(
            (f"not chosen by {said}" for option, test in tests if (said := test(frame, given[option]))), None
        )
        if reason is None and condition is not None and _is_asked(frame, condition):
            reason, lacking = _failure(frame, condition)
            for name in lacking:
                missing.setdefault(name, []).append(frame.file)
        if reason is None:
            chosen.append(frame)
        else:
            left_out.append((frame, reason))
    notes = [
        *_unmatched(known, given),
        *(_missing_note(name, files, known) for name, files in missing.items()),
    ]
    by = [f"{option} {' or '.join(given[option])}" for option, _ in tests]
    return ChosenFrames(
        frames=tuple(chosen),
        left_out=tuple(left_out),
        notes=tuple(notes),
        by=(*by, *(f"where {one}" for one in conditions)),
    )


_Test = Callable[[Frame, tuple[str, ...]], str]
"""A test of a frame against the names of an option: "" where it is passed, else what it failed."""


def _fails_exclude(frame: Frame, globs: tuple[str, ...]) -> str:
    excluding = next((glob for glob in globs if _is_file(frame, glob)), None)
    return "" if excluding is None else f"exclude {excluding}"


def _fails_kind(frame: Frame, kinds: tuple[str, ...]) -> str:
    return "" if frame.kind in kinds else f"kind {' or '.join(kinds)}"


def _fails_object(frame: Frame, names: tuple[str, ...]) -> str:
    return "" if frame.kind in _CALIBRATIONS else _fails_name(frame, "object", names)


def _fails_filter(frame: Frame, names: tuple[str, ...]) -> str:
    # A flat without the name of a filter may fit: bands and slots are told apart later.
    free = frame.kind in ("bias", "dark") or (frame.kind == "flat" and not frame.filter)
    return "" if free else _fails_name(frame, "filter", names)


def _fails_name(frame: Frame, option: str, names: tuple[str, ...]) -> str:
    value = value_of(frame, option)
    if value is not None and any(_is_named(value, name) for name in names):
        return ""
    said = f"{option} {' or '.join(names)}"
    return f"{said}{_lacking(frame, 'none')}" if value is None else said


def _lacking(frame: Frame, what: str) -> str:
    """Return what a frame does not have, and where it has a problem this, which may be why."""
    return f", as it has {what}{f' ({frame.problem})' if frame.problem else ''}"


_TESTS: Mapping[str, _Test] = {
    "exclude": _fails_exclude,
    "kind": _fails_kind,
    "object": _fails_object,
    "filter": _fails_filter,
}


def _is_asked(frame: Frame, condition: Where) -> bool:
    names = {name.strip().casefold() for name in names_in(condition)}
    return frame.kind not in _CALIBRATIONS or "kind" in names


def _failure(frame: Frame, condition: Where) -> tuple[str | None, tuple[str, ...]]:
    """Return why a frame does not meet the condition, None where it does, and the names that it lacks."""

    def known(name: str) -> Any:
        return ways_of_value(frame, name)

    missing: list[str] = []
    for part in _parts(condition):
        verdict = evaluate(part, known)
        missing += verdict.missing
        if not verdict.holds:
            names = f"no {' and no '.join(verdict.missing)}"
            lacking = _lacking(frame, names) if verdict.missing else ""
            return f"not chosen by where {part}{lacking}", tuple(dict.fromkeys(missing))
    return None, tuple(dict.fromkeys(missing))


def _parts(condition: Where) -> Iterator[Where]:
    """Yield conditions that must all hold, as small as possible, so that a reason is short."""
    if isinstance(condition, AllOf):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


def _is_named(value: str, name: str) -> bool:
    return pattern_of(" ".join(name.split())).match(" ".join(value.split())) is not None


def _is_file(frame: Frame, glob: str) -> bool:
    pattern = re.compile(translate(glob.rstrip("/")))
    return any(pattern.match(part) for part in (frame.file, *PurePosixPath(frame.file).parts))


def _unmatched(frames: tuple[Frame, ...], given: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return a note for each name and pattern that no frame has."""
    notes = []
    for option in ("object", "filter"):
        values = list(dict.fromkeys(str(found) for one in frames if (found := value_of(one, option))))
        for name in given[option]:
            if not any(_is_named(value, name) for value in values):
                there = f"; there are {listed(values, 10)}" if values else ""
                notes.append(f"no frame has the {option} {name}{there}")
    kinds = {frame.kind for frame in frames}
    notes += [f"no frame is of the kind {word}" for word in given["kind"] if word not in kinds]
    return notes + [
        f"no frame is excluded by {glob}"
        for glob in given["exclude"]
        if not any(_is_file(frame, glob) for frame in frames)
    ]


def _missing_note(name: str, files: list[str], frames: tuple[Frame, ...]) -> str:
    """Return what is said of a value that a condition asks for and frames do not have."""
    if any(value_of(frame, name) is not None for frame in frames):
        return f"where: {counted(len(files), 'frame')} without {name}, comparisons are false: {listed(files)}"
    text = f"where: no frame has the {'fact' if is_fact(name) else 'keyword'} {name}, so comparisons with it are false"
    return text + nearest_name(name, frames)


def nearest_name(name: str, frames: tuple[Frame, ...]) -> str:
    """Return the end of a note on a value that no frame has: the name of a fact or keyword it may be meant for, if any."""
    keywords = {keyword for frame in frames for keyword in frame.header}
    near = "" if is_fact(name) else did_you_mean(name.strip(), (*sorted(keywords), *FACT_NAMES))
    return f"; {near}" if near else ""


def _texts_of(option: str, value: str | Sequence[str]) -> tuple[str, ...]:
    remedy = f"give a {'pattern' if option == 'exclude' else 'name'}, or a list of them"
    if not isinstance(value, str | Sequence):
        raise ArgumentTypeError(option, "must be text", value=value, remedy=remedy)
    texts = (value,) if isinstance(value, str) else tuple(value)
    for text in texts:
        if not isinstance(text, str):
            raise ArgumentTypeError(option, "must be text", value=text, remedy=remedy)
        if not text.strip():
            raise ArgumentError(option, "must not be empty", value=text, remedy=remedy)
    return texts
