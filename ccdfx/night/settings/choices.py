"""The options of a reduction, with defaults for most nights: a table of the recipe each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from ccdfx.operations.pixels.ray_search import Search

Rule = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChoice:
    """How raw frames are read; `checksum` false accepts files whose DATASUM or CHECKSUM is wrong.

    `again` takes frames as raw that a card says were reduced before, by this or another program. `table` is a CSV file
    that tells kind, filter, exposure time and other facts of frames, which go before their headers; "" is none. `planes`
    says which planes of cubes are frames: "mean", "each", or a list of numbers from 1; "" leaves it to the instrument file.
    """

    checksum: bool = True
    again: bool = False
    table: str = ""
    planes: str | tuple[int, ...] = ""
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("table", "planes")  # what they tell is in the frames


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
class BiasChoice(StackChoice):
    """Biases; `level` is the level without light in the unit of the frames, for those of which nothing else tells it.

    It is subtracted from frames without overscan where the night has no bias for them; None leaves these out.
    """

    level: float | None = None


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

    Pixels of the normalised master below `response` are flagged as bad. In flats of spectra what is smooth over `smooth`
    pixels along the dispersion is the light of the lamp, and divided out first. With `normalise` "mosaic" the level of 1 is the
    mean of that of all detectors of a camera, by the exposures that all have, else that of each.
    """

    average: str = "mean"
    reject: Rule = "auto"
    normalise: str = "detector"
    level: float = 100.0
    good: float = 0.5
    response: float = 0.1
    smooth: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScienceChoice:
    """Science frames: `electrons` multiplies by the gain, `steps` is a recipe applied after calibration.

    With `uncalibrated` frames that neither an overscan nor a bias, dark or flat fits are taken as they are, in ADU and
    without variance; they are left out otherwise. Frames of several readouts are in electrons in any case, and `balance`
    subtracts from each readout what steps at its borders, by the function of that name.
    """

    electrons: bool = False
    balance: bool = False
    steps: str | None = None
    uncalibrated: bool = False
    # The content of the one and the plan say it.
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("steps", "uncalibrated")


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
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("file",)  # its content is

    @property
    def options(self) -> dict[str, Any]:
        """The options of `find_bad_pixels`."""
        return {"sigma_limit": self.sigma_limit, "low": self.low, "most": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourChoice:
    """What is made of frames that are mosaics of colours (BAYERPAT), after they are calibrated.

    `products` "split" makes images of half the size of the red, the green (mean of two) and the blue pixels; "debayer"
    interpolates images of the full size by `method`, as `debayer` does; "none" keeps the mosaics, which are
    not combined.
    """

    products: str = "split"
    method: str = "malvar"


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
    written: skies of other shapes cost more values than frames of a master may. With `mosaic` the images of all detectors
    of an object and filter are also placed in one, `mosaic_by` "wcs", "detsec", or "auto": the WCS where all have one.
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
    mosaic: bool = False
    mosaic_by: str = "auto"
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("mosaic", "mosaic_by")  # the plan of a mosaic says it


@dataclass(frozen=True, slots=True, kw_only=True)
class MastersChoice:
    """Masters that are not written, and neither is what needs them; and masters of other nights.

    The former are those with a smaller fraction of `good` pixels, and those for which more than the fraction
    `rejected` of all values was rejected. `files` are masters of other nights or programs: files, directories, outputs
    of nights, or ``KIND=FILE`` with bias, dark, flat, or, where headers and levels leave a doubt, bias-with-level,
    bias-without-level, dark-with-bias, dark-without-bias, flat-without-bias. They are
    taken where the night has no frames of its own for a master, and checked against the frames.
    """

    good: float = 0.05
    rejected: float = 0.25
    files: tuple[str, ...] = ()
    NOT_IN_KEYS: ClassVar[tuple[str, ...]] = ("files",)  # a master that is taken is a product of its own


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
    bias: BiasChoice = field(default_factory=BiasChoice)
    dark: DarkChoice = field(default_factory=DarkChoice)
    flat: FlatChoice = field(default_factory=FlatChoice)
    science: ScienceChoice = field(default_factory=ScienceChoice)
    bad_pixels: BadPixelChoice = field(default_factory=BadPixelChoice)
    cosmic_rays: CosmicRayChoice = field(default_factory=CosmicRayChoice)
    colour: ColourChoice = field(default_factory=ColourChoice)
    select: SelectChoice = field(default_factory=SelectChoice)
    combine: CombineChoice = field(default_factory=CombineChoice)
    masters: MastersChoice = field(default_factory=MastersChoice)
    source: str = "default"

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(one.name for one in fields(self) if one.name != "source")

    def only(self, tables: Collection[str]) -> NightRecipe:
        """Return the recipe with some tables, and the defaults of all others.

        >>> NightRecipe(dark=DarkChoice(scale=True)).only(["bias"]).dark.scale
        False
        """
        return NightRecipe(**{name: getattr(self, name) for name in tables})

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values."""
        return asdict(self)
