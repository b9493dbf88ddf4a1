"""The text of a drafted instrument file, with what was found and how sure it is beside each line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ccdfx.night.cameras.camera_noise import TRUSTED, CameraNoise
from ccdfx.night.drafting.geometry import DraftSections
from ccdfx.night.drafting.guesses import Guess
from ccdfx.night.drafting.kinds import PLACE, DraftRule, Kinds
from ccdfx.night.instruments.camera_settings import TEMPERATURES
from ccdfx.night.words import counted

_COLUMN = 56  # where comments behind values begin
_LOOKUPS = ("exptime", "filter", "object", "date")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
# By which header and pairs may differ, as of [noise] in a recipe.
_AGREE = 0.15
_ERRORS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a draft is written of.

    `match` holds values by keyword; `guesses` are by the roles of `guesses.ROLES`, and "binning"; `levels` are medians in
    ADU by file; `remarks` are what is strange, `unknown` what cannot be found out.
    """

    name: str
    frames: int
    match: Mapping[str, Sequence[str | int]]
    match_why: str
    kinds: Kinds
    guesses: Mapping[str, Guess] = field(default_factory=dict)
    sections: DraftSections = field(default_factory=DraftSections)
    noise: CameraNoise | None = None
    noise_why: str = ""
    saturation: tuple[float, str] | None = None
    stated: Mapping[str, float] = field(default_factory=dict)
    unit: str = "adu"
    remarks: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def draft_text(found: Findings) -> str:
    """Write the text of an instrument file, which `read_instrument` reads.

    >>> from ccdfx.night.drafting.kinds import DraftRule
    >>> rule = DraftRule("bias", {"PIC": ("zero",)}, (0,), "likely", "by PIC")
    >>> print(draft_text(Findings(
    ...     name="mine", frames=1, match={"CAM": ["A"]}, match_why="likely, by its name", kinds=Kinds((rule,), ("bias",), ()),
    ... )).splitlines()[6])
    CAM = "A"                                               # likely, by its name
    """
    blocks = [
        _head(found),
        _match(found),
        *(_rule(rule) for rule in found.kinds.rules),
        _no_rules(found.kinds),
        _keywords(found.guesses),
        _detector(found),
        _sections(found.sections),
        _setup(found.guesses.get("temperature")),
        [_plain(f"# remark: {text}") for text in found.remarks],
        [_plain(f"# not known: {text}") for text in unknown_of(found)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def unknown_of(found: Findings) -> tuple[str, ...]:
    """Return all that is not known, in words."""
    unknown = [*found.kinds.unknown, *found.unknown, *found.sections.unknown]
    for role, words in (
        (
            "exptime",
            "the exposure time: no keyword seems to hold it; a path with {exptime}, a table or [header] can tell",
        ),
        (
            "filter",
            "the filter: no keyword seems to hold it; frames of all filters would be one; a path or table can tell",
        ),
        ("object", "the object: no keyword seems to hold it"),
        ("date", "the date: no keyword seems to hold it"),
    ):
        if role not in found.guesses:
            unknown.append(words)
    return tuple(unknown)


def _head(found: Findings) -> list[str]:
    return [
        f"# Drafted by ccdfx from {counted(found.frames, 'frame')}; look at each line that is not sure.",
        "# ccdfx instrument check FILE FRAMES says what each frame becomes.",
        f"name = {_quoted(found.name)}",
        f"description = {_quoted('draft of ' + found.name)}",
    ]


def _match(found: Findings) -> list[str]:
    lines = ["[match]"]
    for keyword, values in found.match.items():
        lines.append(_line(_key(keyword), _value(values), found.match_why))
    return lines


def _rule(rule: DraftRule) -> list[str]:
    tests = ", ".join(f"{_key(name)} = {_value(values)}" for name, values in rule.when.items())
    count = counted(len(rule.frames), "frame")
    return [
        "[[rules]]",
        _line("kind", _quoted(rule.kind), f"{rule.sure}, {rule.why}: {count}"),
        f"when = {{ {tests} }}",
    ]


def _no_rules(kinds: Kinds) -> list[str]:
    """Write a rule that reduces nothing, where no kind is known: an instrument has at least one."""
    if kinds.rules:
        return []
    return [
        "# No frame is reduced until there are rules such as",
        '# rules = [{ kind = "flat", when = { path = "*/flats/{filter}/*" } }]',
        "[[rules]]",
        'kind = "other"',
        f'when = {{ {PLACE} = "*" }}',
    ]


def _keywords(guesses: Mapping[str, Guess]) -> list[str]:
    lines = ["[keywords]"]
    for role in _LOOKUPS:
        if role in guesses:
            lines.append(_line(role, _value(guesses[role].keywords), guesses[role].describe()))
    binning = guesses.get("binning")
    if binning is not None:
        pair = binning.keywords
        value = _quoted(pair[0])
        if len(pair) == 2:
            value = f"{{ x = {_quoted(pair[0])}, y = {_quoted(pair[1])} }}"
        lines.append(_line("binning", value, binning.describe()))
    return lines if len(lines) > 1 else []


def _detector(found: Findings) -> list[str]:
    lines = ["[detector]"]
    for role, name, unit in (("gain", "gain", "e-/ADU"), ("readnoise", "read noise", "e-")):
        lines += _number(found, role, name, unit)
    if found.saturation is not None:
        level, why = found.saturation
        lines.append(_line("saturation", f"{level:g}", f"ADU; {why}"))
    elif "saturation" in found.guesses:
        guess = found.guesses["saturation"]
        lines.append(_line("saturation", _value(guess.keywords), f"ADU; {guess.describe()}"))
    else:
        lines.append("# saturation: nothing piles up in these frames; reduce looks again in each night")
    return [*lines, f"unit = {_quoted(found.unit)}"]


def _number(found: Findings, role: str, name: str, unit: str) -> list[str]:
    """Write gain or read noise: the keyword where pairs confirm it, else what pairs measure, else the keyword."""
    measured = None if found.noise is None else getattr(found.noise, role)
    error = None if found.noise is None else getattr(found.noise, f"{role}_error")
    guess, stated = found.guesses.get(role), found.stated.get(role)
    if role == "gain" and found.unit != "adu":
        return []
    if measured is None:
        if guess is not None:
            return [_line(role, _value(guess.keywords[:1]), f"{unit}; {guess.describe()}; not measured")]
        return [_plain(f"# {role}: {found.noise_why}; reduce measures it where a night has pairs")]
    within = "" if error is None else f" +- {error:.2g}"
    by = f"pairs of {found.noise_why} measure {measured:.4g}{within}"
    if error is None or error > TRUSTED * measured:
        if guess is not None:
            return [_line(role, _value(guess.keywords[:1]), f"{unit}; {guess.describe()}; {by}")]
        return [f"# {role}: {by} {unit}, which is no number to write down; reduce measures it in each night"]
    if stated is not None and guess is not None:
        off = abs(stated / measured - 1.0)
        if off <= _AGREE or (error is not None and off <= _ERRORS * error / measured):
            return [_line(role, _value(guess.keywords[:1]), f"{unit}; sure, {stated:g} there, and {by}")]
        by += f"; {guess.keywords[0]} = {stated:g} is not it"
    return [_line(role, f"{measured:.4g}", f"{unit}; {by}")]


def _sections(sections: DraftSections) -> list[str]:
    lines = [_plain(f"# {remark}") for remark in sections.remarks]
    named = [
        _line(name, value, why)
        for name, value, why in (
            ("overscan", sections.overscan, sections.overscan_why),
            ("data", sections.data, sections.data_why),
        )
        if value is not None
    ]
    return lines + (["[sections]", *named] if named else [])


def _setup(temperature: Guess | None) -> list[str]:
    if temperature is None or set(temperature.keywords) <= set(map(str, TEMPERATURES)):
        return []
    return ["[setup]", _line("temperature", _value(temperature.keywords), temperature.describe())]


def _line(key: str, value: str, comment: str) -> str:
    return f"{f'{key} = {value}  ':<{_COLUMN}}# {_plain(comment)}"


def _value(values: Iterable[str | int]) -> str:
    texts = [str(item) if isinstance(item, int) else _quoted(item) for item in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _key(name: str) -> str:
    return name if _BARE.match(name) else _quoted(name)


def _quoted(text: str) -> str:
    r"""Return a basic string of TOML.

    >>> print(_quoted('a "b"\n'))
    "a \"b\"\u000a"
    """
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if " " <= letter <= "~":
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 1 << 16 else f"\\U{ord(letter):08x}"


def _plain(text: str) -> str:
    """Return text for a comment: characters that end a line, or steer a terminal, are escaped."""
    return "".join(one if one.isprintable() else _escaped(one) for one in text)
