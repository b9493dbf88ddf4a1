"""Recipe of a night: the options of a reduction, with defaults for most nights, read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError, FileError, FormatError
from ccdfx.operations.calibration.line_levels import LEVEL_STATISTICS
from ccdfx.operations.pixels.ray_search import MEDIANS, Search
from ccdfx.photometry.selection import FACTS, check_limit
from ccdfx.records.checks import real, whole
from ccdfx.records.parameters import check_names, in_new_words, old_words

Rule = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChoice:
    """How raw frames are read; `checksum` false accepts files whose DATASUM or CHECKSUM is wrong.

    `again` takes frames as raw that a card says were reduced before, by this or another program.
    """

    checksum: bool = True
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupChoice:
    """What agrees in frames that belong together: `temperature` is the difference that is allowed, in degrees."""

    temperature: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OverscanChoice:
    """Overscan subtraction: `statistic` for each line, as of `subtract_overscan`, and an optional smooth `fit`.

    `fit` holds the options of `OverscanFit`: function, order, low, high, iterations. With `use` false the
    overscan is not subtracted.
    """

    use: bool = True
    statistic: str = "clipped_mean"
    fit: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseChoice:
    """Gain and read noise: which is used where pairs of frames measure another one than the header states.

    They disagree where they differ by more than the fraction `tolerance`, and by three errors. With `prefer` "auto"
    the measured one is used then if its error is below 5 %, else that of the header; a number that was written into
    an instrument file stays. "header" always takes what header or instrument file state, "measured" what is
    measured, where it is.
    """

    prefer: str = "auto"
    tolerance: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChoice:
    """How frames are combined.

    `reject` is the name of a rule, a table ``{ name = "sigma_clip", low = 3 }``, "none", or "auto": ccd_clip
    with the gain and read noise of the camera (above only for 2 and 3 frames), or mad_clip where these are unknown.
    """

    average: str = "mean"
    reject: Rule = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkChoice:
    """Darks; `scale` allows another exposure time, `tolerance` is the relative difference taken as equal."""

    average: str = "mean"
    reject: Rule = "auto"
    scale: bool = False
    tolerance: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatChoice:
    """Flats; a frame with a smaller fraction of `good` pixels or a lower `level` in ADU is left out.

    Pixels of the normalised master below `response` are flagged as bad.
    """

    average: str = "mean"
    reject: Rule = "auto"
    level: float = 100.0
    good: float = 0.5
    response: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScienceChoice:
    """Science frames: `electrons` multiplies by the gain, `steps` is a recipe applied after calibration."""

    electrons: bool = False
    steps: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CosmicRayChoice:
    """Cosmic rays found in single frames; `use` false: none.

    With `single` in all frames, such as those of a time series, else in those of objects with fewer than
    `fewer_than` exposures; with more, they are rejected in the combination. The other keys are options of
    `mask_cosmic_rays`.
    """

    use: bool = True
    single: bool = True
    fewer_than: int = 3
    sigma_limit: float = Search.sigma_limit
    neighbour_fraction: float = Search.neighbour_fraction
    object_limit: float = Search.object_limit
    medians: str = Search.medians

    @property
    def options(self) -> dict[str, Any]:
        """The options of `mask_cosmic_rays`."""
        return {
            key: value for key, value in asdict(self).items() if key not in ("use", "single", "fewer_than")
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPixelChoice:
    """Bad pixels of each setup, flagged in all its calibrated frames; see `find_bad_pixels`.

    With `use` they are found in its masters and in up to `frames` of its science frames; `file` is a map of
    one's own, which is joined with what is found. Any value in it but 0 is bad.
    """

    use: bool = True
    file: str | None = None
    sigma_limit: float = 6.0
    low: float = 0.5
    most: float = 0.05
    frames: int = 16

    @property
    def options(self) -> dict[str, Any]:
        """The options of `find_bad_pixels`."""
        return {"sigma_limit": self.sigma_limit, "low": self.low, "most": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectChoice:
    """Limits beyond which a calibrated frame is left out of a combined one; none by default.

    Each is a table with `most` or `least`, absolute, or `sigma`, standard deviations from the median of the
    group (see `ccdfx.photometry.selection`): of FWHM in pixels, ellipticity, number of stars, sky
    in the unit of the frame, transparency relative to the reference.
    """

    fwhm: Mapping[str, float] | None = None
    ellipticity: Mapping[str, float] | None = None
    stars: Mapping[str, float] | None = None
    sky: Mapping[str, float] | None = None
    transparency: Mapping[str, float] | None = None

    @property
    def limits(self) -> dict[str, Mapping[str, float]]:
        """The limits that are set."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class CombineChoice:
    """Frames of one object and filter: `use` false combines none, `align` false registers none.

    `scale` "stars" brings the stars of all frames to the fluxes of the reference, "exposure" only their
    exposure times. `weights` "noise" weighs a frame by (flux of a star / noise of the sky)^2, "equal" all
    alike. `reject` "auto" is profile_clip, with what seeing, transparency and registration of these frames do to
    the profiles of stars; without stars it is as for masters. `sensitivity` is the fraction by which stars may
    differ besides without being rejected by "auto": one sigma in addition to the noise. A result with a smaller
    fraction of `good` pixels, or for which more than the fraction `rejected` of all values was rejected, is not
    written: skies of other shapes cost more values than frames of a master may.
    """

    use: bool = True
    average: str = "mean"
    reject: Rule = "auto"
    align: bool = True
    scale: str = "stars"
    weights: str = "noise"
    sensitivity: float = 0.05
    good: float = 0.05
    rejected: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MastersChoice:
    """Masters that are not written, and neither is what needs them.

    They are those with a smaller fraction of `good` pixels, and those for which more than the fraction
    `rejected` of all values was rejected.
    """

    good: float = 0.05
    rejected: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRecipe:
    """All options of `reduce_night`, each record one table of the TOML file.

    >>> NightRecipe().dark.scale
    False
    """

    read: ReadChoice = field(default_factory=ReadChoice)
    setup: SetupChoice = field(default_factory=SetupChoice)
    overscan: OverscanChoice = field(default_factory=OverscanChoice)
    noise: NoiseChoice = field(default_factory=NoiseChoice)
    bias: StackChoice = field(default_factory=StackChoice)
    dark: DarkChoice = field(default_factory=DarkChoice)
    flat: FlatChoice = field(default_factory=FlatChoice)
    science: ScienceChoice = field(default_factory=ScienceChoice)
    bad_pixels: BadPixelChoice = field(default_factory=BadPixelChoice)
    cosmic_rays: CosmicRayChoice = field(default_factory=CosmicRayChoice)
    select: SelectChoice = field(default_factory=SelectChoice)
    combine: CombineChoice = field(default_factory=CombineChoice)
    masters: MastersChoice = field(default_factory=MastersChoice)
    source: str = "default"

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return asdict(self)


_TABLES: dict[str, type] = {
    "read": ReadChoice,
    "setup": SetupChoice,
    "overscan": OverscanChoice,
    "noise": NoiseChoice,
    "bias": StackChoice,
    "dark": DarkChoice,
    "flat": FlatChoice,
    "science": ScienceChoice,
    "bad_pixels": BadPixelChoice,
    "cosmic_rays": CosmicRayChoice,
    "select": SelectChoice,
    "combine": CombineChoice,
    "masters": MastersChoice,
}
_OLD_WORDS = {"overscan": {"method": "statistic"}}


def load_night_recipe(source: NightRecipe | Mapping[str, Any] | str | Path | None) -> NightRecipe:
    """Load the options from a TOML file or a mapping; missing ones have their defaults.

    Raises
    ------
    FormatError
        A key is unknown or a value is not allowed; file, key and rule are named.

    Examples
    --------
    >>> load_night_recipe({"dark": {"scale": True}}).dark.scale
    True
    """
    if source is None:
        return NightRecipe()
    if isinstance(source, NightRecipe):
        return source
    if isinstance(source, Mapping):
        return _recipe(source, "recipe", None)
    path = Path(source)
    try:
        return _recipe(tomllib.loads(path.read_text(encoding="utf-8")), str(path), path.parent)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise FormatError(path, f"is not TOML: {problem}", remedy="correct the line") from None
    except CcdfxError:
        raise
    except OSError as problem:
        raise FileError(path, f"cannot be read: {problem.strerror}", remedy="check the path") from None


def _recipe(content: Mapping[str, Any], source: str, folder: Path | None) -> NightRecipe:
    try:
        check_names("recipe", _TABLES, content)
        tables = {name: _choice(name, content[name]) for name in content}
        for name, key in (("science", "steps"), ("bad_pixels", "file")):
            path = getattr(tables[name], key) if name in tables else None
            if path is not None and folder is not None:
                tables[name] = replace(tables[name], **{key: str(folder / path)})
    except CcdfxError as problem:
        subject = f"{source}: {problem.subject}"
        raise FormatError(subject, problem.rule, value=problem.value, remedy=problem.remedy) from None
    return NightRecipe(**tables, source=source)


def _choice(name: str, table: Any) -> Any:
    kind = _TABLES[name]
    if not isinstance(table, Mapping):
        raise ArgumentError(name, "must be a table", value=table, remedy=f"write [{name}]")
    table = in_new_words(name, _OLD_WORDS.get(name, {}), table)
    check_names(name, [item.name for item in fields(kind)], table)
    if "reject" in table:  # before the check, which would warn too, as would each stack
        table = {**table, "reject": _rule_in_new_words(table["reject"])}
    for key, value in table.items():
        check = _CHECKS.get(f"{name}.{key}") or _CHECKS[key]
        check(f"{name}.{key}", value)
    return kind(**table)


def _rule_in_new_words(rule: Any) -> Any:
    """Return the table of a rejection rule in new words, and anything else as it is, for the check."""
    from ccdfx import registry

    name = rule.get("name") if isinstance(rule, Mapping) else None
    found = registry.records("rejection").get(name) if isinstance(name, str) else None
    return rule if found is None else in_new_words(found.name, old_words(found.factory), rule)


def _is_bool(where: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ArgumentError(where, "must be true or false", value=value, remedy="write true or false")


def _is_text(where: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(where, "must be text", value=value, remedy="put it in quotes")


def _is_fraction(where: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ArgumentError(where, "must be a fraction, 0 to 1", value=value, remedy="give such as 0.5")


def _is_level(where: str, value: Any) -> None:
    real(where, value, least=0, remedy="give ADU, such as 100")


def _is_degrees(where: str, value: Any) -> None:
    real(where, value, least=0, remedy="give degrees, such as 2.0")


def _is_limit(where: str, value: Any) -> None:
    real(where, value, above=0, remedy="give such as 4.5")


def _is_number_of_frames(where: str, value: Any) -> None:
    whole(where, value, least=1, remedy="give such as 3")


def _is_one_of(*known: str) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        if value not in known:
            raise ArgumentError(where, f"must be one of {', '.join(known)}", value=value, remedy="choose one")

    return check


def _is_fit(where: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ArgumentError(
            where,
            "must be a table of the options of a fit",
            value=value,
            remedy="give such as { function = 'legendre', order = 3 }",
        )
    from ccdfx.operations.calibration.overscan_fit import OverscanFit

    check_names(where, [item.name for item in fields(OverscanFit)], value)
    OverscanFit(**value)


def _is_rule(where: str, value: Any) -> None:
    if isinstance(value, str) and value in ("auto", "none"):
        return
    from ccdfx import registry

    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        remedy = 'write "auto", "none", "sigma_clip" or { name = "sigma_clip", low = 3 }'
        raise ArgumentError(where, "must name a rejection rule", value=value, remedy=remedy)
    options = {key: option for key, option in table.items() if key != "name"}
    registry.lookup("rejection", table["name"]).configure(**options)


_CHECKS = {
    "checksum": _is_bool,
    "again": _is_bool,
    "use": _is_bool,
    "single": _is_bool,
    "align": _is_bool,
    "scale": _is_bool,
    "combine.scale": _is_one_of("stars", "exposure"),
    "weights": _is_one_of("noise", "equal"),
    **dict.fromkeys(FACTS, check_limit),
    "electrons": _is_bool,
    "steps": _is_text,
    "file": _is_text,
    "statistic": _is_one_of(*LEVEL_STATISTICS),
    "fit": _is_fit,
    "average": _is_one_of("mean", "median"),
    "reject": _is_rule,
    "temperature": _is_degrees,
    "tolerance": _is_fraction,
    "prefer": _is_one_of("auto", "measured", "header"),
    "good": _is_fraction,
    "rejected": _is_fraction,
    "response": _is_fraction,
    "low": _is_fraction,
    "most": _is_fraction,
    "sensitivity": _is_fraction,
    "level": _is_level,
    "fewer_than": _is_number_of_frames,
    "frames": _is_number_of_frames,
    "sigma_limit": _is_limit,
    "neighbour_fraction": _is_fraction,
    "object_limit": _is_limit,
    "medians": _is_one_of(*MEDIANS),
}
