"""The functions of ccdproc by their names and arguments, for programs that are written for it.

``import ccdfx_ccdproc as ccdproc`` is all that such a program changes. CCDData go in and come out; ccdfx computes.
Each name is imported when it is first used, so that a program waits for no package that it does not need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.nddata import CCDData, fits_ccddata_reader, fits_ccddata_writer

    from ccdfx_ccdproc.calibration import (
        create_deviation,
        flat_correct,
        gain_correct,
        subtract_bias,
        subtract_dark,
    )
    from ccdfx_ccdproc.combiner import Combiner
    from ccdfx_ccdproc.combining import combine
    from ccdfx_ccdproc.cosmic_rays import cosmicray_lacosmic, cosmicray_median
    from ccdfx_ccdproc.defects import bitfield_to_boolean_mask, ccdmask
    from ccdfx_ccdproc.deviation import (
        background_deviation_box,
        background_deviation_filter,
        setbox,
        sigma_func,
    )
    from ccdfx_ccdproc.image_collection import ImageFileCollection
    from ccdfx_ccdproc.keyword import Keyword
    from ccdfx_ccdproc.log_meta import Conf, conf, log_to_metadata
    from ccdfx_ccdproc.overscan import subtract_overscan, trim_image
    from ccdfx_ccdproc.process import ccd_process
    from ccdfx_ccdproc.resampling import (
        block_average,
        block_reduce,
        block_replicate,
        median_filter,
        rebin,
        transform_image,
        wcs_project,
    )
    from ccdfx_ccdproc.sections import slice_from_string

__version__ = "0.1.0"
__all__ = [
    "CCDData",
    "Combiner",
    "Conf",
    "ImageFileCollection",
    "Keyword",
    "background_deviation_box",
    "background_deviation_filter",
    "bitfield_to_boolean_mask",
    "block_average",
    "block_reduce",
    "block_replicate",
    "ccd_process",
    "ccdmask",
    "combine",
    "conf",
    "cosmicray_lacosmic",
    "cosmicray_median",
    "create_deviation",
    "fits_ccddata_reader",
    "fits_ccddata_writer",
    "flat_correct",
    "gain_correct",
    "log_to_metadata",
    "median_filter",
    "rebin",
    "setbox",
    "sigma_func",
    "slice_from_string",
    "subtract_bias",
    "subtract_dark",
    "subtract_overscan",
    "transform_image",
    "trim_image",
    "wcs_project",
]
_HOMES = {
    "astropy.nddata": ("CCDData", "fits_ccddata_reader", "fits_ccddata_writer"),
    "ccdfx_ccdproc.calibration": (
        "create_deviation",
        "flat_correct",
        "gain_correct",
        "subtract_bias",
        "subtract_dark",
    ),
    "ccdfx_ccdproc.combiner": ("Combiner",),
    "ccdfx_ccdproc.combining": ("combine",),
    "ccdfx_ccdproc.cosmic_rays": ("cosmicray_lacosmic", "cosmicray_median"),
    "ccdfx_ccdproc.defects": ("bitfield_to_boolean_mask", "ccdmask"),
    "ccdfx_ccdproc.deviation": (
        "background_deviation_box",
        "background_deviation_filter",
        "setbox",
        "sigma_func",
    ),
    "ccdfx_ccdproc.image_collection": ("ImageFileCollection",),
    "ccdfx_ccdproc.keyword": ("Keyword",),
    "ccdfx_ccdproc.log_meta": ("Conf", "conf", "log_to_metadata"),
    "ccdfx_ccdproc.overscan": ("subtract_overscan", "trim_image"),
    "ccdfx_ccdproc.process": ("ccd_process",),
    "ccdfx_ccdproc.resampling": (
        "block_average",
        "block_reduce",
        "block_replicate",
        "median_filter",
        "rebin",
        "transform_image",
        "wcs_project",
    ),
    "ccdfx_ccdproc.sections": ("slice_from_string",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
