"""CCD image reduction: pure functions on immutable records, with numba in the hot loops.

The public names are listed in ``ccdfx.__all__``; each is imported when it is first used.
"""

from importlib import import_module
from typing import Any

from ccdfx.lazy import homes_of, public_name

_HOMES = {
    "errors": (
        "ArgumentError", "ArgumentTypeError", "CcdfxError", "CcdfxWarning", "CheckFailedError", "FileError",
        "FormatError", "MismatchError", "OutputExistsError", "PipelineError", "PluginError", "UnknownNameError", "WindowError",
    ),
    "hookspecs": ("Command", "hookimpl"),
    "records.borrowed": ("borrow",),
    "records.flags": ("Flag", "flag_counts"),
    "records.card": ("Card",),
    "records.header": ("Header",),
    "records.image": ("Image",),
    "records.history": ("Master",),
    "records.range": ("Range",),
    "records.wcs": ("windowed",),
    "io.limits": ("inflation_limit",),
    "io.reading": ("formats", "open_extensions", "open_frames", "open_source", "read", "read_header", "read_master"),
    "io.remarks": ("list_remarks",),
    "io.writing": ("update", "write"),
    "io.source": ("Format", "RawLayout", "Source"),
    "estimators": (
        "Saturation", "Statistics", "local_noise", "predicted_noise", "saturation_level", "sky_level", "statistics",
    ),
    "noise": (
        "NoiseFit", "NoiseModel", "add_noise", "ccd_noise", "fit_noise", "gaussian_noise", "poisson_noise", "snr",
        "std_of", "uniform_noise", "variance_of",
    ),
    "scalings": ("Scaling", "scale", "unscale"),
    "photometry.aperture": ("aperture_photometry",),
    "photometry.flux_check": ("FluxGroup", "check_fluxes"),
    "photometry.flux_ratio": ("FluxRatio", "flux_ratio"),
    "photometry.source_table": ("SourceTable",),
    "photometry.sources": ("Position", "centroid", "find_sources"),
    "photometry.stars": ("FrameStars", "measure_stars"),
    "operations.expression": ("evaluate",),
    "operations.window": ("cutouts", "paste", "select", "trim"),
    "operations.calibration.calibrate": (
        "add_variance", "calibrate", "divide_flat", "subtract_bias", "subtract_dark",
    ),
    "operations.calibration.electrons": ("to_electrons",),
    "operations.calibration.offset": ("offset", "subtract_level"),
    "operations.calibration.overscan": ("subtract_overscan",),
    "operations.calibration.overscan_fit": ("OverscanFit",),
    "operations.colour.debayer": ("ColourImages", "debayer"),
    "operations.colour.pattern": ("ColourPattern", "colour_pattern"),
    "operations.colour.planes": ("ColourPlanes", "colour_plane", "merge_colours", "split_colours"),
    "operations.pixels.bad_pixels": ("Defects", "find_bad_pixels"),
    "operations.pixels.deviant": ("find_deviant",),
    "operations.pixels.cosmic_rays": ("mask_cosmic_rays",),
    "operations.pixels.find": ("find_invalid", "find_outliers", "find_sigma", "find_threshold"),
    "operations.pixels.flag": ("mask_from", "mask_invalid", "mask_saturated", "replace_masked"),
    "operations.pixels.median_filter": ("median_filter",),
    "operations.pixels.replace": ("clip_invalid", "clip_outliers", "clip_sigma", "clip_threshold", "replace"),
    "operations.mosaicking.grid": ("mosaic_frames",),
    "operations.mosaicking.placing": ("MosaicRows",),
    "operations.readouts.assembly": ("assemble",),
    "operations.readouts.balance": ("balance",),
    "operations.readouts.crosstalk": ("subtract_crosstalk",),
    "operations.readouts.exposure": ("assemble_exposure",),
    "operations.readouts.linearise": ("linearise",),
    "operations.readouts.linearity": ("Linearity",),
    "operations.readouts.readout": ("Readout",),
    "operations.resampling.lazy": ("Warped", "warped"),
    "operations.resampling.shift": ("shift",),
    "operations.resampling.transform": ("AlignmentError", "Transform", "similarity"),
    "operations.resampling.warp": ("warp",),
    "operations.registration.align": ("align", "measure_transform", "measure_transforms"),
    "operations.registration.shifts": ("Shift", "measure_shift", "measure_shifts"),
    "operations.registration.star_match": ("match_stars",),
    "operations.rejection.rule": ("Arrangement", "ProfileAllowance", "Rejection", "StackFacts"),
    "operations.rejection.noise": ("ccd_clip", "cr_reject", "variance_clip"),
    "operations.rejection.profile": ("profile_clip", "profile_terms"),
    "operations.rejection.ranks": ("minmax", "percentile_clip", "relative_clip"),
    "operations.rejection.robust": ("gesd", "linear_fit_clip", "winsorized_clip"),
    "operations.rejection.sigma": ("average_sigma_clip", "mad_clip", "sample_clip", "sigma_clip"),
    "operations.combining.average": (
        "Average", "custom", "inverse_variance_mean", "maximum", "mean", "median", "minimum", "total",
    ),
    "operations.combining.combine": ("Stack", "combine", "find_survivors", "stack"),
    "operations.combining.default_rule": ("default_rejection",),
    "operations.combining.levels": ("Level", "exposure", "keyword", "level"),
    "operations.combining.placement": ("Placement", "grid", "placed"),
    "plots.overscan": ("fit_overscan",),
    "engines": ("Engine", "engine"),
    "pipelines.pipeline": ("Gather", "Pipeline", "Step", "gather", "pipeline", "step"),
    "pipelines.recipe": ("read_recipe", "to_recipe", "write_recipe"),
    "pipelines.run": ("Outcome", "outcomes", "run"),
    "night.frames.choose": ("ChosenFrames", "choose"),
    "night.frames.frame": ("Frame",),
    "night.frames.frame_list": ("Frames",),
    "night.frames.scan": ("scan",),
    "night.frames.tables": ("group_frames", "tabulate_frames"),
    "night.settings.choices": ("NightRecipe",),
    "night.plan": ("Plan",),
    "night.products.planned": ("Maker", "Planned"),
    "night.graph.context": ("Context",),
    "night.graph.record": ("Made",),
    "night.instruments.instrument": ("Instrument",),
    "night.instruments.known": ("load_instrument",),
    "night.drafting.draft": ("draft_instrument",),
    "night.run": ("Night", "reduce_night"),
}  # fmt: skip
_HOME = homes_of(_HOMES)
__all__ = sorted(_HOME)  # noqa: PLE0605
_PACKAGES = ("night", "noise", "plots", "registry", "scalings", "testing")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("ccdfx.registry").version()
    if name in _PACKAGES:
        return import_module(f"ccdfx.{name}")
    return public_name(__name__, _HOME, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES, "__version__"})
