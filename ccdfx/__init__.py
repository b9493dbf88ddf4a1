"""CCD image reduction: pure functions on immutable records, with numba in the hot loops.

The public names are listed in ``ccdfx.__all__``; each is imported when it is first used.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "errors": (
        "ArgumentError", "ArgumentTypeError", "CcdfxError", "CcdfxWarning", "CheckFailedError", "FileError",
        "FormatError", "MismatchError", "OutputExistsError", "PipelineError", "PluginError", "UnknownNameError",
    ),
    "hookspecs": ("Command", "hookimpl"),
    "records.flags": ("Flag", "flag_counts"),
    "records.card": ("Card",),
    "records.header": ("Header",),
    "records.image": ("Image",),
    "records.master": ("Master",),
    "records.range": ("Range",),
    "records.wcs": ("windowed",),
    "io": (
        "formats", "open_extensions", "open_frames", "open_source", "read", "read_header", "read_master", "update",
        "write",
    ),
    "io.source": ("Format", "RawLayout", "Source"),
    "estimators": ("Statistics", "local_noise", "predicted_noise", "sky_level", "statistics"),
    "noise": (
        "NoiseModel", "add_noise", "ccd_noise", "fit_noise", "gaussian_noise", "poisson_noise", "snr", "std_of",
        "uniform_noise", "variance_of",
    ),
    "scalings": ("Scaling", "scale", "unscale"),
    "photometry": ("aperture_photometry", "centroid", "find_sources"),
    "operations.window": ("paste", "select", "trim"),
    "operations.clip": ("clip_invalid", "clip_outliers", "clip_sigma", "clip_threshold"),
    "operations.finding": ("find_invalid", "find_outliers", "find_sigma", "find_threshold"),
    "operations.replacement": ("replace",),
    "operations.level": ("offset", "subtract_level"),
    "operations.cutouts": ("cutouts",),
    "operations.overscan": ("OverscanFit", "subtract_overscan"),
    "operations.calibrate": (
        "add_variance", "calibrate", "divide_flat", "subtract_bias", "subtract_dark", "to_electrons",
    ),
    "operations.cosmic_rays": ("mask_cosmic_rays",),
    "operations.masks": ("mask_from", "mask_invalid", "mask_saturated", "replace_masked"),
    "operations.average": (
        "Average", "custom", "inverse_variance_mean", "maximum", "mean", "median", "minimum", "total",
    ),
    "operations.levels": ("Level", "exposure", "keyword", "level"),
    "operations.rejection": ("Arrangement", "Rejection", "StackFacts"),
    "operations.reject": ("mad_clip", "minmax", "sigma_clip"),
    "operations.line_reject": ("average_sigma_clip",),
    "operations.noise_reject": ("ccd_clip", "cr_reject", "variance_clip"),
    "operations.rank_reject": ("percentile_clip", "relative_clip"),
    "operations.robust_reject": ("gesd", "linear_fit_clip", "winsorized_clip"),
    "operations.sample_reject": ("sample_clip",),
    "operations.combine": ("Stack", "combine", "stack"),
    "operations.placement": ("Placement", "grid", "placed"),
    "operations.shift": ("shift",),
    "operations.transform": ("AlignmentError", "Transform", "similarity"),
    "operations.star_match": ("match_stars",),
    "operations.warp": ("warp",),
    "operations.smoothing": ("median_filter",),
    "operations.align": ("align", "measure_transform", "measure_transforms"),
    "operations.displacement": ("Shift", "measure_shift", "measure_shifts"),
    "plots.overscan": ("fit_overscan",),
    "engines": ("Engine", "engine"),
    "pipelines": ("Gather", "Pipeline", "Step", "gather", "pipeline", "step"),
    "running": ("Outcome", "outcomes", "run"),
    "recipes": ("read_recipe", "to_recipe", "write_recipe"),
    "night.frames": ("scan",),
    "night.instruments": ("Instrument", "load_instrument"),
    "night.run": ("reduce_night",),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)  # noqa: PLE0605
_PACKAGES = ("night", "noise", "plots", "registry", "scalings", "testing")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("ccdfx.registry").version()
    if name in _HOME:
        value = getattr(import_module(f"ccdfx.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return import_module(f"ccdfx.{name}")
    raise AttributeError(f"module 'ccdfx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES, "__version__"})
