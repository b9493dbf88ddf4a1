"""What is known of a product that was made, or could not be: kept as JSON in the folder of facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.io.text import read_json
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.product import FACTS_FOLDER, Product
from ccdfx.photometry.stars import FrameStars
from ccdfx.records.checks import YES_OR_NO, Rule, check_fields, tuple_of
from ccdfx.records.image import Image

KEY = "CCDFXKEY"
"""Header card of a product: its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a maker returns.

    Parameters
    ----------
    image : Image, optional
        None where the product is facts alone, or could not be made.
    facts : mapping, optional
        Plain values for night.json.
    stars : FrameStars, optional
        Those of the image; kept beside its facts.
    pictures : mapping
        Further pictures of the image for the report, drawn by `raw_pictures`: bytes by the ending of their files.
    warnings : tuple of str
        For night.json and the report.
    failed : mapping
        Raw frames (`Frame.file`) that cannot be used, with the reason.
    used : tuple of str
        Raw frames (`Frame.file`) that went into it.
    lost : str, optional
        Reason why it could not be made; it is not tried again until its inputs, options or versions change.
    untrusted : bool
        Whether it failed its check, so that what needs it is refused too.
    passing : bool
        Whether its failure is not due to its inputs, such as a frame that changed meanwhile. It gets another key
        than it should have, so that the next run makes it again, and all that was made with it.

    Raises
    ------
    ArgumentTypeError
        A field is of another type.

    Examples
    --------
    >>> made = Made(image=Image([[1.0, 2.0]]), facts={"level": 1.5})
    >>> made.image.shape, made.lost
    ((1, 2), None)
    >>> Made(facts=1.5)
    Traceback (most recent call last):
    ccdfx.errors.ArgumentTypeError: Made: facts must be a mapping or None (got 1.5); see the page of plugins
    """

    image: Image | None = None
    facts: Mapping[str, Any] | None = None
    stars: FrameStars | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    lost: str | None = None
    untrusted: bool = False
    passing: bool = False

    def __post_init__(self) -> None:
        check_fields(
            self,
            image=_optional("an Image", Image),
            facts=_optional("a mapping", Mapping),
            stars=_optional("FrameStars", FrameStars),
            pictures=(
                "a mapping of bytes",
                lambda value: (
                    isinstance(value, Mapping) and all(isinstance(one, bytes) for one in value.values())
                ),
            ),
            warnings=tuple_of("text", _is_text),
            failed=(
                "a mapping of texts",
                lambda value: isinstance(value, Mapping) and all(map(_is_text, chain(*value.items()))),
            ),
            used=tuple_of("text", _is_text),
            lost=_optional("text", str),
            untrusted=YES_OR_NO,
            passing=YES_OR_NO,
        )


def _optional(words: str, kind: type) -> Rule:
    return f"{words} or None", lambda value: value is None or isinstance(value, kind)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A product that was made, as the folder of facts says: its key, what that was computed of, and its facts.

    `size` is that of its file in bytes, None without a file; `stars` that of the file of its stars; `histogram` that of
    its pixels, for pages. `intact` is false where another program changed the record.
    """

    file: str
    kind: str
    key: str
    parts: Mapping[str, Any]
    size: int | None = None
    stars: int | None = None
    facts: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    lost: str | None = None
    untrusted: bool = False
    seconds: float | None = None
    histogram: Mapping[str, Any] | None = None
    intact: bool = True

    def as_text(self) -> str:
        """Write the record as JSON, with the SHA-256 of its values."""
        values = {name: value for name, value in asdict(self).items() if name in _FIELDS}
        return json.dumps({**values, SUM: _sum(values)}, indent=1, allow_nan=False)


SUM = "sha256"
_FIELDS = frozenset(one.name for one in fields(Record) if one.name != "intact")


def _sum(values: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of the values of a record, but for the seconds: these differ from run to run."""
    summed = {name: value for name, value in values.items() if name in _FIELDS and name != "seconds"}
    return hashlib.sha256(json.dumps(summed, sort_keys=True).encode()).hexdigest()


def record_of(
    product: Product,
    parts: Mapping[str, Any],
    made: Made,
    *,
    size: int | None = None,
    stars: int | None = None,
    histogram: Mapping[str, Any] | None = None,
) -> Record:
    """Make the record of what a maker returned."""
    from ccdfx.night.summary import plain_values

    parts = made_of(parts, made)
    return Record(
        file=product.file,
        kind=product.kind,
        key=digest(parts),
        parts=parts,
        size=size,
        stars=stars,
        facts=None if made.facts is None else plain_values(made.facts),
        warnings=tuple(dict.fromkeys(made.warnings)),
        failed=dict(made.failed),
        used=made.used,
        lost=made.lost,
        untrusted=made.untrusted,
        histogram=histogram,
    )


PASSING = "passing"


def made_of(parts: Mapping[str, Any], made: Made) -> Mapping[str, Any]:
    """Return what the key of a product that was made is computed of: other than it should be where that is passing."""
    return {**parts, PASSING: True} if made.passing else parts


def facts_path(output: Path, file: str, suffix: str = ".json") -> Path:
    """Return the place of the facts of a product.

    >>> facts_path(Path("out"), "calibrated/a.fits").as_posix()
    'out/facts/calibrated/a.json'
    """
    return output / FACTS_FOLDER / Path(file).with_suffix(suffix)


def read_record(output: Path, file: str) -> Record | None:
    """Read the record of a product; None where there is none, or it is not whole."""
    try:
        values = read_json(facts_path(output, file))
        if not isinstance(values, dict) or values.get("file") != file:
            return None
        record = Record(**{name: value for name, value in values.items() if name in _FIELDS})
    except (OSError, ValueError, TypeError):
        return None
    if not _is_whole(record):
        return None
    return replace(
        record,
        warnings=tuple(record.warnings),
        used=tuple(record.used),
        intact=values.get(SUM) == _sum(values),
    )


def _is_whole(record: Record) -> bool:
    """Return whether the values of a record are of their types, so that it can be looked at."""
    return (
        _is_text(record.kind)
        and _is_text(record.key)
        and isinstance(record.parts, Mapping)
        and all(isinstance(record.parts.get(name) or {}, Mapping) for name in ("raw", "inputs"))
        and isinstance(record.failed, Mapping)
        and all(isinstance(part, Mapping | None) for part in (record.facts, record.histogram))
        and all(isinstance(size, int | None) for size in (record.size, record.stars))
        and all(
            isinstance(texts, list) and all(map(_is_text, texts)) for texts in (record.warnings, record.used)
        )
        and isinstance(record.lost, str | None)
        and isinstance(record.untrusted, bool)
    )


def write_record(output: Path, record: Record) -> None:
    """Write the record of a product; a failure leaves the earlier one."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(facts_path(output, record.file), True) as temporary:
        temporary.write_text(record.as_text() + "\n", encoding="utf-8")


_STAR_NUMBERS = ("width", "fwhm", "fwhm_error", "ellipticity", "core", "core_error", "growth", "growth_error")


def write_stars(path: Path, stars: FrameStars) -> None:
    """Write the stars of a frame to an ``.npy`` file: one row each, and a first row of what they have in common."""
    from ccdfx.io.atomic import atomic_path

    names = stars.sources.dtype.names or ()
    table = np.full((1 + len(stars.sources), max(len(names) + 3, len(_STAR_NUMBERS))), np.nan)
    table[0, : len(_STAR_NUMBERS)] = [getattr(stars, name) for name in _STAR_NUMBERS]
    for column, name in enumerate(names):
        table[1:, column] = stars.sources[name]
    table[1:, len(names) : len(names) + 3] = np.column_stack([stars.flux, stars.error, stars.usable])
    with atomic_path(path, True) as temporary, open(temporary, "wb") as file:
        np.save(file, table, allow_pickle=False)


def read_stars(path: Path) -> FrameStars:
    """Read what `write_stars` wrote; the same to the last bit."""
    from ccdfx.photometry.sources import SOURCE

    table = np.load(path, allow_pickle=False)
    names = SOURCE.names or ()
    rows = table[1:]
    sources = np.zeros(len(rows), SOURCE)
    for column, name in enumerate(names):
        sources[name] = rows[:, column]
    flux, error, usable = rows[:, len(names) : len(names) + 3].T
    numbers = {name: float(value) for name, value in zip(_STAR_NUMBERS, table[0], strict=False)}
    return FrameStars(sources, flux.copy(), error.copy(), usable == 1.0, **numbers)
