# Written by docs/reference/write.py from the table in __init__.py.
from ccdfx import night as night
from ccdfx import noise as noise
from ccdfx import plots as plots
from ccdfx import registry as registry
from ccdfx import scalings as scalings
from ccdfx import testing as testing
from ccdfx.engines import Engine as Engine
from ccdfx.engines import engine as engine
from ccdfx.errors import ArgumentError as ArgumentError
from ccdfx.errors import ArgumentTypeError as ArgumentTypeError
from ccdfx.errors import CcdfxError as CcdfxError
from ccdfx.errors import CcdfxWarning as CcdfxWarning
from ccdfx.errors import CheckFailedError as CheckFailedError
from ccdfx.errors import FileError as FileError
from ccdfx.errors import FormatError as FormatError
from ccdfx.errors import MismatchError as MismatchError
from ccdfx.errors import OutputExistsError as OutputExistsError
from ccdfx.errors import PipelineError as PipelineError
from ccdfx.errors import PluginError as PluginError
from ccdfx.errors import UnknownNameError as UnknownNameError
from ccdfx.errors import WindowError as WindowError
from ccdfx.estimators import Saturation as Saturation
from ccdfx.estimators import Statistics as Statistics
from ccdfx.estimators import local_noise as local_noise
from ccdfx.estimators import predicted_noise as predicted_noise
from ccdfx.estimators import saturation_level as saturation_level
from ccdfx.estimators import sky_level as sky_level
from ccdfx.estimators import statistics as statistics
from ccdfx.hookspecs import Command as Command
from ccdfx.hookspecs import hookimpl as hookimpl
from ccdfx.io.limits import inflation_limit as inflation_limit
from ccdfx.io.reading import formats as formats
from ccdfx.io.reading import open_extensions as open_extensions
from ccdfx.io.reading import open_frames as open_frames
from ccdfx.io.reading import open_source as open_source
from ccdfx.io.reading import read as read
from ccdfx.io.reading import read_header as read_header
from ccdfx.io.reading import read_master as read_master
from ccdfx.io.remarks import list_remarks as list_remarks
from ccdfx.io.source import Format as Format
from ccdfx.io.source import RawLayout as RawLayout
from ccdfx.io.source import Source as Source
from ccdfx.io.writing import update as update
from ccdfx.io.writing import write as write
from ccdfx.night.drafting.draft import draft_instrument as draft_instrument
from ccdfx.night.frames.choose import ChosenFrames as ChosenFrames
from ccdfx.night.frames.choose import choose as choose
from ccdfx.night.frames.frame import Frame as Frame
from ccdfx.night.frames.frame_list import Frames as Frames
from ccdfx.night.frames.scan import scan as scan
from ccdfx.night.frames.tables import group_frames as group_frames
from ccdfx.night.frames.tables import tabulate_frames as tabulate_frames
from ccdfx.night.graph.context import Context as Context
from ccdfx.night.graph.record import Made as Made
from ccdfx.night.instruments.instrument import Instrument as Instrument
from ccdfx.night.instruments.known import load_instrument as load_instrument
from ccdfx.night.plan import Plan as Plan
from ccdfx.night.products.planned import Maker as Maker
from ccdfx.night.products.planned import Planned as Planned
from ccdfx.night.run import Night as Night
from ccdfx.night.run import reduce_night as reduce_night
from ccdfx.night.settings.choices import NightRecipe as NightRecipe
from ccdfx.noise import NoiseFit as NoiseFit
from ccdfx.noise import NoiseModel as NoiseModel
from ccdfx.noise import add_noise as add_noise
from ccdfx.noise import ccd_noise as ccd_noise
from ccdfx.noise import fit_noise as fit_noise
from ccdfx.noise import gaussian_noise as gaussian_noise
from ccdfx.noise import poisson_noise as poisson_noise
from ccdfx.noise import snr as snr
from ccdfx.noise import std_of as std_of
from ccdfx.noise import uniform_noise as uniform_noise
from ccdfx.noise import variance_of as variance_of
from ccdfx.operations.calibration.calibrate import add_variance as add_variance
from ccdfx.operations.calibration.calibrate import calibrate as calibrate
from ccdfx.operations.calibration.calibrate import divide_flat as divide_flat
from ccdfx.operations.calibration.calibrate import subtract_bias as subtract_bias
from ccdfx.operations.calibration.calibrate import subtract_dark as subtract_dark
from ccdfx.operations.calibration.electrons import to_electrons as to_electrons
from ccdfx.operations.calibration.offset import offset as offset
from ccdfx.operations.calibration.offset import subtract_level as subtract_level
from ccdfx.operations.calibration.overscan import subtract_overscan as subtract_overscan
from ccdfx.operations.calibration.overscan_fit import OverscanFit as OverscanFit
from ccdfx.operations.colour.debayer import ColourImages as ColourImages
from ccdfx.operations.colour.debayer import debayer as debayer
from ccdfx.operations.colour.pattern import ColourPattern as ColourPattern
from ccdfx.operations.colour.pattern import colour_pattern as colour_pattern
from ccdfx.operations.colour.planes import ColourPlanes as ColourPlanes
from ccdfx.operations.colour.planes import colour_plane as colour_plane
from ccdfx.operations.colour.planes import merge_colours as merge_colours
from ccdfx.operations.colour.planes import split_colours as split_colours
from ccdfx.operations.combining.average import Average as Average
from ccdfx.operations.combining.average import custom as custom
from ccdfx.operations.combining.average import inverse_variance_mean as inverse_variance_mean
from ccdfx.operations.combining.average import maximum as maximum
from ccdfx.operations.combining.average import mean as mean
from ccdfx.operations.combining.average import median as median
from ccdfx.operations.combining.average import minimum as minimum
from ccdfx.operations.combining.average import total as total
from ccdfx.operations.combining.combine import Stack as Stack
from ccdfx.operations.combining.combine import combine as combine
from ccdfx.operations.combining.combine import find_survivors as find_survivors
from ccdfx.operations.combining.combine import stack as stack
from ccdfx.operations.combining.default_rule import default_rejection as default_rejection
from ccdfx.operations.combining.levels import Level as Level
from ccdfx.operations.combining.levels import exposure as exposure
from ccdfx.operations.combining.levels import keyword as keyword
from ccdfx.operations.combining.levels import level as level
from ccdfx.operations.combining.placement import Placement as Placement
from ccdfx.operations.combining.placement import grid as grid
from ccdfx.operations.combining.placement import placed as placed
from ccdfx.operations.expression import evaluate as evaluate
from ccdfx.operations.mosaicking.grid import mosaic_frames as mosaic_frames
from ccdfx.operations.mosaicking.placing import MosaicRows as MosaicRows
from ccdfx.operations.pixels.bad_pixels import Defects as Defects
from ccdfx.operations.pixels.bad_pixels import find_bad_pixels as find_bad_pixels
from ccdfx.operations.pixels.cosmic_rays import mask_cosmic_rays as mask_cosmic_rays
from ccdfx.operations.pixels.deviant import find_deviant as find_deviant
from ccdfx.operations.pixels.find import find_invalid as find_invalid
from ccdfx.operations.pixels.find import find_outliers as find_outliers
from ccdfx.operations.pixels.find import find_sigma as find_sigma
from ccdfx.operations.pixels.find import find_threshold as find_threshold
from ccdfx.operations.pixels.flag import mask_from as mask_from
from ccdfx.operations.pixels.flag import mask_invalid as mask_invalid
from ccdfx.operations.pixels.flag import mask_saturated as mask_saturated
from ccdfx.operations.pixels.flag import replace_masked as replace_masked
from ccdfx.operations.pixels.median_filter import median_filter as median_filter
from ccdfx.operations.pixels.replace import clip_invalid as clip_invalid
from ccdfx.operations.pixels.replace import clip_outliers as clip_outliers
from ccdfx.operations.pixels.replace import clip_sigma as clip_sigma
from ccdfx.operations.pixels.replace import clip_threshold as clip_threshold
from ccdfx.operations.pixels.replace import replace as replace
from ccdfx.operations.readouts.assembly import assemble as assemble
from ccdfx.operations.readouts.balance import balance as balance
from ccdfx.operations.readouts.crosstalk import subtract_crosstalk as subtract_crosstalk
from ccdfx.operations.readouts.exposure import assemble_exposure as assemble_exposure
from ccdfx.operations.readouts.linearise import linearise as linearise
from ccdfx.operations.readouts.linearity import Linearity as Linearity
from ccdfx.operations.readouts.readout import Readout as Readout
from ccdfx.operations.registration.align import align as align
from ccdfx.operations.registration.align import measure_transform as measure_transform
from ccdfx.operations.registration.align import measure_transforms as measure_transforms
from ccdfx.operations.registration.shifts import Shift as Shift
from ccdfx.operations.registration.shifts import measure_shift as measure_shift
from ccdfx.operations.registration.shifts import measure_shifts as measure_shifts
from ccdfx.operations.registration.star_match import match_stars as match_stars
from ccdfx.operations.rejection.noise import ccd_clip as ccd_clip
from ccdfx.operations.rejection.noise import cr_reject as cr_reject
from ccdfx.operations.rejection.noise import variance_clip as variance_clip
from ccdfx.operations.rejection.profile import profile_clip as profile_clip
from ccdfx.operations.rejection.profile import profile_terms as profile_terms
from ccdfx.operations.rejection.ranks import minmax as minmax
from ccdfx.operations.rejection.ranks import percentile_clip as percentile_clip
from ccdfx.operations.rejection.ranks import relative_clip as relative_clip
from ccdfx.operations.rejection.robust import gesd as gesd
from ccdfx.operations.rejection.robust import linear_fit_clip as linear_fit_clip
from ccdfx.operations.rejection.robust import winsorized_clip as winsorized_clip
from ccdfx.operations.rejection.rule import Arrangement as Arrangement
from ccdfx.operations.rejection.rule import ProfileAllowance as ProfileAllowance
from ccdfx.operations.rejection.rule import Rejection as Rejection
from ccdfx.operations.rejection.rule import StackFacts as StackFacts
from ccdfx.operations.rejection.sigma import average_sigma_clip as average_sigma_clip
from ccdfx.operations.rejection.sigma import mad_clip as mad_clip
from ccdfx.operations.rejection.sigma import sample_clip as sample_clip
from ccdfx.operations.rejection.sigma import sigma_clip as sigma_clip
from ccdfx.operations.resampling.lazy import Warped as Warped
from ccdfx.operations.resampling.lazy import warped as warped
from ccdfx.operations.resampling.shift import shift as shift
from ccdfx.operations.resampling.transform import AlignmentError as AlignmentError
from ccdfx.operations.resampling.transform import Transform as Transform
from ccdfx.operations.resampling.transform import similarity as similarity
from ccdfx.operations.resampling.warp import warp as warp
from ccdfx.operations.window import cutouts as cutouts
from ccdfx.operations.window import paste as paste
from ccdfx.operations.window import select as select
from ccdfx.operations.window import trim as trim
from ccdfx.photometry.aperture import aperture_photometry as aperture_photometry
from ccdfx.photometry.flux_check import FluxGroup as FluxGroup
from ccdfx.photometry.flux_check import check_fluxes as check_fluxes
from ccdfx.photometry.flux_ratio import FluxRatio as FluxRatio
from ccdfx.photometry.flux_ratio import flux_ratio as flux_ratio
from ccdfx.photometry.source_table import SourceTable as SourceTable
from ccdfx.photometry.sources import Position as Position
from ccdfx.photometry.sources import centroid as centroid
from ccdfx.photometry.sources import find_sources as find_sources
from ccdfx.photometry.stars import FrameStars as FrameStars
from ccdfx.photometry.stars import measure_stars as measure_stars
from ccdfx.pipelines.pipeline import Gather as Gather
from ccdfx.pipelines.pipeline import Pipeline as Pipeline
from ccdfx.pipelines.pipeline import Step as Step
from ccdfx.pipelines.pipeline import gather as gather
from ccdfx.pipelines.pipeline import pipeline as pipeline
from ccdfx.pipelines.pipeline import step as step
from ccdfx.pipelines.recipe import read_recipe as read_recipe
from ccdfx.pipelines.recipe import to_recipe as to_recipe
from ccdfx.pipelines.recipe import write_recipe as write_recipe
from ccdfx.pipelines.run import Outcome as Outcome
from ccdfx.pipelines.run import outcomes as outcomes
from ccdfx.pipelines.run import run as run
from ccdfx.plots.overscan import fit_overscan as fit_overscan
from ccdfx.records.borrowed import borrow as borrow
from ccdfx.records.card import Card as Card
from ccdfx.records.flags import Flag as Flag
from ccdfx.records.flags import flag_counts as flag_counts
from ccdfx.records.header import Header as Header
from ccdfx.records.history import Master as Master
from ccdfx.records.image import Image as Image
from ccdfx.records.range import Range as Range
from ccdfx.records.wcs import windowed as windowed
from ccdfx.scalings import Scaling as Scaling
from ccdfx.scalings import scale as scale
from ccdfx.scalings import unscale as unscale

__version__: str
__all__ = [
    "AlignmentError",
    "ArgumentError",
    "ArgumentTypeError",
    "Arrangement",
    "Average",
    "Card",
    "CcdfxError",
    "CcdfxWarning",
    "CheckFailedError",
    "ChosenFrames",
    "ColourImages",
    "ColourPattern",
    "ColourPlanes",
    "Command",
    "Context",
    "Defects",
    "Engine",
    "FileError",
    "Flag",
    "FluxGroup",
    "FluxRatio",
    "Format",
    "FormatError",
    "Frame",
    "FrameStars",
    "Frames",
    "Gather",
    "Header",
    "Image",
    "Instrument",
    "Level",
    "Linearity",
    "Made",
    "Maker",
    "Master",
    "MismatchError",
    "MosaicRows",
    "Night",
    "NightRecipe",
    "NoiseFit",
    "NoiseModel",
    "Outcome",
    "OutputExistsError",
    "OverscanFit",
    "Pipeline",
    "PipelineError",
    "Placement",
    "Plan",
    "Planned",
    "PluginError",
    "Position",
    "ProfileAllowance",
    "Range",
    "RawLayout",
    "Readout",
    "Rejection",
    "Saturation",
    "Scaling",
    "Shift",
    "Source",
    "SourceTable",
    "Stack",
    "StackFacts",
    "Statistics",
    "Step",
    "Transform",
    "UnknownNameError",
    "Warped",
    "WindowError",
    "add_noise",
    "add_variance",
    "align",
    "aperture_photometry",
    "assemble",
    "assemble_exposure",
    "average_sigma_clip",
    "balance",
    "borrow",
    "calibrate",
    "ccd_clip",
    "ccd_noise",
    "centroid",
    "check_fluxes",
    "choose",
    "clip_invalid",
    "clip_outliers",
    "clip_sigma",
    "clip_threshold",
    "colour_pattern",
    "colour_plane",
    "combine",
    "cr_reject",
    "custom",
    "cutouts",
    "debayer",
    "default_rejection",
    "divide_flat",
    "draft_instrument",
    "engine",
    "evaluate",
    "exposure",
    "find_bad_pixels",
    "find_deviant",
    "find_invalid",
    "find_outliers",
    "find_sigma",
    "find_sources",
    "find_survivors",
    "find_threshold",
    "fit_noise",
    "fit_overscan",
    "flag_counts",
    "flux_ratio",
    "formats",
    "gather",
    "gaussian_noise",
    "gesd",
    "grid",
    "group_frames",
    "hookimpl",
    "inflation_limit",
    "inverse_variance_mean",
    "keyword",
    "level",
    "linear_fit_clip",
    "linearise",
    "list_remarks",
    "load_instrument",
    "local_noise",
    "mad_clip",
    "mask_cosmic_rays",
    "mask_from",
    "mask_invalid",
    "mask_saturated",
    "match_stars",
    "maximum",
    "mean",
    "measure_shift",
    "measure_shifts",
    "measure_stars",
    "measure_transform",
    "measure_transforms",
    "median",
    "median_filter",
    "merge_colours",
    "minimum",
    "minmax",
    "mosaic_frames",
    "offset",
    "open_extensions",
    "open_frames",
    "open_source",
    "outcomes",
    "paste",
    "percentile_clip",
    "pipeline",
    "placed",
    "poisson_noise",
    "predicted_noise",
    "profile_clip",
    "profile_terms",
    "read",
    "read_header",
    "read_master",
    "read_recipe",
    "reduce_night",
    "relative_clip",
    "replace",
    "replace_masked",
    "run",
    "sample_clip",
    "saturation_level",
    "scale",
    "scan",
    "select",
    "shift",
    "sigma_clip",
    "similarity",
    "sky_level",
    "snr",
    "split_colours",
    "stack",
    "statistics",
    "std_of",
    "step",
    "subtract_bias",
    "subtract_crosstalk",
    "subtract_dark",
    "subtract_level",
    "subtract_overscan",
    "tabulate_frames",
    "to_electrons",
    "to_recipe",
    "total",
    "trim",
    "uniform_noise",
    "unscale",
    "update",
    "variance_clip",
    "variance_of",
    "warp",
    "warped",
    "windowed",
    "winsorized_clip",
    "write",
    "write_recipe",
]
