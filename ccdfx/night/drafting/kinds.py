"""What raw frames of an unknown camera seem to be, by the words in a keyword, in names of files and folders, by exposures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ccdfx.night.drafting.guesses import LIKELY, PERHAPS, SURE, keywords_of
from ccdfx.night.instruments.conditions import number_of
from ccdfx.records.header import Header

PLACE = "path"
_WORDS = (
    ("dark", r"dark|\bdrk\b"),
    ("flat", r"flat|\bff\b|projector|twilight|\bdome\b"),
    ("bias", r"bias|\bzeros?\b|\boffset\b"),
    ("other", r"\b(arcs?|comp(arison)?s?|neon|lamps?|focus\w*|acqui\w*|test|pointing|guid\w*|wave)\b"),
    ("science", r"\b(objects?|lights?|sci(ence)?|targets?|expos\w*|standards?|stars?|sky|normal)\b"),
)
_KIND_NAMES = ("IMAGETYP", "OBSTYPE", "FRAME", "FRAMETYP", "IMTYPE", "EXPTYPE", "ESO DPR TYPE", "PICTTYPE")
_KIND_NAME = re.compile(r"TYP|KIND|FRAME|PURPOSE|CATG")
_MANY = 8  # distinct values beyond which a keyword holds names and not kinds
_ORDER = ("bias", "dark", "flat", "other", "science")


@dataclass(frozen=True, slots=True)
class DraftRule:
    """A rule of a draft: conditions by keyword, the frames that it is of, and how sure it is and why.

    `when` holds texts of tests by keyword, or by ``path``; several of one keyword are alternatives.
    """

    kind: str
    when: Mapping[str, tuple[str, ...]]
    frames: tuple[int, ...]
    sure: str
    why: str


@dataclass(frozen=True, slots=True)
class Kinds:
    """Rules of a draft in their order, the kind of each frame, and what is not known."""

    rules: tuple[DraftRule, ...]
    of: tuple[str | None, ...]
    unknown: tuple[str, ...]


def kind_of_words(text: str) -> str | None:
    """Return the kind that a text speaks of, None where it speaks of none.

    >>> [kind_of_words(text) for text in ("Dark Flat", "skyflat V", "zero", "Light Frame", "M 51", "arc_lamp")]
    ['dark', 'flat', 'bias', 'science', None, 'other']
    """
    found = _word_of(text)
    return None if found is None else found[0]


def find_kinds(
    headers: Sequence[Header], files: Sequence[str], exptime: str | None, object_keyword: str | None
) -> Kinds:
    """Find what frames are.

    The keyword with the most values that speak of kinds decides, else names of files and folders. Objects of another
    kind than that keyword says ("object" with OBJECT = "sky flat"), and darks without exposure, have rules of their own.
    Where nothing speaks, frames of no exposure are bias frames.

    Parameters
    ----------
    headers : sequence of Header
    files : sequence of str
        Their paths, with forward slashes.
    exptime, object_keyword : str or None
        Keywords of exposure time and object.

    Examples
    --------
    >>> headers = [Header({"PIC": "zero", "T": 0}), Header({"PIC": "flat", "T": 5}), Header({"PIC": "light", "T": 60})]
    >>> found = find_kinds(headers, ["1.fits", "2.fits", "3.fits"], "T", None)
    >>> found.of, [dict(rule.when) for rule in found.rules]
    (('bias', 'flat', 'science'), [{'PIC': ('zero',)}, {'PIC': ('flat',)}, {'PIC': ('light',)}])
    """
    keyword, texts = _deciding(headers, files)
    if keyword is None:
        return _by_exposure(headers, files, exptime)
    rules = _by_names(keyword, texts, files) if _holds_names(keyword, texts) else []
    if not rules:
        rules = _by_values(keyword, texts, headers, exptime, object_keyword)
    return _judged(rules, headers, files, keyword, texts)


def _deciding(headers: Sequence[Header], files: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the keyword, or ``path``, whose texts speak most of kinds, and its texts."""
    best: tuple[float, str | None, list[str]] = (0.0, None, [""] * len(headers))
    for keyword in keywords_of(headers):
        values = [header.get(keyword) for header in headers]
        texts = [value.strip() if isinstance(value, str) else "" for value in values]
        score = _score(texts)
        if score and keyword in _KIND_NAMES:
            score += 1.0
        elif score and _KIND_NAME.search(keyword):
            score += 0.5
        # One kind alone is spoken of by any word: an observatory has stars in its name.
        alone = len({kind_of_words(text) for text in texts} - {None}) < 2 and not _KIND_NAME.search(keyword)
        if score > best[0] and not (alone and keyword not in _KIND_NAMES):
            best = score, keyword, texts
    places = [_place(file) for file in files]
    if _score(places) > best[0] and len({kind_of_words(text) for text in places} - {None, "science"}) > 0:
        best = 0.0, PLACE, places
    return best[1], best[2]


def _score(texts: Sequence[str]) -> float:
    """Return the fraction of texts that speak of kinds, and more where they speak of several."""
    kinds = [kind_of_words(text) for text in texts]
    spoken = [kind for kind in kinds if kind is not None]
    return 0.0 if not spoken else len(spoken) / len(texts) + 0.25 * (len(set(spoken)) - 1)


def _place(file: str) -> str:
    """Return the file name, or else the innermost folder, that speaks of a kind, as text with blanks between its words."""
    parts = [re.sub(r"[\W_]+|\d+", " ", part) for part in reversed(file.split("/"))]
    return next((part for part in parts if kind_of_words(part)), "")


@lru_cache(maxsize=1 << 14)
def _word_of(text: str) -> tuple[str, str] | None:
    spaced = re.sub(r"[_\W]+|(?<=[a-z])(?=\d)", " ", text)
    for kind, words in _WORDS:
        match = re.search(words, spaced, re.IGNORECASE)
        if match:
            return kind, match[0].lower()
    return None


def _holds_names(keyword: str, texts: Sequence[str]) -> bool:
    """Return whether a keyword holds names of frames or objects, some of which speak of kinds, and not kinds."""
    if keyword == PLACE or len(set(texts)) > _MANY:
        return True
    return _KIND_NAME.search(keyword) is None and any(text and kind_of_words(text) is None for text in texts)


def _by_names(keyword: str, texts: Sequence[str], files: Sequence[str]) -> list[DraftRule]:
    """Make rules by words in names; all other frames are taken as science where some are calibration frames."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, text in enumerate(texts):
        found = _word_of(text)
        if found is not None:
            groups.setdefault(found, []).append(number)
    rules = []
    for kind in _ORDER:
        for (its_kind, word), members in groups.items():
            if its_kind == kind:
                tests = (
                    _places(word, [files[number] for number in members])
                    if keyword == PLACE
                    else (f"*{word}*",)
                )
                rules.append(
                    DraftRule(kind, {keyword: tests}, tuple(members), LIKELY, f"by {_name(keyword)}")
                )
    rest = tuple(number for number, text in enumerate(texts) if _word_of(text) is None)
    if rest and any(rule.kind in ("bias", "flat", "dark") for rule in rules):
        rules.append(DraftRule("science", {keyword: ("*",)}, rest, PERHAPS, "all that is no other kind"))
    return rules


def _places(word: str, files: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns of paths of files whose names or folders hold a word."""
    if all(word in file.rpartition("/")[2].lower() for file in files):
        return (f"*{word}*",)
    folders: dict[str, None] = {}
    for file in files:
        holding = [part for part in file.split("/")[:-1] if word in part.lower()]
        folders |= dict.fromkeys(holding[-1:])
    return tuple("*/" + re.sub("[{}*]", "?", folder) + "/*" for folder in folders) or (f"*{word}*",)


def _by_values(
    keyword: str,
    texts: Sequence[str],
    headers: Sequence[Header],
    exptime: str | None,
    object_keyword: str | None,
) -> list[DraftRule]:
    """Make rules by the values of a keyword, those of two keywords before those of one."""
    special, plain = [], []
    values: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        if text:
            values.setdefault(text, []).append(number)
    sure = SURE if keyword in _KIND_NAMES else LIKELY
    by_kind: dict[str, list[str]] = {}
    for text, members in values.items():
        kind = kind_of_words(text)
        if kind is not None:
            by_kind.setdefault(kind, []).append(text)
        if kind == "dark" and exptime is not None:
            short = [number for number in members if number_of(headers[number].get(exptime)) == 0]
            if short and not any(kind_of_words(other) == "bias" for other in values):
                when = {keyword: (_literal(text),), exptime: ("<= 0",)}
                special.append(DraftRule("bias", when, tuple(short), LIKELY, "a dark of no exposure"))
        if kind in ("science", None) and object_keyword not in (None, keyword):
            special += _by_object(keyword, text, members, headers, str(object_keyword))
    for kind in _ORDER:
        if kind in by_kind:
            members = [number for text in by_kind[kind] for number in values[text]]
            tests = tuple(map(_literal, by_kind[kind]))
            plain.append(DraftRule(kind, {keyword: tests}, tuple(members), sure, f"by {keyword}"))
    return special + plain


def _by_object(
    keyword: str, text: str, members: Sequence[int], headers: Sequence[Header], name: str
) -> list[DraftRule]:
    """Make rules for frames of one value whose object speaks of a calibration."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number in members:
        found = _word_of(str(headers[number].get(name) or ""))
        # A target may be called a test or a lamp; a focus run is none.
        if found is not None and (found[0] in ("bias", "dark", "flat") or found[1].startswith("focus")):
            groups.setdefault(found, []).append(number)
    return [
        DraftRule(
            kind,
            {keyword: (_literal(text),), name: (f"*{word}*",)},
            tuple(found),
            LIKELY,
            f"by {keyword} and {name}",
        )
        for (kind, word), found in groups.items()
    ]


def _by_exposure(headers: Sequence[Header], files: Sequence[str], exptime: str | None) -> Kinds:
    rules = []
    if exptime is not None:
        short = tuple(n for n, header in enumerate(headers) if number_of(header.get(exptime)) == 0)
        if short:
            rules.append(DraftRule("bias", {exptime: ("<= 0",)}, short, LIKELY, "no exposure"))
    return _judged(rules, headers, files, None, [""] * len(headers))


def _judged(
    rules: Sequence[DraftRule],
    headers: Sequence[Header],
    files: Sequence[str],
    keyword: str | None,
    texts: Sequence[str],
) -> Kinds:
    """Give each frame the kind of its first rule; say of which there is none."""
    kinds: list[str | None] = [None] * len(headers)
    kept = []
    for rule in rules:
        own = tuple(number for number in rule.frames if kinds[number] is None)
        for number in own:
            kinds[number] = rule.kind
        if own:
            kept.append(DraftRule(rule.kind, rule.when, own, rule.sure, rule.why))
    groups: dict[str, list[str]] = {}
    for number, kind in enumerate(kinds):
        if kind is None:
            said = (
                f" with {keyword} = {texts[number]!r}"
                if keyword not in (None, PLACE) and texts[number]
                else ""
            )
            groups.setdefault(said, []).append(files[number].rpartition("/")[2])
    unknown = tuple(f"what frames{said} are: {_listed(names)}" for said, names in groups.items())
    return Kinds(tuple(kept), tuple(kinds), unknown)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _name(keyword: str) -> str:
    return "names of files and folders" if keyword == PLACE else f"words in {keyword}"


def _literal(text: str) -> str:
    """Return a test that a text meets: what would be no literal in it stands for any character.

    >>> _literal("<5> *M 51*")
    '?5> ?M 51?'
    """
    text = text.replace("*", "?")
    return "?" + text[1:] if text[:1] in "<>!" else text
